import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from leadlight.core.catalog import Catalog, Feature, Topic, Vocabulary
from leadlight.training import boosting, candidates, logistic
from leadlight.training.candidates import Lesson, cross_fit, fit, tune
from leadlight.training.splits import Fold


def feature(name, kind="number", levels=(), card=False, primitive="attribute_number"):
    return Feature(name, primitive, 1, {}, kind, "fit", name, name, levels=levels, card=card)


def catalog(*features):
    topics = {f.topic: Topic(f.topic, "fit", {"en": f.name, "es": f.name}, (), f.name) for f in features}
    return Catalog(features, topics, Vocabulary(), False, "sql")


CATALOG = catalog(
    feature("visits"),
    feature("source", "category", ("web", "fair")),
    feature("colleagues", primitive="account_colleagues"),
    feature("empty"),
    feature("card.one", card=True),
    feature("card.two", card=True),
)
POINTS = {"card.one": 20.0, "card.two": -5.0}


def lesson(seed=0, n=800, strength=1.0):
    rng = np.random.default_rng(seed)
    visits = rng.poisson(3, n).astype(float)
    visits[rng.random(n) < 0.1] = np.nan
    source = rng.integers(0, 4, n).astype(float)
    colleagues = rng.integers(0, 5, n).astype(float)
    one, two = (rng.random(n) < 0.4).astype(float), (rng.random(n) < 0.5).astype(float)
    log_odds = -1.5 + strength * (0.5 * np.log1p(np.nan_to_num(visits)) + (source == 3) + 0.8 * one - 0.2 * two)
    matrix = np.column_stack([visits, source, colleagues, np.full(n, np.nan), one, two])
    return Lesson(CATALOG, matrix, rng.random(n) < 1 / (1 + np.exp(-log_odds)), np.arange(n), POINTS)


@pytest.mark.parametrize("kind", candidates.SIMPLEST_FIRST)
def test_contributions_add_up_to_the_raw_log_odds(kind):
    taught = lesson()
    ranker = fit(kind, taught)
    base, shares, _ = ranker.contributions(taught.matrix)
    assert base + shares.sum(axis=1) == pytest.approx(ranker.raw(taught.matrix), abs=1e-9)
    assert np.ptp(ranker.raw(taught.matrix)) > 0.1
    columns = [i for i in range(6) if np.ptp(shares[:, i]) > 0]
    assert set(columns) <= ({4, 5} if kind == "scorecard" else {0, 1, 2})


@pytest.mark.parametrize("kind", candidates.SIMPLEST_FIRST)
def test_chances_have_the_base_rate_of_the_moments(kind):
    taught = lesson()
    p = 1 / (1 + np.exp(-fit(kind, taught).raw(taught.matrix)))
    assert p.mean() == pytest.approx(taught.converted.mean(), abs=0.01)


def test_logistic_regression_is_the_one_of_scikit_learn():
    taught = lesson()
    _, design = logistic._design(CATALOG, taught.matrix, taught.weight)
    slow = LogisticRegression(C=1 / 8.0, tol=1e-10, max_iter=1000).fit(design, taught.converted)
    ranker = fit("logistic", taught, {"strength": 8.0})
    assert ranker.raw(taught.matrix) == pytest.approx(slow.decision_function(design), abs=1e-4)


def test_a_level_that_nobody_had_and_an_empty_column_say_nothing():
    taught = lesson()
    taught.matrix[taught.matrix[:, 1] == 1, 1] = 0.0
    ranker = fit("logistic", taught, {"strength": 8.0})
    term = next(t for t in ranker.terms if t.column == 1)
    assert term.table[1] == pytest.approx(0.0, abs=1e-9)
    assert 3 not in {t.column for t in ranker.terms}


def test_points_that_rank_the_wrong_way_round_get_slope_zero_not_a_reversed_sign():
    taught = lesson()
    reversed_card = Lesson(CATALOG, taught.matrix, taught.converted, taught.lead, {"card.one": -20.0})
    scores = fit("scorecard", reversed_card).raw(taught.matrix)
    assert np.ptp(scores) == 0
    assert 1 / (1 + np.exp(-scores[0])) == pytest.approx(taught.converted.mean(), abs=1e-6)


def test_each_rule_of_the_card_has_its_own_share():
    taught = lesson()
    ranker = fit("scorecard", taught)
    _, shares, _ = ranker.contributions(taught.matrix)
    one, two = np.ptp(shares[:, 4]), np.ptp(shares[:, 5])
    assert one / two == pytest.approx(20 / 5)


@pytest.mark.parametrize("kind", candidates.SIMPLEST_FIRST)
def test_the_same_seed_gives_the_same_ranker(kind):
    assert fit(kind, lesson(), seed=3) == fit(kind, lesson(), seed=3)


def test_staged_predictions_are_those_of_shorter_models():
    taught = lesson()
    stages = boosting.staged(CATALOG, taught.matrix, taught.converted, taught.weight, taught.matrix[:50])
    for trees, scores in list(zip(boosting.TREES, stages, strict=True))[:3]:
        short = fit("lightgbm", taught, {"trees": trees})
        assert scores == pytest.approx(short.raw(taught.matrix[:50]), abs=1e-9)


def test_moments_of_a_lead_share_a_weight_and_the_base_rate_stays():
    lead = np.array([0, 1, 1, 1, 1, 2, 2, 3])
    converted = np.array([1, 0, 0, 0, 0, 0, 0, 1], bool)
    taught = Lesson(CATALOG, np.zeros((8, 6)), converted, lead)
    assert taught.weight.sum() == pytest.approx(4)  # four leads
    assert np.average(taught.converted, weights=taught.weight) == pytest.approx(2 / 8)
    assert taught.weight[1] * 4 == pytest.approx(taught.weight[5] * 2)  # within an outcome each lead counts the same
    assert taught.take(np.array([1, 5, 7])).weight.sum() == pytest.approx(3)  # anew in every fold: no look ahead


def test_a_hidden_account_is_not_known_while_learning_and_known_while_predicting():
    taught = lesson()
    hidden = np.arange(800) % 4 == 0
    masked = Lesson(CATALOG, taught.matrix, taught.converted, taught.lead, POINTS, hidden)
    assert (np.isnan(masked.taught[:, 2]) == hidden).all()
    assert np.array_equal(masked.taught[:, [0, 1, 3, 4, 5]], taught.matrix[:, [0, 1, 3, 4, 5]], equal_nan=True)
    assert not np.isnan(masked.matrix[:, 2]).any()
    ranker = fit("logistic", masked, {"strength": 8.0})
    assert next(t for t in ranker.terms if t.column == 2).missing != 0


def test_tuning_takes_the_setting_with_the_smallest_loss_and_keeps_its_predictions():
    folds = [Fold(np.arange(0, 500), np.arange(500, 650), 0), Fold(np.arange(0, 650), np.arange(650, 800), 1)]
    signal, predictions, losses = tune("logistic", lesson(strength=2.0), folds)
    assert set(losses) == {f"{s:g}" for s in logistic.STRENGTHS}
    assert f"{signal['strength']:g}" == min(losses, key=losses.get)
    again = cross_fit("logistic", lesson(strength=2.0), folds, signal)
    assert again.raw == pytest.approx(predictions.raw, abs=2e-3)
    assert (again.rows == np.arange(500, 800)).all()


def test_level_and_too_wide_a_spread_do_not_decide_the_setting_but_too_narrow_a_one_does():
    """A base rate that jumps between learning and validating is calibration's matter."""
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 1.5, 2000)
    converted, block = rng.random(2000) < 1 / (1 + np.exp(-scores)), np.zeros(2000, int)
    right, wide, narrow, useless = (
        candidates._calibrated_loss(s + 5.0, converted, block, free=True)
        for s in (scores, 4 * scores, scores / 4, 0 * scores)
    )
    assert wide == pytest.approx(right, abs=1e-3)
    assert right + 0.01 < narrow < useless


def test_a_block_that_turns_the_ranking_round_says_nothing_of_settings():
    converted, block = np.array([False, True, False] * 50), np.zeros(150, int)
    upside_down = [spread * np.array([1.0, -1.0, 1.0] * 50) for spread in (0.1, 5.0)]
    losses = [candidates._calibrated_loss(scores, converted, block, free=True) for scores in upside_down]
    rate = converted.mean()
    assert losses == pytest.approx([-rate * np.log(rate) - (1 - rate) * np.log(1 - rate)] * 2)
