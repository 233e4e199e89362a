import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from leadlight.training.bootstrap import Accounts, areas, interval, precision_at, rank_measures


def sample(seed, n=200, ties=True, accounts=40):
    rng = np.random.default_rng(seed)
    score = rng.integers(0, 12, n).astype(float) if ties else rng.normal(size=n)
    converted = rng.random(n) < 0.3
    converted[:2] = [True, False]
    return score, converted, rng.integers(0, accounts, n)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_every_draw_agrees_with_scikit_learn_on_the_repeated_rows(seed):
    score, converted, owner = sample(seed)
    accounts = Accounts.draw(owner, seed, 5)
    found = rank_measures(score, converted, accounts)
    for draw, measures in zip(accounts.draws, found, strict=True):
        times = draw[accounts.of]
        assert measures[0] == pytest.approx(roc_auc_score(converted, score, sample_weight=times))
        assert measures[1] == pytest.approx(average_precision_score(converted, score, sample_weight=times))


def test_shares_of_conversions_among_the_best_by_hand():
    score = np.arange(10.0)[::-1]
    converted = np.array([1, 0, 1, 0, 0, 0, 0, 0, 0, 1], bool)
    found = rank_measures(score, converted, Accounts.draw(np.arange(10), 0, 2))[0]
    assert found[2:] == pytest.approx([1 / 3, 1 / 3])
    tied = rank_measures(np.zeros(10), converted, Accounts.draw(np.arange(10), 0, 2))[0]
    assert tied[2:] == pytest.approx([0.1, 0.2])  # a list without an order finds what chance finds


def test_blocks_are_not_compared_with_each_other():
    score, converted, owner = sample(1, ties=False)
    block = np.repeat([0, 1], 100)
    shifted = score + 100 * block  # a level that only the block has must not count
    accounts = Accounts.draw(owner, 0, 2)
    found = areas(shifted, converted, accounts, block=block)[0]
    pairs = [converted[block == b].sum() * (~converted[block == b]).sum() for b in (0, 1)]
    alone = [roc_auc_score(converted[block == b], score[block == b]) for b in (0, 1)]
    assert found == pytest.approx(np.average(alone, weights=pairs))


def test_points_that_add_up_to_the_same_tie_whatever_the_last_bit_of_their_sum():
    added = np.array([0.1 + 0.2, 0.3, 0.1, 0.9 - 0.6])
    assert len(set(added)) > 2
    converted = np.array([True, False, False, False])
    accounts = Accounts.draw(np.arange(4), 0)
    assert areas(added, converted, accounts)[0] == pytest.approx((0.5 + 1 + 0.5) / 3)
    alone = precision_at(added, converted, np.zeros(4, np.int64), np.array([3.0]), accounts)
    assert alone[0] == pytest.approx(1 / 3)
    assert rank_measures(added, converted, accounts)[0, 0] == areas(added, converted, accounts)[0]


def test_weights_count_as_often_as_they_say():
    score, converted, owner = sample(2)
    weight = np.random.default_rng(2).random(200)
    accounts = Accounts.draw(owner, 0, 3)
    for draw, found in zip(accounts.draws, areas(score, converted, accounts, weight=weight), strict=True):
        assert found == pytest.approx(roc_auc_score(converted, score, sample_weight=weight * draw[accounts.of]))


def test_precision_at_capacity_takes_the_best_of_every_week():
    score = np.array([3.0, 2, 1, 9, 8, 7])
    converted = np.array([0, 1, 1, 1, 0, 0], bool)
    cut = np.array([0, 0, 0, 1, 1, 1])
    found = precision_at(score, converted, cut, np.array([2.0, 1.0]), Accounts.draw(np.arange(6), 0, 3))
    assert found[0] == pytest.approx(2 / 3)


def test_accounts_are_drawn_whole_and_the_first_row_is_the_sample_itself():
    owner = np.array([7, 7, 7, 9, 11])
    accounts = Accounts.draw(owner, 3, 50)
    assert accounts.draws.shape == (51, 3)
    assert (accounts.draws[0] == 1).all()
    assert (accounts.draws.sum(axis=1) == 3).all()
    assert len(set(accounts.of[:3].tolist())) == 1


def test_the_interval_is_as_wide_as_theory_says_for_independent_leads():
    rng = np.random.default_rng(0)
    converted = rng.random(4000) < 0.3
    score = rng.normal(size=4000) + converted
    accounts = Accounts.draw(np.arange(4000), 0, 400)
    found = interval(rank_measures(score, converted, accounts)[:, 0])
    area, n1, n0 = found.value, converted.sum(), (~converted).sum()
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)  # Hanley & McNeil 1982
    variance = (area * (1 - area) + (n1 - 1) * (q1 - area**2) + (n0 - 1) * (q2 - area**2)) / (n1 * n0)
    assert (found.high - found.low) / 3.92 == pytest.approx(np.sqrt(variance), rel=0.15)


def test_one_outcome_only_gives_no_number():
    found = rank_measures(np.arange(5.0), np.zeros(5, bool), Accounts.draw(np.arange(5), 0, 3))
    assert np.isnan(found).all()
    assert np.isnan(interval(found[:, 0]).low)
