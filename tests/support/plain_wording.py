"""How a topic is said, the plain way: read the template anew for each sentence. Slow, and easy to believe.

>>> from leadlight.features.warm import small_catalog
>>> catalog = small_catalog()
>>> plain_say(catalog.topics["web_visit"], catalog, [float("nan")] * len(catalog.features))
'No web visits so far'
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from leadlight.core.catalog import CODE_NOT_KNOWN, CODE_OTHER, Catalog, Feature, Topic
from leadlight.core.clock import DAY
from leadlight.features import words
from leadlight.features.wording import number_text

__all__ = ["plain_missing", "plain_say"]

_REFERENCE: Final = re.compile(r"\{(.+?):(ago|days|count|number|level)\}")

_IS: Final[Mapping[str, Callable[[float], bool]]] = {
    "zero": lambda value: value == 0,
    "one": lambda value: value == 1,
    "many": lambda value: value > 1,
    "positive": lambda value: value > 0,
}


def plain_say(
    topic: Topic, catalog: Catalog, values: Sequence[float], language: str = "en", *, as_of: int | None = None
) -> str:
    """See `leadlight.features.wording.say`."""
    for condition, texts in topic.wording:
        if _holds(condition, catalog, values):
            return _REFERENCE.sub(lambda found: _value(found, catalog, values, language, as_of), texts[language])
    return topic.label[language]


def plain_missing(catalog: Catalog, values: Sequence[float]) -> list[str]:
    """See `leadlight.features.wording.missing_attributes`."""
    named: dict[str, None] = {}
    for feature, value in zip(catalog.features, values, strict=True):
        if feature.card or not _is_missing(feature, value):
            continue
        if feature.primitive in ("attribute_number", "attribute_category"):
            named[str(feature.params["attribute"])] = None
        elif feature.primitive == "account_colleagues":
            named["account"] = None
    return list(named)


def _is_missing(feature: Feature, value: float) -> bool:
    return math.isnan(value) or (feature.kind == "category" and value == CODE_NOT_KNOWN)


def _holds(condition: Any, catalog: Catalog, values: Sequence[float]) -> bool:
    if isinstance(condition, Sequence):
        return all(_holds(one, catalog, values) for one in condition)
    place = catalog.position.get(condition["feature"])
    if place is None:
        return False
    feature, value, what = catalog.features[place], values[place], condition["is"]
    if what == "any":
        return True
    missing = _is_missing(feature, value)
    if what in ("missing", "known"):
        return bool(missing == (what == "missing"))
    if what == "other":
        return feature.kind == "category" and bool(value == CODE_OTHER)
    return not missing and bool(_IS[what](value))


def _value(found: re.Match[str], catalog: Catalog, values: Sequence[float], language: str, as_of: int | None) -> str:
    feature = catalog.features[catalog.position[found[1]]]
    value = float(values[catalog.position[found[1]]])
    if found[2] == "level":
        return _level(feature, value, language)
    if math.isnan(value):
        return {"en": "an unknown time", "es": "un tiempo desconocido"}[language]
    if found[2] == "ago":
        return _ago(value, language, as_of)
    if found[2] == "days":
        return _length(math.floor(value), language)
    return number_text(value, language)


def _level(feature: Feature, code: float, language: str) -> str:
    if code <= CODE_OTHER:
        return {"en": ("not known", "another one"), "es": ("dato desconocido", "otro")}[language][int(code)]
    level = feature.level_name(code)
    if feature.primitive == "stage_current":
        return words.stage_name(level, language)
    if feature.primitive.endswith("_type"):
        return words.type_name(level, language)
    if feature.primitive.endswith("_channel"):
        return words.channel_name(level, language)
    return words.level_name(level, language)


def _ago(days: float, language: str, as_of: int | None) -> str:
    """Return how long ago; by the calendar where the moment is known, else by full days."""
    whole = math.floor(days) if as_of is None else as_of // DAY - (as_of - round(days * DAY)) // DAY
    if whole <= 1:
        return {"en": ("today", "yesterday"), "es": ("hoy", "ayer")}[language][max(0, whole)]
    return f"hace {_length(whole, language)}" if language == "es" else f"{_length(whole, language)} ago"


def _length(days: int, language: str) -> str:
    """Return a number of full days in the unit that people would choose."""
    if days < 1:
        return {"en": "less than a day", "es": "menos de un día"}[language]
    months = round(days / 30.4375)
    if days <= 60:
        n, units = days, {"en": ("day", "days"), "es": ("día", "días")}
    elif months < 24:
        n, units = months, {"en": ("month", "months"), "es": ("mes", "meses")}
    else:
        n, units = max(2, int(days / 365.25)), {"en": ("year", "years"), "es": ("año", "años")}
    return f"{n} {units[language][n != 1]}"
