from __future__ import annotations

import re
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadlight.serving.words import TEXTS, language_of, number, percent, say

_ENGLISH = re.compile(r"\b(the|of|with|without|is|are|was|lead was|and|to|before|earlier|score|times?|days?)\b", re.I)
_CAUSAL = re.compile(r"\b(because|if you|due to|porque|si usted|debido a)\b", re.I)


def _fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("key", TEXTS)
def test_both_languages_say_the_same_in_their_own_words(key: str) -> None:
    english, spanish = TEXTS[key]
    assert english != spanish
    assert _fields(english) == _fields(spanish)
    assert not _ENGLISH.search(re.sub(r"\{\w+\}|'leadlight[^']*'|created_at|as_of", "", spanish)), spanish
    assert not _CAUSAL.search(english + spanish)


@pytest.mark.parametrize("key", TEXTS)
@pytest.mark.parametrize("language", ["en", "es"])
def test_every_text_can_be_filled(key: str, language: str) -> None:
    values = dict.fromkeys(_fields(TEXTS[key][0]), "X")
    said = say(key, language, **values)
    assert said.strip()
    assert said.count("X") >= len(values)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("es", "es"),
        ("ES-ar", "es"),
        ("de", "en"),
        ("de,es", "es"),
        ("en;q=0.5,es;q=0.9", "es"),
        ("en,es", "en"),
        ("es;q=0", "en"),
        ("es;q=nonsense", "en"),
        ("*", "en"),
        (";;;,,,", "en"),
    ],
)
def test_the_language_is_the_one_preferred(header: str | None, language: str) -> None:
    assert language_of(header) == language


@given(st.text())
def test_any_header_gives_a_language(header: str) -> None:
    assert language_of(header) in ("en", "es")


def test_percentages_keep_small_shares_visible() -> None:
    assert [percent(x, "en") for x in (0.0, 0.0004, 0.0094, 0.0096, 0.5, 1.0)] == [
        "0 %", "0.0 %", "0.9 %", "1 %", "50 %", "100 %",
    ]  # fmt: skip
    assert number(1234567.25, "es", 2) == "1.234.567,25"
