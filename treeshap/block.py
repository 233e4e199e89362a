"""A block of rows on its way through the forest, which batches and plain predictions share.

Rows are laid out feature by feature, so that the same feature of 16 or 32 rows is one vector.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numba import njit

from leadlight.treeshap.batch_plan import CATEGORICAL, SWAPPED
from leadlight.treeshap.lanes import at, beyond, but_not, has_bit, less_equal, load, mask, put, splat
from leadlight.treeshap.splits import code_of, prepared

__all__ = ["ROWS", "Deciding", "goes_first", "lay_out_rows", "look_up"]

ROWS: Final = 512
"""Rows of a block: its values and sums take about half of a second-level cache of 1 MiB."""

# columns of BatchPlan.trees
POINTS, WEIGHT, STEP, LAST_STEP, LOOKUP, LAST_LOOKUP, NODE, LEAF, FACTOR = range(9)
# columns of BatchPlan.nodes
PLACE, FIRST, SECOND, OUT, COLUMN, BIT, ABOVE, UNDER_FIRST = range(8)

_ROWS: Final = np.uint64(ROWS)
_FIELDS: Final = np.uint64(8)
ALL: Final = np.uint64(0xFFFFFFFFFFFFFFFF)


class Deciding(NamedTuple):
    """What the splits of one tree look at: the tree's nodes and thresholds, a block's values and looked-up words."""

    nodes: Any
    thresholds: Any
    x: Any
    looked: Any


@njit(nogil=True)
def lay_out_rows(matrix, start, n, padded, sources, number_rule, category_source, code_start, code_number, x, number):
    """Write the prepared numbers and category numbers of rows ``start`` to ``start + n``; then zeros up to padded."""
    for k in range(len(sources)):
        for r in range(n):
            x[k, r] = prepared(matrix[start + r, sources[k]], number_rule[k])
        x[k, n:padded] = 0.0
    for k in range(len(category_source)):
        for r in range(n):
            value = matrix[start + r, category_source[k]]
            number[k, r] = code_of(value, code_start[k], code_start[k + 1], code_number)
        number[k, n:padded] = 0


@njit(nogil=True, forceinline=True)
def look_up(begin, end, row, width, lookups, words, number, looked):
    """Write the words of the tree's slots, lookup after lookup, for the categories of some rows."""
    for j in range(begin, end):
        column = beyond(number, at(lookups, j + j) * _ROWS + row)
        table = beyond(words, at(lookups, j + j + np.uint64(1)))
        for r in range(width):
            put(looked, (j - begin) * width + r, at(table, at(column, r)))


@njit(nogil=True, forceinline=True)
def goes_first(node, kind, row, deciding, width, zero_x, zero_word):
    """Return which rows go to a node's first child."""
    column = at(deciding.nodes, node * _FIELDS + np.uint64(COLUMN))
    if kind & np.uint64(CATEGORICAL):
        bit = at(deciding.nodes, node * _FIELDS + np.uint64(BIT))
        left = has_bit(load(deciding.looked, column * width, zero_word), bit)
    else:
        left = less_equal(load(deciding.x, column * _ROWS + row, zero_x), splat(at(deciding.thresholds, node), zero_x))
    return but_not(mask(ALL, zero_x), left) if kind & np.uint64(SWAPPED) else left
