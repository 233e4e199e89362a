"""Calibration: an affine map of the log-odds, so that reasons are scaled along and still add up.

The slope of ``log_odds = intercept + slope * raw`` is fitted on predictions for moments later than what they were
learned from (cross-fitted by forward folds), never on what was learned, with a level of its own for each stretch of
time. It is bounded at 0: calibration may weaken a ranking, never turn it round. The intercept belongs to the model that
was fitted on everything: it is set so that the model's chances add up to the conversions among the moments it was
taught, each counted once as it stood in the queue. What the folds' own models are off by says little about its level:
the first of them knew a few weeks (``docs/decisions/0007-the-level-of-chances.md`` has the figures).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from leadlight.core.artifact import Calibration
from leadlight.training.bootstrap import Accounts
from leadlight.training.line import Line, fit_line, sigmoid
from leadlight.training.rank_evidence import RankEvidence, rank_evidence

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Fitted", "Taught", "calibrate"]


@dataclass(frozen=True)
class Taught:
    """What a ranker says of moments that it was taught; chances get their level from these.

    Attributes
    ----------
    raw : ndarray of shape (n_moments,)
        Raw log-odds.
    converted : ndarray of shape (n_moments,), dtype bool
    accounts : Accounts
        In the draws of the cross-fitted predictions.
    """

    raw: NDArray[np.float64]
    converted: NDArray[np.bool_]
    accounts: Accounts

    def line(self, slope: float) -> Line:
        """Return the map of this slope whose chances add up to the conversions; without both outcomes as it is."""
        if not 0 < int(self.converted.sum()) < len(self.converted):
            return Line(0.0, slope)
        return fit_line(self.raw, self.converted, slope=slope)

    def draws(self, line: Line, slopes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (intercept, slope) in each draw, for the slopes of the draws: one Newton step from the line."""
        p = sigmoid(line(self.raw))
        variance = p * (1 - p)
        gap, level, tilt = self.accounts.sums(np.stack([self.converted - p, variance, variance * self.raw], axis=1)).T
        moved = (gap - tilt * (slopes - line.slope)) / np.maximum(level, 1e-9)
        return np.column_stack([line.intercept + moved, slopes])


@dataclass(frozen=True)
class Fitted:
    """A calibration with what a report must say of it.

    Attributes
    ----------
    calibration : Calibration
        Applied to raw log-odds; with bootstrap draws.
    used : {"slope and intercept", "intercept only", "nothing"}
    why : str
    evidence : RankEvidence
        What it rests on; of nothing where the history was too short for folds.
    """

    calibration: Calibration
    used: str
    why: str
    evidence: RankEvidence

    @property
    def line(self) -> Line:
        """The map alone."""
        return Line(self.calibration.intercept, self.calibration.slope)


def calibrate(
    raw: NDArray[np.float64],
    converted: NDArray[np.bool_],
    block: NDArray[np.int64],
    accounts: Accounts,
    taught: Taught,
    *,
    conversions: int,
) -> Fitted:
    """Fit a calibration and say how far it can be trusted.

    Parameters
    ----------
    raw, converted, block : ndarray of shape (n_moments,)
        Predictions for later moments than those learned from, their outcomes, and the stretch of time each is from:
        for the slope.
    accounts : Accounts
    taught : Taught
        What the ranker to calibrate says of the moments it was taught: for the intercept.
    conversions : int
        Distinct converted leads among the predictions.
    """
    if len(raw) == 0:
        why = "too short a history for folds: chances are as the candidate gives them"
        return Fitted(Calibration(0.0, 1.0, np.empty((0, 2))), "nothing", why, RankEvidence.none())
    found = rank_evidence(raw, converted, block, accounts, conversions=conversions)
    why = found.why_not
    used = "intercept only" if why else "slope and intercept"
    chosen = taught.line(1.0 if why else max(found.line.slope, 0.0))
    slopes = np.ones(len(found.draws)) if why else np.maximum(found.draws[:, 1], 0.0)
    calibration = Calibration(chosen.intercept, chosen.slope, taught.draws(chosen, slopes)[1:])
    return Fitted(calibration, used, why, found)
