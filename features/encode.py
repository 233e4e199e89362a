"""From a history's tables to a timeline's arrays (the only module on this path that knows pandas)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from leadlight.core.catalog import CODE_NOT_KNOWN, CODE_OTHER, Vocabulary, level_word
from leadlight.core.history import History
from leadlight.features.order import Ints, Numbers
from leadlight.features.timeline import (
    Accounts,
    Activities,
    AttributeChanges,
    Events,
    StageChanges,
    assemble,
    known_since,
    number_of,
)

__all__ = ["encode", "levels_of", "micros_of", "positions_of"]


def encode(
    history: History, vocabulary: Vocabulary
) -> tuple[Ints, Numbers, Activities, StageChanges, AttributeChanges, Accounts]:
    """Return the arrays of ``Timeline.from_history``."""
    leads = history.leads
    created = micros_of(leads["created_at"])
    return assemble(
        vocabulary,
        created,
        known_since(created, micros_of(leads["recorded_at"])),
        _accounts_of(leads["account_id"]),
        _base(history, vocabulary),
        _activities(history, vocabulary),
        _stage_changes(history, vocabulary),
        _attribute_changes(history, vocabulary),
    )


def micros_of(times: pd.Series[Any]) -> Ints:
    """Return a column of times as microseconds, NEVER where missing; a new, writable array."""
    values = times.dt.tz_localize(None).dt.as_unit("us").to_numpy().view(np.int64)
    return np.array(values)


def positions_of(words: pd.Series[Any], vocabulary: Sequence[str] | pd.Series[str]) -> Ints:
    """Return each word's place in a vocabulary, -1 where it has none; shape (n,), dtype int64."""
    text = pa.large_string()
    found = pc.index_in(pa.array(words, text), value_set=pa.array(vocabulary, text))
    return np.array(pc.fill_null(found, -1), dtype=np.int64)


def levels_of(words: pd.Series[Any], levels: Sequence[str]) -> Ints:
    """Return level codes: 0 not known, 1 other, 2 ... the levels; shape (n,), dtype int64."""
    place = positions_of(words, levels)
    missing = words.isna().to_numpy()
    return np.where(missing, CODE_NOT_KNOWN, np.where(place < 0, CODE_OTHER, place + 2))


def _or_other(place: Ints, vocabulary: Sequence[str]) -> Ints:
    place[place < 0] = len(vocabulary)
    return place


def _accounts_of(accounts: pd.Series[Any]) -> Ints:
    return np.array(pd.factorize(accounts)[0], dtype=np.int64)


def _events(table: pd.DataFrame, history: History, code: Ints, value: Numbers) -> Events:
    time = micros_of(table["occurred_at"])
    lead = positions_of(table["lead_id"], history.leads["lead_id"])
    return Events(lead, time, known_since(time, micros_of(table["recorded_at"])), code, value)


def _activities(history: History, vocabulary: Vocabulary) -> Events:
    table = history.activities
    kind = _or_other(positions_of(table["type"], vocabulary.activity_types), vocabulary.activity_types)
    code = kind * (len(vocabulary.channels) + 2) + levels_of(table["channel"], vocabulary.channels)
    return _events(table, history, code, table["value"].to_numpy(np.float64, copy=True))


def _stage_changes(history: History, vocabulary: Vocabulary) -> Events:
    table = history.stage_changes
    stage = _or_other(positions_of(table["stage"], vocabulary.stages), vocabulary.stages)
    return _events(table, history, stage, np.zeros(len(table)))


def _base(history: History, vocabulary: Vocabulary) -> Numbers:
    base = np.full((len(history.leads), len(vocabulary.attributes)), np.nan)
    dated = {attribute.name for attribute in history.attributes if attribute.known == "dated"}
    for column, (name, kind) in enumerate(vocabulary.attributes.items()):
        if name in history.leads and name not in dated:  # a column of one value is no attribute, but a value to score
            base[:, column] = _values(history.leads[name], kind, vocabulary.levels.get(name, ()))
        elif kind == "category":
            base[:, column] = CODE_NOT_KNOWN
    return base


def _values(column: pd.Series[Any], kind: str, levels: Sequence[str]) -> Numbers:
    """Encode attribute values; text that is no number, where one is expected, is not known."""
    if kind == "category":
        return levels_of(_spelled(column), levels).astype(np.float64)
    return np.array([number_of(value) for value in column], dtype=np.float64)


def _spelled(column: pd.Series[Any]) -> pd.Series[Any]:
    """Spell numbers where words are expected: a small file may hold digits only in a column of codes."""
    if column.dtype == np.float64:
        return column.map(level_word, na_action="ignore").astype("str")
    return column.astype("str")


def _attribute_changes(history: History, vocabulary: Vocabulary) -> Events:
    table = history.attribute_changes
    attribute = positions_of(table["attribute"], tuple(vocabulary.attributes))
    value = np.full(len(table), np.nan)
    for code, (name, kind) in enumerate(vocabulary.attributes.items()):
        mine = attribute == code
        if mine.any():
            value[mine] = _values(table["value"][mine], kind, vocabulary.levels.get(name, ()))
    events = _events(table, history, attribute, value)
    events.lead[attribute < 0] = -1
    return events
