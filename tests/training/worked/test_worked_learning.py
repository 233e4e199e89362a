"""What is learned from worked moments: closer to the truth than what practice teaches, and no more than they bear."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest

from leadlight.agreement.terms import parse
from leadlight.core.catalog import Catalog, Feature, Topic, Vocabulary
from leadlight.core.clock import DAY, to_micros
from leadlight.core.history import TABLES
from leadlight.core.mapping import parse as parse_mapping
from leadlight.core.source import history_from_tables
from leadlight.training import candidates
from leadlight.training.bootstrap import Accounts
from leadlight.training.features_at import FeaturesAt
from leadlight.training.line import fit_line
from leadlight.training.moments import Moments, by_lead_id, draw_dated, open_leads, owners
from leadlight.training.refit import cross_fitted_calibration, lesson_of
from leadlight.training.report import plain
from leadlight.training.simulate import simulate
from leadlight.training.splits import Fold, forward_folds, split_dated
from leadlight.training.worked import learning
from leadlight.training.worked.estimate import if_worked
from leadlight.training.worked.learning import Estimate, learn_if_worked, level_draws
from leadlight.training.worked.moments import Worked

AGREEMENT = parse("")


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def column(name):
    return Feature(name, "attribute_number", 1, {}, "number", "fit", name, name)


COLUMNS = (column("points"), column("need"))
CATALOG = Catalog(COLUMNS, {c.name: Topic(c.name, "fit", {"en": "x", "es": "x"}, (), c.name) for c in COLUMNS},
                  Vocabulary(), False, "sql")  # fmt: skip


@dataclass
class Trial:
    """A made-up company: points say who is worked, need says who converts."""

    moments: Moments
    at: FeaturesAt
    found: Worked
    folds: list
    true: np.ndarray
    practice: Estimate

    @classmethod
    def run(cls, seed, n=5000, *, worked_by="points", floor=0.1, alone=-4.5, hide_need=False):
        rng = np.random.default_rng(seed)
        points, need = rng.standard_normal((2, n))
        by = {"points": points, "need": need, "chance": np.full(n, -9.0)}[worked_by]
        chance = np.clip(sigmoid(4 * (by - 1)), floor, 1)
        touched = rng.random(n) < chance
        true = sigmoid(-2 + need)
        won = rng.random(n) < np.where(touched, true, sigmoid(alone + need))
        matrix = np.stack([points, 0 * need if hide_need else need], axis=1)
        lead, when = np.arange(n), np.arange(n) * DAY
        no, yes = np.zeros(n, bool), np.ones(n, bool)
        moments = Moments(lead, when, when, won, yes, no, lead)
        at = FeaturesAt(CATALOG, None, matrix)
        part = n // 4
        folds = [Fold(np.arange(k * part), np.arange(k * part, (k + 1) * part), k - 1) for k in (1, 2, 3)]
        lesson = lesson_of(AGREEMENT, at, matrix, moments)
        params, predictions, _ = candidates.tune("logistic", lesson, folds)
        ranker = candidates.fit("logistic", lesson, params)
        line = cross_fitted_calibration(predictions, moments, ranker.raw(matrix), 0).line
        return cls(
            moments,
            at,
            Worked(chance, touched, np.zeros(n), None),
            folds,
            true,
            Estimate("logistic", params, ranker, line),
        )

    def learn(self, found=None, practice=None):
        return learn_if_worked(
            AGREEMENT, self.at, self.at.matrix, self.moments, found or self.found, self.folds,
            practice or self.practice, seed=0,
        )  # fmt: skip

    def error(self, estimate):
        return np.abs(estimate.chances(self.at.matrix) - self.true).mean()


def test_where_practice_matters_the_weighted_estimate_is_closer_to_the_truth():
    practice, weighted, low, ways = [], [], [], []
    for seed in range(4):
        trial = Trial.run(seed, n=10_000)
        learned = trial.learn()
        practice.append(trial.error(trial.practice))
        weighted.append(trial.error(learned.chosen))
        few_points = trial.at.matrix[:, 0] < 0
        says = [e.chances(trial.at.matrix)[few_points].mean() for e in (trial.practice, learned.chosen)]
        low.append(np.array(says) / trial.true[few_points].mean())
        ways.append(learned.way)
        assert (learned.way == "learned anew") == (learned.gain.low > 0)
    assert np.mean(weighted) < 0.5 * np.mean(practice)
    assert ways.count("learned anew") >= 2  # the order of leads is another one if everybody is worked
    under_practice, if_all_worked = np.mean(low, axis=0)
    assert under_practice < 0.5
    assert if_all_worked == pytest.approx(1, abs=0.15)


def test_weights_are_needed_where_the_model_can_t_see_why_leads_were_worked():
    """Who is worked goes by need, which is hidden from the model: unweighted, the worked promise too much."""
    weighted, even = [], []
    for seed in range(4):
        trial = Trial.run(seed, worked_by="need", hide_need=True)
        without = replace(trial.found, chance=np.ones(len(trial.true)))
        for results, found in ((weighted, trial.found), (even, without)):
            anew = trial.learn(found).by_way["learned anew"]
            results.append(anew.chances(trial.at.matrix).mean() / trial.true.mean())
    assert np.mean(weighted) == pytest.approx(1, abs=0.1)
    assert np.mean(even) > 1.2


def test_of_few_worked_moments_only_the_level_is_learned():
    """Work lifts all alike, so the ranking under practice is right, and a few hundred moments don't beat it."""
    trials = [Trial.run(seed, n=3000, worked_by="chance", alone=-3.0) for seed in range(5)]
    learned = [trial.learn() for trial in trials]
    assert sum(one.way == "another level" for one in learned) >= 4
    errors = {"practice": np.mean([trial.error(trial.practice) for trial in trials])}
    for way in ("another level", "learned anew"):
        pairs = zip(trials, learned, strict=True)
        errors[way] = np.mean([trial.error(one.by_way[way]) for trial, one in pairs])
    assert errors["another level"] < 0.6 * errors["practice"]
    assert errors["another level"] < errors["learned anew"]


def test_weighted_chances_add_up_to_weighted_conversions():
    trial = Trial.run(1)
    learned, rows = trial.learn(), trial.found.taken
    factor = trial.found.factor(rows)
    for estimate in learned.by_way.values():
        expected = (factor * estimate.chances(trial.at.matrix[rows])).sum()
        assert expected == pytest.approx((factor * trial.moments.converted[rows]).sum(), rel=1e-6)


def test_the_level_s_draws_are_those_of_fitting_it_again():
    trial = Trial.run(1)
    estimate, rows = trial.learn().chosen, trial.found.taken
    draws = level_draws(estimate, trial.at.matrix, trial.moments, trial.found, seed=0)
    raw, won = estimate.ranker.raw(trial.at.matrix[rows]), trial.moments.converted[rows]
    accounts, factor = Accounts.draw(trial.moments.owner[rows], 0), trial.found.factor(rows)
    again = [
        fit_line(raw, won, factor * times[accounts.of], slope=estimate.line.slope).intercept
        for times in accounts.draws[1:40]
    ]
    assert draws[:39, 0] == pytest.approx(again, abs=0.03)
    assert draws[:, 0].std() > 0.03
    assert (draws[:, 1] == estimate.line.slope).all()


def test_without_both_outcomes_among_the_worked_nothing_is_learned():
    trial = Trial.run(1, n=200)
    assert trial.learn(replace(trial.found, touched=np.zeros(200, bool))) is None
    assert trial.learn(replace(trial.found, chance=np.full(200, np.nan))) is None


def test_the_scorecard_can_only_move_its_level():
    trial = Trial.run(1, n=600)
    learned = trial.learn(practice=replace(trial.practice, kind="scorecard", params={}))
    assert learned.way == "another level"
    assert list(learned.by_way) == ["another level"]


def reversed_among_the_worked(n=6000, seed=0):
    """Practice ranks by need; among the worked the needy convert least: the rank evidence contradicts itself."""
    trial = Trial.run(seed, n=n, worked_by="chance", floor=0.2, alone=-2.5)
    rng, need = np.random.default_rng(seed), trial.at.matrix[:, 1]
    won = np.where(trial.found.touched, rng.random(n) < sigmoid(-1 - need), trial.moments.converted)
    return replace(trial, moments=replace(trial.moments, converted=won))


def test_where_the_order_is_unstable_among_the_worked_the_slope_of_practice_stays_and_it_is_said():
    trial = reversed_among_the_worked()
    learned = trial.learn()
    level = learned.by_way["another level"]
    assert level.line.slope == trial.practice.line.slope > 0
    assert "unstable" in learned.slopes["another level"]
    spread = level.chances(trial.at.matrix).std()
    assert spread > 0.01  # not everybody the same chance, silently
    assert learned.slopes["learned anew"] == ""  # learned from the worked, it ranks them rightly


def test_where_the_slope_is_fitted_or_too_few_converted_that_is_said_too():
    assert Trial.run(0).learn().slopes == {"another level": "", "learned anew": ""}
    few = Trial.run(1, n=600, worked_by="chance", floor=0.2).learn()
    assert "conversions; from 50 on the slope is fitted" in few.slopes["another level"]


def test_a_ranker_that_turns_everything_round_gains_nothing():
    """Ranked the wrong way round, a line of negative slope would make it the best there is."""
    rng, n = np.random.default_rng(0), 900
    need = rng.standard_normal(n)
    won = rng.random(n) < sigmoid(-1.5 + need)
    lesson = candidates.Lesson(CATALOG, np.stack([need, need], axis=1), won, np.arange(n), factor=np.ones(n))
    noisy, round_about = -2 + 0.3 * need + rng.standard_normal(n), -2 - need
    said = [candidates.CrossFitted(np.arange(n), np.zeros(n, int), raw) for raw in (noisy, round_about)]
    gain = learning._gain(lesson, *said, np.arange(n), 0)
    assert gain.value < 0
    assert gain.low < 0


@pytest.mark.parametrize("kind", ["lightgbm", "logistic"])
def test_learned_anew_is_judged_with_the_settings_that_it_is_fitted_with(kind):
    trial = Trial.run(3, n=3000)
    found, moments, matrix = trial.found, trial.moments, trial.at.matrix
    everything = lesson_of(AGREEMENT, trial.at, matrix, moments)
    params = {"strength": 0.1, "lean": 0.0}
    if kind == "lightgbm":
        params = {"trees": 35.0, "lean": 0.0, "learning_rate": 0.12, "num_leaves": 5.0, "leads_in_a_leaf": 60.0}
    practice = Estimate(kind, params, candidates.fit(kind, everything, params), trial.practice.line)
    learned = trial.learn(practice=practice)
    anew = learned.by_way["learned anew"].params
    searched = {name: value for name, value in params.items() if name not in ("trees", "strength", "lean")}
    assert searched.items() <= anew.items()
    rows = found.taken
    lesson = replace(everything.take(rows), factor=found.factor(rows))
    inner = learning._within(trial.folds, rows, moments.converted)
    before = learning._among(candidates.cross_fit(kind, everything, trial.folds, params), rows)
    gain = learning._gain(lesson, before, candidates.cross_fit(kind, lesson, inner, anew), moments.owner[rows], 0)
    assert tuple(learned.gain) == pytest.approx(tuple(gain), abs=1e-5)


@pytest.fixture(scope="module")
def ground():
    """A simulated company that explores, as the training job has it before the refit."""
    simulated = simulate(leads=700, seed=3, explore=0.1)
    tables = {name: getattr(simulated, name) for name in TABLES}
    mapping = parse_mapping(simulated.dataset_toml)
    history = by_lead_id(history_from_tables(tables, now=simulated.ended_at.to_pydatetime(), mapping=mapping))
    agreement, day = parse(simulated.agreement_toml), to_micros(simulated.ended_at.to_pydatetime())
    drawn = draw_dated(history, goal_stage=agreement.stage, within_days=agreement.within_days, as_of=day)
    mature = drawn.moments.take(drawn.moments.mature)
    names = owners(history.leads)[1]
    split = split_dated(mature, names, drawn.gap)
    at = FeaturesAt.drawn_up(history, agreement, mature, split.learn, split.cut)
    own = mature.take(split.learn)
    folds = forward_folds(own, names, drawn.gap, by_account=True)
    lesson = lesson_of(agreement, at, at.matrix[split.learn], own)
    ranker = candidates.fit("scorecard", lesson)
    predictions = candidates.cross_fit("scorecard", lesson, folds, {})
    line = cross_fitted_calibration(predictions, own, ranker.raw(lesson.matrix), 0).line
    lead = open_leads(history, goal_stage=agreement.stage, as_of=day)
    now, no = np.full(len(lead), day), np.zeros(len(lead), bool)
    open_now = at.more(Moments(lead, now, now, no, no, no, lead))
    practice = Estimate("scorecard", {}, ranker, line)
    given = {
        "learn": split.learn, "test": split.test, "folds": folds, "practice": practice, "open_now": open_now,
        "as_of": day, "seed": 0,
    }  # fmt: skip
    return history, agreement, at, mature, given


def test_the_report_names_both_estimates_and_says_what_they_rest_on(ground):
    history, agreement, at, mature, given = ground
    part = if_worked(history, agreement, at, mature, **given)
    said = json.loads(json.dumps(plain(part.to_dict())))
    assert said["used"]
    assert said["facts"]["practice"]["value"] < said["facts"]["clippings"][1]["rate"]["value"]
    judged = said["judged_among_worked"]
    assert judged["moments"] == (given["test"] & worked_rows(history, agreement, mature, given)).sum()
    assert {"under_practice", "if_worked", "auc_gain"} <= set(judged)
    shown = said["open_leads"]
    for name in ("under_practice", "if_worked"):
        assert shown[name]["chances"] == sorted(shown[name]["chances"])
    assert shown["if_worked"]["mean"] > shown["under_practice"]["mean"]
    assert 0 < shown["rank_correlation"] <= 1
    words = " ".join(part.words)
    assert "under today's practice" in words
    assert "if worked within 5 working days" in words
    assert "Worked moments set the level alone" in words
    assert said["slope"].endswith("conversions; from 50 on the slope is fitted as well")
    again = if_worked(history, agreement, at, mature, **given)
    assert plain(again.to_dict()) == plain(part.to_dict())


def worked_rows(history, agreement, mature, given):
    from leadlight.training.worked.days import Window
    from leadlight.training.worked.moments import worked

    return worked(history, agreement, mature, window=Window(5), as_of=given["as_of"]).taken


def test_whether_it_is_used_hangs_on_what_teaches_not_on_all_that_the_log_holds(ground):
    history, agreement, at, mature, given = ground
    rows = worked_rows(history, agreement, mature, given)
    few = given["learn"] & (np.cumsum(rows & given["learn"]) <= 90)
    part = if_worked(history, agreement, at, mature, **{**given, "learn": few, "folds": []})
    facts = part.facts
    assert part.learned is not None
    assert facts.effective >= 100 > facts.teaching.effective > 0
    assert facts.teaching.worked + facts.teaching.converted_first == 90
    assert not part.to_dict()["used"]
    words = " ".join(part.words)
    assert f"as much as {facts.effective:,.0f} leads of equal weight" in words
    assert f"as much as {facts.teaching.effective:,.0f} leads of equal weight" in words
    assert "shown and not used" in words
    whole = if_worked(history, agreement, at, mature, **given)
    assert whole.facts.log == facts.log
    assert whole.facts.teaching.effective > facts.teaching.effective


def test_without_a_log_only_practice_is_told(ground):
    history, agreement, at, mature, given = ground
    silent = replace(history, queue_log=history.queue_log.iloc[:0])
    part = if_worked(silent, agreement, at, mature, **given)
    assert part.learned is None
    assert not part.to_dict()["used"]
    assert len(part.words) == 1
    assert "can't be said: the queue logged no chances" in part.words[0]


def test_the_order_of_the_log_changes_nothing(ground):
    history, agreement, at, mature, given = ground
    shuffled = replace(history, queue_log=history.queue_log.sample(frac=1, random_state=1).reset_index(drop=True))
    both = [if_worked(one, agreement, at, mature, **given).to_dict() for one in (history, shuffled)]
    assert pd.Series(plain(both[0])).equals(pd.Series(plain(both[1])))
