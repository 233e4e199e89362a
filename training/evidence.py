"""Evidence: what became of past leads that were where this one is.

It describes, it does not cause. Each cell counts distinct leads, one moment each, mature, with the same goal, from
the moments that the model was made from. Which of a lead's moments in a cell is taken is decided by a hash, so that
neither its first nor its last state is preferred.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from leadlight.core.artifact import Cell, Evidence
from leadlight.training.moments import scrambled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.core.catalog import Catalog, Feature
    from leadlight.training.moments import Moments

__all__ = ["fifths", "gather", "roundest"]

DAYS: Final = (1.0, 3.0, 7.0, 14.0, 30.0, 60.0, 90.0, 180.0, 365.0, 730.0)
"""Edges that people think in, for waiting times."""

_CELLS: Final = 5
_SMALLEST: Final = 30
"""Distinct leads: of fewer nothing is said."""

_FREQUENT: Final = 0.05
_NEAR: Final = 0.05
"""How far from a fifth, as a share of the values, a rounder number may lie."""

_DIGITS: Final = 4
"""How many digits a single value is looked at for a rounder spelling; of more it stands as it is."""


def gather(catalog: Catalog, matrix: NDArray[np.float64], moments: Moments) -> tuple[dict[str, Evidence], Cell]:
    """Count past leads by the value of each topic's own feature.

    Parameters
    ----------
    catalog : Catalog
    matrix : ndarray of shape (n_moments, n_features)
    moments : Moments
        Mature.

    Returns
    -------
    evidence : dict of topic to Evidence
    baseline : Cell
        All distinct leads behind it, one moment each.
    """
    order = np.argsort(scrambled(moments.lead, moments.as_of), kind="stable")
    lead, converted = moments.lead[order], moments.converted[order]
    found = {}
    for topic in catalog.topics.values():
        if topic.evidence is not None and topic.evidence in catalog.position:
            column = catalog.position[topic.evidence]
            found[topic.name] = _count(catalog.features[column], matrix[order, column], lead, converted)
    return found, _cells(np.zeros(len(lead), np.int64), lead, converted, 1)[0]


def _count(feature: Feature, x: NDArray[np.float64], lead: NDArray[np.int64], converted: NDArray[np.bool_]) -> Evidence:
    if feature.kind == "category":
        return Evidence(feature.name, (), _cells(x.astype(np.int64), lead, converted, 2 + len(feature.levels)))
    known = ~np.isnan(x)
    wanted = DAYS if "days" in feature.primitive else fifths(x[known])
    edges = _wide_enough(x[known], lead[known], wanted)
    number = np.where(known, np.searchsorted(edges, np.nan_to_num(x), side="right"), len(edges) + 1)
    *cells, missing = _cells(number, lead, converted, len(edges) + 2)
    return Evidence(feature.name, edges, tuple(cells), missing)


def fifths(x: NDArray[np.float64]) -> tuple[float, ...]:
    """Return round numbers near the fifths of the values; zero stands alone where it is frequent.

    Examples
    --------
    >>> fifths(np.exp(np.linspace(0, 9, 1000)))  # from 1 to 8103
    (5.0, 50.0, 200.0, 2000.0)
    >>> fifths(np.linspace(18, 70, 1000))
    (30.0, 40.0, 50.0, 60.0)
    """
    if len(x) == 0 or x.min() == x.max():
        return ()
    alone = x.min() == 0 and (x == 0).mean() >= _FREQUENT
    rest = x[x > 0] if alone else x
    shares = np.arange(1, _CELLS) / _CELLS
    low, near, high = (np.quantile(rest, shares + off) for off in (-_NEAR, 0.0, _NEAR))
    edges = [roundest(*ends) for ends in zip(low.tolist(), near.tolist(), high.tolist(), strict=True)]
    if alone:
        edges.append(roundest(float(rest.min()) / 2, float(rest.min()), float(rest.min())))
    return tuple(sorted(set(edges)))


def roundest(low: float, near: float, high: float) -> float:
    """Return the roundest number between two; of equally round ones the nearest to a third.

    Examples
    --------
    >>> roundest(95, 110, 130), roundest(500, 590, 680), roundest(36, 38, 41), roundest(0.21, 0.24, 0.26)
    (100.0, 500.0, 40.0, 0.25)
    """
    if low <= 0 <= high:
        return 0.0
    top = math.floor(math.log10(max(abs(low), abs(high))))
    bottom = math.floor(math.log10(high - low)) if high > low else top - _DIGITS
    for power in range(top, bottom - 2, -1):
        for unit in (5, 2, 1):
            value = float(f"{round(near / (unit * 10.0**power)) * unit}e{power}")
            if low <= value <= high:
                return value
    return near


def _wide_enough(x: NDArray[np.float64], lead: NDArray[np.int64], edges: tuple[float, ...]) -> tuple[float, ...]:
    """Return the edges that leave at least thirty leads on either side, the last one's upper side included."""
    number = np.searchsorted(edges, x, side="right")
    _, who = np.unique(lead, return_inverse=True)
    there = np.zeros((len(edges) + 1, who.max(initial=-1) + 1), bool)
    there[number, who] = True
    kept: list[float] = []
    below = there[:1].any(axis=0)
    for i, edge in enumerate(edges):
        if below.sum() >= _SMALLEST and there[i + 1 :].any(axis=0).sum() >= _SMALLEST:
            kept.append(edge)
            below = np.zeros_like(below)
        below = below | there[i + 1]
    return tuple(kept)


def _cells(
    number: NDArray[np.int64], lead: NDArray[np.int64], converted: NDArray[np.bool_], n_cells: int
) -> tuple[Cell, ...]:
    """Count each lead once a cell, by the first of its rows there."""
    _, first = np.unique(lead * n_cells + number, return_index=True)
    leads = np.bincount(number[first], minlength=n_cells)
    won = np.bincount(number[first], converted[first], minlength=n_cells)
    return tuple(Cell(int(n), int(k)) for n, k in zip(leads, won, strict=True))
