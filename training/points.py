"""The hand-picked points as a model: one line through the points' total.

``log-odds = intercept + slope * points``, slope >= 0, so that each rule's share adds up like any other reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from leadlight.core.contributions import Additive, Term
from leadlight.training.calibration import fit_line

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.core.catalog import Catalog

__all__ = ["fit", "total"]


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
) -> Additive:
    """Fit the line; a card that ranks the wrong way round gets slope 0, not a reversed sign."""
    sums = total(catalog, points, matrix)
    line = fit_line(sums, converted, weight) if np.ptp(sums) > 0 else fit_line(sums, converted, weight, slope=0.0)
    if line.slope <= 0:
        line = fit_line(sums, converted, weight, slope=0.0)
    terms = []
    for name, worth in points.items():
        x = np.nan_to_num(matrix[:, catalog.position[name]])
        share = line.slope * worth
        terms.append(Term(catalog.position[name], share * float(np.average(x, weights=weight)), weight=share))
    return Additive(line.intercept, tuple(terms))
