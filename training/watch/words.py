"""What moved, in one sentence: of all bins the one that says most."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from leadlight.core.catalog import NOT_KNOWN, OTHER
from leadlight.features.wording import number_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.training.watch.stability import Moved

__all__ = ["column_words", "moved_words", "share"]

_MEASURES: Final = (
    (r"count_(\d+)d", r"number in \1 days"),
    (r"active_days_(\d+)d", r"days with any in \1 days"),
    (r"variety_(\d+)d", r"different kinds in \1 days"),
    (r"value_(\d+)d", r"value in \1 days"),
    (r"decay_(\d+)d", r"lately (halved every \1 days)"),
    (r"days_since_first", "days since the first"),
    (r"days_since_change", "days since the last change"),
    (r"days_since", "days since the last"),
)
"""How a column measures its topic, by the end of its name; what is not listed is said by its own name."""


def column_words(label: str, column: str) -> str:
    """Say what one of several columns of a topic measures.

    Examples
    --------
    >>> column_words("Web visit", "web_visit.count_30d"), column_words("Recycling", "recycling.times")
    ('Web visit, number in 30 days', 'Recycling, times')
    """
    measure = column.rpartition(".")[2]
    for pattern, words in _MEASURES:
        if re.fullmatch(pattern, measure):
            return f"{label}, {re.sub(pattern, words, measure)}"
    return f"{label}, {measure.replace('_', ' ')}"


def share(value: float) -> str:
    """Write a share as a percentage, small ones with a digit more.

    Examples
    --------
    >>> share(0.376), share(0.004), share(0.0)
    ('38 %', '0.4 %', '0 %')
    """
    return f"{100 * value:.1f} %" if 0 < value < 0.01 else f"{100 * value:.0f} %"


def moved_words(
    label: str,
    names: Sequence[str],
    moved: Moved,
    edges: NDArray[np.float64] | None,
    was: NDArray[np.float64],
    are: NDArray[np.float64],
) -> str:
    """Say what moved most.

    Parameters
    ----------
    label : str
        What people call the column.
    names : sequence of str
        Of the bins; the first is not known.
    moved : Moved
    edges : ndarray or None
        Where the bins of a number end; None for a category.
    was, are : ndarray of shape (n_then,) and (n_now,)
        The column's values, in the unit of ``edges``.
    """
    then, now = moved.then, moved.now
    if moved.index == 0.0:
        return f"{label}: as when the model was taught"
    part = (now - then) * np.log((now + 1e-3) / (then + 1e-3))
    most = int(part.argmax())
    if names[most] == NOT_KNOWN:
        had = f"{share(float(then[0]))} had none when the model was taught"
        return f"{label}: {share(float(now[0]))} of today's open leads have none, {had}"
    if edges is None:
        return _level(label, names[most], float(then[most]), float(now[most]))
    return _number(label, edges, was, are)


def _level(label: str, name: str, then: float, now: float) -> str:
    more = "more" if now > then else "fewer"
    if name == OTHER:
        name = "a value that the model does not know by name"
    return f"{label}: {more} leads with {name} ({share(now)} instead of {share(then)})"


def _number(label: str, edges: NDArray[np.float64], was: NDArray[np.float64], are: NDArray[np.float64]) -> str:
    """Say it at the cut where both sides lie furthest apart; missing values are in neither."""
    whose = "the leads that have it" if np.isnan(was).any() or np.isnan(are).any() else "the leads"
    before, after = _above(was, edges), _above(are, edges)
    cut = int(np.abs(after - before).argmax())
    return (
        f"{label}: {share(float(after[cut]))} of {whose} are above {number_text(float(edges[cut]))}, "
        f"{share(float(before[cut]))} were when the model was taught"
    )


def _above(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    known = values[~np.isnan(values)]
    return np.array([(known > edge).mean() if len(known) else 0.0 for edge in edges])
