"""Shapley values of boosted trees in exact rational arithmetic: slow, obvious, and right to the last bit.

Two oracles that share nothing but the reading of LightGBM's model text, which is done here anew, so that a mistake
in the kernel's own reader can't hide. `shares` adds up each leaf's share with the weights of Shapley's formula, for
any depth. `brute_shares` goes through all subsets of features with the value function of Lundberg et al. 2020 (Nature
Machine Intelligence 2, "path-dependent"): a known feature follows the row, an unknown one both ways by cover.

>>> stump = '''tree
... version=v4
... max_feature_idx=0
... Tree=0
... num_leaves=2
... num_cat=0
... split_feature=0
... threshold=0.5
... decision_type=2
... left_child=-1
... right_child=-2
... leaf_value=-1 1
... leaf_count=3 1
... internal_count=4
...
... end of trees
... '''
>>> base, found = shares(stump, [0.7])
>>> base, found
(Fraction(-1, 2), [Fraction(3, 2)])
>>> brute_shares(stump, [0.7]) == found
True
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import combinations, pairwise

import numpy as np

__all__ = ["Tree", "brute_shares", "deepest", "read", "score", "shares"]

CATEGORICAL, DEFAULT_LEFT = 1, 2
NO_MISSING, ZERO_MISSING, NAN_MISSING = 0, 1, 2
ZERO = float(np.float32(1e-35))  # LightGBM's limit for "zero", a float widened to double


@dataclass(frozen=True)
class Tree:
    """One tree as written; a child below 0 is the leaf ``~child``."""

    feature: tuple[int, ...]
    threshold: tuple[float, ...]
    decision: tuple[int, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]
    value: tuple[float, ...]
    leaf_count: tuple[int, ...]
    node_count: tuple[int, ...]
    sets: tuple[frozenset[int], ...]

    def goes_left(self, node: int, x: float) -> bool:
        """Decide as LightGBM does on a dense row, where what counts as zero becomes 0 before any tree sees it."""
        x = float(x)  # not NumPy's, whose whole numbers overflow
        if self.decision[node] & CATEGORICAL:
            return math.isfinite(x) and x > -1 and int(x) in self.sets[int(self.threshold[node])]
        missing = self.decision[node] >> 2 & 3
        if abs(x) <= ZERO or (math.isnan(x) and missing != NAN_MISSING):
            x = 0.0
        if (missing == ZERO_MISSING and x == 0) or (missing == NAN_MISSING and math.isnan(x)):
            return bool(self.decision[node] & DEFAULT_LEFT)
        return x <= self.threshold[node]

    def count(self, child: int) -> int:
        return self.node_count[child] if child >= 0 else self.leaf_count[~child]

    def leaf(self, row: Sequence[float]) -> int:
        node = 0 if self.feature else -1
        while node >= 0:
            node = self.left[node] if self.goes_left(node, row[self.feature[node]]) else self.right[node]
        return ~node

    def paths(self) -> Iterator[tuple[int, list[tuple[int, bool]]]]:
        """Yield each leaf with the nodes above it, and whether the leaf lies to the left of each."""
        todo: list[tuple[int, list[tuple[int, bool]]]] = [(0 if self.feature else -1, [])]
        while todo:
            node, path = todo.pop()
            if node < 0:
                yield ~node, path
            else:
                todo += [(self.left[node], [*path, (node, True)]), (self.right[node], [*path, (node, False)])]


@lru_cache(maxsize=64)
def read(text: str) -> tuple[int, tuple[Tree, ...]]:
    """Return the number of features and the trees of a model text."""
    head, *blocks = text.split("end of trees")[0].split("\nTree=")
    return int(_fields(head)["max_feature_idx"]) + 1, tuple(_tree(_fields(block)) for block in blocks)


def _fields(block: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in block.splitlines() if "=" in line)


def _tree(fields: dict[str, str]) -> Tree:
    def whole(name: str) -> tuple[int, ...]:
        return tuple(int(word) for word in fields.get(name, "").split())

    def real(name: str) -> tuple[float, ...]:
        return tuple(float(word) for word in fields.get(name, "").split())

    starts, words = whole("cat_boundaries"), whole("cat_threshold")
    return Tree(
        whole("split_feature"), real("threshold"), whole("decision_type"), whole("left_child"), whole("right_child"),
        real("leaf_value"), whole("leaf_count"), whole("internal_count"),
        tuple(_bits(words[a:b]) for a, b in pairwise(starts)),
    )  # fmt: skip


def _bits(words: Sequence[int]) -> frozenset[int]:
    return frozenset(32 * i + bit for i, word in enumerate(words) for bit in range(32) if word >> bit & 1)


def score(text: str, row: Sequence[float]) -> float:
    """Return the raw score: the leaves' values added in the order of the trees, in double precision."""
    total = 0.0
    for tree in read(text)[1]:
        total += tree.value[tree.leaf(row)]
    return total


def deepest(text: str) -> int:
    """Return the largest number of distinct features on a path."""
    return max(len({t.feature[node] for node, _ in path}) for t in read(text)[1] for _, path in t.paths())


def shares(text: str, row: Sequence[float]) -> tuple[Fraction, list[Fraction]]:
    """Return the base and each feature's exact share of the raw score."""
    n_features, trees = read(text)
    base, found = Fraction(0), [Fraction(0)] * n_features
    for tree in trees:
        for leaf, path in tree.paths():
            value = Fraction(tree.value[leaf])
            base += value * (Fraction(tree.leaf_count[leaf], tree.node_count[0]) if path else 1)
            for feature, share in _leaf_shares(_conditions(tree, path, row)).items():
                found[feature] += value * share
    return base, found


def _conditions(tree: Tree, path: list[tuple[int, bool]], row: Sequence[float]) -> dict[int, tuple[bool, Fraction]]:
    """Return for each feature of a path whether the row keeps to it, and the share of cover that does."""
    kept: dict[int, tuple[bool, Fraction]] = {}
    for node, is_left in path:
        feature = tree.feature[node]
        holds, cover = kept.get(feature, (True, Fraction(1)))
        child = tree.left[node] if is_left else tree.right[node]
        holds = holds and tree.goes_left(node, row[feature]) == is_left
        kept[feature] = holds, cover * Fraction(tree.count(child), tree.node_count[node])
    return kept


def _leaf_shares(conditions: dict[int, tuple[bool, Fraction]]) -> dict[int, Fraction]:
    """Return the shares of a leaf of value 1, in whole numbers until the end.

    A coalition of i of the d features reaches the leaf with weight PROD_in o * PROD_out z. The weights of all
    coalitions of a size are the coefficients of PROD (z + o x); without feature j they are those of the quotient by
    its factor.
    """
    d = len(conditions)
    factors = {f: (z.numerator, z.denominator * holds) for f, (holds, z) in conditions.items()}
    scale = math.prod(z.denominator for _, z in conditions.values()) * math.factorial(d)
    orders = [math.factorial(i) * math.factorial(d - 1 - i) for i in range(d)]
    product = [1]
    for out, inside in factors.values():
        product = [out * a + inside * b for a, b in zip([*product, 0], [0, *product], strict=True)]
    found = {}
    for feature, (out, inside) in factors.items():
        others = _quotient(product, out, inside)
        if others is None:  # 0 cover and not kept: no quotient, but then the share is 0 as well
            continue
        weight = sum(w * c for w, c in zip(orders, others, strict=True))
        _, cover = conditions[feature]
        found[feature] = Fraction((cover.denominator * (inside > 0) - cover.numerator) * weight, scale)
    return found


def _quotient(product: list[int], out: int, inside: int) -> list[int] | None:
    if out == 0:
        return [c // inside for c in product[1:]] if inside else None
    quotient, before = [], 0
    for c in product[:-1]:
        before = (c - inside * before) // out
        quotient.append(before)
    return quotient


def brute_shares(text: str, row: Sequence[float]) -> list[Fraction]:
    """Return each feature's exact share by Shapley's formula over all subsets of the features that a tree uses."""
    n_features, trees = read(text)
    found = [Fraction(0)] * n_features
    for tree in trees:
        used = sorted(set(tree.feature))
        value = {known: _expected(tree, 0, row, known) for known in _subsets(used)} if used else {}
        for feature in used:
            for known in _subsets([f for f in used if f != feature]):
                weight = Fraction(1, len(used) * math.comb(len(used) - 1, len(known)))
                found[feature] += weight * (value[known | {feature}] - value[known])
    return found


def _subsets(features: Sequence[int]) -> list[frozenset[int]]:
    return [frozenset(s) for size in range(len(features) + 1) for s in combinations(features, size)]


def _expected(tree: Tree, node: int, row: Sequence[float], known: frozenset[int]) -> Fraction:
    """Return what the tree expects of a row of which only some features are known."""
    if node < 0:
        return Fraction(tree.value[~node])
    children = tree.left[node], tree.right[node]
    if tree.feature[node] in known:
        return _expected(tree, children[not tree.goes_left(node, row[tree.feature[node]])], row, known)
    return sum(
        (Fraction(tree.count(c), tree.node_count[node]) * _expected(tree, c, row, known) for c in children),
        start=Fraction(0),
    )
