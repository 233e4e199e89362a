import numpy as np
from sklearn.linear_model import LogisticRegression

from leadlight.training.bootstrap import Accounts
from leadlight.training.scorecard.by_pattern import count, fit


def world(seed=0, n=1500, columns=4):
    rng = np.random.default_rng(seed)
    met = rng.random((n, columns)) < 0.4
    owner = rng.integers(0, 400, n)
    weight = rng.random(n) + 0.1
    won = rng.random(n) < 1 / (1 + np.exp(2 - met @ [1.0, -0.5, 0.0, 2.0]))
    return met, won.astype(float), weight, owner


def test_the_sample_and_a_draw_give_what_a_fit_on_rows_gives():
    met, won, weight, owner = world()
    found = fit(np.unique(met, axis=0).astype(float), count(met, won, weight, owner, seed=3, n_draws=5), ridge=2.0)
    accounts = Accounts.draw(owner, 3, 5)
    for d in (0, 1, 5):
        weights = weight * accounts.draws[d, accounts.of]
        slow = LogisticRegression(C=0.5, tol=1e-10, max_iter=1000).fit(met, won, sample_weight=weights)
        np.testing.assert_allclose(found[d], np.r_[slow.intercept_, slow.coef_[0]], atol=1e-4)


def test_a_chance_counts_as_that_share_of_a_conversion():
    met, won, weight, owner = world(1)
    half = fit(np.unique(met, axis=0).astype(float), count(met, won * 0.5 + 0.25, weight, owner, n_draws=0), ridge=1.0)
    twice = np.r_[met, met], np.r_[won, 1 - won], np.r_[weight * 0.75, weight * 0.25], np.r_[owner, owner]
    same = fit(np.unique(met, axis=0).astype(float), count(*twice, n_draws=0), ridge=1.0)
    np.testing.assert_allclose(half, same, atol=1e-6)


def test_what_parts_the_outcomes_completely_stays_finite():
    met = np.repeat([[True], [False]], 50, axis=0)
    found = fit(np.array([[0.0], [1.0]]), count(met, met[:, 0].astype(float), np.ones(100), np.arange(100)), ridge=1.0)
    assert np.isfinite(found).all()
    assert found[0, 1] > 2
