"""Signs that rest on a row's age: an export shows old leads after their story, young ones before it.

What is filled in along the way is emptier among young leads; a total that runs on grows with the age of those who have
not converted, and stands still for those who have. Honest fields drift too (a form changes, a campaign begins), so each
sign also asks how the field goes with the outcome *among leads of one age*.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.stats import chi2, rankdata

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.training.audit.columns import Column
    from leadlight.training.audit.ground import Ground

__all__ = ["FillByAge", "Running", "fifths", "fill_by_age", "running_total", "value_by_age"]

_STRATA: Final = 10
_NARROW: Final = 20
_IN_STRATUM: Final = 5
_FEWEST_STRATA: Final = 5
_MANY_NUMBERS: Final = 6
_BY_CHANCE: Final = 1e-5
_FEWEST: Final = 200
"""Leads below which nothing is said about age."""


@dataclass(frozen=True)
class FillByAge:
    """How filling goes with a row's age.

    Attributes
    ----------
    youth_area : float
        Chance that a filled row is younger than an empty one; below .5 young rows are emptier.
    z : float
        Its distance from .5 in standard errors.
    fall : float
        Largest fall in the share filled from a tenth of the leads to a younger tenth; a field that came into use on
        some day only rises.
    odds_ratio : float
        Of conversion, filled against empty, among leads of one age (Mantel & Haenszel 1959).
    """

    youth_area: float
    z: float
    fall: float
    odds_ratio: float


@dataclass(frozen=True)
class Running:
    """How a number grows with a row's age, apart for leads that converted and others, weighing ages alike for both.

    A market that moves makes both grow alike; a total that runs on until the export grows for those only who are still
    counted.

    Attributes
    ----------
    growth : float
        By how much the value's rank (0 to 1, either outcome counted alike) grows from the youngest to the oldest leads
        that did not convert.
    growth_converted : float
        The same among converted leads.
    z : float
        Their difference in standard errors.
    """

    growth: float
    growth_converted: float
    z: float


def fifths(filled: NDArray[np.bool_], youth: NDArray[np.float64] | None) -> tuple[float, ...]:
    """Return the share filled in each fifth of the leads, the oldest first; empty without an order."""
    if youth is None:
        return ()
    part = np.minimum((youth * 5).astype(np.int64), 4)
    count = np.maximum(np.bincount(part, minlength=5), 1)
    return tuple(float(share) for share in np.bincount(part, filled, minlength=5) / count)


def fill_by_age(column: Column, ground: Ground) -> FillByAge | None:
    """Return how filling goes with age; None where nothing can be said."""
    youth, filled = ground.youth, column.filled
    n, n_filled = len(filled), int(filled.sum())
    if youth is None or n < _FEWEST or min(n_filled, n - n_filled) < 20:
        return None
    above = (rankdata(youth)[filled].sum() - n_filled * (n_filled + 1) / 2) / n_filled / (n - n_filled)
    error = np.sqrt((n + 1) / (12.0 * n_filled * (n - n_filled)))
    stratum = _strata(youth)
    shares = np.bincount(stratum, filled, minlength=_STRATA) / np.maximum(np.bincount(stratum, minlength=_STRATA), 1)
    fall = float((np.maximum.accumulate(shares) - shares).max())
    z = float((above - 0.5) / error)
    return FillByAge(float(above), z, fall, _odds_ratio(filled, stratum, ground))


def _odds_ratio(filled: NDArray[np.bool_], stratum: NDArray[np.int64], ground: Ground) -> float:
    rows = ground.looked
    cell = stratum[rows] * 4 + filled[rows] * 2 + ground.converted[rows]
    table = np.bincount(cell, minlength=_STRATA * 4).reshape(_STRATA, 2, 2).astype(np.float64)
    n = np.maximum(table.sum(axis=(1, 2)), 1)
    for_, against = (table[:, 1, 1] * table[:, 0, 0] / n).sum(), (table[:, 1, 0] * table[:, 0, 1] / n).sum()
    return float((for_ + 0.25) / (against + 0.25))


def value_by_age(column: Column, ground: Ground) -> float | None:
    """Return how strongly the values that are there go with age: Cramer's V over fifths, less what chance gives.

    Bias-corrected (Bergsma 2013), and 0 where chance alone might give as much. None where nothing can be said.
    """
    if ground.youth is None or column.filled.sum() < _FEWEST:
        return None
    code = column.code[column.filled]
    common = np.bincount(code, minlength=len(column.levels)) >= max(20, 0.005 * len(code))
    code = np.where(common[code], code, 0)
    part = np.minimum((ground.youth[column.filled] * 5).astype(np.int64), 4)
    table = np.bincount(code * 5 + part, minlength=len(column.levels) * 5).reshape(-1, 5).astype(np.float64)
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    n, (r, c) = table.sum(), table.shape
    if min(r, c) < 2:
        return 0.0
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / n
    phi = ((table - expected) ** 2 / expected).sum() / n
    if chi2.sf(phi * n, (r - 1) * (c - 1)) > _BY_CHANCE:
        return 0.0
    phi = max(0.0, phi - (r - 1) * (c - 1) / (n - 1))
    r, c = r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)
    return float(np.sqrt(phi / (min(r, c) - 1)))


def running_total(column: Column, ground: Ground) -> Running | None:
    """Return how a number grows with age for either outcome; None where nothing can be said."""
    rows = np.flatnonzero(ground.looked & column.filled)
    if ground.youth is None or column.number is None or len(rows) < _FEWEST or column.different < _MANY_NUMBERS:
        return None
    won = ground.converted[rows].astype(np.int64)
    value = _balanced_rank(column.number[rows], won)
    cell = _strata(ground.youth[rows], _NARROW) * 2 + won
    n, total, squares = (np.bincount(cell, w, minlength=2 * _NARROW).reshape(-1, 2) for w in (None, value, value**2))
    there = n.min(axis=1) >= _IN_STRATUM
    if there.sum() < _FEWEST_STRATA:
        return None
    n, total, squares = n[there], total[there], squares[there]
    old = 1 - (np.flatnonzero(there) + 0.5) / _NARROW
    mean = total / n
    variance = np.maximum(squares / n - mean**2, 1e-6) / (n - 1)
    growth, spread = _slopes(old, mean, variance)
    return Running(float(growth[0]), float(growth[1]), float((growth[0] - growth[1]) / spread))


def _balanced_rank(number: NDArray[np.float64], won: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the place of each value, 0 to 1, both outcomes counted alike however rare one is."""
    rank = np.zeros(len(number))
    for outcome in (0, 1):
        own = np.sort(number[won == outcome])
        if len(own):
            below, up_to = np.searchsorted(own, number, side="left"), np.searchsorted(own, number, side="right")
            rank += (below + up_to) / (4.0 * len(own))
    return rank


def _strata(youth: NDArray[np.float64], parts: int = _STRATA) -> NDArray[np.int64]:
    place = ((rankdata(youth) - 0.5) / len(youth) * parts).astype(np.int64)
    return np.asarray(np.minimum(place, parts - 1), np.int64)


def _slopes(
    x: NDArray[np.float64], means: NDArray[np.float64], variance: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Return both columns' slopes under the same weights, and the standard error of their difference."""
    weight = 1 / variance.sum(axis=1)
    away = x - np.average(x, weights=weight)
    pull = weight * away / (weight * away**2).sum()
    slopes = pull @ means
    gap = means[:, 0] - means[:, 1]
    rest = gap - np.average(gap, weights=weight) - (slopes[0] - slopes[1]) * away
    # scatter about the line beyond what chance gives (a market that moves) widens the error
    excess = max(1.0, float((weight * rest**2).sum() / (len(x) - 2)))
    return slopes, float(np.sqrt((pull**2 * variance.sum(axis=1)).sum() * excess))
