"""Many rows: the rows are the lanes.

Rows go through in blocks of `ROWS`, whose values are laid out feature by feature; each tree is walked depth first
for 16 (float32: 32) rows at a time, so that its tables and its scratch stay in the first-level cache while the
block's rows stream by. What depends on the model alone is a table, so a node costs a comparison, and for each point
of the rule a choice between two numbers and a handful of multiplications.

See `leadlight.treeshap.paths` for what W, U and F are, and `leadlight.treeshap.batch_plan` for the arrays.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from leadlight.treeshap.batch_plan import AFTER_LEAF, AGAIN, TURN
from leadlight.treeshap.block import (
    ABOVE,
    ALL,
    FACTOR,
    FIRST,
    LAST_LOOKUP,
    LAST_STEP,
    LEAF,
    LOOKUP,
    NODE,
    OUT,
    PLACE,
    POINTS,
    ROWS,
    SECOND,
    STEP,
    UNDER_FIRST,
    WEIGHT,
    Deciding,
    goes_first,
    lay_out_rows,
    look_up,
)  # fmt: skip
from leadlight.treeshap.lanes import (
    add,
    aligned,
    alike,
    at,
    beyond,
    bits,
    both,
    but_not,
    count,
    items,
    lanes,
    load,
    mask,
    mul,
    put,
    select,
    splat,
    store,
    sub,
)  # fmt: skip

__all__ = ["explain_block"]

_ROWS = np.uint64(ROWS)

# columns of BatchPlan.real
THERE, AWAY, RATIO, LEAF_ONE, LEAF_TWO = range(5)


class _Block(NamedTuple):
    """One tree and some rows of a block."""

    nodes: Any
    real: Any
    leaves: Any
    factors: Any
    deciding: Any
    sums: Any
    vectors: Any
    reached: Any
    goes: Any
    held: Any


@njit(nogil=True, forceinline=True)
def _factor(again, goes, held, there, away, ratio, zero):
    """Return F of the rows."""
    f = select(goes, splat(there, zero), splat(away, zero))
    return select(held, f, ratio) if again else f


@njit(nogil=True, forceinline=True)
def _add(again, node, row, goes, held, says, block, zero):
    """Add what a split says to its output."""
    five, eight = np.uint64(5), np.uint64(8)
    there, away = at(block.real, node * five), at(block.real, node * five + np.uint64(AWAY))
    part = select(goes, splat(there, zero), splat(away, zero))
    if again:
        part = select(held, part, zero)
    o = at(block.nodes, node * eight + np.uint64(OUT)) * _ROWS + row
    store(block.sums, o, add(load(block.sums, o, zero), mul(part, says)))


@njit(nogil=True, forceinline=True)
def _down(again, leaf_first, node, points, goes, held, block, width, zero):
    """Carry W to the node's children."""
    n, eight = points * width, np.uint64(8)
    w_here = beyond(block.vectors, at(block.nodes, node * eight + np.uint64(PLACE)) * (n + n))
    w_first = beyond(block.vectors, at(block.nodes, node * eight + np.uint64(FIRST)) * (n + n))
    w_second = beyond(block.vectors, at(block.nodes, node * eight + np.uint64(SECOND)) * (n + n))
    factors = beyond(block.factors, node * np.uint64(3) * points)
    ratio = splat(at(block.real, node * np.uint64(5) + np.uint64(RATIO)), zero)
    for q in range(points):
        f = _factor(again, goes, held, at(factors, q), at(factors, points + q), ratio, zero)
        w = load(w_here, q * width, zero)
        ahead = mul(w, f)
        if not leaf_first:
            store(w_first, q * width, ahead)
        store(w_second, q * width, sub(w, ahead))


@njit(nogil=True, forceinline=True)
def _turn(again, node, row, points, goes, held, block, width, zero, zero_leaf):
    """Turn round at a node of two leaves, where D is one number."""
    n, five = points * width, np.uint64(5)
    place = at(block.nodes, node * np.uint64(8) + np.uint64(PLACE))
    w_here = beyond(block.vectors, place * (n + n))
    factors = beyond(block.factors, node * np.uint64(3) * points)
    ratio = splat(at(block.real, node * five + np.uint64(RATIO)), zero)
    one, two = at(block.real, node * five + np.uint64(LEAF_ONE)), at(block.real, node * five + np.uint64(LEAF_TWO))
    gap, other, says = splat(one - two, zero), splat(two, zero), zero
    for q in range(points):
        f = _factor(again, goes, held, at(factors, q), at(factors, points + q), ratio, zero)
        w = load(w_here, q * width, zero)
        says = add(says, mul(w, splat(at(factors, points + points + q), zero)) if again else w)
        store(w_here, n + q * width, add(mul(f, gap), other))
    _add(again, node, row, goes, held, mul(says, gap), block, zero)
    leaf = node + node
    first, second = at(block.leaves, leaf), at(block.leaves, leaf + np.uint64(1))
    store(block.reached, place * width, select(goes, splat(first, zero_leaf), splat(second, zero_leaf)))


@njit(nogil=True, forceinline=True)
def _up(again, leaf_first, node, row, points, goes, held, block, width, zero, zero_leaf):
    """Carry U from the node's children to it."""
    n, eight = points * width, np.uint64(8)
    place, second = at(block.nodes, node * eight + np.uint64(PLACE)), at(block.nodes, node * eight + np.uint64(SECOND))
    first = at(block.nodes, node * eight + np.uint64(FIRST))
    w_here = beyond(block.vectors, place * (n + n))
    u_first, u_second = beyond(block.vectors, first * (n + n) + n), beyond(block.vectors, second * (n + n) + n)
    factors = beyond(block.factors, node * np.uint64(3) * points)
    ratio = splat(at(block.real, node * np.uint64(5) + np.uint64(RATIO)), zero)
    leaf = splat(at(block.real, node * np.uint64(5) + np.uint64(LEAF_ONE)), zero)
    says = zero
    for q in range(points):
        f = _factor(again, goes, held, at(factors, q), at(factors, points + q), ratio, zero)
        beside = load(u_second, q * width, zero)
        gap = sub(leaf if leaf_first else load(u_first, q * width, zero), beside)
        store(w_here, n + q * width, add(mul(f, gap), beside))
        w = load(w_here, q * width, zero)
        says = add(says, mul(mul(w, splat(at(factors, points + points + q), zero)) if again else w, gap))
    _add(again, node, row, goes, held, says, block, zero)
    missed = load(block.reached, second * width, zero_leaf)
    if leaf_first:
        ahead = splat(at(block.leaves, node + node), zero_leaf)
    else:
        ahead = load(block.reached, first * width, zero_leaf)
    store(block.reached, place * width, select(goes, ahead, missed))


@njit(nogil=True, forceinline=True)
def _step(kind, node, row, points, block, width, zero, zero_x, zero_word, zero_leaf):
    """Do one step for some rows."""
    eight, all_rows = np.uint64(8), mask(ALL, zero)
    place = at(block.nodes, node * eight + np.uint64(PLACE))
    again, what = kind & np.uint64(AGAIN) != 0, kind & np.uint64(3)
    if what <= np.uint64(TURN):
        goes = goes_first(node, kind, row, block.deciding, width, zero_x, zero_word)
        held = all_rows
        if again:
            above = at(block.nodes, node * eight + np.uint64(ABOVE))
            side = np.uint64(1) - at(block.nodes, node * eight + np.uint64(UNDER_FIRST))
            held = mask(at(block.held, above + above + side), zero)
        if what == np.uint64(TURN):
            if again:
                _turn(True, node, row, points, goes, held, block, width, zero, zero_leaf)
            else:
                _turn(False, node, row, points, goes, held, block, width, zero, zero_leaf)
            return
        put(block.goes, place + place, bits(goes))
        put(block.goes, place + place + np.uint64(1), bits(held))
        put(block.held, place + place, bits(both(held, goes)))
        put(block.held, place + place + np.uint64(1), bits(but_not(held, goes)))
        if kind & np.uint64(AFTER_LEAF):
            if again:
                _down(True, True, node, points, goes, held, block, width, zero)
            else:
                _down(False, True, node, points, goes, held, block, width, zero)
        elif again:
            _down(True, False, node, points, goes, held, block, width, zero)
        else:
            _down(False, False, node, points, goes, held, block, width, zero)
        return
    goes, held = mask(at(block.goes, place + place), zero), mask(at(block.goes, place + place + np.uint64(1)), zero)
    if kind & np.uint64(AFTER_LEAF):
        if again:
            _up(True, True, node, row, points, goes, held, block, width, zero, zero_leaf)
        else:
            _up(False, True, node, row, points, goes, held, block, width, zero, zero_leaf)
    elif again:
        _up(True, False, node, row, points, goes, held, block, width, zero, zero_leaf)
    else:
        _up(False, False, node, row, points, goes, held, block, width, zero, zero_leaf)


@njit(nogil=True)
def _explain(
    n_rows, trees, steps, nodes, leaves, thresholds, factors, real, lookups, weights, words, leaf_value,
    x, number, sums, raw, vectors, reached, looked, goes, held, zero,
):  # fmt: skip
    """Explain a block whose values are laid out; the arrays are the caller's, who keeps them alive."""
    zero_x, zero_word, zero_leaf, width = alike(x, zero), alike(looked, zero), alike(reached, zero), count(zero)
    numbers, rows_raw, values = items(number), items(raw), items(leaf_value)
    for tree in range(len(trees)):
        points, first, leaf = np.uint64(trees[tree, POINTS]), np.uint64(trees[tree, NODE]), np.uint64(trees[tree, LEAF])
        weight = beyond(items(weights), np.uint64(trees[tree, WEIGHT]))
        step_begin, step_end = np.uint64(trees[tree, STEP]), np.uint64(trees[tree, LAST_STEP])
        look_begin, look_end = np.uint64(trees[tree, LOOKUP]), np.uint64(trees[tree, LAST_LOOKUP])
        tree_nodes = beyond(items(nodes), first * np.uint64(8))
        block = _Block(
            tree_nodes, beyond(items(real), first * np.uint64(5)), beyond(items(leaves), first + first),
            beyond(items(factors), np.uint64(trees[tree, FACTOR])),
            Deciding(tree_nodes, beyond(items(thresholds), first), items(x), items(looked)),
            items(sums), items(vectors), items(reached), items(goes), items(held),
        )  # fmt: skip
        list_of_steps = items(steps)
        for row in range(np.uint64(0), n_rows, width):
            look_up(look_begin, look_end, row, width, items(lookups), items(words), numbers, items(looked))
            store(block.reached, np.uint64(0), zero_leaf)
            for q in range(points):
                store(block.vectors, q * width, splat(at(weight, q), zero))
            for s in range(step_begin, step_end):
                kind, node = at(list_of_steps, s + s), at(list_of_steps, s + s + np.uint64(1)) - first
                _step(kind, node, row, points, block, width, zero, zero_x, zero_word, zero_leaf)
            for r in range(width):
                found = at(values, leaf + at(block.reached, r))
                put(rows_raw, row + r, at(rows_raw, row + r) + found)


@njit(cache=True, nogil=True)
def explain_block(
    matrix, sources, number_rule, category_source, code_start, code_number, words,
    trees, steps, nodes, leaves, thresholds, factors, real, lookups, weights, leaf_value,
    places, most_points, most_lookups, raw, shares,
):  # fmt: skip
    """Explain rows, block after block.

    Parameters
    ----------
    matrix : array of shape (n_rows, n_columns)
    raw : array of shape (n_rows,)
        Filled with the sum of the leaves that each row falls into, tree after tree as the model has them.
    shares : array of shape (n_rows, n_outputs), float64 or float32
        Filled; the work is done in its precision.
    """
    zero, n_outputs = lanes(shares, 128), shares.shape[1]
    width = np.int64(count(zero))
    x, number = np.empty((len(sources), ROWS)), np.zeros((len(category_source), ROWS), np.int32)
    sums, totals = np.empty((n_outputs, ROWS), shares.dtype), np.empty(ROWS)
    vectors = aligned(2 * places * most_points * width, shares.dtype)
    reached, looked = np.zeros(places * width, np.uint16), np.empty(most_lookups * width + 1, np.uint32)
    goes, held = np.empty(2 * places, np.uint64), np.empty(2 * places, np.uint64)
    for start in range(0, len(matrix), ROWS):
        n = min(ROWS, len(matrix) - start)
        padded = -(-n // width) * width
        lay_out_rows(
            matrix, start, n, padded, sources, number_rule, category_source, code_start, code_number, x, number
        )
        sums[:], totals[:] = 0.0, 0.0
        _explain(
            np.uint64(padded), trees, steps, nodes, leaves, thresholds, factors, real, lookups, weights,
            words, leaf_value, x, number, sums, totals, vectors, reached, looked, goes, held, zero,
        )  # fmt: skip
        raw[start : start + n] = totals[:n]
        shares[start : start + n] = sums[:, :n].T
