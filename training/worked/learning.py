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
from leadlight.training.calibration import ENOUGH_FOR_SLOPE, Line, fit_line
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
    """

    by_way: Mapping[Way, Estimate]
    way: Way
    gain: Interval

    @property
    def chosen(self) -> Estimate:
        """The estimate that is used."""
        return self.by_way[self.way]


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
        Taught by all these moments; its slope stays where too few worked leads converted for another.

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
    usual = practice.line.slope
    moved = replace(practice, line=_line(lesson, before, practice.ranker.raw(lesson.matrix), usual))
    if not inner or practice.kind == "scorecard":
        return LearnedIfWorked({WAYS[0]: moved}, WAYS[0], Interval(*3 * (float("nan"),)))
    setting, anew, _ = candidates.tune(practice.kind, lesson, inner, seed=seed)
    params = {**practice.params, **setting}
    ranker = candidates.fit(practice.kind, lesson, params, seed=seed)
    estimate = Estimate(practice.kind, params, ranker, _line(lesson, anew, ranker.raw(lesson.matrix), 1.0))
    gain = _gain(lesson, before, anew, moments.owner[rows], seed)
    way = WAYS[1] if gain.low > LEAST_GAIN else WAYS[0]
    return LearnedIfWorked({WAYS[0]: moved, WAYS[1]: estimate}, way, gain)


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


def _among(predictions: candidates.CrossFitted, rows: NDArray[np.bool_]) -> candidates.CrossFitted:
    """Return the predictions for some moments, as positions among these."""
    place, kept = np.cumsum(rows) - 1, rows[predictions.rows]
    return candidates.CrossFitted(place[predictions.rows[kept]], predictions.block[kept], predictions.raw[kept])


def _line(
    lesson: candidates.Lesson, predictions: candidates.CrossFitted, said: NDArray[np.float64], usual: float
) -> Line:
    """Calibrate as `leadlight.training.calibration` does, with the weights of worked moments.

    The slope comes from predictions for later moments, where enough of their leads converted, else it is the usual one;
    the level from what the ranker says of all worked moments, so that its weighted chances add up to their weighted
    conversions.
    """
    assert lesson.factor is not None
    rows, slope = predictions.rows, usual
    if len(np.unique(lesson.lead[rows][lesson.converted[rows]])) >= ENOUGH_FOR_SLOPE:
        slope = max(fit_line(predictions.raw, lesson.converted[rows], lesson.factor[rows]).slope, 0.0)
    return fit_line(said, lesson.converted, lesson.factor, slope=slope)


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
    log_odds = fit_line(raw, converted, weight)(raw)
    return np.asarray(np.logaddexp(0.0, log_odds) - converted * log_odds)
