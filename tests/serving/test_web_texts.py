import re
from pathlib import Path
from string import Formatter

import pytest

from leadlight.agreement import terms
from leadlight.core.catalog import LANGUAGES
from leadlight.serving import web
from leadlight.serving.web.texts import LANGUAGE_NAMES, TEXTS, words

SAME_IN_BOTH = {"column.lead", "lead.title", "reasons.column.impact", "queue.found", "queue.found.one", "reasons.point"}
"""What English and Spanish happen to say alike: "Lead", "Log-odds", "130 leads"."""


def fields(text):
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("key", TEXTS)
def test_a_text_is_there_in_every_language_and_fills_the_same_braces(key):
    assert set(TEXTS[key]) == set(LANGUAGES)
    assert all(TEXTS[key].values())
    assert fields(TEXTS[key]["en"]) == fields(TEXTS[key]["es"])


def test_no_spanish_text_was_left_in_english():
    alike = {key for key, text in TEXTS.items() if text["en"] == text["es"]}
    assert alike == SAME_IN_BOTH


def test_no_text_claims_a_cause_or_gives_a_promise():
    banned = re.compile(r"\b(because|if you|porque|debido a|si usted|si llama)\b", re.IGNORECASE)
    assert [key for key, text in TEXTS.items() for said in text.values() if banned.search(said)] == []


def test_a_singular_has_its_plural():
    singulars = {key for key in TEXTS if key.endswith(".one")}
    assert {key.removesuffix(".one") for key in singulars} <= set(TEXTS)


def test_every_text_is_said_somewhere():
    folder = Path(web.__file__).parent
    sources = "".join(p.read_text() for p in [*folder.glob("templates/*.html"), *folder.glob("*.py")])
    said = set(re.findall(r"['\"]([a-z_]+(?:\.[a-z_]+)*)['\"]", sources.replace((folder / "texts.py").read_text(), "")))
    prefixes = (*re.findall(r"['\"]([a-z_.]+)\.['\"] ~", sources), "default", "degraded", "chance")
    unsaid = {
        key
        for key in TEXTS
        if key.removesuffix(".one") not in said and not key.startswith(tuple(f"{p}." for p in prefixes))
    }
    assert unsaid == set()


def test_every_language_is_named_in_itself():
    assert set(LANGUAGE_NAMES) == set(LANGUAGES)


def test_the_defaults_of_an_agreement_are_said_in_spanish():
    defaults = terms.parse("").defaults
    assert defaults
    assert [text for text in defaults if words("es").named("default", text) == text] == []


def test_a_name_without_a_text_stands_for_itself():
    assert words("es").named("degraded", "warehouse") == "warehouse"


def test_an_unknown_language_is_refused_by_name():
    with pytest.raises(ValueError, match=r"'fr'.*en, es"):
        words("fr")
