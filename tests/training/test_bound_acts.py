"""Trees bound by a lead's own acts, on outcomes that go against them: "never did it" is bound, "not known" is free."""

import numpy as np
import pytest

from histories import history, micros
from leadlight.features.build import build
from leadlight.features.catalog import draw_up
from leadlight.features.timeline import Moments, Timeline
from leadlight.training import boosting

AS_OF = "2025-06-01"
COUNTS = ("count_7d", "count_30d", "count_90d", "decay_14d")
SINCE = "demo_request.days_since"


@pytest.fixture(scope="module")
def company():
    """A catalog and its rows: a third never asked for a demo, of a third the number of employees is not known."""
    rng = np.random.default_rng(0)
    leads = [{"lead_id": f"L{i}", "created_at": "2025-01-01"} for i in range(1500)]
    for lead in leads:
        lead["employees"] = float(rng.integers(1, 500)) if rng.random() < 0.67 else None
    acts = [
        {"lead_id": lead["lead_id"], "type": kind, "occurred_at": micros(AS_OF) - int(86.4e9 * rng.exponential(40))}
        for lead in leads
        for kind in ("demo_request", "web_visit")
        for _ in range(rng.integers(1, 6) if rng.random() < 0.67 else 0)
    ]
    h = history(leads, acts)
    catalog = draw_up(h, rules=(), goal_stage="customer")
    moments = Moments(np.arange(1500), np.full(1500, micros(AS_OF)))
    return catalog, build(catalog, Timeline.from_history(h, catalog.vocabulary), moments)


def grown(company, seed, **settings):
    """Trees that learn from leads who convert the likelier the longer they leave us alone, or the less we know."""
    catalog, matrix = company
    since, employees = (matrix[:, catalog.position[name]] for name in (SINCE, "employees"))
    away = np.where(np.isnan(since), 2.5, np.minimum(since, 90) / 60)
    unknown = np.where(np.isnan(employees), 2.0, employees / 500)
    rng = np.random.default_rng(seed)
    converted = rng.random(len(matrix)) < 1 / (1 + np.exp(2.5 - away - unknown))
    return boosting.fit(catalog, matrix, converted, np.ones(len(matrix)), {"trees": 60, **settings}, seed=seed)


def by_value(company, trees, name, values):
    """The log-odds of every lead as if one column had each of the values; shape (n_values, n_leads)."""
    catalog, matrix = company
    said = []
    for value in values:
        rows = matrix.copy()
        rows[:, catalog.position[name]] = value
        said.append(trees.raw(rows))
    return np.array(said)


MANY = np.linspace(0, 8, 33)
DAYS = np.linspace(0, 200, 81)
ALMOST = 1e-9
"""Sums of many leaves differ in their last bits."""


@pytest.mark.parametrize("seed", range(3))
def test_doing_it_more_often_never_lowers_the_chance(company, seed):
    trees = grown(company, seed)
    for what in COUNTS:
        assert np.diff(by_value(company, trees, f"demo_request.{what}", MANY), axis=0).min() >= -ALMOST, what


@pytest.mark.parametrize("seed", range(3))
def test_having_done_it_longer_ago_never_raises_the_chance(company, seed):
    said = by_value(company, grown(company, seed), SINCE, DAYS)
    assert np.diff(said, axis=0).max() <= ALMOST


@pytest.mark.parametrize("seed", range(3))
def test_never_having_done_it_does_not_beat_having_done_it_just_now(company, seed):
    never, now = by_value(company, grown(company, seed), SINCE, [np.nan, 0.0])
    assert (never - now).max() <= ALMOST


@pytest.mark.parametrize("seed", range(3))
def test_what_is_not_known_may_beat_the_best_value_though_acts_are_bound(company, seed):
    said = by_value(company, grown(company, seed), "employees", [np.nan, *range(1, 500)])
    assert (said[0] > said[1:].max(axis=0)).mean() > 0.95


def test_without_the_bounds_these_outcomes_do_turn_every_one_of_them_round(company):
    free = grown(company, 0, monotone=0)
    assert np.diff(by_value(company, free, SINCE, DAYS), axis=0).max() > 0.1
    never, now = by_value(company, free, SINCE, [np.nan, 0.0])
    assert (never - now).mean() > 0.3
    counts = [by_value(company, free, f"demo_request.{what}", MANY) for what in COUNTS]
    assert min(np.diff(said, axis=0).min() for said in counts) < -0.1


def test_web_visits_are_left_to_the_data(company):
    catalog, matrix = company
    visits = matrix[:, catalog.position["web_visit.count_90d"]]
    converted = np.random.default_rng(0).random(len(visits)) < 1 / (1 + np.exp(visits - 1))
    trees = boosting.fit(catalog, matrix, converted, np.ones(len(visits)), {"trees": 60})
    none, many = by_value(company, trees, "web_visit.count_90d", [0.0, 5.0])
    assert (many - none).mean() < -0.1
