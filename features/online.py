"""A timeline of one lead, from plain data and without pandas: what a request brings.

The same arrays and the same loops as for a whole history; only the encoding differs, and the tests hold both to the
same bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from leadlight.core.catalog import CODE_NOT_KNOWN, CODE_OTHER, Vocabulary, level_word
from leadlight.core.clock import NEVER
from leadlight.features.memo import by_identity
from leadlight.features.timeline import Events, Timeline, assemble, known_since, number_of

__all__ = ["timeline_of"]

Row = Mapping[str, Any]


class _Codes(NamedTuple):
    """A vocabulary as dictionaries from word to code."""

    types: Mapping[str, int]
    channels: Mapping[str, int]
    stages: Mapping[str, int]
    attributes: Mapping[str, int]
    levels: Mapping[str, Mapping[str, int] | None]


@by_identity
def _codes(vocabulary: Vocabulary) -> _Codes:
    def places(words: Sequence[str], first: int = 0) -> dict[str, int]:
        return {word: code for code, word in enumerate(words, start=first)}

    return _Codes(
        places(vocabulary.activity_types),
        places(vocabulary.channels, CODE_OTHER + 1),
        places(vocabulary.stages),
        places(tuple(vocabulary.attributes)),
        {
            name: places(vocabulary.levels.get(name, ()), CODE_OTHER + 1) if kind == "category" else None
            for name, kind in vocabulary.attributes.items()
        },
    )


def timeline_of(
    vocabulary: Vocabulary,
    lead: Row,
    activities: Sequence[Row],
    stage_changes: Sequence[Row],
    attribute_changes: Sequence[Row],
    account: Row | None,
) -> Timeline:
    """Return the timeline of one lead; row 0 is the lead, the rest are its colleagues.

    Parameters
    ----------
    vocabulary : Vocabulary
        Of the model's catalog.
    lead : mapping
        ``{"created_at": microseconds or NEVER, "account_id": str or None, "attributes": {name: str, float or None}}``;
        with ``"lead_id"`` the account's rows of this lead are told from its colleagues'. Attributes that moved
        belong into
        ``attribute_changes``; what stands here counts as known all along.
    activities : sequence of mapping
        The lead's own: ``type``, ``occurred_at``, ``recorded_at`` (microseconds), ``channel``, ``value``;
        missing keys are not known.
    stage_changes : sequence of mapping
        ``stage``, ``occurred_at``, ``recorded_at``.
    attribute_changes : sequence of mapping
        ``attribute``, ``value``, ``occurred_at``, ``recorded_at``.
    account : mapping or None
        ``{"leads": [{"lead_id", "created_at"}], "activities": [{"lead_id", ...}], "stage_changes": [{"lead_id",
        ...}]}``: the
        colleagues; None: the account is not known. Events of leads that ``leads`` does not list are left out.
    """
    codes = _codes(vocabulary)
    colleagues = _colleagues(lead, account)
    leads = [lead, *colleagues.values()]
    rows = {lead_id: row for row, lead_id in enumerate(colleagues, start=1)}
    theirs = account or {}
    created = np.array([_time(one, "created_at") for one in leads], dtype=np.int64)
    recorded = np.array([_time(one, "recorded_at") for one in leads], dtype=np.int64)
    belongs = np.full(len(leads), -1 if account is None else 0, dtype=np.int64)
    acts = _with_rows(activities, theirs.get("activities", ()), rows)
    steps = _with_rows(stage_changes, theirs.get("stage_changes", ()), rows)
    moves = [(0, change) for change in attribute_changes if change["attribute"] in codes.attributes]
    return Timeline(
        vocabulary,
        *assemble(
            vocabulary,
            created,
            known_since(created, recorded),
            belongs,
            _base(lead.get("attributes", {}), codes, len(leads)),
            _events(acts, *_activity_codes(acts, codes)),
            _events(steps, [codes.stages.get(row["stage"], len(codes.stages)) for _, row in steps], [0.0] * len(steps)),
            _events(
                moves,
                [codes.attributes[row["attribute"]] for _, row in moves],
                [_encode(row["attribute"], row.get("value"), codes) for _, row in moves],
            ),
        ),
    )


def _colleagues(lead: Row, account: Row | None) -> dict[str, Row]:
    own_id = lead.get("lead_id")
    return {one["lead_id"]: one for one in (account or {}).get("leads", ()) if one["lead_id"] != own_id}


def _with_rows(own: Sequence[Row], theirs: Sequence[Row], rows: Mapping[str, int]) -> list[tuple[int, Row]]:
    """Return events with the row of their lead: the lead's own, then those of known colleagues."""
    return [*((0, row) for row in own), *((rows[row["lead_id"]], row) for row in theirs if row["lead_id"] in rows)]


def _time(row: Row, key: str) -> int:
    when: int | None = row.get(key)
    return NEVER if when is None else when


def _events(rows: Sequence[tuple[int, Row]], code: Sequence[int], value: Sequence[float]) -> Events:
    occurred = np.array([_time(row, "occurred_at") for _, row in rows], dtype=np.int64)
    recorded = np.array([_time(row, "recorded_at") for _, row in rows], dtype=np.int64)
    lead = np.array([lead for lead, _ in rows], dtype=np.int64)
    known = known_since(occurred, recorded)
    return Events(lead, occurred, known, np.array(code, dtype=np.int64), np.array(value, dtype=np.float64))


def _activity_codes(rows: Sequence[tuple[int, Row]], codes: _Codes) -> tuple[list[int], list[float]]:
    n_channels, other = len(codes.channels) + 2, len(codes.types)
    kinds = [codes.types.get(row["type"], other) * n_channels + _channel(row.get("channel"), codes) for _, row in rows]
    return kinds, [number_of(row.get("value")) for _, row in rows]


def _channel(channel: str | None, codes: _Codes) -> int:
    return CODE_NOT_KNOWN if channel is None else codes.channels.get(channel, CODE_OTHER)


def _base(attributes: Mapping[str, Any], codes: _Codes, n_leads: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Encode the lead's attributes; colleagues' are never looked at."""
    base = np.full((n_leads, len(codes.attributes)), np.nan)
    base[0] = [_encode(name, attributes.get(name), codes) for name in codes.attributes]
    return base


def _encode(name: str, value: str | float | None, codes: _Codes) -> float:
    levels = codes.levels[name]
    if levels is None:
        return number_of(value)
    word = level_word(value)
    return float(levels.get(word, CODE_OTHER) if word else CODE_NOT_KNOWN)
