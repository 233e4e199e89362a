"""What happened to a lead, newest first, from plain rows: whether they were read from files or from the store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from leadlight.core.clock import from_micros
from leadlight.features.wording import number_text
from leadlight.features.words import channel_name, stage_name, type_name
from leadlight.serving.pages_data import TimelineEntry
from leadlight.serving.words import say

__all__ = ["MOST_ENTRIES", "timeline_of"]

MOST_ENTRIES: Final = 100

Row = Mapping[str, Any]


def timeline_of(
    activities: Iterable[Row], stage_changes: Iterable[Row], created: int | None, language: str
) -> tuple[tuple[TimelineEntry, ...], int]:
    """Return a lead's entries, newest first, and how many older ones are left out.

    Parameters
    ----------
    activities, stage_changes : iterable of mapping
        Columns as in `leadlight.core.history`; times in microseconds, None where a value is not known.
    created : int or None
        Microseconds; None where it is not known.
    language : {"en", "es"}
    """
    entries = [
        *(_activity(row, language) for row in activities),
        *(_stage(row, language) for row in stage_changes),
    ]
    if created is not None:
        entries.append(TimelineEntry(from_micros(created), "created", "", say("timeline.created", language), ""))
    # stages stand above activities of the same instant, the creation below both
    entries.sort(key=lambda entry: (entry.when, entry.kind == "stage", entry.kind == "activity"), reverse=True)
    return tuple(entries[:MOST_ENTRIES]), max(0, len(entries) - MOST_ENTRIES)


def _activity(row: Row, language: str) -> TimelineEntry:
    channel = row["channel"]
    details = [row["campaign"], None if channel is None else channel_name(channel, language)]
    if row["value"] is not None:
        details.append(say("timeline.value", language, value=number_text(float(row["value"]), language)))
    return _entry(row, "activity", row["type"], _capital(type_name(row["type"], language)), details)


def _stage(row: Row, language: str) -> TimelineEntry:
    details = [row["reason"]]
    if row["amount"] is not None:
        details.append(say("timeline.amount", language, value=number_text(float(row["amount"]), language)))
    text = say("timeline.stage", language, stage=stage_name(row["stage"], language))
    return _entry(row, "stage", row["stage"], text, details)


def _entry(
    row: Row, kind: Literal["activity", "stage"], name: str, text: str, details: Sequence[str | None]
) -> TimelineEntry:
    return TimelineEntry(from_micros(row["occurred_at"]), kind, name, text, ", ".join(d for d in details if d))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
