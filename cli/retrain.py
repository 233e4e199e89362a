"""``leadlight retrain``: check, train, gate and promote in one go, fit for cron."""

from __future__ import annotations

import sys
from typing import Annotated, Final

import typer
from rich.console import Console

from leadlight.cli import screen
from leadlight.cli.inputs import (
    AgreementOption,
    FromStoreOption,
    JsonOption,
    MappingOption,
    OptionalDataOption,
    read_told,
    within,
)
from leadlight.cli.train import AsOfOption, SeedOption, as_timestamp
from leadlight.core.clock import SystemClock

__all__ = ["retrain"]

_SAYS_NO: Final = frozenset({"no_signal", "cannot_tell", "refused", "not_yet", "moved"})
"""Outcomes with which nothing was promoted although something was tried: exit 1."""


def retrain(
    data: OptionalDataOption = None,
    from_store: FromStoreOption = False,
    mapping: MappingOption = None,
    agreement: AgreementOption = None,
    as_of: AsOfOption = None,
    seed: SeedOption = 0,
    tune: Annotated[
        float | None, typer.Option("--tune", min=0, help="Seconds to look for better settings of the trees.")
    ] = None,
    only_if_needed: Annotated[
        bool, typer.Option("--only-if-needed", help="Stop where 'leadlight watch' says: not yet.")
    ] = False,
    force_train: Annotated[
        bool, typer.Option("--force-train", help="Train although nothing is new since the last version.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check the data, train, hold the new model against the champion, and promote it if it is not worse.

    Safe to run from cron, twice at once and after a crash. Exit 0: promoted, or nothing to do. Exit 1: the data or the
    gate says no; the champion stays. Exit 3: something that is needed is not there.
    """
    from leadlight.agreement.fit import goal_problem
    from leadlight.core import settings
    from leadlight.core.errors import AgreementError
    from leadlight.core.lock import Taken, alone
    from leadlight.training.retrain import LOCK, Outcome, Task, run

    until = as_timestamp(as_of)
    setting = settings.load()
    try:
        with alone(setting.home_path / LOCK, SystemClock().now()):
            _log(f"home {setting.home_path}")
            history, terms, place, _ = read_told(setting, data, mapping, agreement, from_store=from_store)
            within(history, until)
            if (goal := goal_problem(terms, history)) is not None:
                raise AgreementError.listing(place, [goal])
            _log(f"data: {len(history.leads):,} leads in {place}, fingerprint {history.fingerprint[:12]}")
            task = Task(history, terms, until, seed, tune, only_if_needed=only_if_needed, force=force_train)
            outcome = run(task, setting, _log)
    except Taken as taken:
        said = f"another retrain is running ({taken.holder}); this one leaves it to that"
        outcome = Outcome("already_running", said, None)
        _log(said)
    if as_json:
        screen.emit({"ok": outcome.word not in _SAYS_NO, **outcome.to_dict()})
    if outcome.word in _SAYS_NO:
        raise typer.Exit(1)


def _log(text: str) -> None:
    """Write one line: a log has no width to wrap at."""
    line = f"{SystemClock().now():%Y-%m-%dT%H:%M:%SZ} retrain: {' '.join(text.split())}"
    Console(file=sys.stderr, highlight=False, soft_wrap=True).print(line, markup=False)
