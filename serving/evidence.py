"""What became of earlier leads that were alike in one respect: numbers, the set that they count, and a sentence.

Evidence describes, it does not cause (learning rule: no "because", no "if you"). It comes from the model, which
counted distinct matured leads of its training period; here it is looked up, bounded and put in words.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

from leadlight.core.artifact import Cell, Evidence, TrainedModel
from leadlight.core.catalog import CODE_NOT_KNOWN, CODE_OTHER, Feature
from leadlight.features.words import level_name, stage_name, type_name
from leadlight.serving.words import number, percent, say

__all__ = ["MIN_EITHER", "MIN_LEADS", "Finding", "find", "wilson"]

MIN_LEADS: Final = 30
MIN_EITHER: Final = 5
"""Under so many leads, or conversions, or leads that did not convert, there are too few to say."""

_Z: Final = 1.959963984540054
"""The normal distribution's 97.5 % point."""

_SHORT_STAGES: Final = frozenset({"mql", "sal", "sql"})


@dataclass(frozen=True, slots=True)
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
        Which leads these are, in words: "with “Source”: webinar"; it follows "Of 218 earlier leads".
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

    def as_dict(self) -> dict[str, Any] | None:
        """Return what an answer carries; None where there are too few to say."""
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


def find(model: TrainedModel, topic: str, values: list[float], impact: float, language: str) -> Finding:
    """Return what became of earlier leads like this one.

    Parameters
    ----------
    model : TrainedModel
    topic : str
        Topic of the catalog.
    values : list of float
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
    if not _enough(cell) or model.baseline.leads == 0:
        return _too_few(language)
    rate, baseline = cell.conversions / cell.leads, model.baseline.conversions / model.baseline.leads
    contradicts = (rate - baseline) * impact < 0
    definition = define(feature, model.catalog.topics[topic].label[language], evidence, value, language)
    interval = wilson(cell.conversions, cell.leads)
    found = Finding(True, rate, interval, baseline, cell.leads, definition, contradicts, "")
    sentence = contradiction(impact, language) if contradicts else _sentence(model, found, language)
    return Finding(True, rate, interval, baseline, cell.leads, definition, contradicts, sentence)


def _enough(cell: Cell) -> bool:
    return cell.leads >= MIN_LEADS and min(cell.conversions, cell.leads - cell.conversions) >= MIN_EITHER


def _too_few(language: str) -> Finding:
    return Finding(False, math.nan, (math.nan, math.nan), math.nan, 0, "", False, say("evidence.few", language))


def contradiction(impact: float, language: str) -> str:
    """Return the sentence for an impact that earlier leads, taken by this alone, do not show."""
    way = "raises" if impact > 0 else "lowers"
    given = say(f"direction.{way}.given_rest", language)
    return say("evidence.contradicts", language, direction=given[0].upper() + given[1:])


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


def define(feature: Feature, label: str, evidence: Evidence, value: float, language: str) -> str:
    """Return which leads fall into the same cell as a value, in words that follow "Of 218 earlier leads".

    Parameters
    ----------
    feature : Feature
        By whose value the leads are counted.
    label : str
        What the topic is called in the language.
    """
    if feature.kind == "category":
        return _define_level(feature, label, int(value), language)
    act = type_name(str(feature.params.get("type", "")), language)
    if math.isnan(value):
        key = "set.never" if feature.primitive == "activity_days_since" else "set.not_known"
        return say(key, language, label=label, act=act)
    cell = evidence.cell_number(value) or 0
    low = evidence.edges[cell - 1] if cell > 0 else None
    high = evidence.edges[cell] if cell < len(evidence.edges) else None
    if feature.primitive == "activity_count":
        return _define_count(feature, label, low, high, language)
    in_days = _IN_DAYS.get(feature.primitive)
    what = _range("days" if in_days else "range", low, high, language)
    return say(in_days or "set.number", language, label=label, act=act, range=what)


_IN_DAYS: Final = {
    "activity_days_since": "set.days_since",
    "activity_days_since_first": "set.days_since_first",
    "stage_days_in": "set.days",
    "stage_days_since_change": "set.days",
    "lead_age_days": "set.days",
}
"""Primitives that count days, and the phrase for each."""

_TYPES: Final = frozenset({"activity_first_type", "activity_last_type"})


def _define_level(feature: Feature, label: str, code: int, language: str) -> str:
    if code == CODE_NOT_KNOWN:
        return say("set.not_known", language, label=label)
    if code == CODE_OTHER:
        return say("set.other_level", language, label=label)
    return say("set.level", language, label=label, level=_level(feature, code, language))


def _level(feature: Feature, code: int, language: str) -> str:
    name = feature.level_name(code)
    if feature.primitive == "stage_current":
        return stage_name(name, language)
    return type_name(name, language) if feature.primitive in _TYPES else level_name(name, language)


def _define_count(feature: Feature, label: str, low: float | None, high: float | None, language: str) -> str:
    """Say a cell of counts; they are whole, so [1, 3) is "1 to 2"."""
    days = feature.params.get("days")
    window = "" if days is None else say("set.window", language, days=f"{days:g}")
    least = 0 if low is None else math.ceil(low)
    most = None if high is None else math.ceil(high) - 1
    if most is not None and most <= 0:
        return say("set.count.none", language, label=label, window=window)
    if most is None and least <= 1:
        return say("set.count.ever", language, label=label, window=window)
    if most == 1 == least:
        return say("set.count.once", language, label=label, window=window)
    if most is None:
        return say("set.count.at_least", language, label=label, window=window, count=number(least, language))
    if most == least:
        return say("set.count.exactly", language, label=label, window=window, count=number(least, language))
    return say(
        "set.count.between",
        language,
        label=label,
        window=window,
        low=number(least, language),
        high=number(most, language),
    )


def _range(unit: str, low: float | None, high: float | None, language: str) -> str:
    if low is None and high is None:
        return say(f"{unit}.any", language)
    if low is None and high is not None:
        return say(f"{unit}.below", language, high=_edge(high, language))
    if low is not None and high is None:
        return say(f"{unit}.from", language, low=_edge(low, language))
    assert low is not None  # the other cases have returned
    assert high is not None
    return say(f"{unit}.between", language, low=_edge(low, language), high=_edge(high, language))


def _edge(value: float, language: str) -> str:
    size = abs(value)
    digits = 0 if value == round(value) or size >= 100 else 1 if size >= 10 else 2
    return number(value, language, digits)
