"""One row: the quadrature points are the lanes.

A tree on its own is a chain of short steps that wait for one another, so a processor idles through it. Here the nodes
of about ten trees make a *chunk* and are visited level by level, so that neighbours hardly ever depend on each other,
with one straight loop down and one up: no branch to mispredict, which is what a service that explains a row now and
then would pay for. A leaf is a child at place 0 of the scratch, where nothing is read that counts. A chunk's scratch
stays in the first-level cache.

See `leadlight.treeshap.paths` for what W, U, F and alpha are, and `leadlight.treeshap.row_plan` for the arrays.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from leadlight.treeshap.lanes import add, aligned, at, beyond, items, lanes, load, mul, put, splat, store, sub
from leadlight.treeshap.splits import code_of, prepared

__all__ = ["explain_rows"]

# columns of RowPlan.chunks
LANES, PASSES, POINT, INVERSE, INVERSE_STEP, START, PAIRS, END, PAIR = range(9)
ROOT, LAST_ROOT, NUMBER, LAST_NUMBER, CATEGORY, LAST_CATEGORY, AGAIN, LAST_AGAIN = range(9, 17)

# columns of RowPlan.whole, RowPlan.real, RowPlan.numbers, RowPlan.categories and RowPlan.again
FIRST, SECOND, OUT, ENTRY = np.uint64(0), np.uint64(1), np.uint64(2), np.uint64(3)
COVER, LEAF = np.uint64(0), np.uint64(1)
PLACE, COLUMN, SWAPPED, BIT = np.uint64(0), np.uint64(1), np.uint64(2), np.uint64(3)
ABOVE, UNDER_FIRST = np.uint64(1), np.uint64(2)

_ONE, _TWO, _THREE, _FOUR = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4)


class _Nodes(NamedTuple):
    """Addresses of RowPlan's arrays."""

    whole: Any
    real: Any
    others: Any
    roots: Any
    numbers: Any
    thresholds: Any
    categories: Any
    slots: Any
    again: Any
    before: Any


class _Scratch(NamedTuple):
    """What a chunk works on, by place in the chunk; 0 is the place of leaves.

    ``vectors`` holds W, F and U of a node side by side: as three arrays they would often lie a multiple of 4 KiB apart,
    where a processor takes one's stores for the other's loads. ``part`` is ``alpha before - cover``, ``value`` the leaf
    that the row reaches below a node.
    """

    vectors: Any
    alpha: Any
    part: Any
    value: Any
    goes: Any
    held: Any


class _Points(NamedTuple):
    """The points of one pass over a chunk: t, 1 - t, and the inverses 1 / (t + (1 - t) before) at them."""

    t: Any
    rest: Any
    inverses: Any


@njit(nogil=True, forceinline=True)
def _factor(p, i, v, nodes, at_points, scratch):
    """Return F of node p (at place i), whose inverses are v."""
    t, rest = at_points.t, at_points.rest
    return mul(v, add(mul(t, splat(at(scratch.alpha, i), t)), mul(rest, splat(at(nodes.real, p * _TWO + COVER), t))))


@njit(nogil=True, forceinline=True)
def _down(p, i, size, nodes, at_points, scratch):
    """Carry W from a node to its children."""
    stride, whole = size * _THREE, beyond(nodes.whole, p * _FOUR)
    v = load(at_points.inverses, at(whole, ENTRY) * size, at_points.t)
    f = _factor(p, i, v, nodes, at_points, scratch)
    w = load(scratch.vectors, i * stride, at_points.t)
    ahead = mul(w, f)
    store(scratch.vectors, at(whole, FIRST) * stride, ahead)
    store(scratch.vectors, at(whole, SECOND) * stride, sub(w, ahead))
    store(scratch.vectors, i * stride, mul(w, mul(v, v)))
    store(scratch.vectors, i * stride + size, f)


@njit(nogil=True, forceinline=True)
def _turn(p, i, other, size, nodes, at_points, scratch, sums):
    """Go down and up at once at a node of two leaves, where D is one number."""
    t, stride, whole = at_points.t, size * _THREE, beyond(nodes.whole, p * _FOUR)
    v = load(at_points.inverses, at(whole, ENTRY) * size, t)
    f = _factor(p, i, v, nodes, at_points, scratch)
    leaf = at(nodes.real, p * _TWO + LEAF)
    store(scratch.vectors, i * stride + size * _TWO, add(mul(f, splat(leaf - other, t)), splat(other, t)))
    put(scratch.value, i, leaf if at(scratch.goes, i) else other)
    w = mul(load(scratch.vectors, i * stride, t), mul(v, v))
    o = at(whole, OUT) * size
    store(sums, o, add(mul(splat(at(scratch.part, i) * (leaf - other), t), w), load(sums, o, t)))


@njit(nogil=True, forceinline=True)
def _up(p, i, size, nodes, at_points, scratch, sums):
    """Carry U from a node's children to it, and add what its split says."""
    t, stride, u, whole = at_points.t, size * _THREE, size * _TWO, beyond(nodes.whole, p * _FOUR)
    first, second, leaf = at(whole, FIRST), at(whole, SECOND), at(nodes.real, p * _TWO + LEAF)
    beside = load(scratch.vectors, second * stride + u, t)
    gap = sub(add(load(scratch.vectors, first * stride + u, t), splat(leaf, t)), beside)
    store(scratch.vectors, i * stride + u, add(mul(load(scratch.vectors, i * stride + size, t), gap), beside))
    ahead, missed = at(scratch.value, first) + leaf, at(scratch.value, second)
    put(scratch.value, i, ahead if at(scratch.goes, i) else missed)
    o = at(whole, OUT) * size
    says = mul(splat(at(scratch.part, i), t), mul(load(scratch.vectors, i * stride, t), gap))
    store(sums, o, add(says, load(sums, o, t)))


@njit(nogil=True, forceinline=True)
def _chunk(chunk, nodes, inverses, points, zero, scratch, sums):
    """Go down and up one chunk, once for every so many points of its rule as ``zero`` has lanes."""
    start, pairs, end = np.uint64(chunk[START]), np.uint64(chunk[PAIRS]), np.uint64(chunk[END])
    size, others = np.uint64(chunk[LANES]), beyond(nodes.others, np.uint64(chunk[PAIR]))
    store(scratch.vectors, size * _TWO, zero)  # U of leaves; what they are worth stands with their parents
    for k in range(np.uint64(chunk[PASSES])):
        point = np.uint64(chunk[POINT]) + k * size * _THREE
        table = beyond(inverses, np.uint64(chunk[INVERSE]) + k * np.uint64(chunk[INVERSE_STEP]))
        at_points = _Points(load(points, point, zero), load(points, point + size, zero), table)
        weight = load(points, point + size * _TWO, zero)
        for r in range(np.uint64(chunk[ROOT]), np.uint64(chunk[LAST_ROOT])):
            store(scratch.vectors, at(nodes.roots, r) * size * _THREE, weight)
        for p in range(start, pairs):
            _down(p, p - start + _ONE, size, nodes, at_points, scratch)
        for p in range(pairs, end):
            _turn(p, p - start + _ONE, at(others, p - pairs), size, nodes, at_points, scratch, sums)
        for back in range(pairs - start):
            p = pairs - _ONE - back
            _up(p, p - start + _ONE, size, nodes, at_points, scratch, sums)


@njit(nogil=True, forceinline=True)
def _decide(chunk, nodes, words, x, place, scratch):
    """Write whether the row goes to each node's first child, and its alpha and part."""
    cover = beyond(nodes.real, np.uint64(chunk[START]) * _TWO - _TWO + COVER)  # place 0 is before the first node
    alpha, part, goes, held = scratch.alpha, scratch.part, scratch.goes, scratch.held
    for k in range(np.uint64(chunk[NUMBER]), np.uint64(chunk[LAST_NUMBER])):
        number = beyond(nodes.numbers, k * _THREE)
        i, o = at(number, PLACE), (at(x, at(number, COLUMN)) <= at(nodes.thresholds, k)) ^ (at(number, SWAPPED) != 0)
        put(goes, i, o)
        put(alpha, i, o)
        put(part, i, np.float64(o) - at(cover, i * _TWO))
    for k in range(np.uint64(chunk[CATEGORY]), np.uint64(chunk[LAST_CATEGORY])):
        category = beyond(nodes.categories, k * _FOUR)
        word = at(words, at(place, at(category, COLUMN)) + at(nodes.slots, k))
        i, o = at(category, PLACE), ((word >> at(category, BIT)) ^ at(category, SWAPPED)) & _ONE
        put(goes, i, o)
        put(alpha, i, o)
        put(part, i, np.float64(o) - at(cover, i * _TWO))
    for k in range(np.uint64(chunk[AGAIN]), np.uint64(chunk[LAST_AGAIN])):
        again, before = beyond(nodes.again, k * _THREE), at(nodes.before, k)
        i, above = at(again, PLACE), at(again, ABOVE)
        still = at(held, above) & np.uint64(at(goes, above) == at(again, UNDER_FIRST))
        put(held, i, still)
        a = np.float64(at(goes, i)) if still else at(cover, i * _TWO) / before
        put(alpha, i, a)
        put(part, i, a * before - at(cover, i * _TWO))
    for k in range(np.uint64(chunk[AGAIN]), np.uint64(chunk[LAST_AGAIN])):
        put(held, at(nodes.again, k * _THREE + PLACE), 1)


@njit(nogil=True)
def _explain(
    chunks, whole, real, others, roots, numbers, thresholds, categories, slots, again, before, inverses, points,
    words, x, place, vectors, alpha, part, value, goes, held, reached, sums4, sums8,
):  # fmt: skip
    """Explain one row, whose values are prepared; the arrays are the caller's, who keeps them alive."""
    scratch = _Scratch(items(vectors), items(alpha), items(part), items(value), items(goes), items(held))
    nodes = _Nodes(
        items(whole), items(real), items(others), items(roots), items(numbers), items(thresholds), items(categories),
        items(slots), items(again), items(before),
    )  # fmt: skip
    zero4, zero8 = lanes(points, 32), lanes(points, 64)
    for c in range(len(chunks)):
        chunk = chunks[c]
        _decide(chunk, nodes, items(words), items(x), items(place), scratch)
        if chunk[LANES] == 8:
            _chunk(chunk, nodes, items(inverses), items(points), zero8, scratch, items(sums8))
        else:
            _chunk(chunk, nodes, items(inverses), items(points), zero4, scratch, items(sums4))
        for root in range(chunk[ROOT], chunk[LAST_ROOT]):
            reached[root] = value[roots[root]]


@njit(cache=True, nogil=True)
def explain_rows(
    matrix, sources, number_rule, category_source, code_start, code_number, word_start, n_slots, words,
    chunks, whole, real, others, roots, place_of_tree, only_leaf, numbers, thresholds, categories, slots, again, before,
    inverses, points, raw, shares,
):  # fmt: skip
    """Explain rows one after another.

    Parameters
    ----------
    matrix : array of shape (n_rows, n_columns)
    raw : array of shape (n_rows,)
        Filled with the sum of the leaves that each row falls into, tree after tree as the model has them.
    shares : array of shape (n_rows, n_outputs)
        Filled.
    """
    n_outputs, most = shares.shape[1], 1
    for c in range(len(chunks)):
        most = max(most, chunks[c, END] - chunks[c, START] + 1)
    x, place = np.empty(len(sources)), np.empty(len(category_source), np.int64)
    vectors, alpha, part, value = aligned(3 * 8 * most, np.float64), np.empty(most), np.empty(most), np.zeros(most)
    goes, held, reached = np.empty(most, np.uint8), np.ones(most, np.uint8), np.empty(len(roots))
    sums4, sums8 = (
        aligned(4 * n_outputs, np.float64).reshape(n_outputs, 4),
        aligned(8 * n_outputs, np.float64).reshape(n_outputs, 8),
    )
    for row in range(len(matrix)):
        for k in range(len(sources)):
            x[k] = prepared(matrix[row, sources[k]], number_rule[k])
        for k in range(len(category_source)):
            code = code_of(matrix[row, category_source[k]], code_start[k], code_start[k + 1], code_number)
            place[k] = word_start[k] + code * n_slots[k]
        sums4[:], sums8[:] = 0.0, 0.0
        _explain(
            chunks, whole, real, others, roots, numbers, thresholds, categories, slots, again, before, inverses, points,
            words, x, place, vectors, alpha, part, value, goes, held, reached, sums4, sums8,
        )  # fmt: skip
        for j in range(n_outputs):
            shares[row, j] = sums4[j].sum() + sums8[j].sum()
        found = 0.0
        for tree in range(len(place_of_tree)):
            found += reached[place_of_tree[tree]] if place_of_tree[tree] >= 0 else only_leaf[tree]
        raw[row] = found
