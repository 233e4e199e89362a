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
LANES, PASSES, POINT, INVERSE, INVERSE_STEP, START, PAIRS, END = range(8)
ROOT, LAST_ROOT, NUMBER, LAST_NUMBER, CATEGORY, LAST_CATEGORY, AGAIN, LAST_AGAIN = range(8, 16)


class _Nodes(NamedTuple):
    """RowPlan's nodes, an address for each field."""

    first: Any
    second: Any
    out: Any
    inverse: Any
    cover: Any
    before: Any
    leaf: Any
    other: Any


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
def _down(p, i, size, nodes, at_points, scratch):
    """Carry W from node p (at place i) to its children."""
    t, stride = at_points.t, size + size + size
    v = load(at_points.inverses, at(nodes.inverse, p) * size, t)
    f = _factor(at(scratch.alpha, i), at(nodes.cover, p), v, at_points)
    w = load(scratch.vectors, i * stride, t)
    ahead = mul(w, f)
    store(scratch.vectors, at(nodes.first, p) * stride, ahead)
    store(scratch.vectors, at(nodes.second, p) * stride, sub(w, ahead))
    store(scratch.vectors, i * stride, mul(w, mul(v, v)))
    store(scratch.vectors, i * stride + size, f)


@njit(nogil=True, forceinline=True)
def _factor(alpha, cover, v, at_points):
    """Return F."""
    t, rest = at_points.t, at_points.rest
    return mul(v, add(mul(t, splat(alpha, t)), mul(rest, splat(cover, t))))


@njit(nogil=True, forceinline=True)
def _turn(p, i, size, nodes, at_points, scratch, sums):
    """Go down and up at once at a node of two leaves, where D is one number."""
    t, stride = at_points.t, size + size + size
    v = load(at_points.inverses, at(nodes.inverse, p) * size, t)
    f = _factor(at(scratch.alpha, i), at(nodes.cover, p), v, at_points)
    leaf, other = at(nodes.leaf, p), at(nodes.other, p)
    store(scratch.vectors, i * stride + size + size, add(mul(f, splat(leaf - other, t)), splat(other, t)))
    put(scratch.value, i, leaf if at(scratch.goes, i) else other)
    w = mul(load(scratch.vectors, i * stride, t), mul(v, v))
    o = at(nodes.out, p) * size
    store(sums, o, add(mul(splat(at(scratch.part, i) * (leaf - other), t), w), load(sums, o, t)))


@njit(nogil=True, forceinline=True)
def _up(p, i, size, nodes, at_points, scratch, sums):
    """Carry U from a node's children to it, and add what its split says."""
    t, stride, u = at_points.t, size + size + size, size + size
    first, second, leaf = at(nodes.first, p), at(nodes.second, p), at(nodes.leaf, p)
    beside = load(scratch.vectors, second * stride + u, t)
    gap = sub(add(load(scratch.vectors, first * stride + u, t), splat(leaf, t)), beside)
    store(scratch.vectors, i * stride + u, add(mul(load(scratch.vectors, i * stride + size, t), gap), beside))
    ahead, missed = at(scratch.value, first) + leaf, at(scratch.value, second)
    put(scratch.value, i, ahead if at(scratch.goes, i) else missed)
    o = at(nodes.out, p) * size
    says = mul(splat(at(scratch.part, i), t), mul(load(scratch.vectors, i * stride, t), gap))
    store(sums, o, add(says, load(sums, o, t)))


@njit(nogil=True, forceinline=True)
def _chunk(chunk, nodes, roots, inverses, points, zero, scratch, sums):
    """Go down and up one chunk, once for every so many points of its rule as ``zero`` has lanes."""
    start, pairs, end = np.uint64(chunk[START]), np.uint64(chunk[PAIRS]), np.uint64(chunk[END])
    size, one = np.uint64(chunk[LANES]), np.uint64(1)
    store(scratch.vectors, size + size, zero)  # U of leaves; what they are worth stands with their parents
    for k in range(np.uint64(chunk[PASSES])):
        point = np.uint64(chunk[POINT]) + k * size * np.uint64(3)
        table = beyond(inverses, np.uint64(chunk[INVERSE]) + k * np.uint64(chunk[INVERSE_STEP]))
        at_points = _Points(load(points, point, zero), load(points, point + size, zero), table)
        weight = load(points, point + size + size, zero)
        for r in range(np.uint64(chunk[ROOT]), np.uint64(chunk[LAST_ROOT])):
            store(scratch.vectors, at(roots, r) * size * np.uint64(3), weight)
        for p in range(start, pairs):
            _down(p, p - start + one, size, nodes, at_points, scratch)
        for p in range(pairs, end):
            _turn(p, p - start + one, size, nodes, at_points, scratch, sums)
        for back in range(pairs - start):
            p = pairs - one - back
            _up(p, p - start + one, size, nodes, at_points, scratch, sums)


@njit(nogil=True, forceinline=True)
def _decide(chunk, nodes, numbers, thresholds, categories, slots, words, again, x, place, scratch):
    """Write whether the row goes to each node's first child, and its alpha and part."""
    first = np.uint64(chunk[START]) - np.uint64(1)  # place 0 is before the chunk's first node
    cover, before = beyond(nodes.cover, first), beyond(nodes.before, first)
    alpha, part, goes, held = scratch.alpha, scratch.part, scratch.goes, scratch.held
    for k in range(np.uint64(chunk[NUMBER]), np.uint64(chunk[LAST_NUMBER])):
        i, o = at(numbers[0], k), (at(x, at(numbers[1], k)) <= at(thresholds, k)) ^ (at(numbers[2], k) != 0)
        put(goes, i, o)
        put(alpha, i, o)
        put(part, i, np.float64(o) - at(cover, i))
    for k in range(np.uint64(chunk[CATEGORY]), np.uint64(chunk[LAST_CATEGORY])):
        word = at(words, at(place, at(categories[1], k)) + at(slots, k))
        i, o = at(categories[0], k), ((word >> at(categories[2], k)) ^ at(categories[3], k)) & np.uint64(1)
        put(goes, i, o)
        put(alpha, i, o)
        put(part, i, np.float64(o) - at(cover, i))
    for k in range(np.uint64(chunk[AGAIN]), np.uint64(chunk[LAST_AGAIN])):
        i, above = at(again[0], k), at(again[1], k)
        still = at(held, above) & np.uint64(at(goes, above) == at(again[2], k))
        put(held, i, still)
        a = np.float64(at(goes, i)) if still else at(cover, i) / at(before, i)
        put(alpha, i, a)
        put(part, i, a * at(before, i) - at(cover, i))
    for k in range(np.uint64(chunk[AGAIN]), np.uint64(chunk[LAST_AGAIN])):
        put(held, at(again[0], k), 1)


@njit(nogil=True)
def _explain(
    chunks, whole, inverse, real, roots, numbers, thresholds, categories, slots, words, again, inverses, points,
    x, place, vectors, alpha, part, value, goes, held, reached, sums4, sums8,
):  # fmt: skip
    """Explain one row, whose values are prepared; the arrays are the caller's, who keeps them alive."""
    scratch = _Scratch(items(vectors), items(alpha), items(part), items(value), items(goes), items(held))
    child, number = items(whole), items(real)
    n, k = np.uint64(whole.shape[1]), np.uint64(categories.shape[1])
    nodes = _Nodes(
        child, beyond(child, n), beyond(child, n + n), items(inverse),
        number, beyond(number, n), beyond(number, n + n), beyond(number, n + n + n),
    )  # fmt: skip
    of_number, of_category, of_again = items(numbers), items(categories), items(again)
    m, r = np.uint64(numbers.shape[1]), np.uint64(again.shape[1])
    comparing = of_number, beyond(of_number, m), beyond(of_number, m + m)
    looking = of_category, beyond(of_category, k), beyond(of_category, k + k), beyond(of_category, k + k + k)
    coming = of_again, beyond(of_again, r), beyond(of_again, r + r)
    zero4, zero8 = lanes(points, 32), lanes(points, 64)
    for c in range(len(chunks)):
        chunk = chunks[c]
        _decide(
            chunk, nodes, comparing, items(thresholds), looking, items(slots), items(words), coming,
            items(x), items(place), scratch,
        )  # fmt: skip
        if chunk[LANES] == 8:
            _chunk(chunk, nodes, items(roots), items(inverses), items(points), zero8, scratch, items(sums8))
        else:
            _chunk(chunk, nodes, items(roots), items(inverses), items(points), zero4, scratch, items(sums4))
        for root in range(chunk[ROOT], chunk[LAST_ROOT]):
            reached[root] = value[roots[root]]


@njit(cache=True, nogil=True)
def explain_rows(
    matrix, sources, number_rule, category_source, code_start, code_number, word_start, n_slots, words,
    chunks, whole, inverse, real, roots, place_of_tree, only_leaf, numbers, thresholds, categories, slots, again,
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
            chunks, whole, inverse, real, roots, numbers, thresholds, categories, slots, words, again, inverses, points,
            x, place, vectors, alpha, part, value, goes, held, reached, sums4, sums8,
        )  # fmt: skip
        for j in range(n_outputs):
            shares[row, j] = sums4[j].sum() + sums8[j].sum()
        found = 0.0
        for tree in range(len(place_of_tree)):
            found += reached[place_of_tree[tree]] if place_of_tree[tree] >= 0 else only_leaf[tree]
        raw[row] = found
