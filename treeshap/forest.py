"""LightGBM's model text as arrays: all trees end to end.

The text is LightGBM's own and documented only by its source (`src/io/tree.cpp`, `src/io/gbdt_model_text.cpp`, version
"v4" of the format). What is read here is checked to be whole and to mean what the kernels compute; anything else is
refused by name rather than guessed. A random forest needs nothing of its own: LightGBM averages its probabilities,
while its raw outputs and contributions are sums like everybody's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Forest", "Unsupported", "read"]

_VERSION: Final = "v4"
_ONE_A_NODE: Final = ("split_feature", "threshold", "decision_type", "left_child", "right_child", "internal_count")

CATEGORICAL: Final = 1
DEFAULT_LEFT: Final = 2
"""Bits of a decision type; the two above them are the missing type."""

MISSING_NONE: Final = 0
MISSING_ZERO: Final = 1
MISSING_NAN: Final = 2


class Unsupported(ValueError):
    """A model that can't be explained exactly here; the message says which property of it is the reason."""


@dataclass(frozen=True)
class Forest:
    """All trees end to end; ``n`` internal nodes and ``m`` leaves in all.

    Attributes
    ----------
    n_features : int
    node_start, leaf_start : array of shape (n_trees + 1,), dtype int64
        Where each tree's internal nodes and leaves begin.
    feature : array of shape (n,), dtype int64
    threshold : array of shape (n,), float64
        For a category: which bitset of the tree.
    decision : array of shape (n,), dtype int64
        LightGBM's ``decision_type``.
    child : array of shape (n, 2), dtype int64
        Left and right: a node of the same tree by its number in the tree, or ``~leaf``.
    count : array of shape (n,), float64
        Training rows that reached the node.
    leaf_value, leaf_count : array of shape (m,), float64
    bitset_start : array of shape (n_trees + 1,), dtype int64
        Where each tree's bitsets begin in ``bitset_bounds``.
    bitset_bounds : array, dtype int64
        Begin and end of every bitset in ``bitset_words``, tree after tree (each tree has one bound more than bitsets).
    bitset_words : array, dtype uint32
    word_start : array of shape (n_trees + 1,), dtype int64
        Where each tree's words begin.
    """

    n_features: int
    node_start: NDArray[np.int64]
    leaf_start: NDArray[np.int64]
    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    decision: NDArray[np.int64]
    child: NDArray[np.int64]
    count: NDArray[np.float64]
    leaf_value: NDArray[np.float64]
    leaf_count: NDArray[np.float64]
    bitset_start: NDArray[np.int64]
    bitset_bounds: NDArray[np.int64]
    bitset_words: NDArray[np.uint32]
    word_start: NDArray[np.int64]

    @property
    def n_trees(self) -> int:
        """Number of trees."""
        return len(self.node_start) - 1


def read(text: str) -> Forest:
    """Read a model text.

    Parameters
    ----------
    text : str
        ``lightgbm.Booster.model_to_string()``.

    Raises
    ------
    Unsupported
        If the text is not whole, or the model has a property that the kernels don't compute.
    """
    head, *blocks = text.split("\nTree=")
    header = _fields(head)
    _check_header(head, header)
    if not blocks or "end of trees" not in blocks[-1]:
        raise Unsupported("the model text is cut off: the line 'end of trees' is missing")
    _check_numbering(header, [block.partition("\n")[0] for block in blocks])
    trees = [_Tree(number, _fields(block.partition("\n\n")[0])) for number, block in enumerate(blocks)]
    n_features = int(header["max_feature_idx"]) + 1
    for tree in trees:
        tree.check(n_features)
    return _joined(trees, n_features)


def _fields(lines: str) -> dict[str, str]:
    return {key: value for key, found, value in (line.partition("=") for line in lines.splitlines()) if found}


def _check_header(head: str, header: dict[str, str]) -> None:
    needed = ("version", "num_class", "num_tree_per_iteration", "max_feature_idx", "tree_sizes")
    lacking = [key for key in needed if key not in header]
    if not head.startswith("tree") or lacking:
        raise Unsupported(f"this is no LightGBM model text: its head lacks {', '.join(lacking) or 'the word tree'}")
    if header["version"] != _VERSION:
        raise Unsupported(f"the model text has version {header['version']}; only {_VERSION} is known")
    if header["num_class"] != "1" or header["num_tree_per_iteration"] != "1":
        raise Unsupported(f"the model has {header['num_class']} classes; only one output is explained")
    if not header["max_feature_idx"].isdigit():
        raise Unsupported(f"the model text says max_feature_idx={header['max_feature_idx']}")


def _check_numbering(header: dict[str, str], numbers: list[str]) -> None:
    if numbers != [str(i) for i in range(len(numbers))] or len(header["tree_sizes"].split()) != len(numbers):
        raise Unsupported("the model text lacks a tree: their numbers and tree_sizes don't fit")


class _Tree:
    """One tree's block of the text, as lists."""

    def __init__(self, number: int, fields: dict[str, str]) -> None:
        self.name = f"tree {number}"
        self._fields = fields
        if self._numbers("is_linear", int) != [0]:
            raise Unsupported(f"{self.name} has linear leaves (linear_tree), whose values depend on the row")
        self.leaf_value = self._numbers("leaf_value", float)
        self.n_leaves = len(self.leaf_value)
        if [self.n_leaves] != self._numbers("num_leaves", int):
            raise Unsupported(f"{self.name} says num_leaves={fields.get('num_leaves')}, and has {self.n_leaves} leaves")
        branching = self.n_leaves > 1
        self.nodes = {key: self._numbers(key, _kind(key)) if branching else [] for key in _ONE_A_NODE}
        self.leaf_count = self._numbers("leaf_count", float) if branching else [1.0]
        sets = self._numbers("num_cat", int)
        self.bounds: list[Any] = [0] if sets == [0] else self._numbers("cat_boundaries", int)
        self.words: list[Any] = [] if sets == [0] else self._numbers("cat_threshold", int)
        if sets != [len(self.bounds) - 1]:
            raise Unsupported(f"{self.name} says num_cat={fields['num_cat']}, and has {len(self.bounds) - 1} sets")

    def _numbers(self, key: str, kind: type) -> list[Any]:
        if key not in self._fields:
            raise Unsupported(f"{self.name} lacks {key}: the model text is not whole")
        try:
            return [kind(word) for word in self._fields[key].split()]
        except ValueError as error:
            raise Unsupported(f"{self.name}, {key}: {error}") from None

    def check(self, n_features: int) -> None:
        """Refuse a tree whose lists don't fit together."""
        n = self.n_leaves - 1
        short = [key for key, values in self.nodes.items() if len(values) != n]
        if short or len(self.leaf_count) != self.n_leaves:
            raise Unsupported(f"{self.name} is not whole: {', '.join(short) or 'leaf_count'} has another length")
        children = self.nodes["left_child"] + self.nodes["right_child"]
        downwards = all(c < 0 or c > i % n for i, c in enumerate(children))
        if not downwards or sorted(children) != [*range(-self.n_leaves, 0), *range(1, n)][: 2 * n]:
            raise Unsupported(f"{self.name} is no tree: its children don't each hang at one place")
        if any(not 0 <= feature < n_features for feature in self.nodes["split_feature"]):
            raise Unsupported(f"{self.name} splits on a feature beyond max_feature_idx")
        if not all(math.isfinite(value) for value in self.leaf_value):
            raise Unsupported(f"{self.name} has a leaf whose value is no number")
        self._check_counts(n)
        self._check_decisions()

    def _check_counts(self, n: int) -> None:
        counts = self.nodes["internal_count"]
        if any(count <= 0 for count in counts):
            raise Unsupported(f"{self.name} has a split that no training row reached, so no cover to weigh it by")
        below = [counts[c] if c >= 0 else self.leaf_count[~c] for c in self.nodes["left_child"]]
        beside = [counts[c] if c >= 0 else self.leaf_count[~c] for c in self.nodes["right_child"]]
        if any(counts[i] != below[i] + beside[i] for i in range(n)) or min(self.leaf_count) < 0:
            raise Unsupported(f"{self.name} counts other rows in a split than in the two sides of it")

    def _check_decisions(self) -> None:
        for decision, threshold in zip(self.nodes["decision_type"], self.nodes["threshold"], strict=True):
            if not 0 <= decision < 16 or (decision >> 2) & 3 > MISSING_NAN:
                raise Unsupported(f"{self.name} has a split of decision_type {decision}, which is not known")
            if decision & CATEGORICAL and not (threshold.is_integer() and 0 <= threshold < len(self.bounds) - 1):
                raise Unsupported(f"{self.name} has a categorical split without its categories")
            if threshold != threshold:
                raise Unsupported(f"{self.name} has a threshold that is no number")
        if self.bounds != sorted(self.bounds) or self.bounds[0] != 0 or self.bounds[-1] != len(self.words):
            raise Unsupported(f"{self.name} is not whole: cat_boundaries and cat_threshold don't fit")


def _kind(key: str) -> type:
    return float if key in ("threshold", "internal_count") else int


def _joined(trees: Sequence[_Tree], n_features: int) -> Forest:
    def starts(sizes: list[int]) -> NDArray[np.int64]:
        return np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)

    def joined(lists: list[list[Any]], dtype: Any) -> NDArray[Any]:
        return np.array([value for values in lists for value in values], dtype)

    def nodes(key: str, dtype: Any) -> NDArray[Any]:
        return joined([tree.nodes[key] for tree in trees], dtype)

    return Forest(
        n_features=n_features,
        node_start=starts([tree.n_leaves - 1 for tree in trees]),
        leaf_start=starts([tree.n_leaves for tree in trees]),
        feature=nodes("split_feature", np.int64),
        threshold=nodes("threshold", np.float64),
        decision=nodes("decision_type", np.int64),
        child=np.stack([nodes("left_child", np.int64), nodes("right_child", np.int64)], axis=1),
        count=nodes("internal_count", np.float64),
        leaf_value=joined([tree.leaf_value for tree in trees], np.float64),
        leaf_count=joined([tree.leaf_count for tree in trees], np.float64),
        bitset_start=starts([len(tree.bounds) for tree in trees]),
        bitset_bounds=joined([tree.bounds for tree in trees], np.int64),
        bitset_words=joined([tree.words for tree in trees], np.uint32),
        word_start=starts([len(tree.words) for tree in trees]),
    )
