"""Reason groups: topics that move together count as one reason.

Two columns that say nearly the same split their weight between them by chance; told apart, either would look small
or even point the other way. Joined, their sum is stable.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.stats import rankdata

from leadlight.core.catalog import Catalog, Feature
from leadlight.features.order import Numbers

__all__ = ["merge_groups"]

LIMIT: Final = 0.8
"""Absolute rank correlation (Cramér's V between categories) above which two features move together."""

_ROWS: Final = 10_000


def merge_groups(catalog: Catalog, matrix: Numbers) -> Catalog:
    """Join the reason groups of topics whose features move together.

    Parameters
    ----------
    catalog : Catalog
    matrix : ndarray of shape (n_moments, n_features)
        The catalog's columns at the learning moments; of many rows an even sample is looked at.

    Returns
    -------
    Catalog
        Joined groups bear the name of their first topic in the catalog's order. Only topics of one component are
        joined, so that components stay sums of reasons.
    """
    rows = matrix[:: max(1, len(matrix) // _ROWS)]
    leader = {feature.topic: feature.topic for feature in catalog.features}
    order = {topic: place for place, topic in enumerate(leader)}

    def find(topic: str) -> str:
        while leader[topic] != topic:
            topic = leader[topic]
        return topic

    for one, two in _pairs(catalog, rows):
        first, second = sorted((find(one.topic), find(two.topic)), key=order.__getitem__)
        if one.component == two.component:
            leader[second] = first
    return catalog.regroup({topic: find(topic) for topic in leader})


def _pairs(catalog: Catalog, rows: Numbers) -> list[tuple[Feature, Feature]]:
    """Return the pairs of input features of different topics that move together."""
    inputs = [catalog.features[i] for i in catalog.inputs]
    columns = [rows[:, i] for i in catalog.inputs]
    numbers = [i for i, feature in enumerate(inputs) if feature.kind == "number"]
    categories = [i for i, feature in enumerate(inputs) if feature.kind == "category"]
    found = []
    if numbers and len(rows) > 1:
        correlation = _rank_correlation([_filled(inputs[i], columns[i]) for i in numbers])
        found += [(numbers[a], numbers[b]) for a, b in np.argwhere(np.triu(np.abs(correlation) > LIMIT, 1))]
    found += [
        (a, b)
        for place, a in enumerate(categories)
        for b in categories[place + 1 :]
        if _cramers_v(columns[a], columns[b]) > LIMIT
    ]
    return [(inputs[a], inputs[b]) for a, b in found if inputs[a].topic != inputs[b].topic]


def _filled(feature: Feature, column: Numbers) -> Numbers:
    """Give "never" its place among days since (the longest), and "not known" one below all numbers."""
    return np.nan_to_num(
        column, nan=np.inf if "days_since" in feature.primitive else -np.inf, posinf=np.inf, neginf=-np.inf
    )


def _rank_correlation(columns: list[Numbers]) -> Numbers:
    ranks = np.stack([rankdata(column) for column in columns])
    ranks -= ranks.mean(axis=1, keepdims=True)
    spread = np.sqrt((ranks**2).sum(axis=1, keepdims=True))
    ranks /= np.where(spread > 0, spread, 1.0)
    product: Numbers = ranks @ ranks.T
    return product


def _cramers_v(one: Numbers, two: Numbers) -> float:
    """Return Cramér's V of two columns of level codes; 0 where one of them is constant."""
    a, b = (np.unique(column, return_inverse=True)[1] for column in (one, two))
    table = np.zeros((a.max(initial=0) + 1, b.max(initial=0) + 1))
    np.add.at(table, (a, b), 1.0)
    if min(table.shape) < 2:
        return 0.0
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    chi2 = ((table - expected) ** 2 / expected).sum()
    return float(np.sqrt(chi2 / table.sum() / (min(table.shape) - 1)))
