"""Features of the profile: the attributes of a lead as they were at the moment.

A missing value is a value of its own: NaN for numbers, the level ``(not known)`` for categories.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np

from leadlight.core.catalog import CODE_NOT_KNOWN, CODE_OTHER, Catalog, Condition, Feature, Topic, Vocabulary
from leadlight.features import asof, topics
from leadlight.features.names import Names
from leadlight.features.order import Ints, Numbers
from leadlight.features.timeline import Moments, Timeline, number_of

__all__ = [
    "OPERATIONS",
    "ProfilePlan",
    "attribute_topic",
    "card_feature",
    "compile_plan",
    "draw_attribute",
    "never_feature",
]

OPERATIONS: Final[Mapping[str, int]] = {
    "attribute_number": asof.NUMBER,
    "attribute_category": asof.CATEGORY,
    "card_attribute_number": asof.CARD_NUMBER,
    "card_attribute_category": asof.CARD_LEVEL,
    "card_never": asof.CARD_NEVER,
}


def draw_attribute(topic: Topic, attribute: str, kind: str, levels: tuple[str, ...]) -> Feature:
    """Return the feature of one attribute; its column bears the topic's name."""
    params = {"attribute": attribute}
    if kind == "number":
        return Feature(topic.name, "attribute_number", 1, params, "number", "fit", topic.name, topic.name)
    return Feature(
        topic.name, "attribute_category", 1, params, "category", "fit", topic.name, topic.name, levels=levels
    )


def attribute_topic(attribute: str, label: str, kind: str, names: Names) -> Topic:
    """Return the topic of an attribute, with words made from its label where nobody wrote any."""
    return topics.attribute_topic(names.topic(attribute, fallback="attribute"), attribute, label, kind)


def card_feature(name: str, condition: Condition, topic: Topic, kind: str) -> Feature:
    """Return the 0/1 column of a hand-picked rule about an attribute."""
    params = {
        "attribute": condition.name,
        "at_least": condition.at_least,
        "at_most": condition.at_most,
        "any_of": list(condition.any_of),
        "known": condition.known,
    }
    return Feature(name, f"card_attribute_{kind}", 1, params, "number", "fit", topic.name, topic.name, card=True)


def never_feature(name: str, topic: Topic) -> Feature:
    """Return the column of a rule that this history can't judge: always 0."""
    return Feature(name, "card_never", 1, {}, "number", topic.component, topic.name, topic.name, card=True)


class ProfilePlan(NamedTuple):
    """The profile family of a catalog, ready for `asof.profile_columns`."""

    tables: Numbers
    operations: Ints
    bounds: Numbers

    def write(self, timeline: Timeline, moments: Moments, out: Numbers) -> None:
        """Fill the family's columns of ``out``."""
        asof.profile_columns(moments.lead, moments.as_of, timeline.base, timeline.changes, *self, out)


def compile_plan(catalog: Catalog) -> ProfilePlan | None:
    """Return the plan of a catalog's profile features; None where it has none."""
    mine = [(i, f) for i, f in enumerate(catalog.features) if f.primitive in OPERATIONS]
    if not mine:
        return None
    rows = [_table(f, catalog.vocabulary) for _, f in mine]
    tables = np.full((len(rows), max(1, *map(len, rows))), np.nan)
    for row, table in zip(tables, rows, strict=True):
        row[: len(table)] = table
    place = {name: i for i, name in enumerate(catalog.vocabulary.attributes)}
    operations = [
        (OPERATIONS[f.primitive], place.get(f.params.get("attribute", ""), 0), o, i) for o, (i, f) in enumerate(mine)
    ]
    return ProfilePlan(tables, np.array(operations, dtype=np.int64), np.array([_bounds(f) for _, f in mine]))


def _table(feature: Feature, vocabulary: Vocabulary) -> list[float]:
    """Return a category's code for each code of the vocabulary, or the values that a rule allows."""
    allowed = feature.params.get("any_of", ())
    if feature.primitive == "card_attribute_number":
        return [number for number in map(number_of, allowed) if number == number]
    levels = vocabulary.levels.get(feature.params.get("attribute", ""), ())
    if feature.primitive == "card_attribute_category":
        return [float(levels.index(word) + 2) for word in allowed]
    code = {level: float(i) for i, level in enumerate(feature.levels, start=2)}
    return [float(CODE_NOT_KNOWN), float(CODE_OTHER), *(code.get(level, float(CODE_OTHER)) for level in levels)]


def _bounds(feature: Feature) -> tuple[float, float, float]:
    low, high, known = (feature.params.get(key) for key in ("at_least", "at_most", "known"))
    nothing = 0.0 if known is False else 1.0
    if low is None and high is None:
        return (float("nan"), float("nan"), nothing)
    return (float("-inf") if low is None else low, float("inf") if high is None else high, nothing)
