"""Several hand-picked rules on something that is not there: none is given points, and nothing else changes."""

import numpy as np
import pandas as pd
import pytest

from histories import history, micros
from leadlight.agreement.terms import parse
from leadlight.core.history import FlatOutcome
from leadlight.training import points
from leadlight.training.audit.apply import without_leaks
from leadlight.training.audit.auditor import audit
from leadlight.training.features_at import FeaturesAt, points_of
from leadlight.training.moments import draw_dated, draw_flat
from leadlight.training.run import train

NOW = pd.Timestamp("2026-01-01", tz="UTC")
KNOWN = {"x": "creation", "status": "exported"}

A_FIELD = ('attribute = "nope", known = true', 'attribute = "nope", any_of = ["a"]')
A_LEAK = ('attribute = "status", any_of = ["deal"]', 'attribute = "status", known = true')
AN_ACTIVITY = ('activity = "demo", within_days = 30', 'activity = "demo", at_least = 2')


def card(*conditions):
    """An agreement whose first rule is about a number that is there; the others ask what is given."""
    rules = ['attribute = "x", at_least = 0.5', *conditions]
    return parse("".join(f"[[scorecard]]\nwhen = {{ {when} }}\npoints = {5 + i}\n" for i, when in enumerate(rules)))


def leads(n=400):
    """A number that says something of the outcome, and a field that is the outcome."""
    rng = np.random.default_rng(0)
    won = rng.random(n) < 0.3
    x = rng.normal(size=n) + 1.5 * won
    return won, [{"lead_id": f"L{i:04d}", "x": float(x[i]), "status": "deal" if won[i] else "none"} for i in range(n)]


def flat():
    won, rows = leads()
    outcome = FlatOutcome(pd.Series(won), "file", pd.Series(np.arange(len(won))), "won")
    return history(rows, outcome=outcome, known=KNOWN)


def dated():
    won, rows = leads()
    day = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(np.arange(len(won)), unit="D")
    rows = [{**row, "created_at": created} for row, created in zip(rows, day, strict=True)]
    reached = [(row, row["created_at"] + pd.Timedelta(days=20)) for row, yes in zip(rows, won, strict=True) if yes]
    steps = [{"lead_id": row["lead_id"], "stage": "customer", "occurred_at": when} for row, when in reached]
    acts = [{"lead_id": row["lead_id"], "type": "web_visit", "occurred_at": row["created_at"]} for row in rows]
    return history(rows, acts, steps, known=KNOWN, ended_at=NOW)


def drawn_up(h, agreement):
    """The columns where the agreement is learned from, after the leak audit as in training, and each moment's x."""
    found = audit(h, agreement, as_of=None if h.is_flat else micros(NOW))
    drawn = draw_flat(h) if h.is_flat else draw_dated(h, goal_stage="customer", within_days=90, as_of=micros(NOW))
    moments = drawn.moments.take(drawn.moments.mature)
    at = FeaturesAt.drawn_up(without_leaks(h, found), agreement, moments, np.ones(len(moments), bool), None)
    return at, h.leads["x"].to_numpy()[moments.lead]


@pytest.mark.parametrize("made", [flat, dated])
@pytest.mark.parametrize("absent", [A_FIELD, A_LEAK, AN_ACTIVITY], ids=["a field", "a leak", "an activity"])
def test_no_points_are_given_for_what_is_not_there_however_many_rules_ask_for_it(absent, made):
    agreement = card(*absent, absent[0])
    at, x = drawn_up(made(), agreement)
    assert "status" not in at.catalog.vocabulary.attributes
    total = points.total(at.catalog, points_of(agreement), at.matrix)
    assert total.tolist() == (5.0 * (x >= 0.5)).tolist()
    assert ("card.rule_3" in at.catalog.left_out) == (made is flat or absent is not AN_ACTIVITY)


def test_an_activity_that_nobody_did_is_judged_where_activities_are_known_at_all():
    agreement = card('activity = "demo", at_most = 0', 'activity = "demo", within_days = 7, at_most = 0')
    (seen, x), (unseen, _) = drawn_up(dated(), agreement), drawn_up(flat(), agreement)
    assert points.total(seen.catalog, points_of(agreement), seen.matrix).tolist() == (13 + 5.0 * (x >= 0.5)).tolist()
    assert points.total(unseen.catalog, points_of(agreement), unseen.matrix).max() == 5


def test_training_goes_on_as_if_such_rules_did_not_stand_on_the_card():
    with_them, without = train(flat(), card(*A_FIELD, *A_LEAK, *AN_ACTIVITY)), train(flat(), card())
    assert {f"card.rule_{i}" for i in range(2, 8)} <= set(with_them.model.catalog.left_out)
    assert "card.rule_1" not in with_them.model.catalog.left_out
    assert with_them.verdict == without.verdict == "signal"
    assert list(with_them.looked_at) == list(without.looked_at)
    for kind in ("scorecard", "logistic", "lightgbm"):
        assert with_them.looked_at[kind].to_numpy() == pytest.approx(without.looked_at[kind].to_numpy(), abs=1e-9)
