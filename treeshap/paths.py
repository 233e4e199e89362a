r"""The mathematics: what a split weighs, so that two short passes over a tree give every exact Shapley value.

Path-dependent TreeSHAP (Lundberg et al. 2018, arXiv 1802.03888) asks what a tree says when only some features S of a
row are known: at a split on a known feature the row goes its way, at any other both ways, by the share of training rows
(the *cover*) that went there. The Shapley value of a feature is its mean effect over all orders in which the features
may become known.

Take one leaf of value v, and the d *distinct* features of the splits above it. For feature j let

* :math:`o_j` be 1 if the row meets all conditions on j along the path, else 0,
* :math:`z_j` be the product of the covers of those splits, the chance to pass them when j is not known.

The leaf is reached with weight :math:`\prod_{j \in S} o_j \prod_{j \notin S} z_j`. "Known with probability t, each on
its own" turns the mean over all orders into an integral (Owen 1972, the multilinear extension of a game):

.. math:: \phi_j = v (o_j - z_j) \int_0^1 \prod_{m \ne j} \bigl(t\,o_m + (1 - t)\,z_m\bigr)\, dt

The integrand is a polynomial of degree d - 1, so a Gauss-Legendre rule with :math:`\lceil d/2 \rceil` points gives
the integral *exactly* (up to rounding). All factors lie in [0, 1]: nothing cancels, however deep the tree. This is
the quadrature form of Wettenstein, Mitchell & Yu (2026, "Quadrature-TreeSHAP", arXiv 2605.04497); Linear TreeSHAP (Yu
et al. 2022, arXiv 2209.08192) evaluates the same polynomials in another basis.

**All leaves at once.** At each point t carry, for every node, W = the rule's weight times the product of all factors on
the path so far, and U = the sum over the leaves below of v times the factors between. At a node that splits on f write

* ``before`` for the cover product of the earlier conditions on f (1 if f is new), ``cover`` for the same including the
  step to the node's first child,
* ``s`` = 1 if the row met all earlier conditions on f, ``o`` = 1 if it goes to the first child,
* ``alpha`` = o if s else cover / before.

The factor of f changes from ``t*s + (1-t)*before`` to ``t*s*o + (1-t)*cover``, so the step multiplies by

.. math:: F = \frac{t\,\alpha + (1 - t)\,cover}{t + (1 - t)\,before}

(where s = 0 both forms are cover / before, which is what alpha is for), and by 1 - F to the second child. Then

* down: :math:`W_1 = W F`, :math:`W_2 = W - W_1`,
* up: :math:`D = U_1 - U_2`, :math:`U = U_2 + F D`,
* :math:`\phi_f \mathrel{+}= (\alpha \cdot before - cover) \sum_t W D / (t + (1 - t)\,before)^2`.

The last line takes f's own factor out of W and puts :math:`o_f - z_f` in its place, for the leaves on both sides at
once: what a deeper split on f contributes beyond this one is added there. For a feature that is new on its path
``before`` is 1, and no division is left.

Everything here but alpha depends on the model alone, and this module computes it once. `row` carries the points t as
the lanes of a vector and explains one row; `batch` carries rows as lanes and explains many.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from leadlight.treeshap.forest import Forest, Unsupported

__all__ = [
    "BOTH_LEAVES",
    "BOTH_SPLITS",
    "LEAF_FIRST",
    "MOST_DISTINCT",
    "Paths",
    "at_children",
    "base_of",
    "leaf_values",
    "rule",
    "trace",
]

MOST_DISTINCT: Final = 200
"""Distinct features on one path: up to here numpy states its rule's points to full precision."""

BOTH_SPLITS, LEAF_FIRST, BOTH_LEAVES = 0, 1, 2
"""Shapes of a node, by its children. Where only one is a leaf, it counts as the first."""


@dataclass(frozen=True)
class Paths:
    """What each internal node weighs; ``n`` nodes as in `Forest`, but counted through the whole forest.

    Attributes
    ----------
    tree : array of shape (n,), dtype int64
    level : array of shape (n,), dtype int64
        0 for a root.
    first, second : arrays of shape (n,), dtype int64
        The children: a node, or ``~leaf``, both counted through the forest.
    swapped : array of shape (n,), dtype int64
        1 where the first child is the right one.
    shape : array of shape (n,), dtype int64
        `BOTH_SPLITS`, `LEAF_FIRST` or `BOTH_LEAVES`.
    before : array of shape (n,)
        Cover product of the earlier conditions on the node's feature; 1 where it is new on the path.
    cover : array of shape (n,)
        The same including the step to the first child.
    ancestor : array of shape (n,), dtype int64
        The nearest node above with the same feature; -1 where the feature is new.
    under_first : array of shape (n,), dtype int64
        1 where the node lies below that ancestor's first child.
    distinct : array of shape (n_trees,), dtype int64
        Distinct features on the tree's most varied path; 0 for a tree of one leaf.
    """

    tree: NDArray[np.int64]
    level: NDArray[np.int64]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    swapped: NDArray[np.int64]
    shape: NDArray[np.int64]
    before: NDArray[np.float64]
    cover: NDArray[np.float64]
    ancestor: NDArray[np.int64]
    under_first: NDArray[np.int64]
    distinct: NDArray[np.int64]


def trace(forest: Forest) -> Paths:
    """Follow every path of the forest.

    Raises
    ------
    Unsupported
        If a path looks at more than `MOST_DISTINCT` distinct features.
    """
    n = len(forest.feature)
    tree = np.repeat(np.arange(forest.n_trees), np.diff(forest.node_start))
    first, second, swapped = _children(forest, tree)
    leaves = (first < 0).astype(np.int64) + (second < 0)
    level, ancestor, under_first = np.zeros(n, np.int64), np.full(n, -1, np.int64), np.zeros(n, np.int64)
    before, cover, distinct = np.ones(n), np.ones(n), np.zeros(forest.n_trees, np.int64)
    _trace(
        tree, forest.feature, first, second, forest.count, forest.leaf_count,
        level, before, cover, ancestor, under_first, distinct,
    )  # fmt: skip
    if distinct.max(initial=0) > MOST_DISTINCT:
        worst = int(distinct.argmax())
        raise Unsupported(f"a path of tree {worst} has {distinct[worst]} distinct features, more than {MOST_DISTINCT}")
    return Paths(tree, level, first, second, swapped, leaves, before, cover, ancestor, under_first, distinct)


def _children(
    forest: Forest, tree: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return each node's first and second child through the forest, and whether right is first."""
    nodes, leaves = forest.node_start[tree][:, None], forest.leaf_start[tree][:, None]
    child = np.where(forest.child >= 0, forest.child + nodes, forest.child - leaves)  # ~(leaf + start) = ~leaf - start
    left, right = child[:, 0], child[:, 1]
    swapped = (left >= 0) & (right < 0)
    return np.where(swapped, right, left), np.where(swapped, left, right), swapped.astype(np.int64)


@njit(cache=True, nogil=True)
def _trace(tree, feature, first, second, count, leaf_count, level, before, cover, ancestor, under_first, distinct):
    """Fill the last arrays. A child has a larger number than its parent, so one sweep is enough."""
    parent = np.full(len(feature), -1, np.int64)
    seen = np.zeros(len(feature), np.int64)  # distinct features above a node
    beside = np.ones(len(feature))  # like cover, to the second child
    for node in range(len(feature)):
        came, above = node, parent[node]
        while above >= 0 and feature[above] != feature[node]:
            came, above = above, parent[above]
        if above >= 0:
            ancestor[node], under_first[node] = above, first[above] == came
            before[node] = cover[above] if first[above] == came else beside[above]
        here = seen[node] + (above < 0)
        distinct[tree[node]] = max(distinct[tree[node]], here)
        for child in (first[node], second[node]):
            if child >= 0:
                parent[child], level[child], seen[child] = node, level[node] + 1, here
        rows = count[first[node]] if first[node] >= 0 else leaf_count[~first[node]]
        cover[node] = before[node] * (rows / count[node])
        beside[node] = before[node] * ((count[node] - rows) / count[node])


def at_children(child: NDArray[np.int64], of_nodes: NDArray[Any], otherwise: Any = 0) -> NDArray[Any]:
    """Return what an array says of nodes; of a leaf or no node (a negative number) the other value."""
    return np.where(child >= 0, of_nodes[np.maximum(child, 0)], otherwise) if len(child) else child


def leaf_values(forest: Forest, paths: Paths) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the values of each node's first and second leaf; 0 for splits."""
    first = np.where(paths.first < 0, forest.leaf_value[np.maximum(~paths.first, 0)], 0.0)
    second = np.where(paths.second < 0, forest.leaf_value[np.maximum(~paths.second, 0)], 0.0)
    return first, second


def base_of(forest: Forest) -> float:
    """Return the mean output over the training rows, which every explanation starts from."""
    total = 0.0
    for tree in range(forest.n_trees):
        leaves = slice(forest.leaf_start[tree], forest.leaf_start[tree + 1])
        shares = forest.leaf_count[leaves]
        total += float(np.dot(shares / max(shares.sum(), 1.0), forest.leaf_value[leaves]))
    return total


@cache
def rule(points: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the Gauss-Legendre points and weights on [0, 1]."""
    x, weight = np.polynomial.legendre.leggauss(points)
    return (x + 1.0) / 2.0, weight / 2.0
