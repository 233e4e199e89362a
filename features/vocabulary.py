"""Which words a catalog knows: those that enough of the given leads share, from what was known before a date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leadlight.core.catalog import Rule, Vocabulary
from leadlight.core.history import Attribute, History
from leadlight.features import words
from leadlight.features.cycle import USUAL_STAGES
from leadlight.features.encode import micros_of, positions_of
from leadlight.features.timeline import known_since, number_of

__all__ = ["Learned", "gather", "learned_part"]

MAX_LEVELS: Final = 100
MAX_TYPES: Final = 30


@dataclass(frozen=True)
class Learned:
    """The part of a history that a catalog may be drawn up from.

    Attributes
    ----------
    leads, activities, stage_changes, attribute_changes : DataFrame
        Rows of the given leads that were known before the date.
    attributes : tuple of Attribute
    doers : mapping of str to str
    min_leads : int
        A word counts where at least this many leads share it.
    """

    leads: pd.DataFrame
    activities: pd.DataFrame
    stage_changes: pd.DataFrame
    attribute_changes: pd.DataFrame
    attributes: tuple[Attribute, ...]
    doers: Mapping[str, str]
    min_leads: int

    def attribute_values(self, attribute: Attribute) -> pd.DataFrame:
        """Return every value that an attribute had, with its lead: columns ``lead_id``, ``value``."""
        if attribute.known != "dated":
            return pd.DataFrame({"lead_id": self.leads["lead_id"], "value": self.leads[attribute.name]})
        changes = self.attribute_changes
        mine = changes.loc[changes["attribute"] == attribute.name, ["lead_id", "value"]]
        if attribute.kind == "number":
            mine = mine.assign(value=np.array([number_of(value) for value in mine["value"]], dtype=np.float64))
        return mine


def learned_part(history: History, lead_rows: NDArray[np.bool_] | None, before: int | None, min_leads: int) -> Learned:
    """Cut out the leads and the time that a catalog may see.

    Parameters
    ----------
    history : History
    lead_rows : ndarray of shape (n_leads,), dtype bool, optional
        The learning side; default all.
    before : int, optional
        Microseconds; only what was known strictly before counts. Default: everything.
    min_leads : int
    """
    kept = np.ones(len(history.leads), np.bool_) if lead_rows is None else np.asarray(lead_rows, np.bool_)
    if before is not None:
        times = micros_of(history.leads["created_at"])
        kept = kept & (known_since(times, micros_of(history.leads["recorded_at"])) < before)
    leads = history.leads[kept]
    tables = (history.activities, history.stage_changes, history.attribute_changes)
    cut = [_cut(table, leads["lead_id"], before) for table in tables]
    return Learned(leads, cut[0], cut[1], cut[2], history.attributes, history.doers, min_leads)


def _cut(table: pd.DataFrame, leads: pd.Series[str], before: int | None) -> pd.DataFrame:
    kept = positions_of(table["lead_id"], leads) >= 0
    if before is not None:
        kept &= known_since(micros_of(table["occurred_at"]), micros_of(table["recorded_at"])) < before
    return table if kept.all() else table[kept]


def gather(learned: Learned, rules: Sequence[Rule], goal_stage: str, *, dated: bool) -> Vocabulary:
    """Return the vocabulary; words that a rule names are always in it."""
    attributes = {attribute.name: attribute.kind for attribute in learned.attributes}
    levels = {name: _levels(learned, name, rules) for name, kind in attributes.items() if kind == "category"}
    if not dated:
        return Vocabulary(attributes=attributes, levels=levels)
    named = {rule.when.name for rule in rules if rule.when.subject == "activity"}
    types = _common(learned.activities, "type", learned.min_leads, MAX_TYPES) | named
    return Vocabulary(
        activity_types=tuple(sorted(types)),
        channels=tuple(sorted(_common(learned.activities, "channel", learned.min_leads, MAX_LEVELS))),
        stages=_stages(learned, rules, goal_stage),
        attributes=attributes,
        levels=levels,
        doers=_doers(sorted(types), learned.doers),
    )


def _levels(learned: Learned, name: str, rules: Sequence[Rule]) -> tuple[str, ...]:
    attribute = next(a for a in learned.attributes if a.name == name)
    named = {
        w for rule in rules if rule.when.subject == "attribute" and rule.when.name == name for w in rule.when.any_of
    }
    return tuple(sorted(common_levels(learned, attribute) | named))


def common_levels(learned: Learned, attribute: Attribute) -> set[str]:
    """Return the levels of a category that enough leads share."""
    return _common(learned.attribute_values(attribute), "value", learned.min_leads, MAX_LEVELS)


def _common(table: pd.DataFrame, column: str, min_leads: int, most: int) -> set[str]:
    """Return the words that at least ``min_leads`` leads share; of too many the most frequent, ties by name."""
    pairs = table[["lead_id", column]].dropna().drop_duplicates()
    counts = pairs[column].astype("str").value_counts()
    counts = counts[counts >= min_leads]
    ranked = sorted(counts.items(), key=lambda item: (-int(item[1]), str(item[0])))
    return {str(word) for word, _ in ranked[:most]}


def _stages(learned: Learned, rules: Sequence[Rule], goal_stage: str) -> tuple[str, ...]:
    """Return the stages in the usual order, then the company's own by name; empty where none was ever recorded."""
    seen = _common(learned.stage_changes, "stage", 1, MAX_LEVELS)
    named = {word for rule in rules if rule.when.subject == "stage" for word in rule.when.any_of}
    if not seen and not named:
        return ()
    found: set[Any] = seen | named | {goal_stage}
    return (*(s for s in USUAL_STAGES if s in found), *sorted(found - set(USUAL_STAGES)))


def _doers(types: Sequence[str], given: Mapping[str, str]) -> dict[str, str]:
    """Return who does what: what the mapping says, else what the usual words mean; silent about the rest."""
    said = {kind: given.get(kind) or words.doer(kind) for kind in types}
    return {kind: doer for kind, doer in said.items() if doer is not None}
