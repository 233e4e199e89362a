"""Rankers: what turns catalog columns into log-odds, and each column's exact share of them.

Both kinds answer the same question in the same form: ``base + shares.sum(axis=1)`` is ``raw``, the raw log-odds.
For an additive model a column's share is its term less the term's mean over the training moments, which is its
exact Shapley value under independent columns (Štrumbelj & Kononenko 2014). For boosted trees it is path-dependent
TreeSHAP (Lundberg et al. 2020, Nature Machine Intelligence 2), computed by `leadlight.treeshap`; where the trees
started from the hand-picked points, those are an additive model that stands beside them and shares no column with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import numpy as np

from leadlight.treeshap import TreeShap, Unsupported

if TYPE_CHECKING:
    import lightgbm
    from numpy.typing import NDArray

__all__ = ["Additive", "Boosted", "Contributions", "Ranker", "Term"]


class Contributions(NamedTuple):
    """Raw log-odds, split by column.

    Attributes
    ----------
    base : float
        Log-odds before anything is known of a lead.
    shares : array of shape (n_moments, n_features)
        Log-odds; 0 for columns that the ranker does not look at.
    raw : array of shape (n_moments,)
        What base and shares add up to, but for rounding: the ranker's own output.
    """

    base: float
    shares: NDArray[np.float64]
    raw: NDArray[np.float64]


class Ranker(Protocol):
    """What turns catalog columns into log-odds."""

    def contributions(self, matrix: NDArray[np.float64]) -> Contributions:
        """Explain moments; a moment gets the same bits alone and among others.

        Parameters
        ----------
        matrix : array of shape (n_moments, n_features)
            Catalog columns, as `leadlight.features.build` yields them.
        """
        ...

    def raw(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return `Contributions.raw` alone, to the same bits, where splitting it would cost time."""
        ...

    @property
    def refused(self) -> str | None:
        """Why the fast way to explain can't be gone, so that a slower one is; None where it can."""
        ...


@dataclass(frozen=True)
class Term:
    """One column of an additive model.

    Attributes
    ----------
    column : int
        Column number in the catalog.
    mean : float
        The term's mean over the training moments, log-odds; taken out of the share and put into the base.
    table : tuple of float
        For a category: log-odds by level code. Empty for a number.
    transform : {"identity", "log1p"}
        For a number x >= 0 that counts or waits, ``log1p`` lets the tenth visit weigh less than the second.
    weight, center, scale : float
        A number's term is ``weight * (transform(x) - center) / scale``.
    missing : float
        The term of a missing number, log-odds.
    """

    column: int
    mean: float
    table: tuple[float, ...] = ()
    transform: Literal["identity", "log1p"] = "identity"
    weight: float = 0.0
    center: float = 0.0
    scale: float = 1.0
    missing: float = 0.0


class _Stacked(NamedTuple):
    """All terms side by side, so that a row costs a few array operations and not a few for each column."""

    numbers: NDArray[np.int64]  # (n_numbers,), columns
    logged: NDArray[np.bool_]
    weight: NDArray[np.float64]
    center: NDArray[np.float64]
    scale: NDArray[np.float64]
    missing: NDArray[np.float64]
    number_mean: NDArray[np.float64]
    categories: NDArray[np.int64]  # (n_categories,), columns
    tables: NDArray[np.float64]  # (n_categories, most levels), filled up with 0
    category_mean: NDArray[np.float64]


@dataclass(frozen=True)
class Additive:
    """A sum of terms: the hand-picked points and logistic regression.

    Attributes
    ----------
    intercept : float
        Log-odds.
    terms : tuple of Term
    """

    intercept: float
    terms: tuple[Term, ...]

    def contributions(self, matrix: NDArray[np.float64]) -> Contributions:
        """See `Ranker.contributions`."""
        terms, of_numbers, of_categories = self._stacked, *self._shares(matrix)
        shares = np.zeros(matrix.shape)
        shares[:, terms.numbers], shares[:, terms.categories] = of_numbers, of_categories
        return Contributions(self._base, shares, self._sum(of_numbers, of_categories))

    def raw(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """See `Ranker.raw`."""
        return self._sum(*self._shares(matrix))

    def _shares(self, matrix: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the shares of the number columns and of the category columns, in the order of their terms."""
        terms = self._stacked
        # take, not an index: it keeps rows in one piece, so that a row adds up in the same order alone and among others
        x = matrix.take(terms.numbers, axis=1)  # (n, n_numbers)
        seen = x.copy()
        seen[:, terms.logged] = np.log1p(np.maximum(x[:, terms.logged], 0.0))
        value = np.where(np.isnan(x), terms.missing, terms.weight * (seen - terms.center) / terms.scale)
        codes = matrix.take(terms.categories, axis=1).astype(np.int64)  # (n, n_categories)
        named = terms.tables[np.arange(len(terms.tables)), codes]
        return value - terms.number_mean, named - terms.category_mean

    def _sum(self, of_numbers: NDArray[np.float64], of_categories: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(self._base + of_numbers.sum(axis=1) + of_categories.sum(axis=1))

    @property
    def refused(self) -> None:
        """See `Ranker.refused`: a sum of terms explains itself."""

    @cached_property
    def _base(self) -> float:
        return self.intercept + sum(term.mean for term in self.terms)

    @cached_property
    def _stacked(self) -> _Stacked:
        numbers = [term for term in self.terms if not term.table]
        categories = [term for term in self.terms if term.table]
        tables = np.zeros((len(categories), max((len(term.table) for term in categories), default=1)))
        for row, term in zip(tables, categories, strict=True):
            row[: len(term.table)] = term.table
        return _Stacked(
            numbers=np.array([term.column for term in numbers], np.int64),
            logged=np.array([term.transform == "log1p" for term in numbers], np.bool_),
            weight=np.array([term.weight for term in numbers]),
            center=np.array([term.center for term in numbers]),
            scale=np.array([term.scale for term in numbers]),
            missing=np.array([term.missing for term in numbers]),
            number_mean=np.array([term.mean for term in numbers]),
            categories=np.array([term.column for term in categories], np.int64),
            tables=tables,
            category_mean=np.array([term.mean for term in categories]),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready data; `from_dict` reads it back equal."""
        return {"intercept": self.intercept, "terms": [vars(term) for term in self.terms]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Additive:
        """Rebuild from `to_dict`'s data."""
        return cls(data["intercept"], tuple(Term(**{**t, "table": tuple(t["table"])}) for t in data["terms"]))


@dataclass(frozen=True)
class Boosted:
    """Boosted trees, as LightGBM's own model text.

    Attributes
    ----------
    text : str
        ``Booster.model_to_string()``.
    inputs : sequence of int
        Which catalog columns are the booster's columns, in its order.
    offset : Additive, optional
        Where boosting started from: LightGBM keeps an ``init_score`` neither in the model nor in its contributions.
        It looks at other columns than the trees.
    """

    text: str = field(repr=False)
    inputs: Sequence[int]
    offset: Additive | None = None

    @cached_property
    def booster(self) -> lightgbm.Booster:
        """The booster, parsed on first use: importing LightGBM takes longer than scoring a thousand leads."""
        import lightgbm

        return lightgbm.Booster(model_str=self.text)

    @cached_property
    def refused(self) -> str | None:
        """See `Ranker.refused`: why `leadlight.treeshap` can't explain these trees, so that LightGBM does."""
        return self._explainer if isinstance(self._explainer, str) else None

    @cached_property
    def _explainer(self) -> TreeShap | str:
        try:
            return TreeShap(self.text, columns=self.inputs, groups=self.inputs)
        except Unsupported as error:
            return str(error)

    def contributions(self, matrix: NDArray[np.float64]) -> Contributions:
        """See `Ranker.contributions`."""
        base, shares, raw = trees = self._of_trees(matrix)
        if self.offset is None:
            return trees
        start = self.offset.contributions(matrix)
        return Contributions(base + start.base, shares + start.shares, raw + start.raw)

    def raw(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """See `Ranker.raw`."""
        explainer = self._explainer
        raw = self._predicted(matrix) if isinstance(explainer, str) else explainer.raw(matrix)
        return raw if self.offset is None else raw + self.offset.raw(matrix)

    def _of_trees(self, matrix: NDArray[np.float64]) -> Contributions:
        explainer = self._explainer
        if isinstance(explainer, str):
            return self._by_lightgbm(matrix)
        shares = np.zeros(matrix.shape)
        raw, shares[:, : explainer.n_outputs] = explainer.explain(matrix, kernel="row")
        return Contributions(explainer.base, shares, raw)

    def _by_lightgbm(self, matrix: NDArray[np.float64]) -> Contributions:
        columns = list(self.inputs)
        found = np.asarray(self.booster.predict(matrix[:, columns], pred_contrib=True, num_threads=1))
        shares = np.zeros(matrix.shape)
        shares[:, columns] = found[:, :-1]
        return Contributions(float(found[0, -1]) if len(found) else 0.0, shares, self._predicted(matrix))

    def _predicted(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(self.booster.predict(matrix[:, list(self.inputs)], raw_score=True, num_threads=1))
