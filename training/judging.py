"""How settings of one candidate are compared on the later moments of forward folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from leadlight.training.line import fit_line
from leadlight.training.rank_evidence import ENOUGH_FOR_SLOPE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.training.lesson import Lesson
    from leadlight.training.splits import Fold

__all__ = ["Judge", "validated"]


def validated(folds: Sequence[Fold]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows that folds validate on, one fold after the other, and the stretch of time of each."""
    if not folds:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    rows = np.concatenate([fold.validate for fold in folds])
    return rows, np.concatenate([np.full(len(fold.validate), fold.block) for fold in folds])


@dataclass(frozen=True)
class Judge:
    """Later moments by which settings are judged: log loss after each block was calibrated on itself.

    What calibration will mend is not held against a setting: the level, and from enough conversions on the spread, so
    that a block that turns the ranking round says nothing about settings.

    Attributes
    ----------
    rows, block : ndarray of shape (n_validated,), dtype int64
    converted : ndarray of shape (n_validated,), dtype bool
    owner : ndarray of shape (n_validated,), dtype int64
    free : bool
        Whether the spread is calibrated too.
    """

    rows: NDArray[np.int64]
    block: NDArray[np.int64]
    converted: NDArray[np.bool_]
    owner: NDArray[np.int64]
    free: bool

    @classmethod
    def of(cls, lesson: Lesson, folds: Sequence[Fold]) -> Self:
        """Return the judge of a lesson's folds."""
        rows, block = validated(folds)
        converted, lead = lesson.converted[rows], lesson.lead[rows]
        owner = lead if lesson.owner is None else lesson.owner[rows]
        return cls(rows, block, converted, owner, len(np.unique(lead[converted])) >= ENOUGH_FOR_SLOPE)

    def loss(self, raw: NDArray[np.float64]) -> float:
        """Return the mean log loss of raw log-odds of the validated moments."""
        return float(self._losses(raw).sum()) / max(len(raw), 1)

    def gain(self, raw: NDArray[np.float64], against: NDArray[np.float64]) -> tuple[float, float]:
        """Return how much smaller the sum of losses is than another's, and the noise of that: one standard error.

        The moments of one account are summed first: they stand and fall together.
        """
        _, owner = np.unique(self.owner, return_inverse=True)
        by_account = np.bincount(owner, self._losses(against) - self._losses(raw))
        return float(by_account.sum()), float(np.sqrt(len(by_account)) * by_account.std())

    def _losses(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        losses = np.empty(len(raw))
        for block in np.unique(self.block):
            rows = self.block == block
            own, won = raw[rows], self.converted[rows]
            slope = max(fit_line(own, won).slope, 0.0) if self.free else 1.0
            mapped = fit_line(own, won, slope=slope)(own)
            losses[rows] = np.logaddexp(0.0, mapped) - won * mapped
        return losses
