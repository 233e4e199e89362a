"""What the rules of an agreement can ask of a catalog's columns: which conditions there are, and where each holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from leadlight.core.catalog import CODE_NOT_KNOWN, CODE_OTHER, Condition
from leadlight.training.evidence import roundest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.core.catalog import Catalog, Feature

__all__ = ["Best", "Candidates", "holds"]

DAYS: Final = (1.0, 3.0, 7.0, 14.0, 30.0, 60.0, 90.0, 180.0)
TIMES: Final = (1.0, 2.0, 3.0, 5.0, 10.0, 20.0)
_TENTHS: Final = np.arange(1, 10) / 10
_NEAR: Final = 0.03
"""How far from a tenth a round number may lie, as a share of the leads."""

_FEWEST: Final = 30.0
"""Leads' worth of moments on either side of a rule."""

_MOST_WORDS: Final = 6
"""More values in one rule nobody reads."""

_NEARLY_ALL: Final = 0.9
"""Share of what the best set of values explains that a smaller set may do with."""


class Best(NamedTuple):
    """The rule that explains most.

    ``met`` has shape (n_moments,), dtype bool; ``gain`` is the drop of the weighted sum of squares.
    """

    when: Condition
    met: NDArray[np.bool_]
    gain: float


def holds(when: Condition, catalog: Catalog, matrix: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return where a condition holds, from the columns that learned models see; shape (n_moments,).

    The same as the 0/1 column that a rule of an agreement with this condition gets; of several things asked of an
    attribute at once (a bound and whether it is known) no column can tell.

    Raises
    ------
    ValueError
        If no column of this catalog can tell.
    """
    for i, feature in enumerate(catalog.features):
        met = _met(when, feature, matrix[:, i])
        if met is not None:
            return met
    raise ValueError(f"no column of this catalog can tell {when}")


def _met(when: Condition, feature: Feature, x: NDArray[np.float64]) -> NDArray[np.bool_] | None:
    """Return where a condition holds by one column; None where the column is about something else."""
    if feature.card:
        return None
    if when.subject == "activity":
        return _met_activity(when, feature, x)
    if when.subject == "stage":
        return np.isin(x, _codes(feature, when.any_of)) if feature.primitive == "stage_current" else None
    if feature.params.get("attribute") != when.name:
        return None
    bounded = when.at_least is not None or when.at_most is not None
    if sum((when.known is not None, bounded, bool(when.any_of))) != 1:
        return None
    known = x != CODE_NOT_KNOWN if feature.primitive == "attribute_category" else ~np.isnan(x)
    if when.known is not None:
        return known if when.known else ~known
    if feature.primitive == "attribute_category":
        return None if bounded else np.isin(x, _codes(feature, when.any_of))
    return _between(when, x) if bounded else None


def _met_activity(when: Condition, feature: Feature, x: NDArray[np.float64]) -> NDArray[np.bool_] | None:
    if feature.params.get("type") != when.name:
        return None
    bounded = when.at_least is not None or when.at_most is not None
    if feature.primitive == "activity_days_since" and not bounded:
        return ~np.isnan(x) if when.within_days is None else x <= when.within_days
    if feature.primitive == "activity_count" and feature.params["days"] == when.within_days:
        return _between(when, x) if bounded else x >= 1.0
    return None


def _between(when: Condition, x: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which numbers lie within the bounds; what is not known lies outside."""
    low = -np.inf if when.at_least is None else when.at_least
    high = np.inf if when.at_most is None else when.at_most
    return (x >= low) & (x <= high)


def _codes(feature: Feature, words: Sequence[str]) -> list[float]:
    return [2.0 + feature.levels.index(word) for word in words if word in feature.levels]


@dataclass(frozen=True)
class Candidates:
    """All rules that may stand on a card.

    Attributes
    ----------
    conditions : tuple of Condition
        Whether something holds or not.
    met : ndarray of shape (n_moments, n_conditions), dtype float32
        Where; not written to.
    categories : tuple of (Feature, ndarray of shape (n_moments,))
        Of these any set of levels may be a rule.
    """

    conditions: tuple[Condition, ...]
    met: NDArray[np.float32]
    categories: tuple[tuple[Feature, NDArray[np.int64]], ...]

    @classmethod
    def of(cls, catalog: Catalog, matrix: NDArray[np.float64]) -> Candidates:
        """List the rules that this catalog's columns can tell."""
        conditions: list[Condition] = []
        met: list[NDArray[np.float32]] = []
        categories = []
        for i, feature in enumerate(catalog.features):
            x = matrix[:, i]
            for when in _conditions(feature, x, catalog):
                where = _met(when, feature, x)
                if where is not None and where.any() and not where.all():
                    conditions.append(when)
                    met.append(where.astype(np.float32))
            if not feature.card and feature.primitive in {"attribute_category", "stage_current"}:
                categories.append((feature, x.astype(np.int64)))
        columns = np.column_stack(met) if met else np.empty((len(matrix), 0), np.float32)
        return cls(tuple(conditions), columns, tuple(categories))

    def best(
        self, left: NDArray[np.float64], weight: NDArray[np.float64], taken: Sequence[Condition] = ()
    ) -> Best | None:
        """Return the rule that explains most of what is left; None where none is met often and seldom enough.

        Parameters
        ----------
        left : ndarray of shape (n_moments,)
            What is left to explain; its weighted mean is 0.
        weight : ndarray of shape (n_moments,)
        taken : sequence of Condition
            Rules that stand already: sets of values lie within these or apart from them.
        """
        sums, inside = (part.astype(np.float32) @ self.met for part in (weight * left, weight))
        gains = _gains(sums.astype(np.float64), inside.astype(np.float64), float(weight.sum()))
        found = []
        if len(gains):
            i = int(np.argmax(gains))
            found.append(Best(self.conditions[i], self.met[:, i] > 0, float(gains[i])))
        found += [_best_set(feature, codes, left, weight, taken) for feature, codes in self.categories]
        best = max(found, key=lambda one: one.gain, default=None)
        return best if best is not None and best.gain > 0 else None


def _gains(left: NDArray[np.float64], inside: NDArray[np.float64], whole: float) -> NDArray[np.float64]:
    """Return what splitting off each part explains; nothing where a side is too small."""
    outside = whole - inside
    fine = (inside >= _FEWEST) & (outside >= _FEWEST)
    return np.where(fine, left**2 * whole / np.where(fine, inside * outside, 1.0), 0.0)


def _best_set(
    feature: Feature,
    codes: NDArray[np.int64],
    left: NDArray[np.float64],
    weight: NDArray[np.float64],
    taken: Sequence[Condition],
) -> Best:
    """Return the best set of levels: the best of those that sorting by mean gives (Fisher 1958, JASA 53:789).

    The smallest that explains nearly as much is taken: a rule should read well.
    """
    size = 2 + len(feature.levels)
    sums, inside = (np.bincount(codes, part, size).astype(np.float64) for part in (weight * left, weight))
    best, most = [], 0.0
    for together in _alike(feature, inside, taken):
        ordered = sorted(together, key=lambda code: (-sums[code] / inside[code], code))
        for first in (ordered[:_MOST_WORDS], ordered[::-1][:_MOST_WORDS]):
            gains = _gains(np.cumsum(sums[first]), np.cumsum(inside[first]), float(weight.sum()))
            if gains.max() > most:
                most = float(gains.max())
                best = sorted(first[: int(np.argmax(gains >= _NEARLY_ALL * most)) + 1])
    return Best(_one_of(feature, best), np.isin(codes, best), most)


def _alike(feature: Feature, inside: NDArray[np.float64], taken: Sequence[Condition]) -> list[list[int]]:
    """Return the levels that occur, parted by which rules name them already: sets lie within one another or apart."""
    about = _one_of(feature, ())
    rules = [when.any_of for when in taken if (when.subject, when.name) == (about.subject, about.name)]
    parts: dict[tuple[bool, ...], list[int]] = {}
    for code in range(CODE_OTHER + 1, len(inside)):
        if inside[code] > 0:
            parts.setdefault(tuple(feature.levels[code - 2] in words for words in rules), []).append(code)
    return list(parts.values())


def _one_of(feature: Feature, codes: Sequence[int]) -> Condition:
    words = tuple(feature.levels[code - 2] for code in codes)
    if feature.primitive == "stage_current":
        return Condition("stage", "stage", any_of=words)
    return Condition("attribute", feature.params["attribute"], any_of=words)


def _conditions(feature: Feature, x: NDArray[np.float64], catalog: Catalog) -> Iterator[Condition]:
    """Yield what may be asked of one column, sets of levels aside."""
    if feature.card:
        return
    kind = feature.params.get("type")
    if feature.primitive == "activity_count" and kind in catalog.vocabulary.activity_types:
        for times in TIMES:
            yield Condition("activity", kind, within_days=float(feature.params["days"]), at_least=_more_than_one(times))
    if feature.primitive == "activity_days_since" and kind in catalog.vocabulary.activity_types:
        for days in (*DAYS, None):
            yield Condition("activity", kind, within_days=days)
    if feature.primitive == "attribute_category":
        yield Condition("attribute", feature.params["attribute"], known=False)
    if feature.primitive == "attribute_number":
        yield Condition("attribute", feature.params["attribute"], known=False)
        for edge in _round_tenths(x[~np.isnan(x)]):
            yield Condition("attribute", feature.params["attribute"], at_least=edge)
            yield Condition("attribute", feature.params["attribute"], at_most=edge)


def _more_than_one(times: float) -> float | None:
    return times if times > 1 else None


def _round_tenths(x: NDArray[np.float64]) -> list[float]:
    if len(x) == 0:
        return []
    low, near, high = (np.quantile(x, np.clip(_TENTHS + off, 0, 1)) for off in (-_NEAR, 0.0, _NEAR))
    return sorted({roundest(*ends) for ends in zip(low.tolist(), near.tolist(), high.tolist(), strict=True)})
