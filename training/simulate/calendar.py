"""The simulated company's calendar: two years of weeks that begin on Mondays, in whole seconds of UTC."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["DAY", "ENDED_AT", "ENDED_SECOND", "HORIZON_WEEKS", "HOUR", "START_SECOND", "WEEK", "WEEKS"]
__all__ += ["to_times", "week_start"]

HOUR: Final = 3600
DAY: Final = 24 * HOUR
WEEK: Final = 7 * DAY

START: Final = pd.Timestamp("2024-01-01", tz="UTC")  # a Monday
ENDED_AT: Final = pd.Timestamp("2026-01-01", tz="UTC")
START_SECOND: Final = int(START.timestamp())
ENDED_SECOND: Final = int(ENDED_AT.timestamp())

WEEKS: Final = 105
"""Weeks that are simulated; the last one is cut off by the end of the history."""

HORIZON_WEEKS: Final = 13
"""Weeks that make up 90 days: the stage is never reached on the last Sunday, which would be day 91."""


def week_start(week: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the Monday 00:00 of each week, in seconds of UTC; week 0 begins the history.

    Examples
    --------
    >>> to_times(week_start(np.array([0, 104]))).dt.strftime("%a %Y-%m-%d").tolist()
    ['Mon 2024-01-01', 'Mon 2025-12-29']
    """
    return START_SECOND + np.asarray(week, dtype=np.int64) * WEEK


def to_times(seconds: NDArray[np.int64]) -> pd.Series[Any]:
    """Return seconds of UTC as ``datetime64[us, UTC]``."""
    return pd.Series(pd.to_datetime(np.asarray(seconds, dtype=np.int64), unit="s", utc=True)).dt.as_unit("us")
