"""The training job, top to bottom.

The leak audit, moments and labels, split, catalog and features, candidates on inner forward folds, the choice,
cross-fitted calibration, one look at the test part, and, where there is a signal, the recipe refitted on all mature
moments with everything that a score needs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from leadlight.core.artifact import Kind, TrainedModel
from leadlight.core.clock import to_micros
from leadlight.training import candidates, measure, telling
from leadlight.training.audit.apply import without_leaks
from leadlight.training.audit.auditor import audit
from leadlight.training.bootstrap import Accounts, Interval
from leadlight.training.card.charts import draw as draw_charts
from leadlight.training.choice import Verdict, VerdictWord, judge, points_only, probability_status, too_few, would_tell
from leadlight.training.closer import Closer, look_closer
from leadlight.training.contest import compete, monotone_cost
from leadlight.training.drivers import drivers
from leadlight.training.features_at import FeaturesAt
from leadlight.training.moments import by_lead_id, draw
from leadlight.training.parts import Contest, Ground, Outcome
from leadlight.training.refit import Refitted, lesson_of, points_as_they_are, refit, taught
from leadlight.training.report import Report
from leadlight.training.search import Budget
from leadlight.training.splits import folds_of, learning_leads, split_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.agreement.terms import Agreement
    from leadlight.core.history import History
    from leadlight.training.audit.findings import Audit

    Said = dict[Kind, tuple[NDArray[np.float64], NDArray[np.float64]]]

__all__ = ["Trained", "train"]


@dataclass(frozen=True)
class Trained:
    """What a training run hands over; nothing is registered here.

    Attributes
    ----------
    model : TrainedModel or None
        None unless the verdict is "signal" or "points_only".
    report : Report
    verdict : {"signal", "no_signal", "cannot_tell", "points_only"}
    input_example : DataFrame of shape (up to 5, n_features)
        Catalog columns of a few leads, categories as words; empty without a model.
    plots : mapping of file name to SVG text
    looked_at : DataFrame of shape (n_test_moments, 3 + n_candidates)
        The test part: ``lead_id``, ``as_of`` (UTC; missing for a flat export), ``converted``, and each candidate's
        calibrated log-odds under its kind. Empty where nothing could be measured.
    """

    model: TrainedModel | None
    report: Report
    verdict: VerdictWord
    input_example: pd.DataFrame
    plots: Mapping[str, str] = field(repr=False)
    looked_at: pd.DataFrame = field(repr=False)


_TOO_SHORT = "the history is too short for its horizon, or too small"


def _silent(said: str) -> None:
    """Show nothing."""


def train(
    history: History,
    agreement: Agreement,
    *,
    as_of: pd.Timestamp | None = None,
    seed: int = 0,
    budget: Budget | None = None,
    points_only: bool = False,
    progress: Callable[[str], None] = _silent,
    notice: Callable[[str], None] = _silent,
) -> Trained:
    """Train all candidates on a history and say what came of it.

    Parameters
    ----------
    history : History
    agreement : Agreement
        Goal, horizon, capacity and hand-picked points.
    as_of : Timestamp, optional
        Training day, aware: what was recorded then or later is not known. Default: the history's end. No meaning for
        a flat export.
    seed : int
        The same seed gives the same model, byte for byte, on the same lock and CPU family, whatever the order of the
        rows in the files (but for what an order by file means).
    budget : Budget, optional
        For a search of better settings of the trees.
    points_only : bool
        Learn nothing: make a model of the hand-picked points as they are, and label it so.
    progress : callable
        Called with the name of each step as it begins.
    notice : callable
        Called with one sentence for each field that is left out as a leak, before anything is learned.
    """
    # One thread for linear algebra: the order of a sum, and so the last bit, must not depend on the number of cores.
    with threadpool_limits(1):
        history, watch = by_lead_id(history), _Stopwatch(progress)
        day = _day(history, as_of)
        with watch("leak audit"):
            audited = audit(history, agreement, as_of=day, lead_rows=learning_leads(history), seed=seed)
        for name, why in audited.left_out.items():
            notice(f"{audited.of(name).label} is left out: {why}")
        clean = without_leaks(history, audited)
        return _train(_Job(clean, agreement, audited, day, seed, watch, budget, points_only))


def _train(job: _Job) -> Trained:
    with job.watch("moments and labels"):
        ground = job.ground()
    why = job.why_points_only(ground)
    if why is not None:
        return job.serve_points(ground, why)
    refused = _nothing_to_learn_from(ground)
    if refused is not None:
        return job.hand_over(ground, Outcome(refused))
    with job.watch("features"):
        at = job.features(ground)
    with job.watch("candidates on inner folds"):
        contest = job.contest(ground, at, job.budget and job.budget.shared_by(1 + len(ground.split.held_out)))
    with job.watch("the one look at the test part"):
        outcome = job.test(ground, at, contest)
    if outcome.verdict.word != "signal":
        return job.hand_over(ground, outcome)
    with job.watch("as deployed"):
        outcome = replace(outcome, deployed=job.as_deployed(ground, at, contest))
    with job.watch("what bound acts cost"):
        outcome = replace(outcome, monotone=monotone_cost(contest, ground.learn, seed=job.seed))
    with job.watch("a closer look"):
        closer = job.closer(ground, at, outcome)
        outcome = replace(outcome, closer=closer)
    with job.watch("refit on all mature moments"):
        final = job.refit(ground, outcome, contest)
    with job.watch("charts"):
        charts = draw_charts(
            {kind: found.log_odds for kind, found in outcome.examined.items()},
            ground.test.converted,
            closer.reliability,
            closer.base_rate,
        )
    return job.hand_over(ground, outcome, final, charts)


class _Stopwatch:
    """Seconds by step; a step says its name as it begins."""

    def __init__(self, progress: Callable[[str], None]) -> None:
        self.seconds: dict[str, float] = {}
        self._progress = progress

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        self._progress(step)
        start = time.perf_counter()
        yield
        self.seconds[step] = round(time.perf_counter() - start, 3)


@dataclass(frozen=True)
class _Job:
    history: History
    agreement: Agreement
    audit: Audit
    day: int | None
    seed: int
    watch: _Stopwatch
    budget: Budget | None
    points_only: bool

    def ground(self) -> Ground:
        """Draw the moments, and split the mature ones."""
        terms = self.agreement
        drawn = draw(self.history, goal_stage=terms.stage, within_days=terms.within_days, as_of=self.day)
        mature = drawn.moments.take(drawn.moments.mature)
        return Ground(drawn, mature, split_of(self.history, mature, drawn.gap))

    def features(self, ground: Ground) -> FeaturesAt:
        before = None if self.history.is_flat else ground.split.cut
        return FeaturesAt.drawn_up(self.history, self.agreement, ground.mature, ground.split.learn, before)

    def contest(self, ground: Ground, at: FeaturesAt, budget: Budget | None) -> Contest:
        """Let the candidates compete on the inner folds of the learning part."""
        lesson = lesson_of(self.agreement, at, at.matrix[ground.split.learn], ground.learn)
        folds = folds_of(self.history, ground.learn, ground.drawn.gap)
        return compete(lesson, ground.learn, folds, seed=self.seed, budget=budget)

    def test(self, ground: Ground, at: FeaturesAt, contest: Contest) -> Outcome:
        """Measure all candidates once, after the choice."""
        test = ground.test
        accounts = Accounts.draw(test.owner, self.seed)
        everybody = ground.mature.take(ground.split.deployed_test)
        weeks = measure.weeks_of(test, everybody, self.agreement.leads_per_week, flat=self.history.is_flat)
        said = (
            self._out_of_fold(ground, contest)
            if ground.split.held_out
            else _said(contest, at.matrix[ground.split.test])
        )
        examined = {kind: measure.examine(*said[kind], test, accounts, weeks) for kind in contest.lesson.kinds}
        constant = measure.constant_figures(float(ground.learn.converted.mean()), test, accounts)
        chosen = examined[contest.choice.kind]
        loss = chosen.calibrated.figures["log_loss"].value
        verdict = judge(chosen.ranking.figures["auc"], loss, constant["log_loss"], test.conversions)
        ratio = chosen.calibrated.figures["observed_to_expected"]
        status, how = probability_status(ratio, chosen.slope, test.conversions)
        probability = {"status": status, "check": how, "observed_to_expected": ratio, "slope": chosen.slope}
        return Outcome(verdict, contest, examined, constant, probability)

    def _out_of_fold(self, ground: Ground, whole_contest: Contest) -> Said:
        """Return what every held-out fold is told by contests among the others alone, catalog included.

        Each looks at as many settings as the contest of all did, so that the number of trials makes it again.
        """
        trials = whole_contest.searched.get("trials")
        budget = None if trials is None else Budget(trials=trials)
        nobody = np.zeros(len(ground.mature))
        found: Said = {}
        for fold in ground.split.held_out:
            learn, held = np.zeros((2, len(ground.mature)), bool)
            learn[fold.learn], held[fold.validate] = True, True
            part = replace(ground, split=replace(ground.split, learn=learn, test=held))
            at = self.features(part)
            for kind, said in _said(self.contest(part, at, budget), at.matrix[held]).items():
                for whole, mine in zip(found.setdefault(kind, (nobody.copy(), nobody.copy())), said, strict=True):
                    whole[held] = mine
        test = ground.split.test
        return {kind: (raw[test], log_odds[test]) for kind, (raw, log_odds) in found.items()}

    def why_points_only(self, ground: Ground) -> str | None:
        """Say why the points are to rank; None where there is something to learn from, no points or nobody to rank."""
        mature = ground.mature
        if not self.agreement.rules or not len(ground.drawn.open_now):
            return None
        if self.points_only:
            return "asked for"
        return too_few(mature.conversions, len(np.unique(mature.lead)) - mature.conversions)

    def serve_points(self, ground: Ground, why: str) -> Trained:
        """Make a model of the hand-picked points as they are."""
        drawn = ground.drawn.moments
        with self.watch("the points as they are"):
            everybody = np.ones(len(drawn), bool)
            at = FeaturesAt.drawn_up(self.history, self.agreement, drawn, everybody, self._until)
            given = (self.history, self.agreement)
            final = points_as_they_are(*given, at=at, drawn=drawn, reference=ground.drawn.open_now)
        return self.hand_over(ground, Outcome(points_only(why)), final)

    @property
    def _until(self) -> int | None:
        return None if self.history.is_flat else self.day

    def closer(self, ground: Ground, at: FeaturesAt, outcome: Outcome) -> Closer:
        """Look closer at the chosen candidate: chances by band and segment, the points, what happens if worked."""
        given = (self.history, self.agreement, ground, at, outcome)
        return look_closer(*given, open_now=ground.drawn.open_now, as_of=self._until, seed=self.seed)

    def as_deployed(self, ground: Ground, at: FeaturesAt, contest: Contest) -> dict[str, Any]:
        """Measure the chosen recipe as it would have been used: all open leads, taught by all earlier moments."""
        if self.history.is_flat:
            return {"note": "the same as the test part: each lead has one moment"}
        split, kind = ground.split, contest.choice.kind
        earlier, later = ground.mature.take(split.deployed_learn), ground.mature.take(split.deployed_test)
        lesson = lesson_of(self.agreement, at, at.matrix[split.deployed_learn], earlier)
        ranker = candidates.fit(kind, lesson, contest.params[kind], seed=self.seed)
        line = contest.fitted[kind].line
        if contest.fitted[kind].used != "nothing":
            said = ranker.raw(lesson.matrix)
            line = taught(said, earlier, Accounts.draw(earlier.owner, self.seed, 0), since=contest.since).line(
                line.slope
            )
        raw = ranker.raw(at.matrix[split.deployed_test])
        accounts = Accounts.draw(later.owner, self.seed)
        weeks = measure.weeks_of(later, later, self.agreement.leads_per_week, flat=False)
        found = measure.examine(raw, line(raw), later, accounts, weeks)
        return {
            "learn": measure.describe(earlier, self.history),
            "test": measure.describe(later, self.history),
            "ranking": found.ranking.figures,
            "calibrated": found.calibrated.figures,
        }

    def refit(self, ground: Ground, outcome: Outcome, contest: Contest) -> Refitted:
        mature = ground.mature
        at = FeaturesAt.drawn_up(self.history, self.agreement, mature, np.ones(len(mature), bool), self.day)
        kind = contest.choice.kind
        return refit(
            self.history,
            self.agreement,
            kind=kind,
            params=contest.params[kind],
            at=at,
            mature=mature,
            folds=folds_of(self.history, mature, ground.drawn.gap),
            reference=ground.drawn.open_now,
            status=outcome.probability["status"],
            seed=self.seed,
        )

    def hand_over(
        self,
        ground: Ground,
        outcome: Outcome,
        final: Refitted | None = None,
        charts: Mapping[str, str] | None = None,
    ) -> Trained:
        """Put the report together and, where there is a model, its facts."""
        moved_by = None
        if final is not None:
            with self.watch("what moves scores"):
                moved_by = drivers(final.model, final.reference)
        given = (self.history, self.agreement, self.audit, self.day, ground, outcome, final)
        asked = {
            "points_only": self.points_only,
            "seconds": self.budget and self.budget.seconds,
            "trials": self.budget and self.budget.trials,
        }
        report = telling.report(*given, moved_by=moved_by, seed=self.seed, asked=asked, seconds=self.watch.seconds)
        seen = telling.looked_at(self.history, ground, outcome)
        if final is None:
            return Trained(None, report, outcome.verdict.word, pd.DataFrame(), {}, seen)
        model = replace(final.model, facts=telling.facts(report))
        example = telling.example(model, final.reference)
        return Trained(model, report, outcome.verdict.word, example, charts or {}, seen)


def _said(contest: Contest, matrix: NDArray[np.float64]) -> Said:
    """Return each candidate's raw log-odds of moments that it was not taught, and the same calibrated."""
    raw = {kind: contest.rankers[kind].raw(matrix) for kind in contest.lesson.kinds}
    return {kind: (found, contest.fitted[kind].line(found)) for kind, found in raw.items()}


def _day(history: History, as_of: pd.Timestamp | None) -> int | None:
    """Return the training day in microseconds: as asked, at most the instant after the history's end."""
    if history.ended_at is None:
        return None
    end = to_micros(history.ended_at.to_pydatetime()) + 1
    return end if as_of is None else min(end, to_micros(as_of.to_pydatetime()))


def _nothing_to_learn_from(ground: Ground) -> Verdict | None:
    """Return the verdict where a part lacks one of the outcomes altogether; words say which."""
    enough = would_tell(Interval(float("nan"), float("nan"), float("nan")), 0)
    parts = {"learning": ground.learn, "test": ground.test}
    why = next(
        (f"the {name} part has no mature moment: {_TOO_SHORT}" for name, part in parts.items() if not len(part)), ""
    )
    for name, part in parts.items():
        won = int(part.converted.sum())
        if not why and won in (0, len(part)):
            why = f"{'no' if won == 0 else 'every'} lead of the {name} part converted"
    if why:
        text = f"Cannot tell yet: {why}. About {enough} converted leads in the test part would tell."
        return Verdict("cannot_tell", text, enough)
    return None
