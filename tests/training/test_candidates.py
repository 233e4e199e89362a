from dataclasses import replace

import lightgbm
import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from leadlight.core.catalog import Catalog, Feature, Topic, Vocabulary
from leadlight.training import boosting, candidates, logistic
from leadlight.training.candidates import Lesson, cross_fit, fit, tune
from leadlight.training.judging import Judge
from leadlight.training.lesson import ENOUGH_WITHOUT_POINTS, LEANS
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


FOLDS = [Fold(np.arange(0, 500), np.arange(500, 650), 0), Fold(np.arange(0, 650), np.arange(650, 800), 1)]


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
    strength = 0.01  # a lead
    slow = LogisticRegression(C=1 / (strength * 800), tol=1e-10, max_iter=1000).fit(design, taught.converted)
    ranker = fit("logistic", taught, {"strength": strength})
    assert ranker.raw(taught.matrix) == pytest.approx(slow.decision_function(design), abs=1e-4)


def test_moments_that_share_a_lead_weigh_as_scikit_learn_weighs_them():
    taught = replace(lesson(), lead=np.arange(800) // 2)
    _, design = logistic._design(CATALOG, taught.matrix, taught.weight)
    slow = LogisticRegression(C=1 / (0.01 * 400), tol=1e-10, max_iter=1000)
    slow.fit(design, taught.converted, sample_weight=taught.weight)
    ranker = fit("logistic", taught, {"strength": 0.01})
    assert ranker.raw(taught.matrix) == pytest.approx(slow.decision_function(design), abs=1e-4)


@pytest.mark.parametrize("lean", [0.5, 1.0])
def test_logistic_regression_that_starts_from_the_points_learns_what_the_data_say_beyond_them(lean):
    taught = lesson()
    _, design = logistic._design(CATALOG, taught.matrix, taught.weight)
    points = taught.start(lean).raw(taught.matrix)

    def loss(theta):
        log_odds = points + theta[0] + design @ theta[1:]
        return (np.logaddexp(0, log_odds) - taught.converted * log_odds).sum() + 0.01 * 800 / 2 * theta[1:] @ theta[1:]

    slow = minimize(loss, np.zeros(1 + design.shape[1]), method="BFGS", options={"gtol": 1e-6}).x
    raw = fit("logistic", taught, {"strength": 0.01, "lean": lean}).raw(taught.matrix)
    assert raw == pytest.approx(points + slow[0] + design @ slow[1:], abs=1e-3)


@pytest.mark.parametrize("lean", [0.0, 0.5, 1.0])
def test_a_strong_penalty_leaves_the_points_as_they_are_so_far_as_learning_starts_from_them(lean):
    taught = lesson()
    raw = fit("logistic", taught, {"strength": 1e6, "lean": lean}).raw(taught.matrix)
    card = taught.scorecard.raw(taught.matrix)
    gap = raw - lean * card
    assert np.ptp(card) > 0.5
    assert np.ptp(gap) == pytest.approx(0, abs=1e-3)
    assert (1 / (1 + np.exp(-raw))).mean() == pytest.approx(taught.converted.mean(), abs=1e-6)


@pytest.mark.parametrize("lean", [0.5, 1.0])
def test_trees_start_from_the_points_as_lightgbm_does_from_an_init_score(lean):
    taught = lesson()
    points = taught.start(lean).raw(taught.matrix)
    columns = list(CATALOG.inputs)
    data = lightgbm.Dataset(
        taught.matrix[:, columns], taught.converted, weight=taught.weight, init_score=points, categorical_feature=[1]
    )
    settings = boosting._settings(CATALOG, taught.weight, boosting.DEFAULTS, 0)
    slow = lightgbm.train(settings, data, 20).predict(taught.matrix[:, columns], raw_score=True)
    ranker = fit("lightgbm", taught, {"trees": 20, "lean": lean})
    assert ranker.raw(taught.matrix) == pytest.approx(points + slow, abs=1e-9)
    still = fit("lightgbm", taught, {"trees": 20, "lean": lean, "lambda_l2": 1e12})
    assert still.raw(taught.matrix) == pytest.approx(points, abs=1e-6)


@pytest.mark.parametrize("lean", [0.5, 1.0])
def test_leaning_half_way_halves_what_the_points_say_apart_and_keeps_their_level(lean):
    taught = lesson()
    card, start = taught.scorecard.raw(taught.matrix), taught.start(lean).raw(taught.matrix)
    assert start - start.mean() == pytest.approx(lean * (card - card.mean()))
    assert start.mean() == pytest.approx(card.mean())


@pytest.mark.parametrize("kind", ["logistic", "lightgbm"])
@pytest.mark.parametrize("lean", [0.5, 1.0])
def test_reasons_of_a_model_that_starts_from_the_points_add_up_and_name_each_rule(kind, lean):
    taught = lesson()
    ranker = fit(kind, taught, {"lean": lean})
    base, shares, _ = ranker.contributions(taught.matrix)
    assert base + shares.sum(axis=1) == pytest.approx(ranker.raw(taught.matrix), abs=1e-9)
    own = taught.scorecard.contributions(taught.matrix)[1]
    assert shares[:, [4, 5]] == pytest.approx(lean * own[:, [4, 5]], abs=1e-9)


def test_a_level_that_nobody_had_and_an_empty_column_say_nothing():
    taught = lesson()
    taught.matrix[taught.matrix[:, 1] == 1, 1] = 0.0
    ranker = fit("logistic", taught, {"strength": 0.01})
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


@pytest.mark.parametrize("points", [{}, POINTS])
@pytest.mark.parametrize("kind", ["logistic", "lightgbm"])
def test_without_any_column_to_learn_from_the_points_or_the_base_rate_are_left(kind, points):
    """A leak audit may leave nothing else; LightGBM refuses a matrix without columns."""
    bare = catalog(*(f for f in CATALOG.features if f.card))
    taught = replace(lesson(), catalog=bare, matrix=lesson().matrix[:, 4:], points=points)
    chosen, predictions, _ = tune(kind, taught, FOLDS)
    assert (chosen["lean"] > 0) == bool(points)
    raw = fit(kind, taught, chosen).raw(taught.matrix)
    rate = taught.converted.mean()
    expected = chosen["lean"] * taught.scorecard.raw(taught.matrix) if points else np.zeros(800)
    assert raw - raw.mean() == pytest.approx(expected - expected.mean(), abs=1e-9)
    assert (1 / (1 + np.exp(-raw))).mean() == pytest.approx(rate, abs=0.01)
    assert cross_fit(kind, taught, FOLDS, chosen).raw == pytest.approx(predictions.raw, abs=1e-6)


@pytest.mark.parametrize("lean", [0.0, 0.5])
def test_trees_that_grow_say_on_the_way_what_shorter_models_say(lean):
    taught, start = lesson(), lesson().start(lean)
    given = (CATALOG, taught.matrix, taught.converted, taught.weight, {"lean": lean})
    growing = boosting.Growing(*given, validate=taught.matrix[:50], start=start)
    for trees in boosting.TREES[:3]:
        short = fit("lightgbm", taught, {"trees": trees, "lean": lean})
        assert growing.to(trees) == pytest.approx(short.raw(taught.matrix[:50]), abs=1e-9)


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
    ranker = fit("logistic", masked, {"strength": 0.01})
    assert next(t for t in ranker.terms if t.column == 2).missing != 0


def named(setting):
    return ", ".join(f"{name} {value:g}" for name, value in setting.items())


@pytest.mark.parametrize("kind", ["logistic", "lightgbm"])
def test_tuning_takes_the_setting_with_the_smallest_loss_and_keeps_its_predictions(kind):
    taught = replace(lesson(strength=2.0), points={})
    chosen, predictions, losses = tune(kind, taught, FOLDS)
    settings = (
        [{"strength": strength, "lean": 0.0} for strength in logistic.strengths(500)]
        if kind == "logistic"
        else [{"trees": trees, "lean": 0.0} for trees in boosting.TREES[: len(losses)]]
    )
    assert list(losses) == [named(setting) for setting in settings]
    assert named(chosen) == min(losses, key=losses.get)
    again = cross_fit(kind, taught, FOLDS, chosen)
    assert again.raw == pytest.approx(predictions.raw, abs=2e-3)
    assert (again.rows == np.arange(500, 800)).all()
    slow = [Judge.of(taught, FOLDS).loss(cross_fit(kind, taught, FOLDS, setting).raw) for setting in settings]
    assert list(losses.values()) == pytest.approx(slow, abs=1e-4)


def test_trees_stop_growing_once_more_of_them_have_not_helped_twice():
    losses = list(tune("lightgbm", replace(lesson(), points={}), FOLDS)[2].values())
    best = losses.index(min(losses))
    assert len(losses) == best + 3 < len(boosting.TREES)


def follows_the_first_rule(n, points):
    """A lesson whose outcomes follow the card's first rule and nothing else."""
    rng = np.random.default_rng(0)
    matrix = np.column_stack([rng.integers(0, levels, n) for levels in (9, 4, 5, 1, 2, 2)])
    converted = rng.random(n) < 1 / (1 + np.exp(1 - 2.5 * matrix[:, 4]))
    return Lesson(CATALOG, matrix.astype(float), converted, np.arange(n), points)


@pytest.mark.parametrize("kind", ["logistic", "lightgbm"])
def test_learning_starts_from_the_points_where_they_help_on_later_moments(kind):
    taught = follows_the_first_rule(800, {"card.one": 10.0})
    chosen, predictions, losses = tune(kind, taught, FOLDS)
    assert {name.split(", ")[1] for name in losses} == {f"lean {lean:g}" for lean in LEANS}
    assert chosen["lean"] > 0  # how far is calibration's matter here: all ranks by the points
    assert named(chosen) == min(losses, key=losses.get)
    assert cross_fit(kind, taught, FOLDS, chosen).raw == pytest.approx(predictions.raw, abs=2e-3)


@pytest.mark.parametrize("seed", range(4))
def test_how_far_learning_leans_on_the_points_is_what_the_folds_say(seed):
    taught = replace(lesson(seed), points={"card.two": -5.0})  # true, and next to nothing
    settings = [{"strength": s, "lean": lean} for lean in LEANS for s in logistic.strengths(500)]
    with threadpool_limits(1):  # many small fits: threads of linear algebra would only wait for each other
        chosen, predictions, _ = tune("logistic", taught, FOLDS)
        slow = [cross_fit("logistic", taught, FOLDS, setting) for setting in settings]
    losses = [slow_losses(found, taught).sum() for found in slow]
    assert chosen == settings[int(np.argmin(losses))]
    assert predictions.raw == pytest.approx(slow[settings.index(chosen)].raw, abs=2e-3)


def test_points_that_know_less_than_a_thousand_conversions_are_not_tried():
    points = {"card.one": 10.0}
    few, many = (follows_the_first_rule(n, points) for n in (1000, 3000))
    assert few.converted.sum() < ENOUGH_WITHOUT_POINTS <= many.converted.sum()
    assert few.leans == LEANS
    assert many.leans == (0.0,)
    assert replace(many, lead=np.arange(3000) // 3).leans == LEANS  # leads count, however many moments they have
    assert replace(few, points={}).leans == (0.0,)
    assert replace(few, points={"card.one": -10.0}).leans == (0.0,)  # a card that is wrong is worth nothing


@pytest.mark.parametrize(("points", "lean"), [({}, 0.0), ({"card.one": 10.0}, 1.0)])
def test_without_folds_learning_starts_from_the_points_where_there_are_any(points, lean):
    chosen, predictions, losses = tune("logistic", follows_the_first_rule(200, points), [])
    assert chosen["lean"] == lean
    assert len(predictions.rows) == len(losses) == 0


def slow_losses(predictions, taught):
    """Each moment's log loss after its block was calibrated on itself by scikit-learn."""
    losses = np.empty(len(predictions.raw))
    for block in np.unique(predictions.block):
        rows = predictions.block == block
        own, won = predictions.raw[rows], taught.converted[predictions.rows[rows]]
        line = LogisticRegression(C=np.inf, tol=1e-10).fit(own[:, None], won)
        mapped = line.decision_function(own[:, None])
        losses[rows] = np.logaddexp(0, mapped) - won * mapped if line.coef_[0, 0] > 0 else entropy(won.mean())
    return losses


def judge(converted, lead=None, *, free=True):
    n = len(converted)
    return Judge(np.arange(n), np.zeros(n, int), converted, np.arange(n) if lead is None else lead, free)


def test_level_and_spread_do_not_decide_the_setting():
    """A base rate that jumps between learning and validating is calibration's matter, and so is the spread."""
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 1.5, 2000)
    converted = rng.random(2000) < 1 / (1 + np.exp(-scores))
    loss = judge(converted).loss
    right, wide, narrow, useless = (loss(s + 5.0) for s in (scores, 4 * scores, scores / 4, 0 * scores))
    assert wide == pytest.approx(right, abs=1e-6)
    assert narrow == pytest.approx(right, abs=1e-6)
    assert right + 0.1 < useless == pytest.approx(entropy(converted.mean()))


def test_where_the_spread_will_not_be_calibrated_it_does_decide_the_setting():
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 1.5, 2000)
    converted = rng.random(2000) < 1 / (1 + np.exp(-scores))
    loss = judge(converted, free=False).loss
    right, wide, narrow, useless = (loss(s + 5.0) for s in (scores, 4 * scores, scores / 4, 0 * scores))
    assert right == pytest.approx(loss(scores))
    assert right + 0.01 < narrow < useless < wide


@pytest.mark.parametrize(("won", "free"), [(49, False), (50, True)])
def test_the_spread_is_judged_as_it_will_be_calibrated(won, free):
    taught = replace(lesson(), converted=np.r_[np.ones(won, bool), np.zeros(800 - won, bool)][::-1])
    assert Judge.of(taught, FOLDS).free == free


def entropy(rate):
    return -rate * np.log(rate) - (1 - rate) * np.log(1 - rate)


def test_a_block_that_turns_the_ranking_round_says_nothing_of_settings():
    converted = np.array([False, True, False] * 50)
    upside_down = [spread * np.array([1.0, -1.0, 1.0] * 50) for spread in (0.1, 5.0)]
    losses = [judge(converted).loss(scores) for scores in upside_down]
    assert losses == pytest.approx([entropy(converted.mean())] * 2)


def test_noise_of_a_gain_is_that_of_leads_not_of_moments():
    rng = np.random.default_rng(0)
    scores, other = rng.normal(0, 1, 1000), rng.normal(0, 1, 1000)
    converted = rng.random(1000) < 1 / (1 + np.exp(-scores))
    gain, noise = judge(converted).gain(scores, other)
    assert gain == pytest.approx(1000 * (judge(converted).loss(other) - judge(converted).loss(scores)))
    twice = judge(np.repeat(converted, 2), lead=np.repeat(np.arange(1000), 2))
    assert twice.gain(np.repeat(scores, 2), np.repeat(other, 2)) == pytest.approx((2 * gain, 2 * noise), rel=1e-3)
    fair = judge(np.repeat(converted, 2)).gain(np.repeat(scores, 2), np.repeat(other, 2))
    assert fair == pytest.approx((2 * gain, np.sqrt(2) * noise), rel=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_trees_that_grow_step_by_step_are_those_that_are_fitted_where_many_steps_find_nothing_to_split(seed):
    """LightGBM drops a tree whose sampled columns can't be split; asked for 60 there are fewer."""
    rng = np.random.default_rng(seed)
    matrix = (rng.random((1_500, 4)) < [0.3, 0.02, 0.02, 0.02]).astype(float)
    converted = rng.random(1_500) < np.where(matrix[:, 0] > 0, 0.09, 0.015)
    rare = Lesson(catalog(*(feature(f"rare{i}") for i in range(4))), matrix, converted, np.arange(1_500))
    one_column = {"feature_fraction": 0.25}
    growing = boosting.Growing(rare.catalog, rare.taught, rare.converted, rare.weight, one_column, validate=matrix)
    for trees in boosting.TREES:
        fitted = fit("lightgbm", rare, {"trees": trees, **one_column})
        assert growing.to(trees) == pytest.approx(fitted.raw(matrix), abs=1e-9)
    assert fitted.booster.num_trees() < boosting.TREES[-1]


def test_settings_are_surely_better_only_where_accounts_agree():
    """Ten leads of one account say the same: counted one by one they would look ten times as sure."""
    rng = np.random.default_rng(0)
    by_account = rng.normal(size=60)
    account = np.repeat(np.arange(60), 10)
    converted = rng.random(600) < 1 / (1 + np.exp(1 - (by_account + rng.normal(0, 3, 60))[account]))
    taught = Lesson(CATALOG, np.zeros((600, 6)), converted, np.arange(600))
    fold = [Fold(np.arange(0), np.arange(600), 0)]
    said = by_account[account]
    gains = [Judge.of(one, fold).gain(said, np.zeros(600)) for one in (taught, replace(taught, owner=account))]
    assert gains[0][0] == pytest.approx(gains[1][0])
    assert gains[1][1] > 1.5 * gains[0][1]
