import pytest

from leadlight.agreement.terms import parse
from leadlight.agreement.wording import in_words, named


@pytest.mark.parametrize(
    ("when", "says"),
    [
        ('activity = "demo_request", within_days = 30', "demo_request in the last 30 days"),
        ('activity = "web_visit", within_days = 7, at_least = 3', "web_visit at least 3 times in the last 7 days"),
        ('activity = "call", at_most = 0', "call at most 0 times"),
        ('attribute = "employees", at_least = 200, at_most = 500', "employees at least 200 at most 500"),
        ('attribute = "source", any_of = ["web", "fair"]', "source is web or fair"),
        ('attribute = "title", known = false', "title is not known"),
        ('stage = ["sal", "sql"]', "stage is sal or sql"),
    ],
)
def test_a_condition_reads_as_a_sentence_would(when, says):
    (rule,) = parse(f"[[scorecard]]\nwhen = {{ {when} }}\npoints = 1").rules
    assert in_words(rule.when) == says
    assert named([rule]) == {"rule_1": says}


def test_a_name_that_was_given_stays():
    rules = parse(
        '[[scorecard]]\nname = "VP title"\nwhen = { attribute = "title", known = true }\npoints = 1\n'
        '[[scorecard]]\nwhen = { attribute = "title", known = false }\npoints = 1'
    ).rules
    assert dict(named(rules)) == {"VP title": "VP title", "rule_2": "title is not known"}
