"""``leadlight retention``: what is kept longer than the settings say, and erasing it."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final

import typer

from leadlight.cli import screen
from leadlight.cli.inputs import JsonOption
from leadlight.cli.store import opened, require_database

if TYPE_CHECKING:
    from leadlight.core.settings import Settings
    from leadlight.serving.retention.forgetting import Forgetting, Kind

__all__ = ["retention"]

_NAMES: Final = {
    "leads": "leads",
    "untold": "leads that were never told, with events",
    "receipts": "receipts, emptied",
    "messages": "webhooks",
}
_ASK_AGAIN: Final = 1.0
"""Seconds."""


def retention(
    apply: Annotated[
        bool, typer.Option("--apply/--look-only", help="Erase it now; else only say what would go.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Say what is kept longer than LEADLIGHT_RETAIN_LEADS_DAYS and LEADLIGHT_RETAIN_RECEIPTS_DAYS allow.

    With --apply it is erased at once, for good; the service does the same daily. It may run meanwhile.
    """
    from leadlight.core import settings
    from leadlight.core.clock import SystemClock
    from leadlight.core.registry import cached_version
    from leadlight.serving.retention.forgetting import Forgetting

    setting = settings.load()
    require_database(setting)
    _say_what_is_set(setting)
    clock = SystemClock()
    with opened(setting) as database:
        version = cached_version(setting) or 0
        forgetting = Forgetting(setting, database, clock, wall=clock, version=lambda: version)
        found = forgetting.due()
        _show("Kept too long, erased now" if apply else "Kept too long", found)
        erased = _apply(forgetting) if apply else None
    if erased is not None:
        gone = ", ".join(f"{count:,} {_NAMES[kind]}" for kind, count in erased.items() if count)
        screen.note(f"Erased: {gone or 'nothing'}.")
    elif any(kind.count for kind in found.values()):
        screen.note("Nothing was changed: --apply erases it now, the running service within a day.")
    if as_json:
        days = {"leads": setting.retain_leads_days, "receipts": setting.retain_receipts_days}
        due = {kind: {**asdict(one), "oldest": _time(one.oldest)} for kind, one in found.items()}
        screen.emit({"applied": apply, "retain_days": days, "due": due, "erased": erased})


def _say_what_is_set(setting: Settings) -> None:
    days = {"LEADLIGHT_RETAIN_LEADS_DAYS": setting.retain_leads_days}
    days["LEADLIGHT_RETAIN_RECEIPTS_DAYS"] = setting.retain_receipts_days
    for name, kept in days.items():
        screen.note(f"{name}: {f'{kept:,} days' if kept else 'not set (0), so nothing of that kind ever goes'}")


def _apply(forgetting: Forgetting) -> dict[str, int]:
    """Erase; where another process is at it, once that is done."""
    waiting = False
    while not forgetting.claim():
        if not waiting:
            screen.note("Another process is at it; waiting until it is done or, if it was killed, its time is up ...")
        waiting = True
        time.sleep(_ASK_AGAIN)
    return forgetting.apply()


def _show(title: str, found: dict[str, Kind]) -> None:
    rows = [(_NAMES[kind], f"{one.count:,}", _time(one.oldest) or "-") for kind, one in found.items()]
    screen.table(title, ("what", "how many", "oldest (UTC)"), rows)


def _time(at: int | None) -> str | None:
    from leadlight.core.clock import time_text

    return None if at is None else time_text(at, "seconds")
