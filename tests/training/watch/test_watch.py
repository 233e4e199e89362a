import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from companies import as_it_was, simulated, upside_down
from histories import history, micros
from leadlight.agreement.terms import parse
from leadlight.core.clock import DAY
from leadlight.core.errors import ModelContractError, UsageError
from leadlight.core.history import FlatOutcome
from leadlight.training.bootstrap import Accounts, Interval, areas, interval
from leadlight.training.moments import Moments, draw_dated
from leadlight.training.run import train
from leadlight.training.watch.fresh import ENOUGH_NEW, freshness
from leadlight.training.watch.look import last_moment, watch
from leadlight.training.watch.matured import hold_against, promised_auc

DAY_TAUGHT = pd.Timestamp("2025-05-05", tz="UTC")


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    past, terms = simulated(tmp_path_factory.mktemp("plain"), leads=900)
    trained = train(past, terms, as_of=DAY_TAUGHT)
    assert trained.model is not None, trained.report.verdict.text
    return past, terms, trained.model


@pytest.fixture(scope="module")
def watched(company):
    return watch(*company)


def upto(moment):
    return pd.Timestamp(moment, tz="UTC")


def test_enough_new_conversions_make_it_worth_retraining(company, watched):
    assert watched.fresh.new_conversions >= ENOUGH_NEW
    assert watched.fresh.taught == company[2].facts["final"]["conversions"]
    assert watched.advice == "retrain_now"
    assert any("have matured since" in said for said in watched.because)


def test_what_is_judged_was_predicted_after_the_training_day_and_has_matured(company, watched):
    past, terms, model = company
    now = last_moment(past, None)
    drawn = draw_dated(past, goal_stage=terms.stage, within_days=terms.within_days, as_of=now)
    later = (drawn.moments.as_of >= micros(DAY_TAUGHT)) & (drawn.moments.as_of + drawn.gap <= now)
    assert watched.matured.moments == later.sum() == sum(month.moments for month in watched.matured.months)
    assert watched.matured.conversions == drawn.moments.take(later).conversions
    first, last = watched.matured.months[0].name, watched.matured.months[-1].name
    assert first == "2025-05"
    assert pd.Timestamp(last, tz="UTC") <= past.ended_at - pd.Timedelta(days=90)
    assert watched.matured.promised == promised_auc(model)


def test_soon_after_training_it_is_not_yet_time(company):
    found = watch(*company, as_of=DAY_TAUGHT + pd.Timedelta(days=120))
    assert found.advice == "not_yet"
    assert not found.matured.judged
    assert "can't be judged yet" in found.because[0]
    assert "worth teaching" in found.because[1]


def test_what_became_known_later_changes_nothing(company):
    past, terms, model = company
    when = DAY_TAUGHT + pd.Timedelta(days=150)
    less = replace(as_it_was(past, micros(when)), ended_at=past.ended_at)
    assert watch(less, terms, model, as_of=when) == watch(past, terms, model, as_of=when)


def test_the_order_of_rows_changes_nothing_and_all_of_it_is_json(company, watched):
    past, terms, model = company
    again = watch(upside_down(past), terms, model)
    text = json.dumps(watched.to_dict(), allow_nan=False)
    assert text == json.dumps(again.to_dict(), allow_nan=False)
    told = json.loads(text)
    assert told["advice"] in ("retrain_now", "not_yet")
    assert told["because"]
    assert set(told["drift"]["drifted"]) == {column.name for column in watched.drift.drifted}


def test_drift_alone_is_a_reason_to_look_not_to_retrain(company):
    past, terms, model = company
    when = DAY_TAUGHT + pd.Timedelta(days=100)
    late = past.leads["created_at"] >= DAY_TAUGHT - pd.Timedelta(days=200)
    hidden = replace(past, leads=past.leads.assign(country=past.leads["country"].mask(late)))
    found = watch(hidden, terms, model, as_of=when)
    assert found.advice == "not_yet"
    assert any("Country" in said for said in found.look_at)
    assert not any("Country" in said for said in watch(past, terms, model, as_of=when).look_at)


def test_a_changed_agreement_is_a_reason_and_said_in_words(company):
    past, terms, model = company
    found = watch(past, replace(terms, leads_per_week=7), model, as_of=DAY_TAUGHT + pd.Timedelta(days=30))
    assert found.advice == "retrain_now"
    assert f"the capacity (7 instead of {terms.leads_per_week})" in found.because[0]
    changes = {
        "the grades": {"grades": {"A": 90.0, "B": 50.0, "C": 25.0}},
        "the hand-picked points": {"rules": terms.rules[1:]},
        "the horizon (30.0 instead of 90.0)": {"within_days": 30.0},
        "some of its terms": {"base_rate": 0.5},
    }
    early = draw_dated(past, goal_stage="sql", within_days=90, as_of=micros("2024-02-01"))
    nothing = early.moments.take(np.zeros(0, int))
    for said, change in changes.items():
        other = replace(terms, **change)
        given = {"mature": nothing, "new": nothing.mature, "day": None, "as_of": None, "later": None}
        assert freshness(past, other, model, **given).agreement == (said,)


def test_a_new_source_and_a_new_kind_of_activity_are_named(company):
    past, terms, model = company
    when = DAY_TAUGHT + pd.Timedelta(days=90)
    late = past.leads["created_at"] >= DAY_TAUGHT
    source = past.leads["source"].mask(late & (past.leads.index % 2 == 0), "podcast")
    recent = past.activities["occurred_at"] >= DAY_TAUGHT
    kind = past.activities["type"].mask(recent & (past.activities["type"] == "web_visit"), "app_login")
    other = replace(past, leads=past.leads.assign(source=source), activities=past.activities.assign(type=kind))
    look_at = watch(other, terms, model, as_of=when).look_at
    assert any(said.startswith("Source: 'podcast' appeared") for said in look_at)
    assert any(said.startswith("Activity type: 'app_login' appeared") for said in look_at)
    assert not any("appeared" in said for said in watch(past, terms, model, as_of=when).look_at)


def test_a_day_before_the_model_and_data_of_another_kind_are_refused(company):
    past, terms, model = company
    with pytest.raises(UsageError, match="lies before"):
        watch(past, terms, model, as_of=DAY_TAUGHT - pd.Timedelta(days=1))
    with pytest.raises(ModelContractError, match="flat export"):
        watch(flat(100), terms, model)


def flat(n, flip_from=None):
    rng = np.random.default_rng(2)
    x = rng.normal(size=n)
    towards = np.where(np.arange(n) >= (n if flip_from is None else flip_from), -2.0, 2.0)
    won = pd.Series(rng.random(n) < 1 / (1 + np.exp(1 - towards * x)))
    rows = [{"lead_id": f"{i:05d}", "x": float(x[i])} for i in range(n)]
    return history(rows, outcome=FlatOutcome(won, "column", pd.Series(np.arange(n)), "won"))


@pytest.fixture(scope="module")
def of_flat():
    return train(flat(600), parse("")).model


def test_a_flat_export_is_watched_by_its_later_rows(of_flat):
    found = watch(flat(900), parse(""), of_flat)
    assert (found.as_of, found.matured.moments, [month.name for month in found.matured.months]) == (
        None,
        300,
        ["(no dates)"],
    )
    assert not found.matured.harmed
    turned = watch(flat(900, flip_from=600), parse(""), of_flat)
    assert turned.advice == "retrain_now"
    assert "ranks worse than promised" in turned.because[0]
    nothing = watch(flat(600), parse(""), of_flat)
    assert (nothing.advice, nothing.matured.moments) == ("not_yet", 0)


# The rule behind "harmed", on leads whose chances are known -----------------------------------------------------------


def drawn(rng, leads, noise=0.0, level=0.0, weeks=3):
    """Weekly moments of leads in accounts, with calibrated log-odds, or such with noise or off in level."""
    account = rng.integers(0, leads // 2, leads)
    base = -1.6 + 0.8 * rng.normal(size=leads) + 0.5 * rng.normal(size=leads // 2)[account]
    lead = np.repeat(np.arange(leads), weeks)
    log_odds = base[lead] + 0.3 * rng.normal(size=len(lead))
    won = np.repeat(rng.random(leads), weeks) < 1 / (1 + np.exp(-log_odds))
    at = 1_700_000_000_000_000 + np.tile(np.arange(weeks), leads) * 7 * DAY
    moments = Moments(lead, at, at, won, np.ones(len(lead), bool), np.zeros(len(lead), bool), account[lead])
    return log_odds + level + noise * rng.normal(size=len(lead)), moments


def promise(rng):
    said, moments = drawn(rng, 400)
    return interval(areas(said, moments.converted, Accounts.draw(moments.owner, 0, 200)))


def harmed(seed, **how):
    rng = np.random.default_rng(seed)
    promised = promise(rng)
    said, moments = drawn(rng, 500, **how)
    return bool(hold_against(said, moments, promised, chances_shown=True).harmed)


def test_where_nothing_changed_harm_is_hardly_ever_called():
    assert sum(harmed(seed) for seed in range(40)) <= 2


def test_a_spoilt_ranking_and_chances_that_are_off_are_called():
    assert sum(harmed(seed, noise=2.0) for seed in range(5)) == 5
    assert sum(harmed(seed, level=0.8) for seed in range(5)) == 5


def test_chances_that_nobody_sees_harm_nobody():
    rng = np.random.default_rng(1)
    said, moments = drawn(rng, 500, level=0.8)
    assert not hold_against(said, moments, None, chances_shown=False).harmed


def test_a_ranking_that_no_longer_ranks_is_called_without_a_promise():
    rng = np.random.default_rng(1)
    said, moments = drawn(rng, 500)
    found = hold_against(-said, moments, None, chances_shown=False)
    assert "no longer ranks" in found.harmed[0]


def test_under_fifty_conversions_nothing_is_judged():
    said, moments = drawn(np.random.default_rng(1), 120)
    few = moments.take(np.flatnonzero(~moments.converted | (moments.lead < 60)))
    found = hold_against(said[: len(few)], few, Interval(0.9, 0.89, 0.91), chances_shown=True)
    assert few.conversions < 50
    assert (found.judged, found.harmed) == (False, ())
    assert str(few.conversions) in found.text


@pytest.mark.proof
def test_in_companies_that_go_on_as_before_at_most_one_in_twenty_is_called_harmed(tmp_path):
    """Forty companies that the rules were not tuned on; seeds 0 to 29 were looked at while they were written."""
    found = {}
    for seed in range(100, 140):
        past, terms = simulated(tmp_path / str(seed), leads=1600, seed=seed)
        model = train(past, terms, as_of=upto("2025-05-01")).model
        if model is not None:
            found[seed] = watch(past, terms, model).matured.harmed
    assert len(found) >= 35
    alarms = {seed: said for seed, said in found.items() if said}
    assert round(100 * len(alarms) / len(found)) <= 5, alarms
