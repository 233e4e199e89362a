"""How far predictions for later moments can be trusted: the slope that they want, in all and in each stretch of time.

The slope is the one that all stretches of time share, each at a level of its own. The models of the folds knew more and
more, so their levels differ for reasons that have nothing to do with how far their log-odds should be spread. Pooled
with one level, a narrow ranking would seem to say nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from leadlight.training.bootstrap import Accounts, Interval, interval
from leadlight.training.line import RIDGE, STEPS, Line, fit_line, line_draws, sigmoid

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ENOUGH_FOR_SLOPE", "RankEvidence", "rank_evidence"]

ENOUGH_FOR_SLOPE: Final = 50
"""Converted leads from which on the slope is fitted, not only the intercept."""

APART: Final = 3.0
"""Slopes of two stretches of time that are surely further apart, as a ratio, are no slope for a third."""


@dataclass(frozen=True)
class RankEvidence:
    """What predictions for later moments say of a ranking: how far it can be trusted.

    Attributes
    ----------
    line : Line
        As fitted, without a bound.
    draws : ndarray of shape (n_draws + 1, 2)
        (intercept, slope) in each bootstrap draw.
    folds : tuple of Interval
        Slope of each validation block alone.
    conversions : int
        Converted leads behind it.
    """

    line: Line
    draws: NDArray[np.float64]
    folds: tuple[Interval, ...]
    conversions: int

    @classmethod
    def none(cls) -> Self:
        """Return the evidence of no prediction at all."""
        return cls(Line(0.0, 1.0), np.full((2, 2), np.nan), (), 0)

    @property
    def slope(self) -> Interval:
        """The slope as estimated."""
        return interval(self.draws[:, 1])

    @property
    def intercept(self) -> Interval:
        """The intercept that goes with that slope."""
        return interval(self.draws[:, 0])

    @property
    def unstable(self) -> bool:
        """Whether the slope's interval reaches 0 or lies below, or one block says the opposite of the others."""
        return self.conversions > 0 and (self.slope.low <= 0.0 or _contradict(self.folds))

    @property
    def contradicts_itself(self) -> bool:
        """Whether one stretch of time denies what another surely says; never where each has few conversions."""
        return self.conversions >= ENOUGH_FOR_SLOPE * len(self.folds) and _contradict(self.folds)

    @property
    def why_not(self) -> str:
        """Why the slope is not to be used; empty where it is."""
        if self.conversions < ENOUGH_FOR_SLOPE:
            return f"{self.conversions} conversions; from {ENOUGH_FOR_SLOPE} on the slope is fitted as well"
        if self.unstable:
            return (
                "the rank evidence is unstable: the slope's interval reaches 0, "
                "or one stretch of time contradicts another"
            )
        if _disagree(self.folds):
            return f"stretches of time disagree about the spread, by more than {APART:g} times: it is left as it is"
        return ""


def rank_evidence(
    raw: NDArray[np.float64],
    converted: NDArray[np.bool_],
    block: NDArray[np.int64],
    accounts: Accounts,
    *,
    conversions: int,
    weight: NDArray[np.float64] | None = None,
) -> RankEvidence:
    """Say how far a ranking can be trusted: its slope, in all and in each stretch of time.

    Parameters
    ----------
    raw, converted, block, accounts, conversions
        As in `calibrate`; at least one moment.
    weight : ndarray of shape (n_moments,), optional
    """
    weight = np.ones(len(raw)) if weight is None else weight
    slope, levels = _within(raw, converted, block, weight)
    line = fit_line(raw, converted, weight, slope=slope)
    draws = line_draws(raw, converted, accounts, line, free=False, weight=weight)
    draws[:, 1] = _within_draws(raw, converted, block, weight, accounts, slope, levels)
    return RankEvidence(line, draws, tuple(_slopes(raw, converted, accounts, block, weight)), conversions)


def _within(
    raw: NDArray[np.float64], converted: NDArray[np.bool_], block: NDArray[np.int64], weight: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    """Return the common slope by maximum likelihood, and each block's level; blocks of one outcome say nothing."""
    _, of = np.unique(block, return_inverse=True)
    told = _both_outcomes(of, converted)[of]
    center = np.bincount(of, weight * raw) / np.bincount(of, weight)
    gap = raw - center[of]
    spread = float(np.sqrt(np.average(gap**2, weights=weight))) or 1.0
    x, own = gap / spread, np.where(told, weight, 0.0)
    level, b = np.zeros(len(center)), 0.0
    for _ in range(STEPS):
        p = sigmoid(level[of] + b * x)
        residual, variance = own * (converted - p), own * (p * (1 - p) + 1e-12)
        g0, h0, h1 = (np.bincount(of, column) for column in (residual, variance, variance * x))
        h0 = np.maximum(h0, 1e-300)
        ridge = RIDGE * float(variance.sum()) + 1e-9
        gradient = float(residual @ x - ridge * b - h1 @ (g0 / h0))
        curvature = float(variance @ (x * x) + ridge - h1 @ (h1 / h0))
        moved = min(max(gradient / curvature, -2.0), 2.0)
        step = np.clip((g0 - h1 * moved) / h0, -2.0, 2.0)
        level, b = level + step, b + moved
        if max(abs(moved), float(np.abs(step).max())) < 1e-10:
            break
    return b / spread, level - b / spread * center


def _within_draws(
    raw: NDArray[np.float64],
    converted: NDArray[np.bool_],
    block: NDArray[np.int64],
    weight: NDArray[np.float64],
    accounts: Accounts,
    slope: float,
    levels: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the common slope in each bootstrap draw, one Newton step from the estimate as in `line_draws`."""
    blocks, of = np.unique(block, return_inverse=True)
    own = np.where(_both_outcomes(of, converted)[of], weight, 0.0)
    p = sigmoid(levels[of] + slope * raw)
    residual, variance = own * (converted - p), own * p * (1 - p)
    gap = raw - (np.bincount(of, variance * raw) / np.maximum(np.bincount(of, variance), 1e-300))[of]
    inside = (of[:, None] == np.arange(len(blocks))).astype(float)
    g0, h0, h1 = (accounts.sums(column[:, None] * inside) for column in (residual, variance, variance * gap))
    g1, h2 = accounts.sums(np.stack([residual * gap, variance * gap * gap], axis=1)).T
    h0 = np.maximum(h0, 1e-12)
    curvature = h2 - (h1 * h1 / h0).sum(axis=1)
    curvature = np.where(curvature > 1e-9 * np.maximum(h2, 1e-300), curvature, np.inf)
    return np.asarray(slope + (g1 - (h1 * g0 / h0).sum(axis=1)) / curvature)


def _both_outcomes(of: NDArray[np.int64], converted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which blocks have both outcomes; shape (n_blocks,)."""
    won, all_ = np.bincount(of, converted), np.bincount(of)
    return np.asarray((won > 0) & (won < all_))


def _slopes(
    raw: NDArray[np.float64],
    converted: NDArray[np.bool_],
    accounts: Accounts,
    block: NDArray[np.int64],
    weight: NDArray[np.float64],
) -> Iterator[Interval]:
    """Yield the slope of each stretch of time; one in which all or none converted has none."""
    for b in np.unique(block):
        rows = block == b
        if 0 < int(converted[rows].sum()) < int(rows.sum()):
            line = fit_line(raw[rows], converted[rows], weight[rows])
            given = raw[rows], converted[rows], accounts.take(rows), line
            yield interval(line_draws(*given, free=True, weight=weight[rows])[:, 1])


def _contradict(folds: tuple[Interval, ...]) -> bool:
    """Whether one stretch of time may well have no slope or a reversed one while another surely has more."""
    best = max((fold.low for fold in folds), default=0.0)
    return any(fold.low <= 0.0 and fold.high < best for fold in folds)


def _disagree(folds: tuple[Interval, ...]) -> bool:
    """Whether the spread that two stretches of time want differs too much, beyond noise, to carry any of them over.

    The first folds know least: a model that has hardly left the base rate wants a slope that the final one does not.
    """
    highs = [max(float(fold.high), 0.0) for fold in folds]
    return any(fold.low > APART * min(highs) for fold in folds)
