"""``leadlight import``: a history into the store, once."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from leadlight.cli import screen
from leadlight.cli.inputs import DataOption, JsonOption, MappingOption, read_history
from leadlight.core.clock import SystemClock, to_micros

if TYPE_CHECKING:
    from leadlight.core.history import History
    from leadlight.core.settings import Settings

__all__ = ["import_"]

_AGREEMENT: Final = "agreement.toml"
_TENTHS: Final = 10


def import_(data: DataOption, mapping: MappingOption = None, as_json: JsonOption = False) -> None:
    """Load a history with dates into the store, from which the service scores and `train --from-store` learns.

    Running it again adds nothing; after an interruption it goes on where it was. Leads that were erased stay erased. A
    service may run meanwhile.
    """
    from leadlight.cli.store import opened
    from leadlight.core import settings
    from leadlight.core.secret import secret_of
    from leadlight.serving.ledger.importing import import_history

    setting = settings.load()
    screen.note(f"Home: {setting.home_path}")
    steps = screen.Steps()
    with steps.step("read", f"Reading {data}"):
        history = read_history(data, mapping)
    for said in (*history.notes, *_left_behind(history)):
        screen.note(f"Note: {said}")
    with opened(setting) as database, steps.step("import", f"Importing {len(history.leads):,} leads"):
        secret, now = secret_of(setting), to_micros(SystemClock().now())
        counts = import_history(database, secret, history, now=now, progress=_Progress())
    found = asdict(counts)
    screen.table("Imported", ("what", "rows"), [(name.replace("_", " "), f"{n:,}") for name, n in found.items()])
    if counts.differing:
        screen.note(
            f"Note: {counts.differing:,} leads that the store knew have another account, owner or attribute here; they "
            "stay as they are. Tell what changed with PUT /v1/leads/ID."
        )
    copied = _copy_agreement(data, setting)
    if as_json:
        screen.emit({**found, "agreement_copied": copied, "seconds": steps.seconds})


def _left_behind(history: History) -> list[str]:
    """Say which tables the store has no room for."""
    tables = {"campaign_costs": len(history.campaign_costs), "queue_log": len(history.queue_log)}
    return [f"{name} ({rows:,} rows) is not kept in the store" for name, rows in tables.items() if rows]


class _Progress:
    """Says each tenth of the way once."""

    def __init__(self) -> None:
        self._said = 0

    def __call__(self, done: int, rows: int) -> None:
        tenths = _TENTHS * done // rows
        if tenths > self._said:
            self._said = tenths
            screen.note(f"{done:,} of {rows:,} rows")


def _copy_agreement(data: Path, setting: Settings) -> bool:
    """Let the home have the data's agreement, unless it has one."""
    theirs, ours = data / _AGREEMENT, setting.home_path / _AGREEMENT
    if not theirs.is_file():
        return False
    if ours.exists():
        if ours.read_bytes() != theirs.read_bytes():
            screen.note(f"Note: {ours} stays as it is; {theirs} says something else")
        return False
    shutil.copyfile(theirs, ours)
    screen.note(f"{theirs} was copied to {ours}, where train --from-store reads it")
    return True
