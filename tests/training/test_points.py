"""The line through the hand-picked points: its prior, and where it stands before anything has converted."""

import numpy as np
import pandas as pd
import pytest

from leadlight.agreement.terms import parse as agreed
from leadlight.core.catalog import Catalog, Feature, Topic, Vocabulary
from leadlight.core.mapping import parse
from leadlight.core.source import history_from_tables
from leadlight.training.points import fit
from leadlight.training.run import train

POINTS = {"card.one": 20.0, "card.two": -5.0}
CATALOG = Catalog(
    tuple(Feature(n, "attribute_number", 1, {}, "number", "fit", n, n, card=True) for n in POINTS),
    {n: Topic(n, "fit", {"en": n, "es": n}, (), n) for n in POINTS},
    Vocabulary(),
    False,
    "sql",
)
AGREEMENT = agreed(
    """
[conversion]
stage = "sql"
within_days = 30
base_rate = 0.09
[[scorecard]]
when = { activity = "demo_request", within_days = 30 }
points = 25
"""
)


def moments(n=400, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.random((n, 2)) < [0.2, 0.5]).astype(float)


def chances(line, matrix):
    return 1 / (1 + np.exp(-line.raw(matrix)))


@pytest.mark.parametrize("rate", [0.01, 0.09, 0.3, 0.7])
def test_before_anything_is_known_the_mean_chance_is_what_both_teams_expect(rate):
    matrix, nothing = moments(), np.zeros(400)
    line = fit(CATALOG, POINTS, matrix, nothing > 0, np.ones(400), rate, outcome_weight=nothing)
    assert chances(line, matrix).mean() == pytest.approx(rate, rel=1e-6)
    more = chances(line, np.array([[0.0, 1.0], [0.0, 0.0], [1.0, 1.0], [1.0, 0.0]]))
    assert (np.diff(more) > 0).all()


def test_moments_whose_outcome_is_not_known_do_not_move_the_level():
    matrix, rng = moments(2_000), np.random.default_rng(1)
    known = np.arange(2_000) < 500
    converted = known & (rng.random(2_000) < 0.2)
    alone = fit(CATALOG, POINTS, matrix[known], converted[known], np.ones(500))
    both = fit(CATALOG, POINTS, matrix, converted, np.ones(2_000), outcome_weight=known.astype(float))
    assert chances(both, matrix[known]).mean() == pytest.approx(chances(alone, matrix[known]).mean(), rel=0.02)
    assert chances(both, matrix[known]).mean() == pytest.approx(converted[known].mean(), rel=0.05)


def test_without_a_declared_rate_and_without_a_conversion_the_level_stays_finite():
    matrix = moments(30)
    line = fit(CATALOG, POINTS, matrix, np.zeros(30, bool), np.ones(30))
    assert 0.0005 < chances(line, matrix).mean() < 0.03


def test_data_outweigh_what_was_declared():
    matrix, rng = moments(4_000), np.random.default_rng(2)
    converted = rng.random(4_000) < 1 / (1 + np.exp(2.0 - 1.5 * matrix[:, 0]))
    line = fit(CATALOG, POINTS, matrix, converted, np.ones(4_000), 0.6)
    assert chances(line, matrix).mean() == pytest.approx(converted.mean(), rel=0.05)


def company(created, changes=()):
    tables = {
        "leads": pd.DataFrame({"lead_id": [f"L{i}" for i in range(len(created))], "created_at": created}),
        "activities": pd.DataFrame({"lead_id": ["L0"], "occurred_at": [created[0]], "type": ["demo_request"]}),
        "stage_changes": pd.DataFrame(
            [("L0", created[0], "new"), *changes], columns=["lead_id", "occurred_at", "stage"]
        ),
    }
    return history_from_tables(tables, mapping=parse(""), now=pd.Timestamp("2026-11-23", tz="UTC"))


@pytest.mark.parametrize("closed", [False, True], ids=["five open", "all closed"])
@pytest.mark.parametrize("day", [None, "2025-01-01"], ids=["today", "before anybody came"])
def test_in_its_first_week_a_company_has_its_points_and_never_a_traceback(closed, day):
    week = [f"2026-11-{d}T09:00:00Z" for d in (17, 18, 18, 19, 20)]
    over = [(f"L{i}", "2026-11-20T10:00:00Z", "disqualified") for i in range(5)] if closed else []
    until = None if day is None else pd.Timestamp(day, tz="UTC")
    run = train(company(week, over), AGREEMENT, as_of=until)
    if until is not None:  # nobody was known by then, so there is nobody to rank
        assert (run.verdict, run.model) == ("cannot_tell", None)
        return
    assert run.verdict == "points_only"
    assert len(run.model.reference) == 5
    assert run.model.probability_status == "points_only"
    rows = np.zeros((2, len(run.model.catalog.columns)))
    rows[1, run.model.catalog.position["card.rule_1"]] = 1.0
    scored = run.model.score(rows)
    assert scored.log_odds[1] > scored.log_odds[0]
    assert 0 < scored.score[0] < scored.score[1] <= 100
