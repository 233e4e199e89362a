import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadlight.agreement.terms import DEFAULT_GRADES, parse
from leadlight.core.errors import AgreementError

SIGNED = """
[conversion]
stage = "sql"
within_days = 90
base_rate = 0.09
[capacity]
leads_per_week = 120
[grades]
A = 80
B = 55
C = 30
[segments]
by = ["source", "country"]
[[scorecard]]
name = "asked for a demo"
when = { activity = "demo_request", within_days = 30 }
points = 25
[[scorecard]]
when = { attribute = "employees", at_least = 200 }
points = 10
[[scorecard]]
when = { attribute = "source", any_of = ["referral", "webinar"] }
points = 8
[[scorecard]]
when = { stage = "mql" }
points = -3.5
"""


def rules_of(text):
    with pytest.raises(AgreementError) as caught:
        parse(text)
    return {problem.rule for problem in caught.value.problems}


def test_what_was_signed_is_what_is_read():
    terms = parse(SIGNED)
    assert (terms.stage, terms.within_days, terms.base_rate, terms.leads_per_week) == ("sql", 90.0, 0.09, 120)
    assert terms.grades == {"A": 80.0, "B": 55.0, "C": 30.0}
    assert terms.segments == ("source", "country")
    assert terms.defaults == ()
    assert [(rule.name, rule.points) for rule in terms.rules] == [
        ("asked for a demo", 25.0),
        ("rule_2", 10.0),
        ("rule_3", 8.0),
        ("rule_4", -3.5),
    ]
    assert terms.rules[0].when.within_days == 30
    assert terms.rules[2].when.any_of == ("referral", "webinar")
    assert terms.rules[3].when.any_of == ("mql",)


def test_an_empty_agreement_gives_defaults_and_names_each():
    terms = parse("")
    assert (terms.stage, terms.within_days, terms.leads_per_week) == ("customer", 90.0, None)
    assert terms.segments == ()
    assert terms.grades == DEFAULT_GRADES
    assert len(terms.defaults) == 6


def test_the_version_follows_the_terms_not_the_spelling():
    respelt = "# signed in spring\n" + SIGNED.replace("within_days = 90\n", "within_days = 90.0\n")
    assert parse(respelt).version == parse(SIGNED).version
    assert parse(SIGNED.replace("points = 25", "points = 26")).version != parse(SIGNED).version
    assert parse(SIGNED.replace(', "country"', "")).version != parse(SIGNED).version


@given(st.integers(0, 100))
def test_every_score_has_the_grade_of_its_bracket(score):
    terms = parse(SIGNED)
    expected = "A" if score >= 80 else "B" if score >= 55 else "C" if score >= 30 else "D"
    assert terms.grade(score) == expected


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("[conversion", "not_toml"),
        ("[convertion]\nstage = 'sql'", "unknown_key"),
        ("[conversion]\nwithin = 90", "unknown_key"),
        ("conversion = 3", "not_a_table"),
        ("[conversion]\nwithin_days = 0", "out_of_range"),
        ("[conversion]\nwithin_days = 'ninety'", "out_of_range"),
        ("[conversion]\nbase_rate = 1.5", "out_of_range"),
        ("[conversion]\nstage = ''", "not_a_word"),
        ("[grades]\nA = 20\nB = 55", "grades_order"),
        ("[grades]\nA = nan", "not_a_number"),
        ("segments = ['source']", "not_a_table"),
        ("[segments]\non = ['source']", "unknown_key"),
        ("[segments]\nby = 'source'", "not_a_list"),
        ("[segments]\nby = [3]", "not_a_list"),
        ("[segments]\nby = ['']", "not_a_list"),
        ("[segments]\nby = ['source', 'country', 'source']", "same_name"),
        ("scorecard = 'many'", "not_a_list"),
        ("[[scorecard]]\npoints = 3", "no_condition"),
        ("[[scorecard]]\nwhen = { activity = 'call' }", "no_points"),
        ("[[scorecard]]\nwhen = { activity = 'call' }\npoints = nan", "no_points"),
        ("[[scorecard]]\nwhen = { activity = 'call', attribute = 'x' }\npoints = 3", "one_subject"),
        ("[[scorecard]]\nwhen = { activity = 'call', within = 3 }\npoints = 3", "unknown_key"),
        ("[[scorecard]]\nwhen = { activity = 'call', within_days = -3 }\npoints = 3", "not_a_number"),
        ("[[scorecard]]\nwhen = { attribute = 'x' }\npoints = 3", "asks_nothing"),
        ("[[scorecard]]\nwhen = { attribute = 'x', any_of = 'y' }\npoints = 3", "not_a_list"),
        (SIGNED + "[[scorecard]]\nname = 'rule_2'\nwhen = { stage = 'sal' }\npoints = 1", "same_name"),
    ],
)
def test_what_cannot_be_followed_is_refused_by_name(text, rule):
    assert rule in rules_of(text)


def test_all_problems_are_listed_at_once():
    text = "[conversion]\nwithin_days = 0\nbase_rate = 2\n[oops]\nx = 1\n[segments]\nby = 3\n[[scorecard]]\npoints = 3"
    with pytest.raises(AgreementError, match="has 5 problems") as caught:
        parse(text)
    assert len(caught.value.problems) == 5


@given(st.text(max_size=200))
def test_no_text_ends_in_anything_but_terms_or_a_named_refusal(text):
    with contextlib.suppress(AgreementError):
        assert parse(text).stage
