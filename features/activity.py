"""Features of activities: what the lead did (interest), and what was done to it (cycle).

Per type, the shared one of rare types included: counts in windows, days since the last, an intensity that halves
every two weeks, the sum of values. Over all the lead's own acts: the same, variety, velocity, days with an act,
and the first and
the last touch. Only what the lead did of its own accord may be monotone (`features.words`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from leadlight.core.catalog import Catalog, Component, Condition, Feature, Topic, Vocabulary
from leadlight.core.clock import DAY
from leadlight.features import asof, words
from leadlight.features.names import Names
from leadlight.features.order import Ints, Numbers
from leadlight.features.timeline import Moments, Timeline
from leadlight.features.topics import activity_topic, touch_topic

__all__ = [
    "ANY",
    "OPERATIONS",
    "OTHER_TYPES",
    "ActivityPlan",
    "card_feature",
    "compile_plan",
    "draw_overall",
    "draw_type",
]

WINDOWS: Final = (7, 30, 90)
HALF_LIFE: Final = 14
OTHER_TYPES: Final = "(other)"
"""The type that all types share which are not in the vocabulary."""
ANY: Final = "(any)"
"""All that the lead did, whatever the type."""

OPERATIONS: Final[Mapping[str, int]] = {
    "activity_count": asof.COUNT,
    "activity_days_since": asof.DAYS_SINCE,
    "activity_days_since_first": asof.DAYS_SINCE_FIRST,
    "activity_decay": asof.DECAY,
    "activity_value_sum": asof.VALUE_SUM,
    "activity_variety": asof.VARIETY,
    "activity_velocity": asof.VELOCITY,
    "activity_active_days": asof.ACTIVE_DAYS,
    "activity_first_type": asof.FIRST_TYPE,
    "activity_first_channel": asof.FIRST_CHANNEL,
    "activity_last_type": asof.LAST_TYPE,
    "activity_last_channel": asof.LAST_CHANNEL,
    "card_activity": asof.CARD_COUNT,
}


def draw_type(kind: str, vocabulary: Vocabulary, names: Names, *, has_value: bool) -> tuple[list[Feature], Topic]:
    """Return the features and the topic of one activity type.

    Parameters
    ----------
    kind : str
        A type of the vocabulary, or `OTHER_TYPES`.
    names : Names
        Gives the topic a name of its own.
    has_value : bool
        Whether enough activities of this type carry a value.
    """
    component: Component = "interest" if _is_own(kind, vocabulary) else "cycle"
    topic = names.topic("other_activity" if kind == OTHER_TYPES else kind, fallback="activity")
    push = 1 if words.is_voluntary(kind, vocabulary.doers) else 0
    features = list(_counts(kind, topic, component, push))
    if has_value:
        params = {"type": kind, "days": WINDOWS[-1]}
        features.append(_feature(topic, f"value_{WINDOWS[-1]}d", "activity_value_sum", params, component))
    return features, activity_topic(topic, component, kind, f"{topic}.")


def draw_overall(vocabulary: Vocabulary, names: Names) -> tuple[list[Feature], list[Topic]]:
    """Return the features and topics of all that the lead did, whatever the type."""
    topic = names.topic("activity", fallback="all")
    features = list(_counts(ANY, topic, "interest", 0))
    for what, primitive, params in (
        ("days_since_first", "activity_days_since_first", {"type": ANY}),
        ("variety_30d", "activity_variety", {"days": 30}),
        ("velocity", "activity_velocity", {"recent_days": 7, "days": 28}),
        ("active_days_30d", "activity_active_days", {"days": 30}),
    ):
        features.append(_feature(topic, what, primitive, params, "interest"))
    topics = [activity_topic(topic, "interest", ANY, f"{topic}.")]
    for which in ("first", "last"):
        touch = names.topic(f"{which}_touch", fallback="all")
        features.append(_touch(touch, "type", f"activity_{which}_type", vocabulary.activity_types))
        if vocabulary.channels:
            features.append(_touch(touch, "channel", f"activity_{which}_channel", vocabulary.channels))
        topics.append(touch_topic(touch, which, with_channel=bool(vocabulary.channels)))
    return features, topics


def card_feature(name: str, condition: Condition, topic: Topic) -> Feature:
    """Return the 0/1 column of a hand-picked rule about an activity."""
    params = {
        "type": condition.name,
        "days": condition.within_days,
        "at_least": 1.0 if condition.at_least is None and condition.at_most is None else condition.at_least,
        "at_most": condition.at_most,
    }
    return Feature(name, "card_activity", 1, params, "number", topic.component, topic.name, topic.name, card=True)


def _is_own(kind: str, vocabulary: Vocabulary) -> bool:
    """Whether the lead does it; what nobody said anything about counts as the lead's."""
    return vocabulary.doers.get(kind, "lead") == "lead"


def _counts(kind: str, topic: str, component: Component, push: int) -> Iterator[Feature]:
    for days in WINDOWS:
        yield _feature(topic, f"count_{days}d", "activity_count", {"type": kind, "days": days}, component, push)
    yield _feature(topic, "days_since", "activity_days_since", {"type": kind}, component, -push)
    params = {"type": kind, "half_life_days": HALF_LIFE}
    yield _feature(topic, f"decay_{HALF_LIFE}d", "activity_decay", params, component, push)


def _feature(
    topic: str, what: str, primitive: str, params: Mapping[str, Any], component: Component, push: int = 0
) -> Feature:
    return Feature(f"{topic}.{what}", primitive, 1, params, "number", component, topic, topic, push)


def _touch(topic: str, what: str, primitive: str, levels: Sequence[str]) -> Feature:
    name = f"{topic}.{what}"
    return Feature(name, primitive, 1, {}, "category", "interest", topic, topic, levels=tuple(levels))


class ActivityPlan(NamedTuple):
    """The activity family of a catalog, ready for `asof.activity_columns`."""

    own: NDArray[np.bool_]
    windows: Ints
    half_lives: Numbers
    operations: Ints
    bounds: Numbers

    def write(self, timeline: Timeline, moments: Moments, out: Numbers) -> None:
        """Fill the family's columns of ``out``."""
        asof.activity_columns(moments.lead, moments.as_of, timeline.activities, *self, out)


def compile_plan(catalog: Catalog) -> ActivityPlan | None:
    """Return the plan of a catalog's activity features; None where it has none."""
    mine = [(i, f) for i, f in enumerate(catalog.features) if f.primitive in OPERATIONS]
    if not mine:
        return None
    kinds = (*catalog.vocabulary.activity_types, OTHER_TYPES)
    days = sorted({float(f.params[k]) for _, f in mine for k in ("days", "recent_days") if f.params.get(k) is not None})
    half_lives = sorted({float(f.params["half_life_days"]) for _, f in mine if "half_life_days" in f.params})
    place = {kind: row for row, kind in enumerate((*kinds, ANY))}
    operations = [_operation(i, f, place, days, half_lives) for i, f in mine]
    return ActivityPlan(
        np.array([_is_own(kind, catalog.vocabulary) for kind in kinds]),
        np.array([round(d * DAY) for d in days], dtype=np.int64),
        np.array(half_lives) * DAY,
        np.array(operations, dtype=np.int64),
        np.array([_bounds(f) for _, f in mine], dtype=np.float64),
    )


def _operation(
    column: int, feature: Feature, place: Mapping[str, int], days: list[float], half_lives: list[float]
) -> tuple[int, int, int, int]:
    params = feature.params
    row = days.index(params["recent_days"]) if "recent_days" in params else place.get(params.get("type", ANY), -1)
    if "half_life_days" in params:
        window = half_lives.index(params["half_life_days"])
    else:
        window = -1 if params.get("days") is None else days.index(params["days"])
    return OPERATIONS[feature.primitive], row, window, column


def _bounds(feature: Feature) -> tuple[float, float]:
    low, high = feature.params.get("at_least"), feature.params.get("at_most")
    return (float("-inf") if low is None else low, float("inf") if high is None else high)
