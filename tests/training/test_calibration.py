import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from leadlight.training.bootstrap import Accounts
from leadlight.training.calibration import Taught, calibrate
from leadlight.training.line import fit_line, line_draws
from leadlight.training.rank_evidence import rank_evidence


def world(seed=0, n=2000, intercept=-1.0, slope=0.7):
    rng = np.random.default_rng(seed)
    raw = rng.normal(0, 1.5, n)
    return raw, rng.random(n) < 1 / (1 + np.exp(-(intercept + slope * raw)))


def done(raw, converted, block=None, owner=None):
    block = np.zeros(len(raw), int) if block is None else block
    accounts = Accounts.draw(np.arange(len(raw)) if owner is None else owner, 0)
    return calibrate(
        raw, converted, block, accounts, Taught(raw, converted, accounts), conversions=int(converted.sum())
    )


def test_the_line_is_the_maximum_likelihood_one():
    raw, converted = world()
    line = fit_line(raw, converted)
    slow = LogisticRegression(C=1e9, tol=1e-10).fit(raw[:, None], converted)
    assert (line.intercept, line.slope) == pytest.approx((slow.intercept_[0], slow.coef_[0, 0]), abs=1e-4)


@pytest.mark.parametrize("narrow", [1, 100, 10_000])
@pytest.mark.parametrize("level", [-5.0, 0.0, 50.0])
def test_a_level_is_found_for_any_slope_however_narrow_the_scores_and_far_off_their_level(narrow, level):
    """A model that shrinks a lot says little apart, and its slope is steep."""
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 1.5, 2000)
    converted = rng.random(2000) < 1 / (1 + np.exp(1 - scores))
    line = fit_line(scores / narrow + level, converted, slope=1.0 * narrow)
    assert line.slope == narrow
    mapped = line(scores / narrow + level)
    assert (1 / (1 + np.exp(-mapped))).mean() == pytest.approx(converted.mean(), abs=1e-9)
    assert mapped == pytest.approx(fit_line(scores, converted, slope=1.0)(scores), abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(-2, 2), st.floats(-3, 3))
def test_calibration_never_turns_a_ranking_round(seed, slope, intercept):
    raw, converted = world(seed, 300, intercept, slope)
    fitted = done(raw, converted)
    assert fitted.line.slope >= 0
    assert (fitted.calibration.draws[:, 1] >= 0).all()


def test_a_ranking_that_says_the_opposite_keeps_its_slope_and_is_called_unstable():
    raw, converted = world(slope=-0.7)
    fitted = done(raw, converted)
    assert fitted.evidence.unstable
    assert fitted.used == "intercept only"
    assert fitted.line.slope == 1.0
    assert fitted.evidence.slope.high < 0  # the report still shows what was estimated
    assert (1 / (1 + np.exp(-fitted.line(raw)))).mean() == pytest.approx(converted.mean(), abs=1e-6)


def test_blocks_that_contradict_each_other_are_unstable_though_their_mean_is_not():
    good, bad = world(1, 4000, slope=1.0), world(2, 600, slope=-1.0)
    raw, converted = np.r_[good[0], bad[0]], np.r_[good[1], bad[1]]
    fitted = done(raw, converted, np.repeat([0, 1], [4000, 600]))
    assert fitted.evidence.slope.low > 0
    assert fitted.evidence.unstable
    assert [fold.value > 0 for fold in fitted.evidence.folds] == [True, False]


def test_few_conversions_fit_the_intercept_only():
    raw, converted = world(n=150, intercept=-2.0)
    assert 5 < converted.sum() < 50
    fitted = done(raw, converted)
    assert fitted.used == "intercept only"
    assert "50" in fitted.why


def test_draws_by_one_step_are_as_wide_as_full_refits():
    raw, converted = world(n=1500)
    owner = np.arange(1500) // 3
    accounts = Accounts.draw(owner, 0, 200)
    line = fit_line(raw, converted)
    quick = line_draws(raw, converted, accounts, line, free=True)
    slow = [fit_line(raw, converted, draw[accounts.of]) for draw in accounts.draws]
    slow = np.array([(found.intercept, found.slope) for found in slow])
    assert quick[0] == pytest.approx(slow[0], abs=1e-5)
    assert quick.std(axis=0) == pytest.approx(slow.std(axis=0), rel=0.1)
    assert np.abs(quick - slow).max() < 0.5 * slow.std(axis=0).min()


def test_the_level_is_that_of_the_moments_taught_however_far_off_the_folds_were():
    """The first folds know a few weeks only: what their level is off by says nothing of the final model's."""
    folds, own = world(1, intercept=-3.0), world(2, intercept=-1.0)
    accounts = Accounts.draw(np.arange(2000), 0)
    fitted = calibrate(*folds, np.zeros(2000, int), accounts, Taught(*own, accounts), conversions=int(folds[1].sum()))
    assert fitted.used == "slope and intercept"
    assert fitted.line.slope == pytest.approx(fit_line(*folds).slope)
    assert (1 / (1 + np.exp(-fitted.line(own[0])))).sum() == pytest.approx(own[1].sum())


def test_a_stretch_of_time_without_a_conversion_has_no_slope_and_is_no_reason_to_distrust():
    raw, converted = world()
    block = np.repeat([0, 1], 1000)
    converted[block == 1] = False
    fitted = done(raw, converted, block)
    assert len(fitted.evidence.folds) == 1
    assert not fitted.evidence.unstable


def test_the_interval_is_that_of_full_refits_by_account():
    raw, converted = world(n=1500)
    accounts = Accounts.draw(np.arange(1500) // 3, 0, 300)
    fitted = calibrate(raw, converted, np.zeros(1500, int), accounts, Taught(raw, converted, accounts), conversions=500)
    grid = np.linspace(-3, 3, 7)
    slow = np.array([fit_line(raw, converted, draw[accounts.of])(grid) for draw in accounts.draws[1:]])
    found = fitted.calibration.interval(grid)
    expected = np.quantile(slow, (0.025, 0.975), axis=0).T
    assert np.diff(found, axis=1) == pytest.approx(np.diff(expected, axis=1), rel=0.12)
    assert found == pytest.approx(expected, abs=0.15 * float(np.diff(expected, axis=1).max()))


def test_nothing_to_fit_leaves_chances_as_they_are():
    fitted = done(np.empty(0), np.empty(0, bool))
    assert (fitted.line.intercept, fitted.line.slope) == (0.0, 1.0)
    assert fitted.used == "nothing"
    assert np.isnan(fitted.calibration.interval(np.zeros(2))).all()


def test_separated_outcomes_stay_finite():
    raw = np.r_[np.full(60, -1.0), np.full(60, 1.0)]
    line = fit_line(raw, raw > 0)
    assert np.isfinite([line.intercept, line.slope]).all()


@pytest.mark.parametrize("narrow", [1.0, 0.01])
def test_the_slope_is_the_one_that_stretches_of_time_share_whatever_their_levels(narrow):
    """Pooled with one level the slope was nearly 0 where folds differ in level by more than they spread."""
    rng = np.random.default_rng(0)
    n = 6_000
    block, account = np.repeat(np.arange(3), n // 3), rng.integers(0, n // 4, n)
    true = rng.normal(0.0, 1.2, n)
    won = rng.random(n) < 1 / (1 + np.exp(-(true - 1.5)))
    raw = narrow * true + np.array([-3.0, -1.0, 2.0])[block]
    design = np.column_stack([raw, *(block == b for b in range(3))]).astype(float)
    theirs = LogisticRegression(C=1e12, fit_intercept=False, solver="newton-cholesky", tol=1e-10)
    scale = np.r_[narrow, 1.0, 1.0, 1.0]
    oracle = theirs.fit(design / scale, won).coef_[0] / scale
    found = rank_evidence(raw, won, block, Accounts.draw(account, 0), conversions=int(won.sum()))
    assert found.line.slope == pytest.approx(oracle[0], rel=1e-3)
    again = []
    draws = Accounts.draw(account, 0)
    for row in draws.draws[1:60]:
        weight = row[draws.of]
        again.append(theirs.fit(design / scale, won, sample_weight=weight).coef_[0][0] / narrow)
    assert found.draws[1:60, 1] == pytest.approx(again, rel=0.05)
    assert not found.unstable


def test_the_level_that_goes_with_the_common_slope_is_that_of_all():
    rng = np.random.default_rng(1)
    raw, block = rng.normal(size=900), np.repeat(np.arange(3), 300)
    won = rng.random(900) < 1 / (1 + np.exp(1 - raw))
    found = rank_evidence(raw, won, block, Accounts.draw(np.arange(900), 0), conversions=int(won.sum()))
    assert (1 / (1 + np.exp(-found.line(raw)))).mean() == pytest.approx(won.mean(), abs=1e-6)


def test_where_stretches_of_time_want_very_different_spreads_none_is_carried_over():
    """The first fold's model had hardly left the base rate (Olist: slopes of 34 and 2.8), the final one has."""
    rng = np.random.default_rng(0)
    n = 4_000
    block, true = np.repeat([0, 1], n // 2), rng.normal(0.0, 1.2, n)
    won = rng.random(n) < 1 / (1 + np.exp(-(true - 1.5)))
    for factor, used in ((0.1, "intercept only"), (0.7, "slope and intercept")):
        raw = np.where(block == 0, factor * true, true)
        fitted = done(raw, won, block)
        assert fitted.used == used
        assert not fitted.evidence.unstable
        assert fitted.calibration.slope == 1.0 if used == "intercept only" else fitted.calibration.slope > 1.0
