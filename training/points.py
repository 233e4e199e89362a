"""The hand-picked points as a model: one line through the points' total, and where learning starts from.

``log-odds = intercept + slope * points``, slope >= 0, so that each rule's share adds up like any other reason. Both
have a prior, so that the line stands before anything has converted: the level is what both teams expect, the slope
what a plausible card is worth. Forty converted leads outweigh it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from leadlight.core.contributions import Additive, Term

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.core.catalog import Catalog

__all__ = ["fit", "total"]

EXPECTED_SPREAD: Final = 0.7
"""Log-odds that one standard deviation of the points is worth before anything is known: an area of about .69."""

UNDECLARED_DOUBT: Final = 3.0
"""Where no rate was declared the level is that of the data; this only keeps it finite while nobody has converted."""

SPREAD_DOUBT: Final = 0.5
LEVEL_DOUBT: Final = 0.5
"""Standard deviations of the priors, log-odds; as much as sixteen leads of a balanced sample would say."""

_STEPS: Final = 100
_LIMIT: Final = 30.0


def total(catalog: Catalog, points: Mapping[str, float], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the points of every moment; shape (n_moments,).

    Parameters
    ----------
    points : mapping of card column to float
    matrix : ndarray of shape (n_moments, n_features)
    """
    columns = [catalog.position[name] for name in points]
    return np.asarray(np.nan_to_num(matrix[:, columns]) @ np.array(list(points.values()), dtype=float))


def fit(
    catalog: Catalog,
    points: Mapping[str, float],
    matrix: NDArray[np.float64],
    converted: NDArray[np.bool_],
    weight: NDArray[np.float64],
    base_rate: float | None = None,
    *,
    outcome_weight: NDArray[np.float64] | None = None,
) -> Additive:
    """Fit the line; a card that ranks the wrong way round gets slope 0, not a reversed sign.

    Parameters
    ----------
    points : mapping of card column to float
    matrix : ndarray of shape (n_moments, n_features)
        Moments; where nothing can be known of outcomes yet, they still say how far points are spread.
    converted : ndarray of shape (n_moments,), dtype bool
        May be False throughout.
    weight : ndarray of shape (n_moments,)
        Of a moment's points.
    base_rate : float, optional
        What both teams expect; without it the level is that of the data alone.
    outcome_weight : ndarray of shape (n_moments,), optional
        Of a moment's outcome, 0 where it is not known; by default ``weight``.
    """
    sums = total(catalog, points, matrix)
    center = float(np.average(sums, weights=weight)) if len(sums) else 0.0
    gap = sums - center
    known = weight if outcome_weight is None else outcome_weight
    spread = _spread(gap, weight, points)
    intercept, by_spread = _line(gap / spread, weight, converted, known, base_rate)
    slope = by_spread / spread
    terms = []
    for name, worth in points.items():
        x = np.nan_to_num(matrix[:, catalog.position[name]])
        share = slope * worth
        mean = share * float(np.average(x, weights=weight)) if len(x) else 0.0
        terms.append(Term(catalog.position[name], mean, weight=share))
    return Additive(intercept - slope * center, tuple(terms))


def _spread(gap: NDArray[np.float64], weight: NDArray[np.float64], points: Mapping[str, float]) -> float:
    """Return the points' standard deviation; where all have the same, as if each rule held for half of the leads."""
    spread = float(np.sqrt(np.average(gap**2, weights=weight))) if len(gap) else 0.0
    return spread or float(np.sqrt(sum(worth**2 for worth in points.values()))) / 2 or 1.0


def _line(
    x: NDArray[np.float64],
    weight: NDArray[np.float64],
    converted: NDArray[np.bool_],
    known: NDArray[np.float64],
    base_rate: float | None,
) -> tuple[float, float]:
    """Return level at the mean points and slope a standard deviation of them.

    Parameters
    ----------
    x : ndarray of shape (n_moments,)
        Points, centred, in standard deviations.
    weight, known : ndarray of shape (n_moments,)
        Of a moment's points, and of its outcome.
    """
    of_data = (float(known @ converted) + 0.5) / (float(known.sum()) + 1.0)
    level = _log_odds(of_data) if base_rate is None else _level(base_rate, EXPECTED_SPREAD * x, weight)
    certain = (UNDECLARED_DOUBT if base_rate is None else LEVEL_DOUBT) ** -2
    plausible = np.array([level, EXPECTED_SPREAD]), np.array([certain, SPREAD_DOUBT**-2])
    found = _most_likely(x, converted, known, *plausible)
    if found[1] < 0:
        flat = np.array([level, 0.0]), np.array([certain, 1e9])
        return float(_most_likely(x, converted, known, *flat)[0]), 0.0
    return float(found[0]), float(found[1])


def _most_likely(
    x: NDArray[np.float64],
    converted: NDArray[np.bool_],
    weight: NDArray[np.float64],
    center: NDArray[np.float64],
    precision: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return (level, slope) with the largest posterior by Newton's method; the prior keeps it finite."""
    found = center.copy()
    for _ in range(_STEPS):
        p = 1.0 / (1.0 + np.exp(-np.clip(found[0] + found[1] * x, -_LIMIT, _LIMIT)))
        residual, variance = weight * (converted - p), weight * p * (1 - p)
        gradient = np.array([residual.sum(), residual @ x]) - precision * (found - center)
        cross = variance @ x
        curvature = np.array([[variance.sum(), cross], [cross, variance @ (x * x)]]) + np.diag(precision)
        step = np.clip(np.linalg.solve(curvature, gradient), -2.0, 2.0)
        found += step
        if np.abs(step).max() < 1e-10:
            break
    return found


def _level(rate: float, tilt: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    """Return the log-odds at no tilt with which the mean chance is the declared rate."""
    level = _log_odds(rate)
    if not len(tilt):
        return level
    return float(
        brentq(
            lambda at: float(np.average(expit(at + tilt), weights=weight)) - rate,
            level - float(tilt.max()) - 1.0,  # everybody below the rate
            level - float(tilt.min()) + 1.0,
        )
    )


def _log_odds(rate: float) -> float:
    return float(np.log(rate / (1.0 - rate)))
