"""What is agreed on the queue: the chance that every lead keeps, and what counts as having been worked in time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from leadlight.agreement.exploration import FLOOR
from leadlight.core.errors import Problem

__all__ = ["KEYS", "Queue", "read_queue"]

KEYS: Final = frozenset({"floor", "window_days", "holidays"})

HIGHEST_FLOOR: Final = 0.5
LONGEST_WINDOW: Final = 30


@dataclass(frozen=True)
class Queue:
    """The section ``[queue]``.

    Attributes
    ----------
    floor : float
        The least chance of being worked that every open lead has in a window.
    window_days : int
        Working days of a window: a lead is worked in time if a person turns to it within them.
    holidays : tuple of str
        Days on which nobody works although they are no weekend: ISO dates.
    """

    floor: float = FLOOR
    window_days: int = 5
    holidays: tuple[str, ...] = ()


def read_queue(given: Mapping[str, Any], problems: list[Problem]) -> Queue | None:
    """Read the section; None where there is none. What can't be followed is added to ``problems``."""
    if not given:
        return None
    floor, days = given.get("floor", FLOOR), given.get("window_days", Queue.window_days)
    if not (_is_number(floor) and FLOOR <= floor <= HIGHEST_FLOOR):
        message = (
            f"must be a chance from {FLOOR:g} to {HIGHEST_FLOOR:g} a window, got {floor!r}; of smaller ones single "
            "leads come to stand for hundreds"
        )
        problems.append(Problem("[queue] floor", "out_of_range", message))
        floor = FLOOR
    if not (isinstance(days, int) and not isinstance(days, bool) and 1 <= days <= LONGEST_WINDOW):
        message = f"must be a number of working days from 1 to {LONGEST_WINDOW}, got {days!r}"
        problems.append(Problem("[queue] window_days", "out_of_range", message))
        days = Queue.window_days
    return Queue(float(floor), days, _holidays(given.get("holidays", []), problems))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _holidays(given: object, problems: list[Problem]) -> tuple[str, ...]:
    listed = given if isinstance(given, list) else [given]
    days = [day for day in listed if isinstance(day, date) and not isinstance(day, datetime)]
    if len(days) < len(listed):
        message = f"must be a list of days without quotes, such as [2026-12-25, 2027-01-01]; got {given!r}"
        problems.append(Problem("[queue] holidays", "not_a_list", message))
    return tuple(sorted({day.isoformat() for day in days}))
