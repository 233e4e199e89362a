"""The gate: what it compares on, what it lets pass, what it refuses, and when it says "not yet"."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from companies import as_it_was, recipe, simulated, told, upside_down
from histories import history as history_of
from leadlight.agreement.terms import parse
from leadlight.core.catalog import Feature
from leadlight.core.clock import DAY
from leadlight.core.errors import UsageError
from leadlight.core.history import FlatOutcome
from leadlight.training.bootstrap import Accounts
from leadlight.training.gate.checks import POOLED, Pair, judge_segments, not_worse
from leadlight.training.gate.decide import decide, first_model
from leadlight.training.gate.moments import ENOUGH, known_by
from leadlight.training.gate.registry import standing
from leadlight.training.moments import Moments, by_lead_id
from leadlight.training.recipe import last_day, taught_as_of

LOGISTIC, CARD = recipe("logistic"), recipe("scorecard")
AGO = 240


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    return simulated(tmp_path_factory.mktemp("company"), leads=1400)


@pytest.fixture(scope="module")
def cut(company):
    return last_day(company[0]) - AGO * DAY


@pytest.fixture(scope="module")
def champion(company, cut):
    """A champion that was really taught then, from what an export of that day held."""
    history, agreement = company
    return told(taught_as_of(as_it_was(history, cut), agreement, LOGISTIC, as_of=cut), LOGISTIC, cut)


@pytest.fixture(scope="module")
def known(company):
    history, agreement = company
    return known_by(by_lead_id(history), agreement, last_day(history))


def challenger(champion, made, history):
    """A model as the gate looks at it: not at its weights, for they know the moments to compare on."""
    return told(champion, made, last_day(history))


def judged(company, champion, other, **given):
    given = {"used_until": None, "seed": 0, "champion_version": 1, **given}
    return decide(*company, champion=champion, challenger=other, **given)


def test_the_same_recipe_taught_again_passes(company, champion, cut):
    found = judged(company, champion, challenger(champion, LOGISTIC, company[0]))
    assert found.word == "pass", found.reasons
    assert found.champion_version == 1
    assert found.checks["ranking"]["gain"]["value"] == pytest.approx(0.0, abs=0.01)
    assert found.checks["compared_on"]["conversions"] >= ENOUGH
    assert cut < found.used_until < last_day(company[0]) - 90 * DAY
    assert found.checks["taught_until"] == found.reasons[0][-11:-1]
    page = found.markdown()
    assert page.startswith("# The gate: passed")
    assert all(reason in page for reason in found.reasons)
    json.dumps(found.to_dict(), allow_nan=False)


def test_a_worse_recipe_is_refused_with_figures_whatever_the_order_of_rows_and_what_came_later(company, champion):
    history, agreement = company
    worse = challenger(champion, CARD, history)
    day = last_day(history) - 14 * DAY
    found = judged(company, champion, worse, as_of=day)
    assert found.word == "refuse"
    assert found.reasons[1].startswith("Ranking: area under the ROC curve 0.")
    assert "beyond the limit of 0.01 worse" in found.reasons[1]
    assert not found.checks["ranking"]["passed"]
    again = upside_down(replace(history, stage_changes=known_then(history.stage_changes, day)))
    assert judged((again, agreement), champion, worse, as_of=day).to_dict() == found.to_dict()


def known_then(table, day):
    return table[table["recorded_at"] < pd.Timestamp(day, unit="us", tz="UTC")].reset_index(drop=True)


def test_too_few_new_conversions_are_not_yet_enough_and_it_says_when(company, champion, known, cut):
    history = company[0]
    until = int(known.mature.when.max()) - 14 * DAY
    found = judged(company, champion, challenger(champion, LOGISTIC, history), used_until=until)
    assert found.word == "not_yet"
    assert found.used_until is None  # nothing was looked at
    n = known.after(cut, until).conversions
    assert f"{n} new leads converted" in found.reasons[0]
    assert "50 are needed" in found.reasons[0]
    assert pd.Timestamp(found.reasons[0][-11:-1], tz="UTC") > history.ended_at


def test_the_day_that_is_foreseen_is_about_the_day_that_comes(company, cut):
    history, agreement = company
    table = by_lead_id(history)
    horizon = known_by(table, agreement, last_day(history)).gap
    days = range(cut + horizon, last_day(history), 7 * DAY)
    came = next(d for d in days if known_by(table, agreement, d).after(cut, None).conversions >= ENOUGH)
    for before in (45, 100):
        foreseen = known_by(table, agreement, came - before * DAY).enough_by(cut, None)
        assert abs(foreseen - came) < 45 * DAY


@pytest.mark.parametrize("after_cut", [0, 30, 90])
def test_what_is_compared_on_is_later_known_and_counted_once(known, cut, after_cut):
    until = cut + after_cut * DAY
    found = known.after(cut, until)
    assert (found.moments.when > until).all()
    assert (found.moments.when + known.gap <= known.day).all()
    pairs = zip(known.mature.lead.tolist(), known.mature.when.tolist(), known.mature.converted.tolist(), strict=True)
    before, later = set(), set()
    for lead, when, converted in pairs:
        if converted:
            (later if when > until else before).add(lead)
    assert found.conversions == len(later - before)
    assert known.after(cut, until - 1).conversions >= known.after(cut, until + 1).conversions


def test_a_challenger_that_could_not_be_taught_by_then_is_taught_as_late_as_leaves_enough(company, champion):
    history, agreement = company
    start = pd.Timestamp(history.leads["created_at"].min())
    early = int((start - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(microseconds=1)) + 30 * DAY
    points = told(replace(champion, probability_status="points_only"), CARD, early)
    found = judged((history, replace(agreement, segments=())), points, challenger(champion, CARD, history))
    assert found.word in {"pass", "refuse"}
    assert found.checks["taught_until"] > str(start.date())
    assert found.checks["new_conversions"] >= ENOUGH


def test_another_goal_is_not_compared_and_another_agreement_is_named(company, champion):
    history, agreement = company
    other = replace(champion, horizon_days=30.0)
    found = judged(company, other, challenger(champion, LOGISTIC, history))
    assert found.word == "refuse"
    assert "can't compare" in found.reasons[0]
    assert "--force" in found.reasons[0]
    assert found.used_until is None
    with pytest.raises(UsageError, match="Name the agreement"):
        judged((history, replace(agreement, within_days=30.0)), champion, challenger(champion, LOGISTIC, history))


def test_a_first_model_stands_on_its_own_verdict(company, champion):
    assert judged(company, None, champion).word == "pass"
    assert "signal on its test part" in first_model(champion).reasons[0]
    weak = told(champion, LOGISTIC, 0, word="no_signal")
    assert first_model(weak).word == "refuse"
    assert first_model(replace(weak, probability_status="points_only")).word == "pass"


def test_not_yet_takes_no_earlier_decision_back():
    said = [{"word": word, "champion_version": version} for word, version in CASES]
    assert standing(said, 1)["word"] == "refuse"
    assert standing(said, 2)["word"] == "not_yet"
    assert standing(said[:2], 1)["word"] == "pass"
    assert standing(said, None) is None


CASES = [("pass", 1), ("not_yet", 1), ("refuse", 1), ("not_yet", 2), ("not_yet", 1)]


# Segments and measures, on what two models might say.

N, ACCOUNTS, DRAWS = 6000, 1000, 400


def moments(seed, truth):
    rng = np.random.default_rng(seed)
    lead = np.arange(N)
    converted = rng.random(N) < 1 / (1 + np.exp(-truth))
    no = np.zeros(N, bool)
    return Moments(lead, lead, lead, converted, ~no, no, rng.integers(0, ACCOUNTS, N))


def pair(seed, champion, other, truth):
    drawn = moments(seed, truth)
    return Pair(drawn, champion, other, Accounts.draw(drawn.owner, seed, DRAWS))


def world(seed=0):
    """Log-odds as they are, and six segments: one in three, one in three, then ever smaller ones."""
    rng = np.random.default_rng(seed)
    truth = -2.0 + 1.2 * rng.normal(size=N)
    share = rng.random(N)
    edges = [0.0, 0.35, 0.7, 0.92, 0.96, 0.98, 1.0]
    masks = {f"s{i}": (share >= a) & (share < b) for i, (a, b) in enumerate(pairwise(edges))}
    return rng, truth, masks


def test_the_segment_that_is_harmed_is_found_and_no_other():
    rng, truth, masks = world()
    noisy = np.where(masks["s1"], -2.0 + 0.6 * (truth + 2.0) + 0.8 * rng.normal(size=N), truth)
    found = judge_segments(pair(1, truth, noisy, truth), masks)
    assert [(s.name, s.harms) for s in found.harmed] == [("s1", ("ranking",))]
    high = np.where(masks["s0"], truth + 0.6, truth)
    found = judge_segments(pair(1, truth, high, truth), masks)
    assert [(s.name, s.harms) for s in found.harmed] == [("s0", ("chances",))]


def test_segments_that_are_too_small_are_listed_and_judged_together():
    rng, truth, masks = world()
    small = masks["s3"] | masks["s4"] | masks["s5"]
    blind = np.where(small, -2.0 + 0.4 * rng.normal(size=N), truth)
    found = judge_segments(pair(2, truth, blind, truth), masks)
    assert set(found.too_small) == {"s3", "s4", "s5"}
    assert all(n < ENOUGH for n in found.too_small.values())
    assert [s.name for s in found.harmed] == [POOLED]
    assert [s.name for s in found.judged] == ["s0", "s1", "s2", POOLED]


def test_a_level_that_moved_for_both_is_no_harm_by_the_challenger():
    rng, truth, masks = world()
    off = truth - 0.6  # both expect far fewer than convert
    found = judge_segments(pair(3, off, off + 0.01 * rng.normal(size=N), truth), masks)
    assert all(s.ratio.value > 1.25 for s in found.judged)
    assert not found.harmed


def test_noise_alone_seldom_harms_a_segment_or_fails_the_measures():
    harmed = failed = 0
    for seed in range(12):
        rng, truth, masks = world(seed)
        one, two = (truth + 0.15 * rng.normal(size=N) for _ in range(2))
        both = pair(seed, one, two, truth)
        harmed += bool(judge_segments(both, masks).harmed)
        failed += not all(found.passed for found in not_worse(both))
    assert harmed <= 1
    assert failed <= 1


def test_measures_tell_the_same_the_better_the_worse_and_the_unsure_apart():
    rng, truth, _ = world()
    blurred = truth + 1.0 * rng.normal(size=N)
    same = not_worse(pair(4, truth, truth, truth))
    assert [found.lower for found in same] == [0.0, 0.0]
    better, worse = pair(4, blurred, truth, truth), pair(4, truth, blurred, truth)
    assert all(found.passed and found.lower > 0 for found in not_worse(better))
    assert not any(found.passed for found in not_worse(worse))
    few = better.take(np.arange(300))
    ranking = not_worse(Pair(few.moments, few.champion, few.champion + rng.normal(size=300), few.accounts))[0]
    assert ranking.lower < -0.01


# Flat exports: two recipes on the present export's own split.


def flat(n=900, seed=0, order_by="column", fingerprint="1" * 64):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    won = pd.Series(rng.random(n) < 1 / (1 + np.exp(1 - 2 * x)))
    rows = [{"lead_id": str(i), "x": float(x[i]), "noise": float(rng.normal())} for i in range(n)]
    order = pd.Series(np.arange(n) if order_by != "none" else np.zeros(n, int))
    return replace(history_of(rows, outcome=FlatOutcome(won, order_by, order, "won")), fingerprint=fingerprint)


USELESS = parse('[[scorecard]]\nwhen = { attribute = "noise", at_least = 0 }\npoints = 10\n')


@pytest.fixture(scope="module")
def flat_champion(champion):
    """Only its recipe is asked; the attributes are those of the export."""
    catalog = replace(champion.catalog, features=(), dated=False)
    return told(replace(champion, horizon_days=None, catalog=catalog), LOGISTIC, None)


@pytest.mark.parametrize("order_by", ["column", "none"])
def test_two_recipes_are_compared_on_a_flat_export(flat_champion, order_by):
    table = flat(order_by=order_by)
    one, card = with_attributes(flat_champion, LOGISTIC), with_attributes(flat_champion, CARD)
    assert decide_flat(table, card, one).word == "pass"
    refused = decide_flat(table, one, card)
    assert refused.word == "refuse"
    assert "champion's present weights were not measured" in refused.reasons[0]
    assert refused.used_data == table.fingerprint
    assert refused.used_until is None
    assert refused.at is None


def with_attributes(model, made):
    def feature(name):
        return Feature(name, "attribute_number", 1, {"attribute": name}, "number", "fit", name, name)

    return told(replace(model, catalog=replace(model.catalog, features=(feature("x"), feature("noise")))), made, None)


def decide_flat(table, champion, other, used_data=()):
    return decide(table, USELESS, champion=champion, challenger=other, used_until=None, used_data=used_data, seed=0)


def test_the_same_export_is_looked_at_once_and_a_small_one_not_yet(flat_champion):
    one = with_attributes(flat_champion, LOGISTIC)
    seen = flat()
    again = decide_flat(seen, one, one, used_data={seen.fingerprint})
    assert again.word == "not_yet"
    assert "earlier decision" in again.reasons[0]
    small = decide_flat(flat(200), one, one)
    assert small.word == "not_yet"
    assert "50 are needed" in small.reasons[0]
    assert "leads would have them" in small.reasons[0]
    assert small.used_data is None


@pytest.mark.proof
def test_an_equal_recipe_passes_nearly_always_and_a_useless_card_never(tmp_path):
    """Type I and power over companies: the champion was taught on the export of then, with another seed."""
    passed = refused = 0
    for seed in range(20):
        history, agreement = simulated(tmp_path / str(seed), leads=1400, seed=100 + seed)
        day = last_day(history) - AGO * DAY
        then = as_it_was(history, day)
        model = told(taught_as_of(then, agreement, replace(LOGISTIC, seed=1), as_of=day), LOGISTIC, day)
        given = {"champion": model, "used_until": None, "seed": seed}
        passed += decide(history, agreement, challenger=challenger(model, LOGISTIC, history), **given).word == "pass"
        refused += decide(history, agreement, challenger=challenger(model, CARD, history), **given).word == "refuse"
    assert passed >= 19
    assert refused >= 18
