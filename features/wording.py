"""Say a topic in plain words from a row of values: pure text, English or Spanish.

The templates are data in the catalog (`core.catalog.Topic`); here is the little language they are written in.

Conditions on a feature: ``missing``, ``known``, ``zero``, ``one``, ``many`` (more than one), ``positive``, ``other`` (a
category's rare and unseen levels), ``any``; a list of conditions holds where all of them do.

Formats: ``ago`` (days since), ``days`` (a length of time), ``count``, ``number``, ``level``.

A catalog's templates are taken apart once for each language, so that a sentence costs a few comparisons and one joining
of texts: an answer with all its reasons says dozens.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple

from leadlight.core.catalog import CODE_NOT_KNOWN, CODE_OTHER, LANGUAGES, Catalog, Feature, Topic
from leadlight.core.clock import DAY
from leadlight.features import words
from leadlight.features.memo import by_identity

__all__ = ["Sayer", "missing_attributes", "number_text", "say", "sayers"]

Test = Callable[[float], bool]
Writer = Callable[[float, int | None], str]

_REFERENCE: Final = re.compile(r"\{(.+?):(ago|days|count|number|level)\}")

_OF_NUMBER: Final[Mapping[str, Test]] = {
    "missing": lambda value: value != value,
    "known": lambda value: value == value,
    "zero": lambda value: value == 0,
    "one": lambda value: value == 1,
    "many": lambda value: value > 1,
    "positive": lambda value: value > 0,
    "other": lambda _: False,
}
_OF_CATEGORY: Final[Mapping[str, Test]] = {
    "missing": lambda code: code == CODE_NOT_KNOWN or code != code,
    "known": lambda code: code != CODE_NOT_KNOWN and code == code,
    "zero": lambda _: False,
    "one": lambda code: code == 1,
    "many": lambda code: code > 1,
    "positive": lambda code: code > 0,
    "other": lambda code: code == CODE_OTHER,
}
"""Conditions by name; what is missing is neither zero nor positive. ``any`` asks nothing."""

_ALIKE: Final = 4096
"""Numbers and lengths of time whose words are kept: most leads share them."""


class _Sentence(NamedTuple):
    """A template taken apart."""

    conditions: tuple[tuple[int, Test], ...]  # all must hold
    parts: tuple[tuple[str, int, Writer], ...]  # text, then the column that is written after it, and how
    end: str


class Sayer:
    """Says one topic in one language.

    Parameters
    ----------
    topic : Topic
    catalog : Catalog
    language : {"en", "es"}
    """

    __slots__ = ("_label", "_sentences")

    def __init__(self, topic: Topic, catalog: Catalog, language: str) -> None:
        found = (_sentence(condition, texts[language], catalog, language) for condition, texts in topic.wording)
        self._sentences = tuple(sentence for sentence in found if sentence is not None)
        self._label = topic.label[language]

    def say(self, values: Sequence[float], as_of: int | None = None) -> str:
        """Return the first sentence whose condition holds; the parameters are those of `say`."""
        for conditions, parts, end in self._sentences:
            for column, holds in conditions:
                if not holds(values[column]):
                    break
            else:
                said = [text + write(values[column], as_of) for text, column, write in parts]
                return "".join(said) + end
        return self._label


@by_identity
def sayers(catalog: Catalog) -> Mapping[str, Mapping[str, Sayer]]:
    """Return, by language and topic, what says a catalog's topics; kept for the catalogs used last."""
    return {
        language: {name: Sayer(topic, catalog, language) for name, topic in catalog.topics.items()}
        for language in LANGUAGES
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
    return sayers(catalog)[language][topic.name].say(values, as_of)


def missing_attributes(catalog: Catalog, values: Sequence[float]) -> list[str]:
    """Return the attributes without a value, in the catalog's order, and ``"account"`` where it is not known."""
    return list(dict.fromkeys(name for column, is_missing, name in _named(catalog) if is_missing(values[column])))


@by_identity
def _named(catalog: Catalog) -> tuple[tuple[int, Test, str], ...]:
    """Return the columns whose lack is worth naming: where each stands, when it is missing, and its name."""
    return tuple(
        (column, _tests(feature)["missing"], str(feature.params.get("attribute", "account")))
        for column, feature in enumerate(catalog.features)
        if not feature.card and feature.primitive in ("attribute_number", "attribute_category", "account_colleagues")
    )


@lru_cache(_ALIKE)
def number_text(value: float, language: str = "en") -> str:
    """Return a number as people write it.

    Examples
    --------
    >>> number_text(12500), number_text(12500.5, "es"), number_text(0.125), number_text(1200, "es")
    ('12,500', '12.500,5', '0.125', '1200')
    """
    if not math.isfinite(value):
        return "∞" if value > 0 else "-∞"
    value = value + 0.0  # there is no negative zero among people
    rounded = f"{value:,.0f}" if value == int(value) or abs(value) >= 1e5 else f"{value:,.{_decimals(value)}f}"
    text = rounded.rstrip("0").rstrip(".") if "." in rounded else rounded
    if language != "es":
        return text
    short = abs(value) < 10_000  # Spanish groups thousands from five digits on
    return text.replace(",", "" if short else "\0").replace(".", ",").replace("\0", ".")


def _decimals(value: float) -> int:
    """Return how many decimals leave three meaningful digits."""
    return max(1, min(6, 2 - math.floor(math.log10(abs(value)))))


def _tests(feature: Feature) -> Mapping[str, Test]:
    return _OF_CATEGORY if feature.kind == "category" else _OF_NUMBER


def _sentence(condition: Any, template: str, catalog: Catalog, language: str) -> _Sentence | None:
    """Take a template apart; None where its condition asks about a feature that is not there, and so never holds."""
    asked = condition if isinstance(condition, Sequence) else (condition,)
    if any(one["feature"] not in catalog.position for one in asked):
        return None
    conditions = ((catalog.position[one["feature"]], one["is"]) for one in asked)
    tests = ((column, _tests(catalog.features[column])[what]) for column, what in conditions if what != "any")
    texts = _REFERENCE.split(template)  # text, feature, format, text, feature, format, ..., text
    columns = [catalog.position[name] for name in texts[1::3]]
    writers = (_writer(form, catalog.features[i], language) for i, form in zip(columns, texts[2::3], strict=True))
    return _Sentence(tuple(tests), tuple(zip(texts[:-1:3], columns, writers, strict=True)), texts[-1])


def _writer(form: str, feature: Feature, language: str) -> Writer:
    if form == "level":
        return partial(_level, _level_words(feature, language))
    return _WRITERS[form, language]


def _level(said: Sequence[str], code: float, _: int | None) -> str:
    return said[int(code)]


def _level_words(feature: Feature, language: str) -> tuple[str, ...]:
    """Return the words of a category's codes, in their order."""
    unnamed = {"en": ("not known", "another one"), "es": ("dato desconocido", "otro")}[language]
    return (*unnamed, *(_level_word(feature, level, language) for level in feature.levels))


def _level_word(feature: Feature, level: str, language: str) -> str:
    if feature.primitive == "stage_current":
        return words.stage_name(level, language)
    if feature.primitive.endswith("_type"):
        return words.type_name(level, language)
    if feature.primitive.endswith("_channel"):
        return words.channel_name(level, language)
    return words.level_name(level, language)


def _days(language: str, value: float, _: int | None) -> str:
    return _UNKNOWN_TIME[language] if value != value else _length(math.floor(value), language)


def _number(language: str, value: float, _: int | None) -> str:
    return _UNKNOWN_TIME[language] if value != value else number_text(value, language)


def _ago(language: str, days: float, as_of: int | None) -> str:
    """Return how long ago; by the calendar where the moment is known, else by full days."""
    if days != days:
        return _UNKNOWN_TIME[language]
    whole = math.floor(days) if as_of is None else as_of // DAY - (as_of - round(days * DAY)) // DAY
    return _past(whole, language)


@lru_cache(_ALIKE)
def _past(days: int, language: str) -> str:
    if days <= 1:
        return {"en": ("today", "yesterday"), "es": ("hoy", "ayer")}[language][max(0, days)]
    return f"hace {_length(days, language)}" if language == "es" else f"{_length(days, language)} ago"


@lru_cache(_ALIKE)
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


_UNKNOWN_TIME: Final = {"en": "an unknown time", "es": "un tiempo desconocido"}

_WRITERS: Final[Mapping[tuple[str, str], Writer]] = {
    (form, language): partial(write, language)
    for form, write in {"ago": _ago, "days": _days, "count": _number, "number": _number}.items()
    for language in LANGUAGES
}
