"""Logistic regression on a handful of 0/1 columns, counted by pattern: a thousand fits cost about as much as one.

Moments with the same pattern of columns differ in their outcome alone, so a fit needs no more than each pattern's
weight and how much of it converted. These are counted anew for each bootstrap draw, and all draws are fitted at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from leadlight.training.bootstrap import DRAWS

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Counts", "count", "fit"]

_STEPS: Final = 50
_CLOSE: Final = 1e-8
_CHUNK: Final = 2_000_000
"""Cells (draws x patterns) that are worked on at once."""


@dataclass(frozen=True)
class Counts:
    """Weighted moments by pattern.

    Attributes
    ----------
    patterns : ndarray of shape (n_patterns, n_columns)
        0 and 1.
    all_, won : ndarray of shape (n_draws + 1, n_patterns)
        Weight of each pattern, and of what converted there; the first row is the sample itself.
    """

    patterns: NDArray[np.float64]
    all_: NDArray[np.float64]
    won: NDArray[np.float64]


def count(
    columns: NDArray[np.bool_],
    converted: NDArray[np.float64],
    weight: NDArray[np.float64],
    owner: NDArray[np.int64],
    *,
    seed: int = 0,
    n_draws: int = DRAWS,
) -> Counts:
    """Count moments by pattern, in the sample and in each draw of accounts.

    Parameters
    ----------
    columns : ndarray of shape (n_moments, n_columns)
    converted : ndarray of shape (n_moments,)
        0 or 1, or a chance in between.
    weight, owner : ndarray of shape (n_moments,)
    seed, n_draws : int
        The draws are those of `leadlight.training.bootstrap.Accounts`, made one at a time: with many accounts all of
        them together would not fit.
    """
    patterns, pattern = np.unique(columns, axis=0, return_inverse=True)
    accounts, account = np.unique(owner, return_inverse=True)
    cells, cell = np.unique(account * len(patterns) + pattern, return_inverse=True)
    by_cell = np.bincount(cell, weight), np.bincount(cell, weight * converted)
    who, which = cells // len(patterns), cells % len(patterns)
    rng, n = np.random.default_rng(seed), len(accounts)
    found = np.empty((2, n_draws + 1, len(patterns)))
    for d in range(n_draws + 1):
        times = np.bincount(rng.integers(0, n, n), minlength=n)[who] if d > 0 else 1.0
        for into, values in zip(found, by_cell, strict=True):
            into[d] = np.bincount(which, values * times, minlength=len(patterns))
    return Counts(patterns.astype(float), found[0], found[1])


def fit(columns: NDArray[np.float64], counts: Counts, *, ridge: float) -> NDArray[np.float64]:
    """Fit one regression a draw; return intercepts and coefficients, shape (n_draws + 1, 1 + n_columns).

    Parameters
    ----------
    columns : ndarray of shape (n_patterns, n_columns)
        Made of the counts' patterns, one row each.
    ridge : float
        Penalty on half the squared coefficients; the intercept is free.
    """
    design = np.column_stack([np.ones(len(columns)), columns])
    rate = counts.won[0].sum() / counts.all_[0].sum()
    start = np.r_[math.log(rate / (1 - rate)), np.zeros(columns.shape[1])][None]
    start = _newton(design, counts.all_[:1], counts.won[:1], start, ridge)
    chunk = max(1, _CHUNK // len(design))
    parts = [
        _newton(design, counts.all_[d : d + chunk], counts.won[d : d + chunk], start, ridge)
        for d in range(0, len(counts.all_), chunk)
    ]
    return np.concatenate(parts)


def _newton(
    design: NDArray[np.float64],
    all_: NDArray[np.float64],
    won: NDArray[np.float64],
    start: NDArray[np.float64],
    ridge: float,
) -> NDArray[np.float64]:
    """Minimise the penalised log loss of every draw by Newton's steps, from what the sample gave."""
    n_columns = design.shape[1]
    penalty = np.r_[1e-9, np.full(n_columns - 1, ridge)]
    squares = (design[:, :, None] * design[:, None, :]).reshape(len(design), -1)
    theta = np.repeat(start, len(all_), axis=0)
    for _ in range(_STEPS):
        p = 1.0 / (1.0 + np.exp(-np.clip(theta @ design.T, -30, 30)))
        gradient = (won - all_ * p) @ design - penalty * theta
        curvature = ((all_ * p * (1 - p)) @ squares).reshape(-1, n_columns, n_columns) + np.diag(penalty)
        step = np.clip(np.linalg.solve(curvature, gradient[:, :, None])[:, :, 0], -2.0, 2.0)
        theta = theta + step
        if np.abs(step).max() < _CLOSE:
            break
    return theta
