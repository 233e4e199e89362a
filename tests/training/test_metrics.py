import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss

from leadlight.training.bootstrap import Accounts
from leadlight.training.metrics import bins_of, measure_chances, measure_ranking


def sample():
    rng = np.random.default_rng(4)
    log_odds = rng.normal(-1, 1.5, 500)
    converted = rng.random(500) < 1 / (1 + np.exp(-log_odds))
    return log_odds, converted, rng.integers(0, 90, 500)


def test_chances_agree_with_scikit_learn_in_every_draw():
    log_odds, converted, owner = sample()
    accounts = Accounts.draw(owner, 0, 6)
    found = measure_chances(log_odds, converted, accounts).draws
    p = 1 / (1 + np.exp(-log_odds))
    for i, draw in enumerate(accounts.draws):
        times = draw[accounts.of]
        assert found["log_loss"][i] == pytest.approx(log_loss(converted, p, sample_weight=times))
        assert found["brier"][i] == pytest.approx(brier_score_loss(converted, p, sample_weight=times))
        assert found["observed_to_expected"][i] == pytest.approx((times * converted).sum() / (times * p).sum())


def test_calibration_error_is_the_mean_gap_of_the_tenths():
    log_odds, converted, owner = sample()
    p = 1 / (1 + np.exp(-log_odds))
    bins = bins_of(p)
    slow = sum((bins == b).mean() * abs(converted[bins == b].mean() - p[bins == b].mean()) for b in range(10))
    found = measure_chances(log_odds, converted, Accounts.draw(owner, 0, 2)).figures["calibration_error"]
    assert found.value == pytest.approx(slow)
    assert np.bincount(bins).tolist() == [50] * 10


def test_all_measures_have_an_interval_around_them():
    log_odds, converted, owner = sample()
    accounts = Accounts.draw(owner, 0, 300)
    week, room = np.arange(500) % 5, np.full(5, 10.0)
    found = measure_ranking(log_odds, converted, accounts, cut=week, room=room, lead_weight=np.ones(500)).figures
    assert found["auc"] == found["auc_by_lead"]
    for figure in found.values():
        assert figure.low < figure.value < figure.high


def test_certain_chances_that_are_wrong_cost_much_but_not_infinitely():
    found = measure_chances(np.array([-900.0, 900.0]), np.array([True, False]), Accounts.draw(np.arange(2), 0, 2))
    assert np.isfinite(found.figures["log_loss"].value)
