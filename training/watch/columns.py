"""A column of the model, cut into bins and compared between the leads of then and of now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from leadlight.core.catalog import NOT_KNOWN, OTHER
from leadlight.core.stability import binned, tenths
from leadlight.features.wording import number_text
from leadlight.training.watch.stability import Moved, Side, compare
from leadlight.training.watch.words import column_words, moved_words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.core.artifact import TrainedModel
    from leadlight.core.catalog import Feature

__all__ = ["SCORE", "Bin", "Column", "Cut", "SameAge", "bins_of", "told"]

SCORE: Final = "score"

ENOUGH_OF_AN_AGE: Final = 50.0
"""Leads of the same age, by effective number on each side, from which on what moved may be put down to age."""

_TENTHS: Final = np.arange(1, 10) / 10


@dataclass(frozen=True)
class Bin:
    """One bin of a column: its name, and the share of leads in it, then and now."""

    name: str
    then: float
    now: float


@dataclass(frozen=True)
class Column:
    """How far one column moved.

    Attributes
    ----------
    name, label : str
        The catalog's column, or ``"score"``; what people call it.
    topic : str
        Columns of one topic tell of the same thing.
    plain : bool
        Whether it is the topic's own column of evidence, the easiest to picture.
    index, limit : float
        Population stability index and its own 99 % no-change limit for the leads at hand.
    chance : float
        Of such an index where nothing changed.
    drifted : bool
        Beyond noise when all columns are looked at together, and large enough to matter.
    by_age : bool
        Whether it drifted with the age of the leads alone: among leads of the same age it did not.
    weight : float or None
        How much the model makes of the column's topic: its share of what moves the scores of today's leads.
    bins : tuple of Bin
    text : str
        What moved, in one sentence.
    """

    name: str
    label: str
    topic: str
    plain: bool
    index: float
    limit: float
    chance: float
    drifted: bool
    by_age: bool
    weight: float | None
    bins: tuple[Bin, ...]
    text: str


@dataclass(frozen=True)
class Cut:
    """A column cut into bins.

    Attributes
    ----------
    names : tuple of str
        Of the bins; the first is not known.
    then, now : ndarray of shape (n_then,) and (n_now,), dtype int64
        Each lead's bin.
    was, are : ndarray of shape (n_then,) and (n_now,)
        Each lead's value.
    edges : ndarray or None
        Where the bins of a number end; None for a category.
    """

    names: tuple[str, ...]
    then: NDArray[np.int64]
    now: NDArray[np.int64]
    was: NDArray[np.float64]
    are: NDArray[np.float64]
    edges: NDArray[np.float64] | None

    @classmethod
    def of(cls, feature: Feature, was: NDArray[np.float64], are: NDArray[np.float64]) -> Self:
        """Cut a feature: a category by its levels, a number by tenths of the leads of then."""
        if feature.kind == "category":
            return cls((NOT_KNOWN, OTHER, *feature.levels), was.astype(np.int64), are.astype(np.int64), was, are, None)
        return cls.by_tenths(was, are)

    @classmethod
    def by_tenths(cls, was: NDArray[np.float64], are: NDArray[np.float64]) -> Self:
        """Cut numbers by distinct tenths of the known values of then; what is not known is a bin of its own."""
        edges = tenths(was)
        return cls((NOT_KNOWN, *_between(edges)), binned(was, edges), binned(are, edges), was, are, edges)


@dataclass(frozen=True)
class SameAge:
    """Today's leads that leads of then can be compared with, and the weights that give those the same ages.

    Attributes
    ----------
    kept : ndarray of shape (n_now,), dtype bool
    weight : ndarray of shape (n_then,)
    """

    kept: NDArray[np.bool_]
    weight: NDArray[np.float64]

    @classmethod
    def of(cls, then: NDArray[np.float64], now: NDArray[np.float64]) -> Self:
        """Weigh by tenths of today's ages; ages that no lead had then can't be compared."""
        known = ~np.isnan(then)
        kept = now <= then[known].max(initial=-np.inf)
        if not kept.any():
            return cls(kept, np.zeros(len(then)))
        edges = np.unique(np.quantile(now[kept], _TENTHS))
        old, new = np.searchsorted(edges, then), np.searchsorted(edges, now)
        were = np.bincount(old[known], minlength=len(edges) + 1)
        kept &= were[new] > 0
        are = np.bincount(new[kept], minlength=len(edges) + 1)
        return cls(kept, np.where(known, are[old] / np.maximum(were[old], 1), 0.0))

    def chance(self, cut: Cut, then_owner: NDArray[np.int64], now_owner: NDArray[np.int64], seed: int) -> float:
        """Return the chance of what moved among leads of the same age, where nothing changed; 0 where too few are."""
        counts = self.weight > 0
        then = Side(cut.then[counts], then_owner[counts], self.weight[counts])
        now = Side(cut.now[self.kept], now_owner[self.kept])
        if min(then.size, now.size) < ENOUGH_OF_AN_AGE:
            return 0.0
        return compare(then, now, seed=seed).chance


def told(model: TrainedModel, feature: Feature, cut: Cut, moved: Moved, weight: float) -> Column:
    """Put what was found of an input into words; whether it drifted is judged with all others."""
    label = _label(model, feature)
    return Column(
        name=feature.name,
        label=label,
        topic=feature.topic,
        plain=feature.name == model.catalog.topics[feature.topic].evidence,
        index=moved.index,
        limit=moved.limit,
        chance=moved.chance,
        drifted=False,
        by_age=False,
        weight=weight,
        bins=bins_of(cut.names, moved),
        text=moved_words(label, cut.names, moved, cut.edges, cut.was, cut.are),
    )


def bins_of(names: tuple[str, ...], moved: Moved) -> tuple[Bin, ...]:
    """Return the bins that hold leads on either side."""
    return tuple(
        Bin(names[i], float(moved.then[i]), float(moved.now[i])) for i in np.flatnonzero(moved.then + moved.now)
    )


def _label(model: TrainedModel, feature: Feature) -> str:
    label = model.catalog.topics[feature.topic].label["en"]
    alone = sum(other.topic == feature.topic and not other.card for other in model.catalog.features) == 1
    return label if alone else column_words(label, feature.name)


def _between(edges: NDArray[np.float64]) -> Iterator[str]:
    if not len(edges):
        yield "known"
        return
    yield f"up to {number_text(edges[0])}"
    yield from (f"above {number_text(low)} up to {number_text(high)}" for low, high in pairwise(edges))
    yield f"above {number_text(edges[-1])}"
