"""What happened to a lead, newest first, as it was known at a moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leadlight.core.clock import from_micros
from leadlight.core.history import History
from leadlight.features.wording import number_text
from leadlight.features.words import channel_name, stage_name, type_name
from leadlight.serving.pages_data import TimelineEntry
from leadlight.serving.words import say

__all__ = ["MOST_ENTRIES", "Events"]

MOST_ENTRIES: Final = 100


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
        entries = [
            *(_activity(row, language) for row in _known(self._activities, self._rows_of_activities, lead_id, when)),
            *(_stage(row, language) for row in _known(self._stages, self._rows_of_stages, lead_id, when)),
        ]
        if not pd.isna(created):
            entries.append(TimelineEntry(created.to_pydatetime(), "created", "", say("timeline.created", language), ""))
        # stages stand above activities of the same instant, the creation below both
        entries.sort(key=lambda entry: (entry.when, entry.kind == "stage", entry.kind == "activity"), reverse=True)
        return tuple(entries[:MOST_ENTRIES]), max(0, len(entries) - MOST_ENTRIES)


def _activity(row: dict[str, Any], language: str) -> TimelineEntry:
    details = [_text(row["campaign"]), _channel(row["channel"], language)]
    if not pd.isna(row["value"]):
        details.append(say("timeline.value", language, value=number_text(float(row["value"]), language)))
    return _entry(row, "activity", row["type"], _capital(type_name(row["type"], language)), details)


def _stage(row: dict[str, Any], language: str) -> TimelineEntry:
    details = [_text(row["reason"])]
    if not pd.isna(row["amount"]):
        details.append(say("timeline.amount", language, value=number_text(float(row["amount"]), language)))
    text = say("timeline.stage", language, stage=stage_name(row["stage"], language))
    return _entry(row, "stage", row["stage"], text, details)


def _entry(row: dict[str, Any], kind: Any, name: str, text: str, details: Sequence[str | None]) -> TimelineEntry:
    return TimelineEntry(row["occurred_at"].to_pydatetime(), kind, name, text, ", ".join(d for d in details if d))


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
    return [{str(key): value for key, value in row.items()} for row in known.to_dict("records")]


def _text(value: Any) -> str | None:
    return None if pd.isna(value) else str(value)


def _channel(value: Any, language: str) -> str | None:
    return None if pd.isna(value) else channel_name(str(value), language)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
