from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from companies import as_it_was, recipe, simulated, told
from histories import history, micros
from leadlight.agreement.terms import parse
from leadlight.core.history import FlatOutcome
from leadlight.features.build import build
from leadlight.features.timeline import Moments, Timeline
from leadlight.training.holm import holm
from leadlight.training.moments import open_leads, owners
from leadlight.training.recipe import taught_as_of
from leadlight.training.run import train
from leadlight.training.watch.columns import Cut, SameAge
from leadlight.training.watch.drift import drift
from leadlight.training.watch.leads import day_of, new_rows
from leadlight.training.watch.stability import NoChange, Side, compare, no_change, stability_index


def alone(binned, start=0):
    """Leads that each stand for themselves."""
    return Side(np.asarray(binned), start + np.arange(len(binned)))


def drawn(rng, sizes, shares):
    then, now = (rng.choice(len(shares), n, p=shares) for n in sizes)
    return alone(then), alone(now, start=10**6)


# The index, and what it does where nothing changes ------------------------------------------------------------------


@given(st.lists(st.integers(0, 50), min_size=2, max_size=8), st.lists(st.integers(0, 50), min_size=2, max_size=8))
def test_the_index_is_never_negative_and_zero_only_where_the_shares_are_the_same(then, now):
    n = min(len(then), len(now))
    a, b = np.array(then[:n]), np.array(now[:n])
    assert stability_index(a, b) >= 0
    assert stability_index(a, a) == 0
    assert stability_index(a, b) == pytest.approx(float(stability_index(b, a)))


def test_the_index_is_that_of_the_textbook_when_leads_are_many():
    then, now = np.array([0.2, 0.5, 0.3]), np.array([0.25, 0.4, 0.35])
    by_hand = sum((q - p) * np.log(q / p) for p, q in zip(then, now, strict=True))
    assert float(stability_index(then * 1e6, now * 1e6)) == pytest.approx(by_hand, rel=1e-4)


@pytest.mark.parametrize(("leads", "limit"), [(100, 0.21), (1000, 0.022)])
def test_the_limits_are_those_of_ten_bins_against_a_large_reference(leads, limit):
    shares = np.full(10, 0.1)
    then, now = (np.repeat(np.arange(10), n // 10) for n in (200_000, leads))
    found = no_change(alone(then), alone(now, start=10**6)).limit()
    assert found == pytest.approx(limit, rel=0.08)
    assert found == pytest.approx((1 / 200_000 + 1 / leads) * stats.chi2.ppf(0.99, len(shares) - 1), rel=0.05)


def test_the_chi_square_and_drawn_samples_give_the_same_limit_where_both_serve():
    rng = np.random.default_rng(4)
    shares, sizes = np.array([0.4, 0.3, 0.2, 0.1]), (800, 500)
    smooth = no_change(*drawn(rng, sizes, shares))
    assert smooth.drawn is None
    samples = stability_index(*(rng.multinomial(n, shares, 20_000) for n in sizes))
    for at in (0.5, 0.9, 0.99):
        assert smooth.limit(at) == pytest.approx(np.quantile(samples, at), rel=0.12)
    twin = NoChange(smooth.scale, smooth.degrees, smooth.accounts, np.sort(samples))
    for index in np.quantile(samples, (0.5, 0.9, 0.99)):
        assert smooth.chance(index) == pytest.approx(twin.chance(index), rel=0.25)


def test_few_leads_in_a_bin_are_judged_by_drawn_samples():
    then, now = alone([0] * 300 + [1] * 2), alone([0] * 40, start=1000)
    found = compare(then, now)
    assert no_change(then, now).drawn is not None
    assert found.chance > 0.2


@pytest.mark.parametrize("sizes", [(60, 50), (400, 300), (250, 900)])
@pytest.mark.parametrize("shares", [(0.5, 0.3, 0.2), (0.1,) * 10, (0.9, 0.07, 0.03)])
def test_where_nothing_changed_few_indices_exceed_their_limit(sizes, shares):
    rng = np.random.default_rng(7)
    chances = np.array([compare(*drawn(rng, sizes, shares)).chance for _ in range(150)])
    assert (chances < 0.01).sum() <= stats.binom.ppf(0.999, 150, 0.012)
    assert (chances < 0.2).mean() > 0.08  # a test that never speaks would pass the line above


def test_colleagues_who_share_a_trait_widen_the_limit_and_raise_no_alarm():
    rng = np.random.default_rng(3)
    apart, together = [], []
    for _ in range(80):
        account = np.sort(rng.integers(0, 60, 600))
        trait = rng.choice(3, 60, p=(0.5, 0.3, 0.2))[account]
        then, now = account < 30, account >= 30
        sides = [Side(trait[side], account[side]) for side in (then, now)]
        together.append(compare(*sides).chance)
        apart.append(compare(*(alone(s.binned, start=10**6 * i) for i, s in enumerate(sides))).chance)
    assert np.mean(np.array(apart) < 0.01) > 0.3
    assert np.mean(np.array(together) < 0.01) <= 0.05


def test_leads_that_stand_on_both_sides_narrow_the_limit():
    rng = np.random.default_rng(5)
    binned, owner = rng.choice(3, 500), np.arange(500)
    then, now = Side(binned[:450], owner[:450]), Side(binned[50:], owner[50:])
    mostly_the_same = compare(then, now).limit
    strangers = compare(then, Side(now.binned, now.owner + 10**6)).limit
    assert mostly_the_same < 0.3 * strangers
    nobody_moved = compare(then, then)
    assert (nobody_moved.index, nobody_moved.chance) == (0.0, 1.0)


def test_a_real_change_is_seen():
    rng = np.random.default_rng(6)
    then, _ = drawn(rng, (500, 1), (0.5, 0.3, 0.2))
    _, now = drawn(rng, (1, 400), (0.3, 0.3, 0.4))
    assert compare(then, now).chance < 0.01


# Bins -----------------------------------------------------------------------------------------------------------------


@given(
    st.lists(
        st.one_of(st.just(float("nan")), st.integers(-5, 5).map(float), st.floats(-9, 9)), min_size=1, max_size=60
    ),
    st.lists(st.one_of(st.just(float("nan")), st.floats(-20, 20)), min_size=1, max_size=60),
)
@settings(max_examples=60)
def test_bins_of_numbers_come_from_the_reference_and_every_value_has_one(was, are):
    cut = Cut.by_tenths(np.array(was), np.array(are))
    again = Cut.by_tenths(np.array(was), np.array([1e9]))
    assert cut.names == again.names
    assert np.array_equal(cut.then, again.then)
    for values, binned in ((was, cut.then), (are, cut.now)):
        assert ((binned == 0) == np.isnan(values)).all()
        assert binned.max(initial=0) < len(cut.names)
        known = ~np.isnan(values)
        order = np.argsort(np.array(values)[known], kind="stable")
        assert (np.diff(binned[known][order]) >= 0).all()


def test_a_constant_that_moves_either_way_is_noticed():
    was = np.ones(200)
    for value in (0.0, 2.0):
        cut = Cut.by_tenths(was, np.full(150, value))
        assert compare(alone(cut.then), alone(cut.now, start=1000)).chance < 1e-3


def test_leads_of_then_are_weighted_to_the_ages_of_today():
    rng = np.random.default_rng(9)
    then, now = rng.uniform(0, 100, 4000), rng.uniform(0, 200, 4000) ** 1.0
    same = SameAge.of(then, now)
    assert not same.kept[now > 100].any()
    assert np.average(then, weights=same.weight) == pytest.approx(now[same.kept].mean(), rel=0.02)


# On a company ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    """A simulated company by world: its history, and a model that was taught as of an earlier day."""

    @cache
    def of(world, day, leads=900):
        past, terms = simulated(tmp_path_factory.mktemp(world), leads=leads, world=world)
        made = recipe("logistic")
        return past, told(taught_as_of(past, terms, made, as_of=micros(day)), made, micros(day))

    return of


@pytest.fixture(scope="module")
def shifted(company):
    return company("shifted", "2025-04-01")


def end_of(past):
    return micros(past.ended_at)


def test_the_shifted_worlds_drift_is_named_in_the_right_columns(shifted):
    past, model = shifted
    found = drift(past, model, as_of=end_of(past))
    itself = {column.name for column in found.drifted if not column.by_age and column.weight is not None}
    assert "source" in itself
    assert itself <= {"source", "campaign"}
    source = next(column for column in found.columns if column.name == "source")
    assert source.index > source.limit
    assert "more leads with paid_social" in source.text


def test_what_moves_with_the_age_of_the_queue_is_told_apart(shifted):
    past, model = shifted
    found = drift(past, model, as_of=end_of(past))
    by_age = {column.name for column in found.columns if column.by_age}
    assert "age.days" in by_age
    assert found.age is not None
    assert found.age[1] > found.age[0] + 30


def test_on_the_training_day_nothing_has_moved(shifted):
    past, model = shifted
    found = drift(past, model, as_of=day_of(model))
    assert found.leads_then == found.leads_now == len(model.reference)
    assert not found.drifted
    assert {column.index for column in (*found.columns, found.score)} == {0.0}
    assert len(found.notes) == 1  # the history gives the model's own reference again


def test_each_lead_counts_once_and_only_what_was_known_then_counts(shifted):
    past, model = shifted
    now = micros("2025-07-01")
    found = drift(past, model, as_of=now)
    assert found.leads_now == len(open_leads(past, goal_stage="sql", as_of=now))
    less = replace(as_it_was(past, now), ended_at=past.ended_at)
    assert drift(less, model, as_of=now) == found


def test_both_sides_are_of_the_same_weekday(shifted):
    past, model = shifted
    for day in ("2025-06-03", "2025-06-07"):
        note = drift(past, model, as_of=micros(day)).notes[0]
        assert f"{pd.Timestamp(day):%A}" in note


def test_a_field_that_is_no_longer_filled_is_said_in_plain_words(shifted):
    past, model = shifted
    late = past.leads["created_at"] >= pd.Timestamp("2025-04-01", tz="UTC")
    gone = replace(past, leads=past.leads.assign(country=past.leads["country"].mask(late)))
    country = next(c for c in drift(gone, model, as_of=end_of(past)).columns if c.name == "country")
    assert country.drifted
    assert "of today's open leads have none" in country.text
    assert country.bins[0].name == "(not known)"
    assert country.bins[0].now > country.bins[0].then + 0.2


def test_a_rewritten_history_is_noticed(shifted):
    past, model = shifted
    other = replace(past, leads=past.leads.assign(source="webinar"))
    found = drift(other, model, as_of=end_of(past))
    assert any("rewritten" in note for note in found.notes)
    assert found.score is not None
    fewer = past.__class__(
        **{**past.__dict__, "leads": past.leads[past.leads["created_at"] >= "2025-05-01"].reset_index()}
    )
    only_scores = drift(fewer, model, as_of=end_of(past))
    assert only_scores.columns == ()
    assert any("only scores are compared" in note for note in only_scores.notes)


def flat(n, order_by="column", shift=0.0, taught=600):
    rng = np.random.default_rng(2)
    x = rng.normal(size=n) + np.where(np.arange(n) >= taught, shift, 0.0)
    won = pd.Series(rng.random(n) < 1 / (1 + np.exp(1 - 2 * x)))
    rows = [{"lead_id": f"{i:05d}", "x": float(x[i]), "word": "abc"[i % 3]} for i in range(n)]
    order = pd.Series(np.arange(n) if order_by != "none" else np.zeros(n, int))
    return history(rows, outcome=FlatOutcome(won, order_by, order, "won"))


@pytest.fixture(scope="module")
def of_flat():
    return train(flat(600), parse("")).model


def test_a_flat_exports_newer_rows_are_held_against_those_that_taught(of_flat):
    assert new_rows(flat(900), of_flat).sum() == 300
    moved = drift(flat(900, shift=1.0), of_flat, as_of=None)
    assert (moved.leads_then, moved.leads_now) == (600, 300)
    assert [column.name for column in moved.drifted] == ["x", "score"]
    same = drift(flat(900), of_flat, as_of=None)
    assert not same.drifted
    assert same.age is None


def test_without_an_order_or_with_rows_missing_only_scores_are_compared(of_flat):
    for export in (flat(900, order_by="none", shift=1.0), history_without_the_first(flat(900, shift=1.0))):
        assert new_rows(export, of_flat) is None
        found = drift(export, of_flat, as_of=None)
        assert found.columns == ()
        assert found.score.drifted
        assert "can't be told" in found.notes[0]


def history_without_the_first(past):
    converted, order = (part[1:].reset_index(drop=True) for part in (past.outcome.converted, past.outcome.order))
    outcome = replace(past.outcome, converted=converted, order=order)
    return replace(past, leads=past.leads[1:].reset_index(drop=True), outcome=outcome)


def test_no_new_row_is_said(of_flat):
    found = drift(flat(600), of_flat, as_of=None)
    assert (found.leads_now, found.columns, found.score) == (0, (), None)


@pytest.mark.proof
@pytest.mark.parametrize("share", [1.0, 0.25])
def test_of_a_hundred_splits_by_account_at_most_five_name_any_column(company, share):
    past, model = company("plain", "2025-07-01", 1500)
    at = end_of(past)
    rows = open_leads(past, goal_stage="sql", as_of=at)
    matrix = build(
        model.catalog, Timeline.from_history(past, model.catalog.vocabulary), Moments(rows, np.full(len(rows), at))
    )
    owner = owners(past.leads)[0][rows]
    alarms = 0
    for seed in range(100):
        place = np.random.default_rng(seed).random(owner.max() + 1)[owner]
        then, now = place < 0.4 * share, (place >= 0.4 * share) & (place < share)
        chances = []
        for number in model.catalog.inputs:
            cut = Cut.of(model.catalog.features[number], matrix[then, number], matrix[now, number])
            chances.append(compare(Side(cut.then, owner[then]), Side(cut.now, owner[now])).chance)
        alarms += min(holm(chances)) <= 0.01
    assert alarms <= 5
