"""When things happen within a week: sessions in bursts, mail in the morning, sales in office hours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadlight.training.simulate.behaviour import Week
from leadlight.training.simulate.calendar import DAY, HOUR, WEEK

__all__ = ["Sessions", "office_hours", "place_sessions"]

Ints = NDArray[np.int64]

_BURST_DAYS = (0.17, 0.18, 0.18, 0.17, 0.14, 0.08, 0.08)


@dataclass(frozen=True)
class Sessions:
    """Sessions of one week, those of a lead next to each other.

    Attributes
    ----------
    row : ndarray of shape (n_sessions,)
        Position of the lead among the week's leads.
    form : ndarray of shape (n_sessions,)
        Position in `behaviour.SESSIONS`.
    second : ndarray of shape (n_sessions,)
        Begin, in seconds of UTC.
    pages : ndarray of shape (n_sessions,)
        Pages seen, at least 1.
    first, last : ndarray of shape (n_leads of the week,)
        Begin of each lead's first and last session; 0 where it had none.
    """

    row: Ints
    form: Ints
    second: Ints
    pages: Ints
    first: Ints
    last: Ints


def place_sessions(
    rng: np.random.Generator, week: Week, *, monday: int, earliest: Ints, sleepless: NDArray[np.bool_]
) -> Sessions:
    """Give a week's sessions their times: one burst a lead, now and then a session on the day after.

    Parameters
    ----------
    rng : Generator
    week : Week
    monday : int
        Begin of the week.
    earliest : ndarray of shape (n,)
        When each lead arrived; nothing happens before.
    sleepless : ndarray of shape (n,), dtype bool
        Bots, who come at any hour.
    """
    n = len(earliest)
    row, form = np.nonzero(week.sessions)
    times = week.sessions[row, form]
    row, form = np.repeat(row, times), np.repeat(form, times)
    day = rng.choice(7, size=n, p=_BURST_DAYS)
    hour = np.where(sleepless, 21 * HOUR * rng.random(n), 7 * HOUR + 13 * HOUR * rng.beta(2, 2, size=n))
    begin = hour[row] + rng.exponential(2400.0, size=len(row))
    later = rng.random(len(row)) < 0.2
    second = monday + np.minimum(day[row] + later, 6) * DAY + np.minimum(begin, 22.5 * HOUR).astype(np.int64)
    soonest = earliest[row] + 120 + np.floor(rng.exponential(1800.0, size=len(row))).astype(np.int64)
    second = np.minimum(np.maximum(second, soonest), monday + WEEK - HOUR)
    return Sessions(row, form, second, _share_pages(rng, week, row), *_first_last(n, row, second))


def _share_pages(rng: np.random.Generator, week: Week, row: Ints) -> Ints:
    """Give each page beyond the first to one of the lead's sessions."""
    count = week.sessions.sum(axis=1)
    offset = np.cumsum(count) - count
    owner = np.repeat(np.arange(len(count)), week.pages)
    chosen = offset[owner] + np.floor(rng.random(len(owner)) * count[owner]).astype(np.int64)
    return 1 + np.bincount(chosen, minlength=len(row)).astype(np.int64)


def _first_last(n: int, row: Ints, second: Ints) -> tuple[Ints, Ints]:
    first = np.full(n, np.iinfo(np.int64).max)
    last = np.zeros(n, dtype=np.int64)
    np.minimum.at(first, row, second)
    np.maximum.at(last, row, second)
    return np.where(last > 0, first, 0), last


def office_hours(rng: np.random.Generator, n: int, *, monday: int, days: tuple[int, int]) -> Ints:
    """Draw times between 8:00 and 17:00 on the weekdays from ``days[0]`` to ``days[1]``, Monday is 0."""
    day = rng.integers(days[0], days[1] + 1, size=n)
    return np.asarray(monday + day * DAY + 8 * HOUR + rng.integers(0, 9 * HOUR, size=n), dtype=np.int64)
