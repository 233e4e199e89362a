"""Features of the revenue cycle: where the lead stands, for how long, and whether it has been round before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from leadlight.core.catalog import Catalog, Condition, Feature, Topic, Vocabulary
from leadlight.core.stages import CLOSED, LADDER, RECYCLED, goal_and_later
from leadlight.features import asof
from leadlight.features.names import Names
from leadlight.features.order import Ints
from leadlight.features.timeline import Moments, Timeline
from leadlight.features.topics import age_topic, goal_topic, recycling_topic, stage_topic

__all__ = [
    "OPERATIONS",
    "USUAL_STAGES",
    "CyclePlan",
    "card_feature",
    "compile_plan",
    "draw",
    "set_of",
]

USUAL_STAGES: Final = (*LADDER, *sorted(RECYCLED), *sorted(CLOSED))
"""In this order stages of the same instant are taken to have followed each other."""

OPERATIONS: Final[Mapping[str, int]] = {
    "stage_current": asof.STAGE,
    "stage_days_in": asof.DAYS_IN_STAGE,
    "stage_days_since_change": asof.DAYS_SINCE_CHANGE,
    "lead_age_days": asof.AGE,
    "stage_times_entered": asof.TIMES_ENTERED,
    "stage_cycle_number": asof.CYCLE_NUMBER,
    "stage_variety": asof.STAGES_SEEN,
    "stage_reached": asof.REACHED,
    "card_stage": asof.CARD_STAGE,
}


def draw(vocabulary: Vocabulary, goal_stage: str, names: Names) -> tuple[list[Feature], list[Topic]]:
    """Return the cycle's features and topics; only the lead's age where no stage is known at all."""
    age = names.topic("age", fallback="lead")
    features = [Feature(f"{age}.days", "lead_age_days", 1, {}, "number", "cycle", age, age)]
    topics = [age_topic(age)]
    if not vocabulary.stages:
        return features, topics
    stage = names.topic("stage", fallback="cycle")
    current = Feature(
        f"{stage}.current", "stage_current", 1, {}, "category", "cycle", stage, stage, levels=vocabulary.stages
    )
    features += [current, _number(stage, "days", "stage_days_in", {})]
    features.append(_number(stage, "days_since_change", "stage_days_since_change", {}))
    features.append(_number(stage, "variety", "stage_variety", {}))
    back = names.topic("recycling", fallback="cycle")
    features.append(_number(back, "times", "stage_times_entered", {"stages": sorted(RECYCLED)}))
    features.append(_number(back, "cycle", "stage_cycle_number", {"stages": sorted(RECYCLED | CLOSED)}))
    goal = names.topic("goal", fallback="cycle")
    features.append(_number(goal, "reached", "stage_reached", {"stages": list(goal_and_later(goal_stage))}))
    return features, [
        *topics,
        stage_topic(stage),
        recycling_topic(back),
        goal_topic(goal, goal_stage),
    ]


def card_feature(name: str, condition: Condition, topic: Topic) -> Feature:
    """Return the 0/1 column of a hand-picked rule about the stage at the moment."""
    params = {"stages": list(condition.any_of)}
    return Feature(name, "card_stage", 1, params, "number", "cycle", topic.name, topic.name, card=True)


def _number(topic: str, what: str, primitive: str, params: Mapping[str, Sequence[str]]) -> Feature:
    return Feature(f"{topic}.{what}", primitive, 1, params, "number", "cycle", topic, topic)


def set_of(stages: Sequence[str], vocabulary: Vocabulary) -> list[bool]:
    """Return which of the vocabulary's stages are in a set; what is not in the vocabulary never is."""
    return [*(stage in stages for stage in vocabulary.stages), False]


class CyclePlan(NamedTuple):
    """The cycle family of a catalog, ready for `asof.cycle_columns`."""

    sets: NDArray[np.bool_]
    operations: Ints

    def write(self, timeline: Timeline, moments: Moments, out: NDArray[np.float64]) -> None:
        """Fill the family's columns of ``out``."""
        asof.cycle_columns(moments.lead, moments.as_of, timeline.created, timeline.stages, *self, out)


def compile_plan(catalog: Catalog) -> CyclePlan | None:
    """Return the plan of a catalog's cycle features; None where it has none."""
    mine = [(i, f) for i, f in enumerate(catalog.features) if f.primitive in OPERATIONS]
    if not mine:
        return None
    sets = sorted({tuple(f.params["stages"]) for _, f in mine if "stages" in f.params})
    operations = [
        (OPERATIONS[f.primitive], sets.index(tuple(f.params["stages"])) if "stages" in f.params else -1, -1, i)
        for i, f in mine
    ]
    flags = np.array([set_of(stages, catalog.vocabulary) for stages in sets], dtype=np.bool_)
    return CyclePlan(flags.reshape(len(sets), len(catalog.vocabulary.stages) + 1), np.array(operations, dtype=np.int64))
