"""What the queue logs: each lead's chance of being picked up in the week that begins."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leadlight.training.simulate.calendar import ENDED_SECOND, HOUR, to_times, week_start
from leadlight.training.simulate.life import Lived

__all__ = ["WINDOW_DAYS", "queue_log_frame", "queue_toml"]

WINDOW_DAYS: Final = 5
"""Working days in a window: a lead that is picked up is called in the same week."""

_DRAWN_AT: Final = 6 * HOUR
_WRITTEN_AFTER: Final = 60


def queue_log_frame(lived: Lived, lead_ids: NDArray[np.object_]) -> pd.DataFrame:
    """Return the log of all queues that were drawn on Mondays before the end of the history."""
    leads = np.concatenate([part.leads for part in lived.queues])
    weeks = np.repeat([part.week for part in lived.queues], [len(part.leads) for part in lived.queues])
    chances = np.concatenate([part.chances for part in lived.queues])
    drawn = week_start(weeks) + _DRAWN_AT
    known = drawn + _WRITTEN_AFTER < ENDED_SECOND
    return pd.DataFrame(
        {
            "lead_id": pd.Series(lead_ids[leads[known]], dtype="str"),
            "occurred_at": to_times(drawn[known]),
            "recorded_at": to_times(drawn[known] + _WRITTEN_AFTER),
            "chance": chances[known],
            "window_days": np.full(int(known.sum()), float(WINDOW_DAYS)),
        }
    )


def queue_toml(floor: float) -> str:
    """Write what was agreed on the queue; nothing where reps pick for themselves."""
    return f"\n[queue]\nfloor = {floor:g}\nwindow_days = {WINDOW_DAYS}\n" if floor else ""
