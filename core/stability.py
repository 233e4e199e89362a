"""How far the shares of a population moved: the population stability index, and the bins that it is taken over.

The index (PSI; Siddiqi, "Credit Risk Scorecards", 2006) is the sum over bins of ``(now - then) * log(now / then)``.
Training's watch and the service's metrics take it over the same bins, so that one figure means one thing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.core.catalog import Feature

__all__ = ["Spread", "binned", "chance_limit", "stability_index", "tenths"]

_SPARE: Final = 0.5
"""Leads added to every bin, so that an empty one does not make the index infinite."""

_TENTHS: Final = np.arange(1, 10) / 10
_NORMAL_99: Final = 2.326348
"""What a standard normal exceeds once in a hundred times."""


def stability_index(then: NDArray[Any], now: NDArray[Any]) -> NDArray[np.float64]:
    """Return the population stability index of counts by bin (last axis).

    Every bin is given half a lead more on each side.

    Examples
    --------
    >>> float(stability_index(np.array([500, 500]), np.array([500, 500])))
    0.0
    >>> round(float(stability_index(np.array([500, 500]), np.array([400, 600]))), 4)
    0.0405
    """
    before, after = then + _SPARE, now + _SPARE
    p = before / before.sum(axis=-1, keepdims=True)
    q = after / after.sum(axis=-1, keepdims=True)
    return np.asarray(((q - p) * np.log(q / p)).sum(axis=-1))


def chance_limit(then: NDArray[Any], now: NDArray[Any]) -> float:
    """Return what the index of two samples of one population exceeds once in a hundred times.

    It takes leads as independent draws, as `leadlight.training.watch.stability` does not, and a chi-square by its cube
    root (Wilson and Hilferty, 1931).

    Parameters
    ----------
    then, now : array of shape (n_bins,)
        Counts; neither is empty.

    Examples
    --------
    >>> round(chance_limit(np.full(10, 100), np.full(10, 100)), 4)  # (1/1000 + 1/1000) * 21.67
    0.0434
    """
    degrees = int(((then + now) > 0).sum()) - 1
    if degrees < 1:
        return 0.0
    part = 2.0 / (9.0 * degrees)
    quantile = degrees * (1.0 - part + _NORMAL_99 * math.sqrt(part)) ** 3
    return float((1.0 / then.sum() + 1.0 / now.sum()) * quantile)


def tenths(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where bins end: distinct tenths of the known values; below a smallest value that fills a bin, one more."""
    known = values[~np.isnan(values)]
    if not len(known):
        return np.zeros(0)
    found = np.unique(np.quantile(known, _TENTHS, method="inverted_cdf"))
    smallest = known.min()
    return np.r_[np.nextafter(smallest, -np.inf), found] if found[0] == smallest else found


def binned(values: NDArray[np.float64], edges: Sequence[float] | NDArray[np.float64]) -> NDArray[np.int64]:
    """Return each value's bin; 0 is not known, then up to and with each edge, then above the last."""
    return np.where(np.isnan(values), 0, 1 + np.searchsorted(edges, values, side="left")).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Spread:
    """How the leads that were open on a model's training day spread over a column's bins.

    Attributes
    ----------
    feature : str
        The catalog's column.
    edges : tuple of float
        Where the bins of a number end; empty for a category, whose bins are its level codes.
    leads : tuple of int
        How many leads in each bin; the first is not known.
    """

    feature: str
    edges: tuple[float, ...]
    leads: tuple[int, ...]

    @classmethod
    def of(cls, feature: Feature, values: NDArray[np.float64]) -> Self:
        """Count the values of a column."""
        if feature.kind == "category":
            counts = np.bincount(values.astype(np.int64), minlength=2 + len(feature.levels))
            return cls(feature.name, (), tuple(counts.tolist()))
        edges = tenths(values)
        counts = np.bincount(binned(values, edges), minlength=len(edges) + 2)
        return cls(feature.name, tuple(edges.tolist()), tuple(counts.tolist()))

    def count(self, feature: Feature, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return how many other values lie in each bin, shape (n_bins,)."""
        places = values.astype(np.int64) if feature.kind == "category" else binned(values, self.edges)
        return np.bincount(places, minlength=len(self.leads))
