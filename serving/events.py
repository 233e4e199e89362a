"""What happened to the leads of a history, as it was known at a moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leadlight.core.clock import from_micros, to_micros
from leadlight.core.history import History
from leadlight.serving.pages_data import TimelineEntry
from leadlight.serving.timeline_entries import timeline_of

__all__ = ["Events"]


class Events:
    """The activities and stage changes of some leads, found by lead without a search.

    Parameters
    ----------
    history : History
    lead_ids : sequence of str
    """

    def __init__(self, history: History, lead_ids: Sequence[str]) -> None:
        self._activities = history.activities
        self._stages = history.stage_changes
        self._rows_of_activities = _rows_by_lead(history.activities, lead_ids)
        self._rows_of_stages = _rows_by_lead(history.stage_changes, lead_ids)

    def timeline(
        self, lead_id: str, created: pd.Timestamp, as_of: int, language: str
    ) -> tuple[tuple[TimelineEntry, ...], int]:
        """Return a lead's entries, newest first, and how many older ones are left out.

        Parameters
        ----------
        lead_id : str
        created : Timestamp
            NaT where it is not known.
        as_of : int
            Microseconds; only what happened and was recorded before it.
        language : {"en", "es"}
        """
        when = pd.Timestamp(from_micros(as_of))
        return timeline_of(
            _known(self._activities, self._rows_of_activities, lead_id, when),
            _known(self._stages, self._rows_of_stages, lead_id, when),
            None if pd.isna(created) else to_micros(created.to_pydatetime()),
            language,
        )


def _rows_by_lead(table: pd.DataFrame, lead_ids: Sequence[str]) -> dict[str, NDArray[np.int64]]:
    """Return each lead's row numbers."""
    mine = table["lead_id"][table["lead_id"].isin(list(lead_ids))]
    places = mine.index.to_numpy().astype(np.int64)
    return {str(lead): places[rows] for lead, rows in mine.groupby(mine).indices.items()}


def _known(
    table: pd.DataFrame, rows: dict[str, NDArray[np.int64]], lead_id: str, when: pd.Timestamp
) -> list[dict[str, Any]]:
    found = table.iloc[rows.get(lead_id, np.zeros(0, np.int64))]
    known = found[(found["occurred_at"] < when) & (found["recorded_at"] < when)]
    return [{str(key): _plain(value) for key, value in row.items()} for row in known.to_dict("records")]


def _plain(value: Any) -> Any:
    if pd.isna(value):
        return None
    return to_micros(value.to_pydatetime()) if isinstance(value, pd.Timestamp) else value
