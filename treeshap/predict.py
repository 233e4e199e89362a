"""Raw outputs alone, bit for bit LightGBM's: many rows at a time, each tree's splits from the leaves up.

Every split is decided for all rows, also for those that never come there: that costs less than following each row, for
there is no branch to mispredict. The leaves' values are added tree after tree, as LightGBM adds them.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from leadlight.treeshap.batch_plan import AFTER_LEAF, DOWN, TURN
from leadlight.treeshap.block import (
    FIRST,
    LAST_LOOKUP,
    LAST_STEP,
    LEAF,
    LOOKUP,
    NODE,
    PLACE,
    ROWS,
    SECOND,
    STEP,
    Deciding,
    goes_first,
    lay_out_rows,
    look_up,
)  # fmt: skip
from leadlight.treeshap.lanes import alike, at, beyond, count, items, lanes, load, put, select, splat, store

__all__ = ["predict_block"]


@njit(nogil=True, forceinline=True)
def _reach(kind, node, row, deciding, leaves, reached, width, zero_x, zero_word, zero_leaf):
    """Write which leaf the rows would reach from a node."""
    goes = goes_first(node, kind, row, deciding, width, zero_x, zero_word)
    fields = beyond(deciding.nodes, node * np.uint64(8))
    if kind & np.uint64(3) == np.uint64(TURN):
        ahead = splat(at(leaves, node + node), zero_leaf)
        beside = splat(at(leaves, node + node + np.uint64(1)), zero_leaf)
    else:
        beside = load(reached, at(fields, np.uint64(SECOND)) * width, zero_leaf)
        if kind & np.uint64(AFTER_LEAF):
            ahead = splat(at(leaves, node + node), zero_leaf)
        else:
            ahead = load(reached, at(fields, np.uint64(FIRST)) * width, zero_leaf)
    store(reached, at(fields, np.uint64(PLACE)) * width, select(goes, ahead, beside))


@njit(nogil=True)
def _predict(
    n_rows, trees, steps, nodes, leaves, thresholds, lookups, words, leaf_value, x, number, raw, reached, looked
):
    """Add up the leaves of a block whose values are laid out; the arrays are the caller's, who keeps them alive."""
    zero_x = lanes(x, 256)
    zero_word, zero_leaf, width = alike(looked, zero_x), alike(reached, zero_x), count(zero_x)
    list_of_steps, values, totals, of_reached = items(steps), items(leaf_value), items(raw), items(reached)
    for tree in range(len(trees)):
        first, leaf = np.uint64(trees[tree, NODE]), np.uint64(trees[tree, LEAF])
        begin, end = np.uint64(trees[tree, STEP]), np.uint64(trees[tree, LAST_STEP])
        look_begin, look_end = np.uint64(trees[tree, LOOKUP]), np.uint64(trees[tree, LAST_LOOKUP])
        tree_nodes, tree_leaves = beyond(items(nodes), first * np.uint64(8)), beyond(items(leaves), first + first)
        deciding = Deciding(tree_nodes, beyond(items(thresholds), first), items(x), items(looked))
        for row in range(np.uint64(0), n_rows, width):
            look_up(look_begin, look_end, row, width, items(lookups), items(words), items(number), items(looked))
            store(of_reached, np.uint64(0), zero_leaf)
            for s in range(begin, end):
                kind, node = at(list_of_steps, s + s), at(list_of_steps, s + s + np.uint64(1)) - first
                if kind & np.uint64(3) != np.uint64(DOWN):
                    _reach(kind, node, row, deciding, tree_leaves, of_reached, width, zero_x, zero_word, zero_leaf)
            for r in range(width):
                put(totals, row + r, at(totals, row + r) + at(values, leaf + at(of_reached, r)))


@njit(cache=True, nogil=True)
def predict_block(
    matrix, sources, number_rule, category_source, code_start, code_number, words,
    trees, steps, nodes, leaves, thresholds, lookups, leaf_value, places, most_lookups, raw,
):  # fmt: skip
    """Fill ``raw``, shape (n_rows,), block after block.

    Parameters
    ----------
    matrix : array of shape (n_rows, n_columns)
    """
    width = 32
    x, number = np.empty((len(sources), ROWS)), np.zeros((len(category_source), ROWS), np.int32)
    totals, reached = np.empty(ROWS), np.zeros(places * width, np.uint16)
    looked = np.empty(most_lookups * width + 1, np.uint32)
    for start in range(0, len(matrix), ROWS):
        n = min(ROWS, len(matrix) - start)
        padded = -(-n // width) * width
        lay_out_rows(
            matrix, start, n, padded, sources, number_rule, category_source, code_start, code_number, x, number
        )
        totals[:] = 0.0
        _predict(
            np.uint64(padded), trees, steps, nodes, leaves, thresholds, lookups, words, leaf_value,
            x, number, totals, reached, looked,
        )  # fmt: skip
        raw[start : start + n] = totals[:n]
