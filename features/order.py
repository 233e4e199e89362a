"""Events in one deterministic order: by lead, then by time, ties broken by content and never by row number.

The order of rows in a file is an accident, so nothing may depend on it: first touch, current stage and the
rounding of a sum would, if ties were left as they come.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["Ints", "Numbers", "sort_events"]

Ints = NDArray[np.int64]
Numbers = NDArray[np.float64]


@njit(cache=True, nogil=True)
def sort_events(n_groups: int, group: Ints, time: Ints, known: Ints, rank: Ints, value: Numbers) -> tuple[Ints, Ints]:
    """Group events and sort each group by time, known, rank and value.

    Parameters
    ----------
    n_groups : int
    group : ndarray of shape (n_events,)
        Row of the lead (or the account); events with a negative one are left out.
    time, known : ndarray of shape (n_events,)
        When it happened and since when we knew, microseconds.
    rank : ndarray of shape (n_events,)
        Code that breaks ties of time.
    value : ndarray of shape (n_events,)
        Breaks what ties are left; NaN comes last.

    Returns
    -------
    start : ndarray of shape (n_groups + 1,)
        Group g holds the positions ``start[g] ... start[g + 1] - 1``.
    order : ndarray of shape (n_events that have a group,)
        Row of the event at each position.

    Examples
    --------
    >>> rows = np.array([1, 0, 1]), np.array([9, 5, 3])
    >>> start, order = sort_events(2, *rows, rows[1], np.zeros(3, np.int64), np.zeros(3))
    >>> start.tolist(), order.tolist()
    ([0, 1, 3], [1, 2, 0])
    """
    start = np.zeros(n_groups + 1, np.int64)
    for g in group:
        if g >= 0:
            start[g + 1] += 1
    for g in range(n_groups):
        start[g + 1] += start[g]
    order = np.empty(start[n_groups], np.int64)
    filled = start[:n_groups].copy()
    for row in range(group.size):
        g = group[row]
        if g >= 0:
            order[filled[g]] = row
            filled[g] += 1
    spare = np.empty(order.size, np.int64)
    for g in range(n_groups):
        _sort(order, spare, start[g], start[g + 1], time, known, rank, value)
    return start, order


@njit(cache=True, nogil=True)
def _sort(order: Ints, spare: Ints, first: int, stop: int, time: Ints, known: Ints, rank: Ints, value: Numbers) -> None:
    """Merge sort of one group, bottom-up; a group that is in order already costs one look."""
    if _is_sorted(order, first, stop, time, known, rank, value):
        return
    width = 1
    while width < stop - first:
        for left in range(first, stop, 2 * width):
            middle, end = min(left + width, stop), min(left + 2 * width, stop)
            i, j = left, middle
            for k in range(left, end):
                if i < middle and (j >= end or not _less(order[j], order[i], time, known, rank, value)):
                    spare[k] = order[i]
                    i += 1
                else:
                    spare[k] = order[j]
                    j += 1
        order[first:stop] = spare[first:stop]
        width *= 2


@njit(cache=True, nogil=True)
def _is_sorted(order: Ints, first: int, stop: int, time: Ints, known: Ints, rank: Ints, value: Numbers) -> bool:
    for k in range(first + 1, stop):  # noqa: SIM110 numba compiles no generators
        if _less(order[k], order[k - 1], time, known, rank, value):
            return False
    return True


@njit(cache=True, nogil=True)
def _less(a: int, b: int, time: Ints, known: Ints, rank: Ints, value: Numbers) -> Any:
    if time[a] != time[b]:
        return time[a] < time[b]
    if known[a] != known[b]:
        return known[a] < known[b]
    if rank[a] != rank[b]:
        return rank[a] < rank[b]
    return value[a] < value[b] or (value[b] != value[b] and value[a] == value[a])  # NaN is last
