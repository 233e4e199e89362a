"""A timeline of leads from plain data and without pandas: what a request brings, or what a store holds.

The same arrays and the same loops as for a whole history; only the encoding differs, and the tests hold both to the
same bits. A request's records stand alone: what one says of a colleague no other one hears.
A store's leads stand together, each with its account.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from leadlight.core.catalog import CODE_NOT_KNOWN, CODE_OTHER, Vocabulary, level_word
from leadlight.core.clock import NEVER
from leadlight.features.memo import by_identity
from leadlight.features.order import Numbers
from leadlight.features.timeline import NO_EVENTS, Events, Timeline, assemble, known_since, number_of

__all__ = ["Crowd", "Record", "timeline_of", "timeline_of_all", "timeline_of_crowd"]

Row = Mapping[str, Any]


class Record(Protocol):
    """What is known of one lead; `timeline_of` says what each part holds."""

    @property
    def lead(self) -> Row:
        """The lead itself."""
        ...

    @property
    def activities(self) -> Sequence[Row]:
        """Its activities."""
        ...

    @property
    def stage_changes(self) -> Sequence[Row]:
        """Its stage changes."""
        ...

    @property
    def attribute_changes(self) -> Sequence[Row]:
        """Its attributes that moved."""
        ...

    @property
    def account(self) -> Row | None:
        """Its colleagues."""
        ...


class Crowd(Protocol):
    """Leads that know of each other by their accounts; each row names its lead."""

    @property
    def leads(self) -> Sequence[Row]:
        """As in `timeline_of`, with ``lead_id``."""
        ...

    @property
    def asked(self) -> int:
        """How many of the first leads will be asked about; the others are their colleagues."""
        ...

    @property
    def activities(self) -> Sequence[Row]:
        """Of all leads."""
        ...

    @property
    def stage_changes(self) -> Sequence[Row]:
        """Of all leads."""
        ...

    @property
    def attribute_changes(self) -> Sequence[Row]:
        """Of those leads that will be asked about."""
        ...


class _Told(NamedTuple):
    """A `Record` of loose parts."""

    lead: Row
    activities: Sequence[Row]
    stage_changes: Sequence[Row]
    attribute_changes: Sequence[Row]
    account: Row | None


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
    return timeline_of_all(vocabulary, [_Told(lead, activities, stage_changes, attribute_changes, account)])


def timeline_of_all(vocabulary: Vocabulary, records: Sequence[Record]) -> Timeline:
    """Return the timeline of many leads; row i is record i's lead, their colleagues follow.

    Parameters
    ----------
    vocabulary : Vocabulary
        Of the model's catalog.
    records : sequence of Record
        Each as `timeline_of` takes it.
    """
    codes = _codes(vocabulary)
    leads: list[Row] = [record.lead for record in records]
    belongs = [-1 if record.account is None else place for place, record in enumerate(records)]
    acts: _Rows = []
    steps: _Rows = []
    moves: _Rows = []
    for place, record in enumerate(records):
        acts += [(place, row) for row in record.activities]
        steps += [(place, row) for row in record.stage_changes]
        moves += [(place, row) for row in record.attribute_changes if row["attribute"] in codes.attributes]
        if record.account is not None:
            rows = _take_in(record, place, leads, belongs)
            acts += _of_known(record.account.get("activities", ()), rows)
            steps += _of_known(record.account.get("stage_changes", ()), rows)
    base = _base([record.lead for record in records], codes, len(leads))
    return _assembled(vocabulary, codes, leads, belongs, base, acts, steps, moves)


def timeline_of_crowd(vocabulary: Vocabulary, crowd: Crowd) -> Timeline:
    """Return the timeline of leads that know of each other; row i is ``crowd.leads[i]``.

    Events of leads that the crowd does not hold are left out; a lead without ``account_id`` has no known account.
    """
    codes = _codes(vocabulary)
    rows = {lead["lead_id"]: row for row, lead in enumerate(crowd.leads)}
    accounts: dict[str, int] = {}
    belongs = [
        -1 if lead.get("account_id") is None else accounts.setdefault(lead["account_id"], len(accounts))
        for lead in crowd.leads
    ]
    moves = [row for row in crowd.attribute_changes if row["attribute"] in codes.attributes]
    return _assembled(
        vocabulary,
        codes,
        crowd.leads,
        belongs,
        _base(crowd.leads[: crowd.asked], codes, len(crowd.leads)),
        _of_known(crowd.activities, rows),
        _of_known(crowd.stage_changes, rows),
        _of_known(moves, rows),
    )


def _assembled(
    vocabulary: Vocabulary,
    codes: _Codes,
    leads: Sequence[Row],
    belongs: Sequence[int],
    base: Numbers,
    acts: _Rows,
    steps: _Rows,
    moves: _Rows,
) -> Timeline:
    created = np.array([_time(lead, "created_at") for lead in leads], dtype=np.int64)
    recorded = np.array([_time(lead, "recorded_at") for lead in leads], dtype=np.int64)
    return Timeline(
        vocabulary,
        *assemble(
            vocabulary,
            created,
            known_since(created, recorded),
            np.array(belongs, dtype=np.int64),
            base,
            _events(acts, *_activity_codes(acts, codes)),
            _events(steps, [codes.stages.get(row["stage"], len(codes.stages)) for _, row in steps], [0.0] * len(steps)),
            _events(
                moves,
                [codes.attributes[row["attribute"]] for _, row in moves],
                [_encode(row["attribute"], row.get("value"), codes) for _, row in moves],
            ),
        ),
    )


_Rows = list[tuple[int, Row]]
"""Events, each with the row of its lead."""


def _take_in(record: Record, place: int, leads: list[Row], belongs: list[int]) -> dict[str, int]:
    """Add a record's colleagues to the leads, and return the row of each."""
    own_id = record.lead.get("lead_id")
    account = record.account or {}
    colleagues = {one["lead_id"]: one for one in account.get("leads", ()) if one["lead_id"] != own_id}
    rows = {lead_id: row for row, lead_id in enumerate(colleagues, start=len(leads))}
    leads += colleagues.values()
    belongs += [place] * len(colleagues)
    return rows


def _of_known(events: Sequence[Row], rows: Mapping[str, int]) -> _Rows:
    return [(rows[row["lead_id"]], row) for row in events if row["lead_id"] in rows]


def _time(row: Row, key: str) -> int:
    when: int | None = row.get(key)
    return NEVER if when is None else when


def _events(rows: _Rows, code: Sequence[int], value: Sequence[float]) -> Events:
    if not rows:
        return NO_EVENTS
    lead = [lead for lead, _ in rows]
    occurred = [_time(row, "occurred_at") for _, row in rows]
    recorded = [_time(row, "recorded_at") for _, row in rows]
    # one array for all whole numbers: making an array costs more than what it holds
    whole = np.array([lead, occurred, recorded, code], dtype=np.int64)
    return Events(whole[0], whole[1], known_since(whole[1], whole[2]), whole[3], np.array(value, dtype=np.float64))


def _activity_codes(rows: _Rows, codes: _Codes) -> tuple[list[int], list[float]]:
    n_channels, other = len(codes.channels) + 2, len(codes.types)
    kinds = [codes.types.get(row["type"], other) * n_channels + _channel(row.get("channel"), codes) for _, row in rows]
    return kinds, [number_of(row.get("value")) for _, row in rows]


def _channel(channel: str | None, codes: _Codes) -> int:
    return CODE_NOT_KNOWN if channel is None else codes.channels.get(channel, CODE_OTHER)


def _base(leads: Sequence[Row], codes: _Codes, n_leads: int) -> Numbers:
    """Encode the first leads' attributes; those of the others are never looked at."""
    base = np.full((n_leads, len(codes.attributes)), np.nan)
    for place, lead in enumerate(leads):
        attributes = lead.get("attributes", {})
        base[place] = [_encode(name, attributes.get(name), codes) for name in codes.attributes]
    return base


def _encode(name: str, value: str | float | None, codes: _Codes) -> float:
    levels = codes.levels[name]
    if levels is None:
        return number_of(value)
    word = level_word(value)
    return float(levels.get(word, CODE_OTHER) if word else CODE_NOT_KNOWN)
