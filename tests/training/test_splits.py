from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadlight.core.clock import DAY
from leadlight.training.moments import Moments
from leadlight.training.splits import (
    embargoed,
    forward_folds,
    grouped_folds,
    hashed_side,
    split_dated,
    split_flat,
)


def company(seed, n_leads=400, weeks=80, rate=0.2, per_account=3):
    """Leads that come at any time, stay for some weeks and sometimes convert at the end."""
    rng = np.random.default_rng(seed)
    lead, when, converted = [], [], []
    for i in range(n_leads):
        start, stay = rng.integers(0, weeks), rng.integers(1, 30)
        won = rng.random() < rate
        for week in range(start, min(start + stay, weeks)):
            lead.append(i)
            when.append(week * 7 * DAY)
            converted.append(won and start + stay - week <= 12)
    lead, when = np.array(lead), np.array(when)
    nothing = np.zeros(len(lead), bool)
    moments = Moments(lead, when, when, np.array(converted), ~nothing, nothing, lead // per_account)
    return moments, [f"account {i}" for i in range(n_leads // per_account + 1)]


GAP = 90 * DAY


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_no_label_of_the_learning_part_was_unknown_when_the_test_part_began(seed):
    moments, names = company(seed)
    split = split_dated(moments, names, GAP)
    assert (moments.when[split.learn] + GAP <= moments.when[split.test].min()).all()
    assert not set(moments.owner[split.learn]) & set(moments.owner[split.test])
    for fold in forward_folds(moments.take(split.learn), names, GAP, by_account=True):
        learn, validate = (moments.take(split.learn).take(rows) for rows in (fold.learn, fold.validate))
        assert (learn.when + GAP <= validate.when.min()).all()
        assert not set(learn.owner) & set(validate.owner)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_the_split_does_not_look_at_outcomes(seed, other):
    moments, names = company(seed)
    shuffled = np.random.default_rng(other).permutation(moments.converted)
    moved = Moments(
        moments.lead, moments.as_of, moments.when, shuffled, moments.mature, moments.late_win, moments.owner
    )
    one, two = split_dated(moments, names, GAP), split_dated(moved, names, GAP)
    if one.cut == two.cut:  # only whether anything can be learned at all may move the cut
        assert (one.learn == two.learn).all()
        assert (one.test == two.test).all()


def test_parts_have_the_base_rate_and_age_mix_of_the_unsplit_history_at_their_times():
    moments, names = company(7, n_leads=6000)
    split = split_dated(moments, names, GAP)
    first = np.full(6000, 2**62)
    np.minimum.at(first, moments.lead, moments.when)
    age = moments.when - first[moments.lead]
    for part, times in ((split.learn, split.deployed_learn), (split.test, split.deployed_test)):
        assert moments.converted[part].mean() == pytest.approx(moments.converted[times].mean(), rel=0.15)
        assert age[part].mean() == pytest.approx(age[times].mean(), rel=0.1)


def test_leads_that_are_still_open_later_are_kept_in_the_learning_part():
    moments, names = company(3)
    split = split_dated(moments, names, GAP)
    measuring = hashed_side(names, moments.owner)
    early = embargoed(moments.when, split.cut, GAP)
    still_open = np.isin(moments.lead, moments.lead[moments.when >= split.cut])
    assert (split.learn == (early & ~measuring)).all()
    assert (split.learn & still_open).any()


def test_a_flat_export_is_cut_by_its_order_not_by_its_rows():
    n = 100
    order = np.random.default_rng(0).permutation(n)
    nothing = np.zeros(n, bool)
    moments = Moments(np.arange(n), order, order, order % 3 == 0, ~nothing, nothing, np.arange(n))
    split = split_flat(moments, [str(i) for i in range(n)], "column")
    assert sorted(order[split.test]) == list(range(70, 100))
    for fold in forward_folds(moments.take(split.learn), [str(i) for i in range(n)], 0, by_account=False):
        learn, validate = (moments.take(split.learn).when[rows] for rows in (fold.learn, fold.validate))
        assert learn.max() < validate.min()


def without_order(n=300, per_account=3, converted=None):
    nothing, owner = np.zeros(n, bool), np.arange(n) // per_account
    converted = np.arange(n) % 2 == 0 if converted is None else converted
    moments = Moments(np.arange(n), owner, nothing.astype(int), converted, ~nothing, nothing, owner)
    return moments, [str(i) for i in range(n // per_account)]


def test_without_an_order_every_account_is_measured_once_by_the_others_and_that_is_called_optimistic():
    moments, names = without_order()
    split = split_flat(moments, names, "none")
    assert split.optimistic
    assert "optimistic" in split.way
    assert split.test.all()
    assert sorted(np.concatenate([fold.validate for fold in split.held_out])) == list(range(300))
    for fold in split.held_out:
        assert not set(moments.owner[fold.learn]) & set(moments.owner[fold.validate])
        inner = grouped_folds(moments.take(fold.learn), names)
        assert len(inner) == 5  # by another hash: else a fifth would be missing there


def test_stretches_without_a_conversion_are_validated_on_like_any_other():
    moments, names = company(5)
    late = moments.when >= np.quantile(moments.when, 0.75)
    quiet = replace(moments, converted=moments.converted & ~late)
    one, two = (forward_folds(m, names, GAP, by_account=True) for m in (moments, quiet))
    assert len(one) == len(two) == 9
    assert [len(fold.validate) for fold in one] == [len(fold.validate) for fold in two]
    assert any(not quiet.converted[fold.validate].any() for fold in two)
    converted = np.zeros(300, bool)
    converted[[0, 100]] = True
    rare, names = without_order(converted=converted)
    assert sorted(np.concatenate([fold.validate for fold in grouped_folds(rare, names)])) == list(range(300))
