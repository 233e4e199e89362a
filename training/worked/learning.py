"""Learning what happens if worked: the practice model brought to another level, or learned anew from worked moments.

Worked moments are few beside all moments, so a model that is learned from them alone is right on average and off for
the single lead. What practice distorts most is the level; the ranking much less. So there are two ways, the simpler
first:

- *another level*: the ranker learned under practice, its log-odds mapped by a line that is fitted on worked moments;
- *learned anew*: the same candidate taught by worked moments alone, its free setting chosen on them.

Both are weighted 1/p and judged on the same forward folds. The second has to win beyond noise
(``docs/feedback-loop.md`` has the figures).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from leadlight.core.artifact import Kind
from leadlight.core.contributions import Additive, Boosted
from leadlight.training import candidates
from leadlight.training.bootstrap import Accounts, Interval, interval
from leadlight.training.judging import Judge
from leadlight.training.line import Line, fit_line
from leadlight.training.rank_evidence import ENOUGH_FOR_SLOPE, rank_evidence
from leadlight.training.refit import lesson_of
from leadlight.training.splits import Fold
from leadlight.training.worked.moments import Worked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.agreement.terms import Agreement
    from leadlight.training.features_at import FeaturesAt
    from leadlight.training.moments import Moments

__all__ = ["LEAST_GAIN", "WAYS", "Estimate", "LearnedIfWorked", "Way", "learn_if_worked", "level_draws"]

Way = Literal["another level", "learned anew"]
WAYS: Final[tuple[Way, ...]] = ("another level", "learned anew")

LEAST_GAIN: Final = 0.0
"""Lower 95 % bound of the gain in weighted log loss a moment that learning anew has to exceed."""

_CHOSEN: Final = frozenset({"trees", "lean"})


@dataclass(frozen=True)
class Estimate:
    """How one estimate turns columns into chances.

    Attributes
    ----------
    kind : {"scorecard", "logistic", "lightgbm"}
    params : mapping
        Its settings.
    ranker : Additive or Boosted
    line : Line
        Calibration of its raw log-odds.
    """

    kind: Kind
    params: Mapping[str, float]
    ranker: Additive | Boosted
    line: Line

    def log_odds(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return calibrated log-odds of moments, given their catalog columns."""
        return self.line(self.ranker.raw(matrix))

    def chances(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return calibrated chances."""
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(self.log_odds(matrix), -30, 30))))


@dataclass(frozen=True)
class LearnedIfWorked:
    """What was learned of worked moments.

    Attributes
    ----------
    by_way : mapping of Way to Estimate
        ``"learned anew"`` is there only where the folds could judge it.
    way : {"another level", "learned anew"}
        The one that is used.
    gain : Interval
        By how much learning anew lowers the weighted log loss of validated worked moments; NaN where not judged.
    slopes : mapping of Way to str
        Why the slope is not that of the worked moments; empty where it is.
    """

    by_way: Mapping[Way, Estimate]
    way: Way
    gain: Interval
    slopes: Mapping[Way, str]

    @property
    def chosen(self) -> Estimate:
        """The estimate that is used."""
        return self.by_way[self.way]

    @property
    def why_not(self) -> str:
        """Why the slope of the estimate that is used is not that of the worked moments; empty where it is."""
        return self.slopes[self.way]


def learn_if_worked(
    agreement: Agreement,
    at: FeaturesAt,
    matrix: NDArray[np.float64],
    moments: Moments,
    found: Worked,
    folds: Sequence[Fold],
    practice: Estimate,
    *,
    seed: int,
) -> LearnedIfWorked | None:
    """Learn from the worked ones of some moments.

    Parameters
    ----------
    matrix : ndarray of shape (n_moments, n_features)
        Catalog columns at ``moments``.
    moments : Moments
        Mature: the learning part, or everything.
    found : Worked
        Of these moments.
    folds : sequence of Fold
        Forward folds, as positions in ``moments``.
    practice : Estimate
        Taught by all these moments; its slope stays where too few worked leads converted for another, or where these
        say nothing sure about the order.

    Returns
    -------
    LearnedIfWorked or None
        None where not both outcomes are among the worked.
    """
    rows = found.taken
    own = moments.converted[rows]
    if not 0 < int(own.sum()) < len(own):
        return None
    everything = lesson_of(agreement, at, matrix, moments)
    lesson = replace(everything.take(rows), factor=found.factor(rows))
    inner = _within(folds, rows, moments.converted)
    before = _among(candidates.cross_fit(practice.kind, everything, folds, practice.params, seed=seed), rows)
    given = lesson, found.worked[rows], Accounts.draw(moments.owner[rows], seed)
    line, why = _line(*given, before, practice.ranker.raw(lesson.matrix), usual=practice.line.slope)
    moved = replace(practice, line=line)
    if not inner or practice.kind == "scorecard":
        return LearnedIfWorked({WAYS[0]: moved}, WAYS[0], Interval(*3 * (float("nan"),)), {WAYS[0]: why})
    estimate, anew, why_anew = _anew(practice, *given, inner, seed)
    gain = _gain(lesson, before, anew, moments.owner[rows], seed)
    way = WAYS[1] if gain.low > LEAST_GAIN else WAYS[0]
    return LearnedIfWorked({WAYS[0]: moved, WAYS[1]: estimate}, way, gain, {WAYS[0]: why, WAYS[1]: why_anew})


def level_draws(
    estimate: Estimate, matrix: NDArray[np.float64], moments: Moments, found: Worked, *, seed: int
) -> NDArray[np.float64]:
    """Return (intercept, slope) of an estimate's line in each bootstrap draw of accounts, for ``Calibration.draws``.

    The level moves by one Newton step; the slope stays, so intervals leave its noise out.

    Parameters
    ----------
    matrix, moments, found
        As in `learn_if_worked`.

    Returns
    -------
    ndarray of shape (n_draws, 2)
    """
    rows = found.taken
    own, weight, p = moments.take(rows), found.factor(rows), estimate.chances(matrix[rows])
    columns = np.stack([weight * (own.converted - p), weight * p * (1 - p)], axis=1)
    gap, level = Accounts.draw(own.owner, seed).sums(columns)[1:].T
    intercept = estimate.line.intercept + gap / np.maximum(level, 1e-9)
    return np.column_stack([intercept, np.full(len(gap), estimate.line.slope)])


def _within(folds: Sequence[Fold], rows: NDArray[np.bool_], converted: NDArray[np.bool_]) -> list[Fold]:
    """Return the folds as they are among some moments; one stays where both outcomes are there to learn from."""
    place, own = np.cumsum(rows) - 1, converted[rows]
    kept = (Fold(place[f.learn[rows[f.learn]]], place[f.validate[rows[f.validate]]], f.block) for f in folds)
    return [fold for fold in kept if len(fold.validate) and 0 < own[fold.learn].sum() < len(fold.learn)]


def _anew(
    practice: Estimate,
    lesson: candidates.Lesson,
    worked: NDArray[np.bool_],
    accounts: Accounts,
    folds: Sequence[Fold],
    seed: int,
) -> tuple[Estimate, candidates.CrossFitted, str]:
    """Teach the candidate by worked moments alone; the predictions are those of the settings that it is fitted with."""
    params, predictions = _tuned(practice, lesson, folds, seed)
    ranker = candidates.fit(practice.kind, lesson, params, seed=seed)
    line, why = _line(lesson, worked, accounts, predictions, ranker.raw(lesson.matrix), usual=1.0)
    return Estimate(practice.kind, params, ranker, line), predictions, why


def _tuned(
    practice: Estimate, lesson: candidates.Lesson, folds: Sequence[Fold], seed: int
) -> tuple[Mapping[str, float], candidates.CrossFitted]:
    """Choose the free setting on worked moments; what a search had found beside it stays, here as in the fit."""
    if practice.kind == "logistic":
        return candidates.tune(practice.kind, lesson, folds, seed=seed)[:2]
    found = {name: value for name, value in practice.params.items() if name not in _CHOSEN}
    judge, tried = Judge.of(lesson, folds), []
    for lean in lesson.leans:
        tried += candidates.grow(lesson, folds, judge, {**found, "lean": lean}, seed=seed)
    params, raw = min(tried, key=lambda step: judge.loss(step[1]))
    return params, candidates.CrossFitted(judge.rows, judge.block, raw)


def _among(predictions: candidates.CrossFitted, rows: NDArray[np.bool_]) -> candidates.CrossFitted:
    """Return the predictions for some moments, as positions among these."""
    place, kept = np.cumsum(rows) - 1, rows[predictions.rows]
    return candidates.CrossFitted(place[predictions.rows[kept]], predictions.block[kept], predictions.raw[kept])


def _line(
    lesson: candidates.Lesson,
    worked: NDArray[np.bool_],
    accounts: Accounts,
    predictions: candidates.CrossFitted,
    said: NDArray[np.float64],
    *,
    usual: float,
) -> tuple[Line, str]:
    """Calibrate by the rules of `leadlight.training.calibration`, with the weights of worked moments.

    The slope comes from predictions for later moments; where too few of their leads converted once worked (who
    converted first hardly weighs anything), or the order is not sure, it is the usual one, and the reason is returned.
    The level comes from what the ranker says of all worked moments, so that its weighted chances add up to their
    weighted conversions.
    """
    assert lesson.factor is not None
    rows = predictions.rows
    converted, weight = lesson.converted[rows], lesson.factor[rows]
    conversions = len(np.unique(lesson.lead[rows][converted & worked[rows]]))
    slope, why = usual, f"{conversions} conversions; from {ENOUGH_FOR_SLOPE} on the slope is fitted as well"
    if conversions >= ENOUGH_FOR_SLOPE:
        later = predictions.raw, converted, predictions.block, accounts.take(rows)
        found = rank_evidence(*later, conversions=conversions, weight=weight)
        slope, why = usual if found.why_not else found.line.slope, found.why_not
    return fit_line(said, lesson.converted, lesson.factor, slope=slope), why


def _gain(
    lesson: candidates.Lesson,
    before: candidates.CrossFitted,
    anew: candidates.CrossFitted,
    owner: NDArray[np.int64],
    seed: int,
) -> Interval:
    """Compare both ways on worked moments that both were validated on, each after a line of its own."""
    assert lesson.factor is not None
    both, first, second = np.intersect1d(before.rows, anew.rows, return_indices=True)
    converted, weight = lesson.converted[both], lesson.factor[both]
    if not 0 < int(converted.sum()) < len(converted):
        return Interval(*3 * (float("nan"),))
    losses = [_losses(raw, converted, weight) for raw in (before.raw[first], anew.raw[second])]
    sums = Accounts.draw(owner[both], seed).sums(np.stack([weight * (losses[0] - losses[1]), weight], axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return interval(sums[:, 0] / sums[:, 1])


def _losses(raw: NDArray[np.float64], converted: NDArray[np.bool_], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    slope = max(fit_line(raw, converted, weight).slope, 0.0)  # who ranks the wrong way round may not gain by it
    log_odds = fit_line(raw, converted, weight, slope=slope)(raw)
    return np.asarray(np.logaddexp(0.0, log_odds) - converted * log_odds)
