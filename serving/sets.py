"""Which earlier leads evidence counts, in words that follow "Of 218 earlier leads": those alike in one respect."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from leadlight.core.artifact import Evidence
from leadlight.core.catalog import CODE_NOT_KNOWN, CODE_OTHER, Feature
from leadlight.core.stages import RECYCLED
from leadlight.features.words import deed, in_sentence, level_name, stage_name, type_name
from leadlight.serving.words import number, say

__all__ = ["describe"]

Edge = float | None
"""An end of a cell; None: it is open there."""

_ANY: Final = "(any)"
_YES_OR_NO: Final = frozenset({"yes", "no", "true", "false"})
_HEAD_COUNT: Final = "employees"


def describe(feature: Feature, label: str, evidence: Evidence, value: float, language: str) -> str:
    """Return which leads fall into the same cell as a value.

    Parameters
    ----------
    feature : Feature
        By whose value the leads are counted.
    label : str
        What the topic is called in the language.
    evidence : Evidence
        Says where cells begin and end.
    value : float
    language : {"en", "es"}
    """
    if feature.kind == "category":
        return _of_level(feature, label, int(value), language)
    if math.isnan(value):
        return _of_nothing(feature, label, language)
    cell = evidence.cell_number(value) or 0
    low = evidence.edges[cell - 1] if cell > 0 else None
    high = evidence.edges[cell] if cell < len(evidence.edges) else None
    return _WRITERS.get(feature.primitive, _of_number)(feature, label, low, high, language)


def _of_level(feature: Feature, label: str, code: int, language: str) -> str:
    if feature.primitive == "stage_current":
        return _of_stage(feature, code, language)
    if code == CODE_NOT_KNOWN:
        return _of_nothing(feature, label, language)
    said = _in_sentence(feature, label, language)
    if code == CODE_OTHER:
        return say("set.other_level", language, label=said)
    name = feature.level_name(code)
    if feature.primitive in ("activity_first_type", "activity_last_type"):
        return say("set.touch", language, label=label.lower(), level=type_name(name, language))
    if name.lower() in _YES_OR_NO:
        return say("set.yes_or_no", language, label=label, level=level_name(name, language))
    return say("set.level", language, label=said, level=level_name(name, language))


def _of_stage(feature: Feature, code: int, language: str) -> str:
    if code == CODE_NOT_KNOWN:
        return say("set.stage.none", language)
    if code == CODE_OTHER:
        return say("set.stage.other", language)
    return say("set.stage", language, stage=stage_name(feature.level_name(code), language))


def _of_nothing(feature: Feature, label: str, language: str) -> str:
    """Say a cell of leads without a value: what never happened, or what is not known."""
    if feature.primitive.startswith("activity_"):
        return say("set.did.never", language, deed=deed(str(feature.params.get("type", _ANY)), language))
    if feature.primitive.startswith("account_"):
        return say("set.account.not_known", language)
    if feature.primitive == "lead_age_days":
        return say("set.created.not_known", language)
    if _is_head_count(feature):
        return say("set.employees.not_known", language)
    return say("set.not_known", language, label=_in_sentence(feature, label, language))


def _is_head_count(feature: Feature) -> bool:
    return feature.kind == "number" and str(feature.params.get("attribute", "")).lower() == _HEAD_COUNT


def _in_sentence(feature: Feature, label: str, language: str) -> str:
    return in_sentence(str(feature.params.get("attribute", "")), label, language)


def _of_number(feature: Feature, label: str, low: Edge, high: Edge, language: str) -> str:
    if _is_head_count(feature):
        return _counted("set.employees", low, high, language)
    said = _in_sentence(feature, label, language)
    ends = {"low": _edge(low, language), "high": _edge(high, language)}
    return say(f"set.number.{_shape(low, high)}", language, label=said, **ends)


def _of_count(feature: Feature, _: str, low: Edge, high: Edge, language: str) -> str:
    act = deed(str(feature.params.get("type", _ANY)), language)
    return _counted("set.did", low, high, language, deed=act, window=_window(feature, language))


def _of_days_since(feature: Feature, _: str, low: Edge, high: Edge, language: str) -> str:
    """Say when something was done last or first; what was done lately at all was done lately the last time."""
    act, first = deed(str(feature.params.get("type", _ANY)), language), feature.primitive.endswith("_first")
    which = "first" if first else "last" if low is not None else "lately"
    return say(f"set.did.{which}", language, deed=act, when=_when(low, high, language))


def _of_age(_: Feature, __: str, low: Edge, high: Edge, language: str) -> str:
    return say("set.created", language, when=_when(low, high, language))


def _of_stage_days(feature: Feature, _: str, low: Edge, high: Edge, language: str) -> str:
    key = "set.stage.since" if feature.primitive == "stage_days_in" else "set.stage.changed"
    return say(key, language, when=_when(low, high, language))


def _of_times_entered(feature: Feature, label: str, low: Edge, high: Edge, language: str) -> str:
    if not RECYCLED.issuperset(feature.params.get("stages", ())):
        return _of_number(feature, label, low, high, language)
    return _counted("set.recycled", low, high, language)


def _of_reached(feature: Feature, _: str, low: Edge, __: Edge, language: str) -> str:
    key = "set.reached.no" if low is None else "set.reached.yes"
    return say(key, language, stage=_first_stage(feature, language))


def _of_colleagues(_: Feature, __: str, low: Edge, high: Edge, language: str) -> str:
    return _counted("set.colleagues", low, high, language)


def _of_colleague_activity(feature: Feature, _: str, low: Edge, high: Edge, language: str) -> str:
    return _counted("set.colleague_activity", low, high, language, window=_window(feature, language))


def _of_colleagues_reached(feature: Feature, _: str, low: Edge, high: Edge, language: str) -> str:
    return _counted("set.colleague_stages", low, high, language, stage=_first_stage(feature, language))


_WRITERS: Final[dict[str, Callable[[Feature, str, Edge, Edge, str], str]]] = {
    "activity_count": _of_count,
    "activity_days_since": _of_days_since,
    "activity_days_since_first": _of_days_since,
    "lead_age_days": _of_age,
    "stage_days_in": _of_stage_days,
    "stage_days_since_change": _of_stage_days,
    "stage_times_entered": _of_times_entered,
    "stage_reached": _of_reached,
    "account_colleagues": _of_colleagues,
    "account_activity_count": _of_colleague_activity,
    "account_colleagues_reached": _of_colleagues_reached,
}
"""Who words the cells of a primitive; the others are plain numbers."""


def _first_stage(feature: Feature, language: str) -> str:
    """Return the stage that counts as reached with all that lie beyond it."""
    return stage_name(str(feature.params["stages"][0]), language)


def _window(feature: Feature, language: str) -> str:
    days = feature.params.get("days")
    return "" if days is None else " " + _when(None, float(days), language)


def _when(low: Edge, high: Edge, language: str) -> str:
    if low is None and high == 1:
        return say("set.when.day", language)
    ends = {"low": _edge(low, language), "high": _edge(high, language)}
    return say(f"set.when.{_shape(low, high)}", language, **ends)


def _shape(low: Edge, high: Edge) -> str:
    if low is None:
        return "any" if high is None else "below"
    return "from" if high is None else "between"


def _counted(key: str, low: Edge, high: Edge, language: str, **values: str) -> str:
    """Say a cell of whole numbers: [1, 3) is "1 to 2"."""
    least = 0 if low is None else max(0, math.ceil(low))
    most = None if high is None else math.ceil(high) - 1
    numbers = {"low": number(least, language), "high": "" if most is None else number(most, language)}
    return say(f"{key}.{_count_shape(least, most)}", language, **values, **numbers)


def _count_shape(least: int, most: int | None) -> str:
    if most is None:
        return "from" if least > 1 else "some" if least == 1 else "any"
    if most <= 0:
        return "none"
    if most == least:
        return "one" if most == 1 else "exactly"
    return "between" if least > 0 else "upto"


def _edge(value: Edge, language: str) -> str:
    if value is None:
        return ""
    size = abs(value)
    digits = 0 if value == round(value) or size >= 100 else 1 if size >= 10 else 2
    return number(value, language, digits)
