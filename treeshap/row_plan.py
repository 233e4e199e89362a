"""The order in which one row's kernel visits the forest: chunks of trees, level by level, alike nodes together.

Why this order: see `leadlight.treeshap.row`. Everything is counted in positions, a node's place in the order; scratch
is counted from where its chunk starts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from leadlight.treeshap.forest import Forest
from leadlight.treeshap.paths import BOTH_LEAVES, Paths, at_children, leaf_values, rule
from leadlight.treeshap.splits import Splits

__all__ = ["RowPlan", "plan_rows"]

CHUNK: Final = 320
"""Nodes of a chunk, about: its three arrays of 4 lanes take 30 KiB."""

NARROW: Final = 4
WIDE: Final = 8
"""Lanes. Most trees have no more than 8 distinct features on a path, for which 4 points do."""


@dataclass(frozen=True)
class RowPlan:
    """The forest as the row kernel walks it; ``n`` nodes in the kernel's order.

    Attributes
    ----------
    chunks : array of shape (n_chunks, 17), dtype int64
        Lanes and passes, where each chunk's points and inverses begin (and how far one pass is from the next), first
        node, first node of two leaves, end, first entry of ``others``; then where each chunk's roots, numbers,
        categories and repetitions begin and end.
    whole : array of shape (n, 4), dtype uint16
        Places of the first and second child, output, entry of the chunk's inverses.
    real : array of shape (n, 2)
        Cover of the first child, value of the first leaf (0 for a split).
    others : array
        Value of the second leaf of each node that has two.
    roots : array of shape (n_roots,), dtype uint16
        Places.
    place_of_tree : array of shape (n_trees,), dtype int64
        Which of the roots is a tree's; -1 for a tree of one leaf.
    only_leaf : array of shape (n_trees,)
        The value of a tree of one leaf; 0 for the others.
    numbers : array of shape (n_numeric, 3), dtype uint16
        Place, prepared number, 1 if right is first.
    thresholds : array of shape (n_numeric,)
    categories : array of shape (n_categorical, 4), dtype uint16
        Place, category, 1 if right is first, bit.
    slots : array of shape (n_categorical,), dtype uint32
    again : array of shape (n_repeated, 3), dtype uint16
        Place, place of the nearest node above with the same feature, 1 if it lies under that one's first child.
    before : array of shape (n_repeated,)
        Cover before.
    inverses : array
        1 / (t + (1 - t) before) at every point: see `_inverses`.
    points : array
        t, 1 - t and weights, by rule and pass.
    """

    chunks: NDArray[np.int64]
    whole: NDArray[np.uint16]
    real: NDArray[np.float64]
    others: NDArray[np.float64]
    roots: NDArray[np.uint16]
    place_of_tree: NDArray[np.int64]
    only_leaf: NDArray[np.float64]
    numbers: NDArray[np.uint16]
    thresholds: NDArray[np.float64]
    categories: NDArray[np.uint16]
    slots: NDArray[np.uint32]
    again: NDArray[np.uint16]
    before: NDArray[np.float64]
    inverses: NDArray[np.float64]
    points: NDArray[np.float64]


def plan_rows(forest: Forest, paths: Paths, splits: Splits, outputs: NDArray[np.int64]) -> RowPlan:
    """Put the forest's nodes into the kernel's order.

    Parameters
    ----------
    outputs : array of shape (n_features,), dtype int64
        Which output a feature's share goes to.
    """
    n = len(forest.feature)
    points = -(-paths.distinct // 2)
    chunk_of_tree, chunk_points = _chunks(points, np.diff(forest.node_start))
    chunk = chunk_of_tree[paths.tree]
    level = np.where(paths.shape == BOTH_LEAVES, n, paths.level)  # they have no split below: all of them last
    order = np.lexsort((paths.shape, level, chunk))
    start = np.searchsorted(chunk[order], np.arange(len(chunk_points) + 1))
    pairs = start[1:] - np.bincount(chunk[paths.shape == BOTH_LEAVES], minlength=len(chunk_points))
    place = np.empty(n, np.int64)  # in the chunk, from 1
    place[order] = np.arange(n) + 1 - start[chunk[order]]
    lanes, passes = _lanes(chunk_points)
    inverses, inverse_start, entry = _inverses(paths.before, chunk, order[paths.ancestor[order] >= 0], chunk_points)
    numeric, categorical = order[~splits.categorical[order]], order[splits.categorical[order]]
    again, roots = order[paths.ancestor[order] >= 0], order[paths.level[order] == 0]
    points_table, point_start = _points(chunk_points)
    place_of_tree = np.full(forest.n_trees, -1, np.int64)
    place_of_tree[paths.tree[roots]] = np.arange(len(roots))

    def spans(chunks: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        edges = np.searchsorted(chunks, np.arange(len(chunk_points) + 1))
        return [edges[:-1], edges[1:]]

    entries = [span for nodes in (roots, numeric, categorical, again) for span in spans(chunk[nodes])]
    pair_start = np.cumsum(start[1:] - pairs) - (start[1:] - pairs)
    head = [lanes, passes, point_start, *inverse_start.T, start[:-1], pairs, start[1:], pair_start]
    leaf, other = leaf_values(forest, paths)
    first, second, above = (at_children(nodes, place) for nodes in (paths.first, paths.second, paths.ancestor))
    return RowPlan(
        chunks=np.stack([*head, *entries], axis=1).astype(np.int64, order="C"),
        whole=_rows([first, second, outputs[forest.feature], entry], order, np.uint16),
        real=_rows([paths.cover, leaf], order, np.float64),
        others=other[order[paths.shape[order] == BOTH_LEAVES]],
        roots=place[roots].astype(np.uint16),
        place_of_tree=place_of_tree,
        only_leaf=np.where(place_of_tree < 0, forest.leaf_value[forest.leaf_start[:-1]], 0.0),
        numbers=_rows([place, splits.column, paths.swapped], numeric, np.uint16),
        thresholds=forest.threshold[numeric],
        categories=_rows([place, splits.column, paths.swapped, splits.bit], categorical, np.uint16),
        slots=splits.slot[categorical].astype(np.uint32),
        again=_rows([place, above, paths.under_first], again, np.uint16),
        before=paths.before[again],
        inverses=inverses,
        points=points_table,
    )


def _rows(fields: list[NDArray[Any]], nodes: NDArray[np.int64], dtype: Any) -> NDArray[Any]:
    return np.stack([field[nodes] for field in fields], axis=1).astype(dtype, order="C")


def _chunks(points: NDArray[np.int64], sizes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return each tree's chunk, and each chunk's points: trees with as many lanes and passes, in the model's order."""
    rounded = np.where(points <= NARROW, NARROW, -(-points // WIDE) * WIDE)
    chunk_points: list[int] = []
    chunk_of, room = np.zeros(len(points), np.int64), 0
    for tree in np.argsort(rounded, kind="stable"):
        if sizes[tree] == 0:  # one leaf
            continue
        if not chunk_points or chunk_points[-1] != rounded[tree] or room < sizes[tree]:
            chunk_points.append(int(rounded[tree]))
            room = CHUNK
        chunk_of[tree] = len(chunk_points) - 1
        room -= int(sizes[tree])
    return chunk_of, np.array(chunk_points, np.int64)


def _lanes(points: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    lanes = np.where(points <= NARROW, NARROW, WIDE)
    return lanes, points // lanes


def _points(chunk_points: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return t, 1 - t and weights of every rule, pass after pass, and where each chunk's rule begins."""
    tables, starts, size = [np.zeros(0)], {}, 0
    for count in np.unique(chunk_points).tolist():
        t, weight = rule(count)
        lanes = NARROW if count <= NARROW else WIDE
        tables.append(np.stack([t, 1.0 - t, weight]).reshape(3, -1, lanes).transpose(1, 0, 2).reshape(-1))
        starts[count], size = size, size + 3 * count
    return np.concatenate(tables), np.array([starts[count] for count in chunk_points.tolist()], np.int64)


def _inverses(
    before: NDArray[np.float64], chunk: NDArray[np.int64], again: NDArray[np.int64], chunk_points: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Return 1 / (t + (1 - t) before) of the nodes whose feature comes again, chunk after chunk.

    A chunk's entry 0 is 1, for the nodes whose feature is new. A chunk's table goes pass after pass, in a pass entry
    after entry, in an entry lane after lane.

    Parameters
    ----------
    again : array of node numbers, in the kernel's order

    Returns
    -------
    table : array
    starts : array of shape (n_chunks, 2), dtype int64
        Where each chunk's table begins, and how far one pass is from the next.
    entry : array of shape (n,), dtype int64
        Which entry of its chunk each node takes.
    """
    tables, starts, entry, size = [np.zeros(0)], [], np.zeros(len(chunk), np.int64), 0
    edges = np.searchsorted(chunk[again], np.arange(len(chunk_points) + 1))
    for count, begin, end in zip(chunk_points.tolist(), edges[:-1], edges[1:], strict=True):
        mine = again[begin:end]
        entry[mine] = np.arange(len(mine)) + 1
        lanes = min(count, WIDE)
        t = rule(count)[0].reshape(-1, 1, lanes)
        table = 1.0 / (t + (1.0 - t) * np.concatenate(([1.0], before[mine]))[None, :, None])
        table[:, 0] = 1.0
        tables.append(table.reshape(-1))
        starts.append([size, table.shape[1] * lanes])
        size += table.size
    return np.concatenate(tables), np.array(starts, np.int64).reshape(-1, 2), entry
