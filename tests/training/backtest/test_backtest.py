"""The backtest: nothing from later teaches, everybody is asked about the same leads, lists count a lead once."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from histories import history, micros
from leadlight.agreement.terms import parse
from leadlight.core.clock import DAY
from leadlight.core.history import FlatOutcome
from leadlight.core.source import read_history
from leadlight.training.backtest.methods import LEADLIGHT, answers
from leadlight.training.backtest.periods import FEWEST, Nothing, plan
from leadlight.training.backtest.replay import backtest, room_for
from leadlight.training.backtest.rival import WAYS, closed_by, sheet
from leadlight.training.backtest.weekly import at_random, pairs_within, replay
from leadlight.training.bootstrap import Accounts, areas
from leadlight.training.features_at import FeaturesAt
from leadlight.training.moments import Moments, by_lead_id
from leadlight.training.simulate import simulate, write

NOW = pd.Timestamp("2026-11-23", tz="UTC")


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    folder = tmp_path_factory.mktemp("company")
    write(simulate(leads=560, seed=5), folder)
    return read_history(folder, now=NOW), parse((folder / "agreement.toml").read_text())


@pytest.fixture(scope="module")
def replayed(company):
    return backtest(*company, months=1)


def test_only_labels_known_on_the_cut_off_day_teach(company):
    planned = plan(by_lead_id(company[0]), company[1], None)
    assert len(planned.periods) >= 2
    for period in planned.periods:
        assert (period.learn.when + period.gap <= period.cut).all()
        assert period.learn.conversions >= FEWEST
        start = pd.Timestamp(period.asked.when.min(), unit="us")
        assert f"{start:%Y-%m}" == period.name
        assert period.asked.when.min() >= period.cut
        assert period.asked.mature.all()
    assert [p.cut for p in planned.periods] == sorted(p.cut for p in planned.periods)


def test_what_became_known_after_the_cut_off_teaches_nothing(company):
    """The same history, cut off on that day at the door, gives the same lessons and the same catalog."""
    whole, terms = by_lead_id(company[0]), company[1]
    period = plan(whole, terms, 1).periods[0]
    day = pd.Timestamp(period.cut, unit="us", tz="UTC")
    then = replace(whole, **{name: _known(getattr(whole, name), day) for name in TABLES}, ended_at=day)
    learned = plan_of_the_day(then, terms, period)
    for name in ("as_of", "converted"):
        assert np.array_equal(getattr(period.learn, name), getattr(learned, name))
    ids, ids_then = (h.leads["lead_id"].to_numpy() for h in (whole, then))
    assert np.array_equal(ids[period.learn.lead], ids_then[learned.lead])
    now, before = (
        FeaturesAt.drawn_up(h, terms, m, np.ones(len(m), bool), period.cut)
        for h, m in ((whole, period.learn), (then, learned))
    )
    assert now.catalog == before.catalog
    assert np.array_equal(now.matrix, before.matrix, equal_nan=True)


TABLES = ("leads", "activities", "stage_changes", "attribute_changes")


def _known(table, day):
    return table[(table["recorded_at"] < day)].reset_index(drop=True)


def plan_of_the_day(then, terms, period):
    from leadlight.training.moments import draw_dated

    drawn = draw_dated(then, goal_stage=terms.stage, within_days=terms.within_days, as_of=period.cut)
    assert drawn.gap == period.gap
    return drawn.moments.take(drawn.moments.mature)


def test_every_method_is_asked_about_the_same_leads_and_the_figures_hang_together(replayed, company):
    found = replayed.found
    methods = found["pooled"]["methods"]
    assert {"scorecard", "logistic", "lightgbm", LEADLIGHT, "odoo", "odoo_our_label", "odoo_stock"} <= set(methods)
    assert "odoo_default" not in methods
    assert any("phone and e-mail" in said for said in found["left_out"])
    assert any("who was worked then" in said for said in found["words"])
    capacity = company[1].leads_per_week
    lists = sum(period["asked"]["lists"] for period in found["periods"])
    for name, mine in found["top"]["methods"].items():
        assert mine["listed"] == pytest.approx(capacity * lists), name
        assert mine["caught"] == pytest.approx(mine["precision"]["value"] * mine["listed"])
        if name in methods:
            assert mine["caught"] == sum(period["methods"][name]["caught"] for period in found["periods"])
    json.dumps(found, allow_nan=False)


def test_a_known_signal_is_found_and_beats_the_lot_and_odoo(replayed):
    """In the simulated company activities tell most, which Odoo can't count."""
    top, against = replayed.found["top"]["methods"], replayed.found["against"]["odoo"]
    assert top[LEADLIGHT]["lift_against_random"]["low"] > 1
    assert against["logistic"]["auc"]["value"] > 0
    assert replayed.found["pooled"]["methods"]["logistic"]["auc"]["low"] > 0.5
    assert replayed.sentence.startswith("With the best")


def test_the_order_of_rows_changes_nothing(company, replayed):
    whole, terms = company
    mixed = replace(
        whole, **{name: getattr(whole, name).sample(frac=1, random_state=1).reset_index(drop=True) for name in TABLES}
    )
    again = backtest(mixed, terms, months=1).found
    assert again | {"seconds": 0} == replayed.found | {"seconds": 0}


def test_capacity_else_a_tenth_decides_how_many_are_listed(company):
    whole, terms = by_lead_id(company[0]), replace(company[1], leads_per_week=None)
    planned = plan(whole, terms, 2)
    counts = np.bincount(planned.weeks)
    room = room_for(planned, terms, None)
    assert room.by_week == pytest.approx(np.full(len(counts), 0.1 * np.median(counts)), abs=0.5)
    assert "No capacity was agreed" in room.note
    assert set(room_for(planned, company[1], None).by_week) == {company[1].leads_per_week}
    assert set(room_for(planned, company[1], 3).by_week) == {3}


def test_odoo_counts_closes_as_known_then_and_reads_the_values_of_that_day(company):
    whole, terms = by_lead_id(company[0]), company[1]
    period = plan(whole, terms, 1).periods[0]
    n, total = len(period.learn), len(period.learn) + len(period.asked)
    both = Moments(*(np.r_[getattr(period.learn, f), getattr(period.asked, f)] for f in Moments.__dataclass_fields__))
    at = FeaturesAt.drawn_up(whole, terms, both, np.arange(total) < n, period.cut)
    drawn = sheet(whole, terms, at, period)
    assert (drawn.known < period.cut).all()
    way = WAYS[0]
    rows, won = drawn.counted(way, period.learn)
    assert 0 < won.sum() < len(won)
    assert rows.min() == total
    employees = next(column for column in drawn.columns if column.name == "employees")
    assert employees.field(way, rows).n_levels <= 10
    source = next(column for column in drawn.columns if column.name == "source")
    assert source.stock == "source"
    assert {c.name for c in drawn.columns if c.stock} == {"source", "country"}


def test_closed_leads_by_hand():
    """Won: reached the goal, as recorded by then. Lost: left the queue. Open, recycled or merged: not counted."""
    leads = [{"lead_id": name, "created_at": "2025-01-01"} for name in ("deal", "gone", "late", "open", "rest", "twin")]
    changes = [
        {"lead_id": "deal", "stage": "customer", "occurred_at": "2025-02-01"},
        {"lead_id": "gone", "stage": "disqualified", "occurred_at": "2025-02-02"},
        {"lead_id": "late", "stage": "customer", "occurred_at": "2025-02-03", "recorded_at": "2025-03-02"},
        {"lead_id": "rest", "stage": "recycled", "occurred_at": "2025-02-04"},
        {"lead_id": "twin", "stage": "merged", "occurred_at": "2025-02-05"},
        {"lead_id": "open", "stage": "customer", "occurred_at": "2025-04-01"},
    ]
    told = history(leads, stage_changes=changes)
    closed = closed_by(told, "customer", micros("2025-03-01"))
    assert told.leads["lead_id"][closed.lead].tolist() == ["deal", "gone"]
    assert closed.won.tolist() == [True, False]
    assert closed.known.tolist() == [micros("2025-02-01"), micros("2025-02-02")]


def flat(n=1500, seed=0, order_by="column"):
    rng = np.random.default_rng(seed)
    source, visits = rng.choice(["web", "fair", "partner"], n), rng.poisson(3, n)
    chance = 1 / (1 + np.exp(-(-2 + 1.5 * (source == "partner") + 0.3 * visits)))
    leads = [{"lead_id": f"L{i:05d}", "source": source[i], "visits": float(visits[i])} for i in range(n)]
    order = pd.Series(np.zeros(n, np.int64) if order_by == "none" else rng.permutation(n))
    outcome = FlatOutcome(pd.Series(rng.random(n) < chance), order_by, order, "won")
    return history(leads, outcome=outcome)


def test_a_flat_export_is_replayed_by_tenths_in_its_order():
    told = flat()
    planned = plan(by_lead_id(told), parse(""), 3)
    assert [period.name for period in planned.periods] == ["tenth 8", "tenth 9", "tenth 10"]
    for period in planned.periods:
        assert period.learn.when.max() < period.asked.when.min()
    found = backtest(told, parse(""), months=3).found
    assert [period["asked"]["leads"] for period in found["periods"]] == [150, 150, 150]
    assert found["pooled"]["methods"]["logistic"]["auc"]["low"] > 0.5
    assert found["top"]["room"] == 15
    assert not [name for name in found["methods"] if name.endswith("_our_label")]
    assert any("neither days nor a horizon" in said for said in found["words"])


def test_where_nothing_tells_leads_apart_no_list_beats_the_lot():
    told = flat(1200, seed=7)
    drawn = pd.Series(np.random.default_rng(107).permutation(told.outcome.converted.to_numpy()))
    found = backtest(replace(told, outcome=replace(told.outcome, converted=drawn)), parse(""), months=4).found
    for name in (LEADLIGHT, "lightgbm", "odoo"):
        assert found["top"]["methods"][name]["lift_against_random"]["low"] < 1, name
        assert found["pooled"]["methods"][name]["auc"]["low"] < 0.5, name


def test_a_tenth_knows_nothing_of_later_ones():
    """Later outcomes turned round change no answer about earlier leads."""
    told = flat(800, seed=1)
    period = plan(told, parse(""), None).periods[2]
    later = told.outcome.order.to_numpy() >= period.cut
    turned = FlatOutcome(told.outcome.converted ^ later, "column", told.outcome.order, "won")
    other = replace(told, outcome=turned)
    again = next(p for p in plan(other, parse(""), None).periods if p.cut == period.cut)
    said, said_again = (answers(h, parse(""), p, 0) for h, p in ((told, period), (other, again)))
    assert said.chosen == said_again.chosen
    for name, mine in said.by.items():
        assert np.array_equal(mine.raw, said_again.by[name].raw), name
        assert np.array_equal(mine.recalibrated, said_again.by[name].recalibrated), name


def test_without_an_order_there_is_nothing_to_replay():
    with pytest.raises(Nothing, match=r"leads.order"):
        backtest(flat(order_by="none"), parse(""))


def test_too_short_a_history_is_refused_and_says_what_it_takes():
    with pytest.raises(Nothing, match=str(FEWEST)):
        backtest(flat(60), parse(""))


def slow_replay(score, lead, week, converted, room, times):
    """Work the best leads of every week, each once; a lead is there several times in a draw."""
    taken, listed, caught = set(), 0.0, 0.0
    for w in sorted(set(week)):
        left = room
        for i in sorted((i for i in range(len(lead)) if week[i] == w), key=lambda i: -score[i]):
            if left <= 0 or lead[i] in taken or times[i] == 0:
                continue
            took = min(left, times[i])
            taken.add(lead[i])
            left, listed, caught = left - took, listed + took, caught + took * converted[i]
    return listed, caught


def queue(n_weeks, n_leads, seed):
    """Return moments of leads open at some weeks, and their weeks."""
    rng = np.random.default_rng(seed)
    week, lead = (part.ravel() for part in np.mgrid[0:n_weeks, 0:n_leads])
    there = rng.random(len(lead)) < 0.7
    week, lead = week[there], lead[there]
    no = np.zeros(len(lead), bool)
    at = week * 7 * DAY
    return Moments(lead, at, at, rng.random(len(lead)) < 0.3, ~no, no, lead // 2), week


@settings(max_examples=25)
@given(st.integers(1, 5), st.integers(1, 12), st.integers(1, 6), st.integers(0, 1000))
def test_lists_are_those_of_the_slow_oracle_in_every_draw(n_weeks, n_leads, room, seed):
    moments, week = queue(n_weeks, n_leads, seed)
    score = np.random.default_rng(seed + 1).permutation(len(moments)).astype(float)
    accounts = Accounts.draw(moments.owner, seed, 5)
    lists = replay(score, moments, week, np.full(n_weeks, float(room)), accounts)
    for d, draw in enumerate(accounts.draws):
        slow = slow_replay(score, moments.lead, week, moments.converted, room, draw[accounts.of])
        assert (lists.listed[d].sum(), lists.caught[d].sum()) == pytest.approx(slow)


def test_lists_by_lot_are_what_many_lots_give_on_average():
    moments, week = queue(4, 60, 3)
    accounts, room = Accounts.draw(moments.owner, 0, 0), np.full(4, 7.0)
    rng = np.random.default_rng(4)
    lots = [replay(rng.random(len(moments)), moments, week, room, accounts).caught[0] for _ in range(800)]
    mean, error = np.mean(lots, axis=0), np.std(lots, axis=0) / np.sqrt(800)
    by_lot = at_random(moments, week, room, accounts)
    assert by_lot.listed[0] == pytest.approx(room)
    assert (np.abs(by_lot.caught[0] - mean) < 4 * error).all()


def test_equal_scores_are_not_listed_in_the_order_of_the_file():
    """A card gives many leads the same points: who is first among them must say nothing about the lead."""
    moments, week = queue(1, 400, 0)
    first_half = replace(moments, converted=moments.lead < 200)
    accounts = Accounts.draw(moments.owner, 0, 0)
    caught = replay(np.zeros(len(moments)), first_half, week, np.array([100.0]), accounts).caught[0, 0]
    assert 35 <= caught <= 65


@given(st.integers(0, 1000))
@settings(max_examples=20)
def test_pairs_within_weeks_give_the_area_in_every_draw(seed):
    moments, week = queue(4, 15, seed)
    score = np.random.default_rng(seed).integers(0, 5, len(moments)).astype(float)
    accounts = Accounts.draw(moments.owner, seed, 20)
    pairs = pairs_within(score, moments.converted, week, 4, accounts)
    expected = areas(score, moments.converted, accounts, block=week)
    with np.errstate(invalid="ignore"):
        assert pairs.good.sum(axis=1) / pairs.all.sum(axis=1) == pytest.approx(expected, nan_ok=True)
