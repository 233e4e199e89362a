"""What is learned from: moments with their outcomes, their weights, and the points that learning starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from leadlight.core.artifact import Kind
from leadlight.core.contributions import Additive
from leadlight.training import points
from leadlight.training.moments import shared

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.core.catalog import Catalog

__all__ = ["SIMPLEST_FIRST", "Lesson"]

LEANS: Final = (0.0, 0.5, 1.0)
"""How far learning may start from the points; the inner folds choose."""

ENOUGH_WITHOUT_POINTS: Final = 1_000
"""Converted leads from which on learning starts from nothing: what the points knew, so many leads know better."""

SIMPLEST_FIRST: Final[tuple[Kind, ...]] = ("scorecard", "logistic", "lightgbm")


@dataclass(frozen=True)
class Lesson:
    """Moments to learn from.

    Attributes
    ----------
    catalog : Catalog
    matrix : ndarray of shape (n_moments, n_features)
    converted : ndarray of shape (n_moments,), dtype bool
    lead : ndarray of shape (n_moments,), dtype int64
        Whose moment it is: moments of one lead share a weight.
    points : mapping of card column to float
        The hand-picked points; empty where there are none.
    account_hidden : ndarray of shape (n_moments,), dtype bool, optional
        Where the account is taken as not known while learning, so that a model learns what that means; never while
        predicting.
    base_rate : float, optional
        What both teams expect; places the points until there is data.
    factor : ndarray of shape (n_moments,), optional
        What each moment counts for beside the share of its lead; by default 1.
    owner : ndarray of shape (n_moments,), dtype int64, optional
        Account of each moment: those of one stand and fall together. By default each lead for itself.
    """

    catalog: Catalog
    matrix: NDArray[np.float64] = field(repr=False)
    converted: NDArray[np.bool_] = field(repr=False)
    lead: NDArray[np.int64] = field(repr=False)
    points: Mapping[str, float] = field(default_factory=dict)
    account_hidden: NDArray[np.bool_] | None = field(default=None, repr=False)
    base_rate: float | None = None
    factor: NDArray[np.float64] | None = field(default=None, repr=False)
    owner: NDArray[np.int64] | None = field(default=None, repr=False)

    def take(self, rows: NDArray[Any]) -> Lesson:
        """Return the lesson of some of the moments."""
        return replace(
            self,
            matrix=self.matrix[rows],
            converted=self.converted[rows],
            lead=self.lead[rows],
            account_hidden=None if self.account_hidden is None else self.account_hidden[rows],
            factor=None if self.factor is None else self.factor[rows],
            owner=None if self.owner is None else self.owner[rows],
        )

    @property
    def weight(self) -> NDArray[np.float64]:
        """Weights by which the moments of one lead share a total of 1, as far as the outcome leaves them.

        How many moments a lead has depends on how soon it converts, so equal totals alone would raise the base rate,
        and the more so the longer the history is. Both outcomes are therefore scaled back to their share among the
        moments.
        """
        weight = shared(self.lead)
        total = weight.sum()
        factor = np.ones(len(weight)) if self.factor is None else self.factor
        weight = weight * factor
        for outcome in (True, False):
            rows = self.converted == outcome
            if rows.any():
                weight[rows] *= total * factor[rows].sum() / (factor.sum() * weight[rows].sum())
        return weight

    @property
    def taught(self) -> NDArray[np.float64]:
        """The matrix as it is learned from: account columns are NaN where the account is hidden."""
        columns = [i for i, f in enumerate(self.catalog.features) if f.primitive.startswith("account_")]
        if self.account_hidden is None or not columns or not self.account_hidden.any():
            return self.matrix
        matrix = self.matrix.copy()
        matrix[np.flatnonzero(self.account_hidden)[:, None], columns] = np.nan
        return matrix

    @property
    def leans(self) -> tuple[float, ...]:
        """How far learning may start from the points: not at all, half way, all the way; with many leads not at all."""
        if not self.points or len(np.unique(self.lead[self.converted])) >= ENOUGH_WITHOUT_POINTS:
            return (0.0,)
        return LEANS if any(term.weight for term in self.scorecard.terms) else (0.0,)

    def start(self, lean: float) -> Additive | None:
        """Return the part of the points that learning starts from; None where there is none."""
        if lean <= 0 or not self.points:
            return None
        card = self.scorecard
        terms = tuple(replace(term, weight=lean * term.weight, mean=lean * term.mean) for term in card.terms)
        between = sum(term.mean - part.mean for term, part in zip(card.terms, terms, strict=True))
        return Additive(card.intercept + between, terms)

    @property
    def scorecard(self) -> Additive:
        """The hand-picked points as a model."""
        return points.fit(self.catalog, self.points, self.matrix, self.converted, self.weight, self.base_rate)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Candidates that can stand here, simplest first; without hand-picked points there is no scorecard."""
        return SIMPLEST_FIRST if self.points else SIMPLEST_FIRST[1:]
