from dataclasses import fields, replace
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from leadlight.agreement.exploration import FLOOR
from leadlight.agreement.queue import Queue
from leadlight.agreement.terms import Agreement, parse
from leadlight.agreement.writing import to_toml
from leadlight.core.catalog import Condition, Rule, level_word

words = st.text(min_size=1, max_size=12).map(level_word).filter(bool)
numbers = st.one_of(
    st.none(), st.integers(-(10**6), 10**6).map(float), st.floats(allow_nan=False, allow_infinity=False)
)
days = st.one_of(st.none(), st.floats(min_value=1e-3, max_value=1e4))
activities = st.builds(Condition, st.just("activity"), words, within_days=days, at_least=numbers, at_most=numbers)
stages = st.builds(
    Condition, st.just("stage"), st.just("stage"), any_of=st.lists(words, min_size=1, max_size=3).map(tuple)
)
attributes = st.builds(
    Condition,
    st.just("attribute"),
    words,
    at_least=numbers,
    at_most=numbers,
    any_of=st.lists(words, max_size=3).map(tuple),
    known=st.sampled_from([True, False]),
)
points = st.floats(-1e6, 1e6)
rules = st.lists(
    st.builds(Rule, words, st.one_of(activities, stages, attributes), points), max_size=4, unique_by=lambda r: r.name
)
holidays = st.sets(st.dates().map(date.isoformat), max_size=3).map(lambda days: tuple(sorted(days)))
agreed = st.fixed_dictionaries(
    {},
    optional={
        "stage": words,
        "within_days": st.floats(0.5, 3000),
        "base_rate": st.floats(0.001, 0.999),
        "leads_per_week": st.integers(1, 10_000),
        "grades": st.just({"A": 80.0, "B": 55.5, "C": 30.0}),
        "segments": st.lists(words, min_size=1, max_size=3, unique=True).map(tuple),
        "queue": st.builds(Queue, st.floats(FLOOR, 0.5), st.integers(1, 30), holidays),
    },
)

SAID = {
    "stage": "Conversion stage",
    "within_days": "Horizon",
    "leads_per_week": "Capacity",
    "grades": "Grades",
    "segments": "segments",
}


@given(agreed, rules)
def test_what_is_written_is_read_back_the_same(terms, card):
    unsaid = [said for said in parse("").defaults if not any(SAID.get(key, "no such term") in said for key in terms)]
    unsaid = [said for said in unsaid if not (card and "points" in said)]
    agreement = replace(Agreement(), **terms, rules=tuple(card), defaults=tuple(unsaid))
    assert parse(to_toml(agreement, heading="Learned.\nNobody signed it.")) == agreement


def test_signed_terms_survive_to_the_version():
    text = '[conversion]\nstage = "sql"\n[grades]\nA = 75\n[[scorecard]]\nwhen = { stage = "mql" }\npoints = 2'
    assert parse(to_toml(parse(text))).version == parse(text).version


def test_no_term_is_forgotten():
    written = {
        "stage",
        "within_days",
        "base_rate",
        "leads_per_week",
        "grades",
        "rules",
        "segments",
        "queue",
        "defaults",
    }
    assert {field.name for field in fields(Agreement)} == written
