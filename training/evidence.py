"""Evidence: what became of past leads that were where this one is.

It describes, it does not cause. Each cell counts distinct leads, one moment each, mature, with the same goal, from
the moments that the model was made from. Which of a lead's moments in a cell is taken is decided by a hash, so that
neither its first nor its last state is preferred.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from leadlight.core.artifact import Cell, Evidence
from leadlight.training.moments import scrambled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.core.catalog import Catalog, Feature
    from leadlight.training.moments import Moments

__all__ = ["gather"]

DAYS: Final = (1.0, 3.0, 7.0, 14.0, 30.0, 60.0, 90.0, 180.0, 365.0, 730.0)
"""Edges that people think in, for waiting times."""

_CELLS: Final = 5
_SMALLEST: Final = 30


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
    edges = _edges(x[known], calendar="days" in feature.primitive)
    number = np.where(known, np.searchsorted(edges, np.nan_to_num(x), side="right"), len(edges) + 1)
    *cells, missing = _cells(number, lead, converted, len(edges) + 2)
    return Evidence(feature.name, edges, tuple(cells), missing)


def _edges(x: NDArray[np.float64], *, calendar: bool) -> tuple[float, ...]:
    """Return edges that leave at least thirty moments between them; zero stands alone where it is frequent."""
    if len(x) < 2 * _SMALLEST or x.min() == x.max():
        return ()
    if calendar:
        return _wide_enough(x, DAYS)
    zeros = (x == 0).mean()
    start = [float(x[x > 0].min())] if x.min() == 0 and zeros >= 0.05 else []
    rest = x[x > 0] if start else x
    inner = np.quantile(rest, np.arange(1, _CELLS) / _CELLS) if len(np.unique(rest)) > 1 else np.array([])
    return _wide_enough(x, (*start, *(_rounded(edge) for edge in inner)))


def _wide_enough(x: NDArray[np.float64], edges: tuple[float, ...]) -> tuple[float, ...]:
    kept: list[float] = []
    below = 0
    for edge in sorted(set(edges)):
        upto = int((x < edge).sum())
        if upto - below >= _SMALLEST and len(x) - upto >= _SMALLEST:
            kept.append(edge)
            below = upto
    return tuple(kept)


def _rounded(edge: float) -> float:
    """Round to two digits: 1,234 reads as 1,200."""
    return float(f"{edge:.2g}")


def _cells(
    number: NDArray[np.int64], lead: NDArray[np.int64], converted: NDArray[np.bool_], n_cells: int
) -> tuple[Cell, ...]:
    """Count each lead once a cell, by the first of its rows there."""
    _, first = np.unique(lead * n_cells + number, return_index=True)
    leads = np.bincount(number[first], minlength=n_cells)
    won = np.bincount(number[first], converted[first], minlength=n_cells)
    return tuple(Cell(int(n), int(k)) for n, k in zip(leads, won, strict=True))
