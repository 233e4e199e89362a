"""The order in which the batch kernel visits the forest: each tree depth first, as a list of steps.

Depth first, because then few W and U are alive at a time: a node's first and second child take the two places of their
level, and the whole scratch of a tree stays in the first-level cache.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from leadlight.treeshap.forest import Forest
from leadlight.treeshap.paths import BOTH_LEAVES, BOTH_SPLITS, Paths, at_children, leaf_values, rule
from leadlight.treeshap.splits import Splits

__all__ = ["BatchPlan", "plan_batch"]

DOWN, TURN, UP = 0, 1, 2
"""Steps: carry W down, turn round at two leaves, carry U up."""

AFTER_LEAF: Final = 4
AGAIN: Final = 8
CATEGORICAL: Final = 16
SWAPPED: Final = 32
"""Added to a step: the first child is a leaf, the feature came before, the split is categorical, right is first."""


@dataclass(frozen=True)
class BatchPlan:
    """The forest as the batch kernel walks it; ``n`` nodes as in `Forest`.

    Attributes
    ----------
    trees : array of shape (n_trees, 9), dtype int64
        Points, where the rule's weights begin, and where each tree's steps and lookups begin and end; then
        where its nodes, leaves and factors begin.
    steps : array of shape (n_steps, 2), dtype int64
        What to do, and at which node.
    nodes : array of shape (n, 8), dtype int64
        Place, places of the children, output, prepared number or lookup, bit, place of the nearest node above with the
        same feature, and which of its two masks.
    leaves : array of shape (n, 2), dtype uint16
        First and second leaf, counted in the tree.
    thresholds : array of shape (n,)
    factors : array
        For each node F at every point if the row goes to the first child, then if to the second, then
        1 / (t + (1 - t) before)^2.
    real : array of shape (n, 5)
        The same two of alpha before - cover; F where the row left the path above; values of the first and second leaf.
    lookups : array of shape (n_lookups, 2), dtype int64
        Category, and where its slot's words begin.
    weights : array
        Of every rule.
    places : int
        Most places that a tree takes.
    most_points, most_lookups : int
    """

    trees: NDArray[np.int64]
    steps: NDArray[np.int64]
    nodes: NDArray[np.int64]
    leaves: NDArray[np.uint16]
    thresholds: NDArray[np.float64]
    factors: NDArray[Any]
    real: NDArray[Any]
    lookups: NDArray[np.int64]
    weights: NDArray[Any]
    places: int
    most_points: int
    most_lookups: int


def plan_batch(
    forest: Forest, paths: Paths, splits: Splits, outputs: NDArray[np.int64], dtype: Any = np.float64
) -> BatchPlan:
    """List the steps of every tree, and compute what depends on the model alone.

    Parameters
    ----------
    outputs : array of shape (n_features,), dtype int64
        Which output a feature's share goes to.
    dtype : float64 or float32
    """
    points = np.maximum(-(-paths.distinct // 2), 1)
    place = _places(paths)
    lookup, lookups, lookup_start = _lookups(forest, paths, splits)
    steps, step_start = _steps(forest, paths, splits)
    factors, factor_start = _factors(forest, paths, points)
    rules = np.unique(points)
    weight_start = np.concatenate(([0], np.cumsum(rules)))[np.searchsorted(rules, points)]
    trees = [
        points, weight_start, step_start[:-1], step_start[1:], lookup_start[:-1], lookup_start[1:],
        forest.node_start[:-1], forest.leaf_start[:-1], factor_start,
    ]  # fmt: skip
    nodes = [
        place, at_children(paths.first, place), at_children(paths.second, place), outputs[forest.feature],
        np.where(splits.categorical, lookup, splits.column), splits.bit,
        at_children(paths.ancestor, place), paths.under_first,
    ]  # fmt: skip
    return BatchPlan(
        trees=np.stack(trees, axis=1).astype(np.int64, order="C"),
        steps=steps,
        nodes=np.stack(nodes, axis=1).astype(np.int64, order="C"),
        leaves=_leaf_numbers(forest, paths),
        thresholds=np.ascontiguousarray(forest.threshold),
        factors=factors.astype(dtype),
        real=_real(forest, paths).astype(dtype, order="C"),
        lookups=lookups,
        weights=np.concatenate([rule(int(count))[1] for count in rules] or [np.zeros(0)]).astype(dtype),
        places=int(place.max(initial=0)) + 1,
        most_points=int(points.max(initial=1)),
        most_lookups=int(np.diff(lookup_start).max(initial=0)),
    )


def _places(paths: Paths) -> NDArray[np.int64]:
    """Return each node's place: 0 for a root, then two for each level."""
    second = np.zeros(len(paths.second), np.int64)
    inner = paths.second[paths.second >= 0]
    second[inner] = 1
    return np.where(paths.level == 0, 0, 2 * paths.level - 1 + second)


def _lookups(
    forest: Forest, paths: Paths, splits: Splits
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return each node's lookup in its tree, all lookups (category and start of the words), and each tree's first."""
    at = np.flatnonzero(splits.categorical)
    keys = np.stack([paths.tree[at], splits.column[at], splits.slot[at]], axis=1)
    found, which = np.unique(keys, axis=0, return_inverse=True)
    start = np.searchsorted(found[:, 0], np.arange(forest.n_trees + 1))
    lookup = np.zeros(len(forest.feature), np.int64)
    lookup[at] = which.reshape(-1) - start[paths.tree[at]]
    words = splits.word_start[found[:, 1]] + found[:, 2] * splits.n_codes[found[:, 1]] if len(found) else found[:, 1]
    return lookup, np.stack([found[:, 1], words], axis=1).astype(np.int64, order="C"), start


def _steps(forest: Forest, paths: Paths, splits: Splits) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the steps of all trees, and where each tree's begin."""
    turns = paths.shape == BOTH_LEAVES
    first = np.where(turns, TURN, DOWN)
    kind = AFTER_LEAF * (paths.shape != BOTH_SPLITS) + AGAIN * (paths.ancestor >= 0) + CATEGORICAL * splits.categorical
    kind += SWAPPED * paths.swapped
    sizes = 2 * np.diff(forest.node_start) - np.bincount(paths.tree[turns], minlength=forest.n_trees)
    start = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
    steps = np.zeros((start[-1], 2), np.int64)
    _list(
        forest.node_start,
        start,
        paths.first,
        paths.second,
        (first + kind).astype(np.int64),
        (UP + kind).astype(np.int64),
        turns,
        steps,
    )
    return steps, start


@njit(cache=True, nogil=True)
def _list(node_start, step_start, first, second, going, coming, turns, steps):
    """Write each tree's steps depth first, the first child before the second."""
    stack = np.empty(2 * len(first) + 2, np.int64)  # a node to enter, or ~node to leave
    for tree in range(len(node_start) - 1):
        if node_start[tree] == node_start[tree + 1]:
            continue
        s, top = step_start[tree], 1
        stack[0] = node_start[tree]
        while top > 0:
            top -= 1
            node = stack[top]
            if node < 0:
                steps[s] = coming[~node], ~node
                s += 1
                continue
            steps[s] = going[node], node
            s += 1
            if turns[node]:
                continue
            stack[top] = ~node
            top += 1
            for child in (second[node], first[node]):
                if child >= 0:
                    stack[top] = child
                    top += 1


def _factors(forest: Forest, paths: Paths, points: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the factors of all nodes, tree after tree, and where each tree's begin."""
    sizes = 3 * points * np.diff(forest.node_start)
    start = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
    table = np.zeros(start[-1])
    for count in np.unique(points).tolist():
        t, _ = rule(count)
        mine = np.flatnonzero(points[paths.tree] == count)
        before, cover = paths.before[mine, None], paths.cover[mine, None]
        inverse = np.where(paths.ancestor[mine, None] >= 0, 1.0 / (t + (1.0 - t) * before), 1.0)
        there, away = (t + (1.0 - t) * cover) * inverse, (1.0 - t) * cover * inverse
        block = np.concatenate([there, away, inverse**2], axis=1)
        tree = paths.tree[mine]
        begin = start[tree] + 3 * count * (mine - forest.node_start[tree])
        table[begin[:, None] + np.arange(3 * count)] = block
    return table, start[:-1]


def _real(forest: Forest, paths: Paths) -> NDArray[np.float64]:
    return np.stack(
        [paths.before - paths.cover, -paths.cover, paths.cover / paths.before, *leaf_values(forest, paths)], axis=1
    )


def _leaf_numbers(forest: Forest, paths: Paths) -> NDArray[np.uint16]:
    """Return which leaf of its tree the first and the second child are; 0 for splits."""
    start = forest.leaf_start[paths.tree]
    numbers = [np.where(child < 0, ~child - start, 0) for child in (paths.first, paths.second)]
    return np.stack(numbers, axis=1).astype(np.uint16, order="C")
