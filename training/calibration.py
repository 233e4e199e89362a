"""Calibration: an affine map of the log-odds, so that reasons are scaled along and still add up.

The slope of ``log_odds = intercept + slope * raw`` is fitted on predictions for moments later than what they were
learned from (cross-fitted by forward folds), never on what was learned, with a level of its own for each stretch of
time. It is bounded at 0: calibration may weaken a ranking, never turn it round. The intercept belongs to the model that
was fitted on everything: it is set so that the model's chances add up to the conversions among the moments it was
taught, each counted once as it stood in the queue. What the folds' own models are off by says little about its level:
the first of them knew a few weeks (``docs/decisions/0007-the-level-of-chances.md`` has the figures).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from leadlight.core.artifact import Calibration
from leadlight.training.bootstrap import Accounts, Interval, interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ENOUGH_FOR_SLOPE", "Fitted", "Line", "RankEvidence", "Taught", "calibrate", "fit_line", "line_draws"]
__all__ += ["rank_evidence", "slope_within"]

ENOUGH_FOR_SLOPE: Final = 50
"""Converted leads from which on the slope is fitted, not only the intercept."""

APART: Final = 3.0
"""Slopes of two stretches of time that are surely further apart, as a ratio, are no slope for a third."""

_LIMIT: Final = 30.0
_STEPS: Final = 60
_RIDGE: Final = 1e-6


@dataclass(frozen=True)
class Line:
    """An affine map of log-odds."""

    intercept: float
    slope: float

    def __call__(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return calibrated log-odds."""
        return self.intercept + self.slope * raw


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
        p = _sigmoid(line(self.raw))
        variance = p * (1 - p)
        gap, level, tilt = self.accounts.sums(np.stack([self.converted - p, variance, variance * self.raw], axis=1)).T
        moved = (gap - tilt * (slopes - line.slope)) / np.maximum(level, 1e-9)
        return np.column_stack([line.intercept + moved, slopes])


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

    @property
    def slope(self) -> Interval:
        """The slope as estimated."""
        return interval(self.draws[:, 1])

    @property
    def unstable(self) -> bool:
        """Whether the slope's interval reaches 0 or lies below, or one block says the opposite of the others."""
        return self.conversions > 0 and (self.slope.low <= 0.0 or _contradict(self.folds))

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


@dataclass(frozen=True)
class Fitted:
    """A calibration with what a report must say of it.

    Attributes
    ----------
    calibration : Calibration
        Applied to raw log-odds; with bootstrap draws.
    slope, intercept : Interval
        As estimated, also where the slope was not used.
    folds : tuple of Interval
        Slope of each validation block alone.
    unstable : bool
        Whether the slope's interval reaches 0 or lies below, or one block says the opposite of the others: the rank
        evidence is unstable.
    used : {"slope and intercept", "intercept only", "nothing"}
    why : str
    conversions : int
        Converted leads behind it.
    """

    calibration: Calibration
    slope: Interval
    intercept: Interval
    folds: tuple[Interval, ...]
    unstable: bool
    used: str
    why: str
    conversions: int

    @property
    def contradicts_itself(self) -> bool:
        """Whether one stretch of time denies what another surely says; never where each has few conversions."""
        return self.conversions >= ENOUGH_FOR_SLOPE * len(self.folds) and _contradict(self.folds)

    @property
    def line(self) -> Line:
        """The map alone."""
        return Line(self.calibration.intercept, self.calibration.slope)


def fit_line(
    raw: NDArray[np.float64],
    converted: NDArray[np.bool_],
    weight: NDArray[np.float64] | None = None,
    *,
    slope: float | None = None,
) -> Line:
    """Fit the map by maximum likelihood.

    Parameters
    ----------
    raw : ndarray of shape (n_moments,)
        Raw log-odds.
    slope : float, optional
        Fixed; otherwise fitted, without a bound.

    Examples
    --------
    >>> line = fit_line(np.repeat([-1.0, 1.0], 100), np.r_[np.arange(100) < 20, np.arange(100) < 80])
    >>> round(line.slope, 2)  # log(0.8 / 0.2) = 1.39
    1.39
    """
    if len(raw) == 0:
        return Line(0.0, 1.0 if slope is None else slope)
    weight = np.ones(len(raw)) if weight is None else weight
    center, spread = float(np.average(raw, weights=weight)), float(raw.std()) or 1.0
    x = (raw - center) / spread
    free = slope is None
    fixed = np.zeros(len(raw)) if slope is None else slope * (raw - center)  # else steep slopes start too far away
    a, b = 0.0, 0.0
    for _ in range(_STEPS):
        p = _sigmoid(a + b * x + fixed)
        residual, variance = weight * (converted - p), weight * p * (1 - p) + 1e-12
        step = _newton(residual, variance, x, b, free)
        step = np.clip(step, -2.0, 2.0)
        a, b = a + float(step[0]), b + float(step[1])
        if np.abs(step).max() < 1e-10:
            break
    if slope is not None:
        return Line(a - slope * center, slope)
    return Line(a - b * center / spread, b / spread)


def _newton(
    residual: NDArray[np.float64], variance: NDArray[np.float64], x: NDArray[np.float64], b: float, free: bool
) -> NDArray[np.float64]:
    """Return one Newton step; a hint of ridge keeps it finite where the outcomes are separated."""
    ridge = _RIDGE * float(variance.sum()) + 1e-9
    if not free:
        return np.array([residual.sum() / variance.sum(), 0.0])
    gradient = np.array([residual.sum(), (residual * x).sum() - ridge * b])
    cross = (variance * x).sum()
    hessian = np.array([[variance.sum() + 1e-12, cross], [cross, (variance * x * x).sum() + ridge]])
    return np.linalg.solve(hessian, gradient)


def line_draws(
    raw: NDArray[np.float64],
    converted: NDArray[np.bool_],
    accounts: Accounts,
    line: Line,
    *,
    free: bool,
    weight: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Return (intercept, slope) in each bootstrap draw; shape (n_draws + 1, 2).

    One Newton step from the estimate, which per-account sums give for all draws at once; on samples of some size it
    differs from a full refit by far less than the interval is wide.
    """
    weight = np.ones(len(raw)) if weight is None else weight
    p = _sigmoid(line(raw))
    residual, variance = weight * (converted - p), weight * p * (1 - p)
    x = raw if free else np.zeros(len(raw))
    columns = [residual, residual * x, variance, variance * x, variance * x * x]
    g0, g1, h0, h1, h2 = accounts.sums(np.stack(columns, axis=1)).T
    if not free:
        return np.column_stack([line.intercept + g0 / np.maximum(h0, 1e-9), np.full(len(g0), line.slope)])
    determinant = h0 * h2 - h1 * h1
    determinant = np.where(determinant > 1e-9 * np.maximum(h0 * h2, 1e-12), determinant, np.inf)
    return np.column_stack(
        [line.intercept + (h2 * g0 - h1 * g1) / determinant, line.slope + (h0 * g1 - h1 * g0) / determinant]
    )


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
        nothing = Interval(float("nan"), float("nan"), float("nan"))
        why = "too short a history for folds: chances are as the candidate gives them"
        return Fitted(Calibration(0.0, 1.0, np.empty((0, 2))), nothing, nothing, (), True, "nothing", why, 0)
    found = rank_evidence(raw, converted, block, accounts, conversions=conversions)
    why = found.why_not
    used = "intercept only" if why else "slope and intercept"
    chosen = taught.line(1.0 if why else max(found.line.slope, 0.0))
    slopes = np.ones(len(found.draws)) if why else np.maximum(found.draws[:, 1], 0.0)
    calibration = Calibration(chosen.intercept, chosen.slope, taught.draws(chosen, slopes)[1:])
    intercept = interval(found.draws[:, 0])
    return Fitted(calibration, found.slope, intercept, found.folds, found.unstable, used, why, conversions)


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


def slope_within(raw: NDArray[np.float64], converted: NDArray[np.bool_], block: NDArray[np.int64]) -> float:
    """Return the slope that all stretches of time share, each at a level of its own; without a bound.

    The models of the folds knew more and more, so their levels differ for reasons that have nothing to do with how far
    their log-odds should be spread. Pooled with one level, a narrow ranking would seem to say nothing.

    Parameters
    ----------
    raw, converted, block : ndarray of shape (n_moments,)
        At least one moment.
    """
    return _within(raw, converted, block, np.ones(len(raw)))[0]


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
    for _ in range(_STEPS):
        p = _sigmoid(level[of] + b * x)
        residual, variance = own * (converted - p), own * (p * (1 - p) + 1e-12)
        g0, h0, h1 = (np.bincount(of, column) for column in (residual, variance, variance * x))
        h0 = np.maximum(h0, 1e-300)
        ridge = _RIDGE * float(variance.sum()) + 1e-9
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
    p = _sigmoid(levels[of] + slope * raw)
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


def _sigmoid(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1.0 / (1.0 + np.exp(-np.clip(log_odds, -_LIMIT, _LIMIT)))
