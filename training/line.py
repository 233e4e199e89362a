"""An affine map of log-odds, fitted by maximum likelihood, and how it moves in bootstrap draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.training.bootstrap import Accounts

__all__ = ["RIDGE", "STEPS", "Line", "fit_line", "line_draws", "sigmoid"]

STEPS: Final = 60
"""Newton steps at most; each is clipped, so that separated outcomes stay finite."""

RIDGE: Final = 1e-6
"""A hint of shrinkage, as a share of the curvature, for the same."""

_LIMIT: Final = 30.0


@dataclass(frozen=True)
class Line:
    """An affine map of log-odds."""

    intercept: float
    slope: float

    def __call__(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return calibrated log-odds."""
        return self.intercept + self.slope * raw


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
    for _ in range(STEPS):
        p = sigmoid(a + b * x + fixed)
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
    ridge = RIDGE * float(variance.sum()) + 1e-9
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
    p = sigmoid(line(raw))
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


def sigmoid(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return chances."""
    return 1.0 / (1.0 + np.exp(-np.clip(log_odds, -_LIMIT, _LIMIT)))
