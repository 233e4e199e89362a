from datetime import UTC, datetime

import pandas as pd
import pytest

from leadlight.agreement.fit import goal_problem, meaning, misfits
from leadlight.agreement.terms import parse
from leadlight.core.mapping import parse as parse_mapping
from leadlight.core.source import history_from_tables

NOW = datetime(2025, 1, 1, tzinfo=UTC)
DAY = pd.Timestamp("2024-01-01", tz="UTC")


def history(stages=(), activities=(), outcome=False, **attributes):
    rows = max([2, len(stages), len(activities), *map(len, attributes.values())])
    ids = [f"l{row}" for row in range(rows)]
    leads = pd.DataFrame({"lead_id": ids, "created_at": DAY, **attributes})
    tables = {"leads": leads}
    if stages:
        tables["stage_changes"] = pd.DataFrame({"lead_id": ids[: len(stages)], "occurred_at": DAY, "stage": stages})
    if activities:
        tables["activities"] = pd.DataFrame({"lead_id": ids[: len(activities)], "occurred_at": DAY, "type": activities})
    mapping = parse_mapping('[leads.outcome]\ncolumn = "won"\npositive = [1]' if outcome else "")
    return history_from_tables(tables, now=NOW, mapping=mapping)


def rule(when):
    return parse(f"[[scorecard]]\nwhen = {{ {when} }}\npoints = 5")


@pytest.mark.parametrize(
    ("when", "says"),
    [
        ('activity = "demo_requst"', "did you mean 'demo_request'"),
        ('attribute = "Lead Source", any_of = ["web"]', "did you mean 'lead_source'"),
        ('attribute = "lead_source", any_of = ["Web"]', "'Web'"),
        ('attribute = "lead_source", at_least = 3', "not numbers"),
        ('attribute = "size", any_of = ["big"]', "'big'"),
        ('stage = "mql"', "known: Closed Won, new"),
    ],
)
def test_a_rule_that_can_never_give_points_is_named(when, says):
    data = history(["Closed Won", "new"], ["demo_request"], **{"Lead Source": ["web", "fair"], "size": [10.0, 20.0]})
    (said,) = misfits(rule(when), data)
    assert "rule_1" in said
    assert says in said


@pytest.mark.parametrize(
    "when",
    [
        'activity = "demo_request"',
        'attribute = "lead_source", any_of = ["web", "never"]',
        'attribute = "size", at_least = 3',
        'attribute = "size", any_of = [10]',
        'attribute = "lead_source", known = true',
        'stage = "new"',
    ],
)
def test_a_rule_that_can_is_not(when):
    data = history(["customer", "new"], ["demo_request"], **{"Lead Source": ["web", "fair"], "size": [10.0, 20.0]})
    assert misfits(rule(when), data) == ()


def test_an_attribute_that_was_left_out_says_why():
    data = history(email=["a@b.org", "c@d.org"])
    (said,) = misfits(rule('attribute = "email", known = true'), data)
    assert "personal data" in said


def test_segments_by_an_attribute_that_is_not_there_are_named():
    data = history(**{"Lead Source": ["web", "fair"], "email": ["a@b.org", "c@d.org"]})
    lacking, left_out = misfits(parse('[segments]\nby = ["source", "lead_source", "email"]'), data)
    assert "no segments by 'source'" in lacking
    assert "did you mean 'lead_source'" in lacking
    assert "personal data" in left_out


def test_a_goal_that_never_occurs_names_the_stages_there_are():
    problem = goal_problem(parse('[conversion]\nstage = "won"'), history(["Closed Won", "Closed Lost", "Closed Won"]))
    assert problem is not None
    assert "'won'" in problem.message
    assert "'Closed Won' (2)" in problem.message
    assert '= "won"' in problem.message
    by_default = goal_problem(parse(""), history(["Closed Won"]))
    assert by_default is not None
    assert "'customer'" in by_default.message


def test_a_goal_that_occurs_or_a_later_stage_or_no_stage_at_all_is_no_problem():
    assert goal_problem(parse('[conversion]\nstage = "sql"'), history(["customer"])) is None
    assert goal_problem(parse('[conversion]\nstage = "Closed Won"'), history(["Closed Won"])) is None
    assert goal_problem(parse(""), history()) is None
    assert goal_problem(parse(""), history(won=[1, 0], outcome=True)) is None


def test_a_known_stage_in_other_letters_is_named():
    (said,) = misfits(parse(""), history(["Closed Lost", "customer", "customer"]))
    assert '"Closed Lost" = "closed_lost"' in said


@pytest.mark.parametrize(
    ("stage", "means"),
    [
        ("sql", "the conversion"),
        ("customer", "the conversion"),
        ("mql", "a step on the way"),
        ("nurture", "resting"),
        ("closed_lost", "out of the queue"),
        ("Visit", "a step on the way"),
    ],
)
def test_what_each_stage_means(stage, means):
    assert meaning(stage, "sql") == means


def test_a_usual_goal_that_nobody_has_reached_yet_is_named_with_the_stages_there_are():
    data = history(["new", "mql"])
    assert goal_problem(parse(""), data) is None
    (said,) = misfits(parse(""), data)
    assert "no lead has reached the goal 'customer'" in said
    assert "'mql' (1)" in said
    assert misfits(parse('[conversion]\nstage = "mql"'), data) == ()
