"""What became of earlier leads that were alike in one respect: numbers, the set that they count, and a sentence.

Evidence describes, it does not cause (learning rule: no "because", no "if you"). It comes from the model, which
counted distinct matured leads of its training period; here it is looked up, bounded and put in words.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from leadlight.core.artifact import Evidence, TrainedModel
from leadlight.features.words import stage_name
from leadlight.serving.sets import describe
from leadlight.serving.words import number, percent, say

__all__ = ["Finding", "cells", "find", "wilson"]

_Z: Final = 1.959963984540054
"""The normal distribution's 97.5 % point."""

_SHORT_STAGES: Final = frozenset({"mql", "sal", "sql"})


@dataclass(frozen=True)
class Finding:
    """What is known of the earlier leads that were alike.

    Attributes
    ----------
    enough : bool
        Whether there are enough of them to say anything; if not, the numbers must not be shown.
    rate : float
        Share that converted.
    interval : (float, float)
        95 % Wilson interval of the rate.
    baseline : float
        Share of all earlier leads.
    leads : int
    definition : str
        Which leads these are, in words: "with source “webinar”"; it follows "Of 218 earlier leads".
    contradicts : bool
        Whether the rate lies on the other side of the baseline than the impact of zero.
    sentence : str
    """

    enough: bool
    rate: float
    interval: tuple[float, float]
    baseline: float
    leads: int
    definition: str
    contradicts: bool
    sentence: str

    @cached_property
    def document(self) -> Mapping[str, Any] | None:
        """What an answer carries; None where there are too few to say. Answers share it: none may change it."""
        if not self.enough:
            return None
        return {
            "rate": self.rate,
            "interval": list(self.interval),
            "baseline": self.baseline,
            "leads": self.leads,
            "definition": self.definition,
            "contradicts": self.contradicts,
        }


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927, JASA 22:209).

    Examples
    --------
    >>> [round(bound, 3) for bound in wilson(90, 218)]
    [0.35, 0.479]
    >>> [round(bound, 3) for bound in wilson(0, 40)]
    [0.0, 0.088]
    """
    share, z2 = successes / trials, _Z * _Z
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = _Z * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials * trials)) / (1 + z2 / trials)
    return max(0.0, middle - half), min(1.0, middle + half)


def find(model: TrainedModel, topic: str, values: Sequence[float], impact: float, language: str) -> Finding:
    """Return what became of earlier leads like this one.

    Parameters
    ----------
    model : TrainedModel
    topic : str
        Topic of the catalog.
    values : sequence of float
        The lead's row, catalog columns.
    impact : float
        Log-odds of the reason that the evidence stands beside.
    language : {"en", "es"}
    """
    evidence = model.evidence.get(topic)
    if evidence is None:
        return _too_few(language)
    feature = model.catalog.features[model.catalog.position[evidence.feature]]
    value = values[model.catalog.position[evidence.feature]]
    cell = evidence.cell(value)
    if not cell.enough or model.baseline.leads == 0:
        return _too_few(language)
    rate, baseline = cell.rate, model.baseline.rate
    contradicts = cell.speaks_against(impact, model.baseline)
    definition = describe(feature, model.catalog.topics[topic].label[language], evidence, value, language)
    interval = wilson(cell.conversions, cell.leads)
    found = Finding(True, rate, interval, baseline, cell.leads, definition, contradicts, "")
    sentence = contradiction(impact, language) if contradicts else _sentence(model, found, language)
    return Finding(True, rate, interval, baseline, cell.leads, definition, contradicts, sentence)


def cells(evidence: Evidence) -> Callable[[float], int | None]:
    """Return what tells which cell a value falls in, as `Evidence.cell_number` does; one number for all without a cell.

    Two values of one cell have the same finding: there are only so many cells of earlier leads.
    """
    edges, count = evidence.edges, len(evidence.cells)
    if edges or count == 1:
        return lambda value: bisect_right(edges, value) if value == value else None
    return lambda code: min(int(code), count) if code == code else None


def _too_few(language: str) -> Finding:
    return Finding(False, math.nan, (math.nan, math.nan), math.nan, 0, "", False, say("evidence.few", language))


def contradiction(impact: float, language: str) -> str:
    """Return the sentence for an impact that earlier leads, taken by this alone, do not show."""
    return say(f"evidence.contradicts.{'raises' if impact > 0 else 'lowers'}", language)


def _sentence(model: TrainedModel, found: Finding, language: str) -> str:
    low, high = (number(100 * bound, language, 1 if found.interval[1] < 0.0095 else 0) for bound in found.interval)
    days = model.horizon_days
    return say(
        "evidence.flat" if days is None else "evidence.dated",
        language,
        leads=number(found.leads, language),
        which=found.definition,
        rate=percent(found.rate, language),
        low=low,
        high=high,
        reached=_reached(model, language),
        days="" if days is None else f"{days:g}",
        baseline=percent(found.baseline, language),
    )


def _reached(model: TrainedModel, language: str) -> str:
    goal = model.catalog.goal_stage
    if model.horizon_days is None:
        return say("reached.flat", language)
    key = "reached.stage" if goal in _SHORT_STAGES else "reached.other"
    return say(key, language, stage=stage_name(goal, language))
