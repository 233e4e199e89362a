"""Names, labels and values whose words point at the sale: an open list in many languages, `sale_words.toml`.

Whole words are matched, accents and capitals aside: ``PageValues`` is *page values*, never *ages*. A word is a sign
only beside another kind of evidence: people give honest fields such names too.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

import numpy as np

from leadlight.core.attributes import tidy

if TYPE_CHECKING:
    from leadlight.training.audit.columns import Column

__all__ = ["Pointing", "Words", "pointing", "tokens_of", "word_list"]

Phrases = frozenset[tuple[str, ...]]

SECTIONS: Final = ("anywhere", "whole", "judged", "values", "earlier")


@dataclass(frozen=True)
class Words:
    """The word list, as phrases of whole tokens.

    Attributes
    ----------
    anywhere : set of phrases
        Point at the sale wherever they stand in a name or label.
    whole : set of phrases
        Only if the name is nothing else.
    judged : set of phrases
        A figure or class that somebody gave, nobody says when: weaker.
    values : set of phrases
        As a value, or in one.
    earlier : set of phrases
        Say that it is about something before this lead, or mean something else: such a name points at nothing.
    """

    anywhere: Phrases
    whole: Phrases
    judged: Phrases
    values: Phrases
    earlier: Phrases


@dataclass(frozen=True)
class Pointing:
    """Words found.

    Attributes
    ----------
    where : {"name", "label", "values"}
    found : tuple of str
    only_judged : bool
        Whether they say no more than that somebody judged.
    """

    where: str
    found: tuple[str, ...]
    only_judged: bool = False


@cache
def word_list() -> Words:
    """Return the list as shipped."""
    text = files("leadlight.training.audit").joinpath("sale_words.toml").read_text(encoding="utf-8")
    return parse(tomllib.loads(text))


def parse(data: Mapping[str, Mapping[str, list[str]]]) -> Words:
    """Read a list: a section for each of `SECTIONS`, each with phrases by language."""
    sections = (data.get(name, {}) for name in SECTIONS)
    return Words(
        *(frozenset(tokens_of(phrase) for phrases in section.values() for phrase in phrases) for section in sections)
    )


@lru_cache(maxsize=4096)
def tokens_of(text: str) -> tuple[str, ...]:
    """Return the words of a text, accents and capitals aside.

    Examples
    --------
    >>> tokens_of("Última actividad"), tokens_of("LastNotableActivity")
    (('ultima', 'actividad'), ('last', 'notable', 'activity'))
    """
    return tuple(word for word in tidy(text).split("_") if word)


def pointing(column: Column, few: int, words: Words | None = None) -> tuple[Pointing, ...]:
    """Return where a field's name, label or values point at the sale, the strongest first.

    Parameters
    ----------
    column : Column
    few : int
        Values with fewer leads do not count.
    words : Words, optional
        Default: the list as shipped.
    """
    words = word_list() if words is None else words
    found = [*_named("name", column.name, words)]
    if tokens_of(column.label) != tokens_of(column.name):
        found += _named("label", column.label, words)
    if tokens_of(column.column) not in (tokens_of(column.name), tokens_of(column.label)):
        found += _named("name", column.column, words)
    found += _valued(column, few, words)
    return tuple(sorted(found, key=lambda one: one.only_judged))


def _named(where: str, text: str, words: Words) -> Iterable[Pointing]:
    tokens = tokens_of(text)
    if _in(tokens, words.earlier):
        return
    strong = _in(tokens, words.anywhere) + ([" ".join(tokens)] if tokens in words.whole else [])
    if strong:
        yield Pointing(where, tuple(strong))
    elif judged := _in(tokens, words.judged):
        yield Pointing(where, tuple(judged), only_judged=True)


def _valued(column: Column, few: int, words: Words) -> Iterable[Pointing]:
    if column.number is not None:
        return
    count = np.bincount(column.code, minlength=len(column.levels))
    found = {
        f"{column.levels[place]!r}"[:60]
        for place in np.flatnonzero(count >= few)
        if place and len(column.levels[place]) <= 200 and _in(tokens_of(column.levels[place]), words.values)
    }
    if found:
        yield Pointing("values", tuple(sorted(found)[:4]))


def _in(tokens: tuple[str, ...], phrases: Phrases) -> list[str]:
    longest = max((len(phrase) for phrase in phrases), default=0)
    pieces = (tokens[i : i + n] for n in range(1, longest + 1) for i in range(len(tokens) - n + 1))
    return [" ".join(piece) for piece in pieces if piece in phrases]
