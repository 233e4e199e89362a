"""Say a topic in plain words from a row of values: pure text, English or Spanish.

The templates are data in the catalog (`core.catalog.Topic`); here is the little language they are written in.

Conditions on a feature: ``missing``, ``known``, ``zero``, ``one``, ``many`` (more than one), ``positive``, ``other`` (a
category's rare and unseen levels), ``any``; a list of conditions holds where all of them do.

Formats: ``ago`` (days since), ``days`` (a length of time), ``count``, ``number``, ``level``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from leadlight.core.catalog import CODE_NOT_KNOWN, CODE_OTHER, Catalog, Feature, Topic
from leadlight.core.clock import DAY
from leadlight.features import words

__all__ = ["missing_attributes", "number_text", "say"]

_REFERENCE: Final = re.compile(r"\{(.+?):(ago|days|count|number|level)\}")

_IS: Final[Mapping[str, Callable[[float], bool]]] = {
    "zero": lambda value: value == 0,
    "one": lambda value: value == 1,
    "many": lambda value: value > 1,
    "positive": lambda value: value > 0,
}


def say(
    topic: Topic, catalog: Catalog, values: Sequence[float], language: str = "en", *, as_of: int | None = None
) -> str:
    """Return the first sentence of a topic whose condition holds.

    Parameters
    ----------
    topic : Topic
    catalog : Catalog
    values : sequence of float, n_features long
        One row of `features.build`.
    language : {"en", "es"}
    as_of : int, optional
        The moment in microseconds; with it "today" and "yesterday" follow the calendar (UTC), without it full days.

    Returns
    -------
    str
        One sentence without a full stop; the topic's label where no condition holds.
    """
    for condition, texts in topic.wording:
        if _holds(condition, catalog, values):
            return _REFERENCE.sub(lambda found: _value(found, catalog, values, language, as_of), texts[language])
    return topic.label[language]


def missing_attributes(catalog: Catalog, values: Sequence[float]) -> list[str]:
    """Return the attributes without a value, in the catalog's order, and ``"account"`` where it is not known."""
    named: dict[str, None] = {}
    for feature, value in zip(catalog.features, values, strict=True):
        if feature.card or not _is_missing(feature, value):
            continue
        if feature.primitive in ("attribute_number", "attribute_category"):
            named[str(feature.params["attribute"])] = None
        elif feature.primitive == "account_colleagues":
            named["account"] = None
    return list(named)


def number_text(value: float, language: str = "en") -> str:
    """Return a number as people write it.

    Examples
    --------
    >>> number_text(12500), number_text(12500.5, "es"), number_text(0.125), number_text(1200, "es")
    ('12,500', '12.500,5', '0.125', '1200')
    """
    if not math.isfinite(value):
        return "∞" if value > 0 else "-∞"
    rounded = f"{value:,.0f}" if value == int(value) or abs(value) >= 1e5 else f"{value:,.{_decimals(value)}f}"
    text = rounded.rstrip("0").rstrip(".") if "." in rounded else rounded
    if language != "es":
        return text
    short = abs(value) < 10_000  # Spanish groups thousands from five digits on
    return text.replace(",", "" if short else "\0").replace(".", ",").replace("\0", ".")


def _decimals(value: float) -> int:
    """Return how many decimals leave three meaningful digits."""
    return max(1, min(6, 2 - math.floor(math.log10(abs(value)))))


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
