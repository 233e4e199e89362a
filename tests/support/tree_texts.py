"""Boosted trees written by hand as LightGBM's model text: the splits that training yields seldom, or never on purpose.

>>> tree = Split(0, 0.5, Leaf(-1.0, 3), Split(1, frozenset({2, 40}), Leaf(1.0, 2), Leaf(2.0, 1)))
>>> text = model_text([tree], n_features=2)
>>> "cat_threshold=4 256" in text, "internal_count=6 3" in text
(True, True)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

__all__ = ["Leaf", "Split", "chain", "chain_rows", "edges", "model_text", "rows_for", "split_chain", "written_models"]

NO_MISSING, ZERO_MISSING, NAN_MISSING = 0, 1, 2

_HEAD = """tree
version=v4
num_class=1
num_tree_per_iteration=1
label_index=0
max_feature_idx={last}
objective=binary sigmoid:1
feature_names={names}
feature_infos={infos}
tree_sizes={sizes}
"""


@dataclass(frozen=True)
class Leaf:
    """What a path ends in; `count` training rows came here."""

    value: float
    count: int


@dataclass(frozen=True)
class Split:
    """A question: left where the value is at most a threshold, or is one of the categories."""

    feature: int
    threshold: float | frozenset[int]
    left: Split | Leaf
    right: Split | Leaf
    missing: int = NAN_MISSING
    default_left: bool = False

    @property
    def decision(self) -> int:
        return isinstance(self.threshold, frozenset) + 2 * self.default_left + 4 * self.missing


def model_text(trees: Sequence[Split | Leaf], n_features: int) -> str:
    """Return what ``Booster(model_str=...)`` and the kernel read."""
    blocks = [f"Tree={i}\n{_block(tree)}\n\n" for i, tree in enumerate(trees)]
    head = _HEAD.format(
        last=n_features - 1,
        names=" ".join(f"Column_{i}" for i in range(n_features)),
        infos=" ".join(["[-1:1]"] * n_features),
        sizes=" ".join(str(len(block)) for block in blocks),
    )
    return f"{head}\n{''.join(blocks)}end of trees\n\npandas_categorical:null\n"


def _block(tree: Split | Leaf) -> str:
    splits, leaves = _numbered(tree)
    number = {id(node): i for i, node in enumerate(splits)} | {id(leaf): ~i for i, leaf in enumerate(leaves)}
    counts = {id(leaf): leaf.count for leaf in leaves}
    for node in reversed(splits):
        counts[id(node)] = counts[id(node.left)] + counts[id(node.right)]
    thresholds, starts, words = _thresholds(splits)
    fields = {
        "num_leaves": [len(leaves)],
        "num_cat": [len(starts) - 1],
        "split_feature": [node.feature for node in splits],
        "split_gain": [1 for _ in splits],
        "threshold": thresholds,
        "decision_type": [node.decision for node in splits],
        "left_child": [number[id(node.left)] for node in splits],
        "right_child": [number[id(node.right)] for node in splits],
        "leaf_value": [repr(leaf.value) for leaf in leaves],
        "leaf_weight": [leaf.count for leaf in leaves],
        "leaf_count": [leaf.count for leaf in leaves],
        "internal_value": [0 for _ in splits],
        "internal_weight": [counts[id(node)] for node in splits],
        "internal_count": [counts[id(node)] for node in splits],
        **({"cat_boundaries": starts, "cat_threshold": words} if words else {}),
        "is_linear": [0],
        "shrinkage": [1],
    }
    return "\n".join(f"{name}={' '.join(map(str, values))}" for name, values in fields.items())


def _numbered(tree: Split | Leaf) -> tuple[list[Split], list[Leaf]]:
    """Return nodes and leaves in the order of their numbers; a leaf object may stand in a tree once only."""
    splits, leaves, todo = [], [], [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, Leaf):
            leaves.append(node)
        else:
            splits.append(node)
            todo += [node.right, node.left]
    return splits, leaves


def _thresholds(splits: list[Split]) -> tuple[list[str], list[int], list[int]]:
    thresholds, starts, words = [], [0], []
    for node in splits:
        if isinstance(node.threshold, frozenset):
            thresholds.append(str(len(starts) - 1))
            words += [_word(node.threshold, i) for i in range(max(node.threshold) // 32 + 1)]
            starts.append(len(words))
        else:
            thresholds.append(repr(node.threshold))
    return thresholds, starts, words


def _word(codes: frozenset[int], i: int) -> int:
    return sum(1 << code % 32 for code in codes if code // 32 == i)


def chain(d: int, keep: float, *, features: int | None = None, value: float = 1.0) -> str:
    """Return the text of a model that is one `split_chain`."""
    return model_text([split_chain(d, keep, features=features, value=value)], features or d)


def split_chain(d: int, keep: float, *, features: int | None = None, value: float = 1.0) -> Split | Leaf:
    """Return a tree whose longest path asks `d` times, about `features` features in turn (default: d).

    `keep` is the share of cover that goes on along the path; the path turns left and right in turn.
    """
    count = 2**30 if keep < 1 else d + 1  # with 1, each leaf has one row: the chain of a one-hot feature
    counts = [count]
    for _ in range(d):
        counts.append(max(1, min(counts[-1] - 1, math.ceil(counts[-1] * keep))))
    tree: Split | Leaf = Leaf(value, counts[d])
    for i in reversed(range(d)):
        leaf = Leaf(math.sin(i) * value, counts[i] - counts[i + 1])
        left, right = (tree, leaf) if i % 2 else (leaf, tree)
        tree = Split(i % (features or d), 0.5 + i // (features or d) / 1024, left, right)
    return tree


def chain_rows(d: int) -> np.ndarray:
    """Return rows that keep to a chain's longest path to the end, nowhere, or by chance."""
    along = np.array([float(i % 2 == 0) for i in range(d)])
    rng = np.random.default_rng(d)
    mixed = np.abs(along - (rng.random((4, d)) < [[0.5], [0.1], [0.9], [0.03]]))
    missing = np.where(rng.random(d) < 0.2, np.nan, along)
    return np.vstack([along, 1 - along, mixed, missing])


_TINY = float(np.float32(1e-35))
_NEAR = (1.0, np.nextafter(1.0, 2.0), np.nextafter(1.0, 0.0), 0.1, 0.1 + 2**-56)
_THRESHOLDS = (0.0, -0.0, _TINY, -_TINY, 5e-324, -1.5, 0.5, 33.0, 1e20, 1e300, -1e300, math.inf, *map(float, _NEAR))
_CODES = (0, 1, 2, 5, 30, 31, 32, 33, 63, 64, 100, 1000)
_VALUES = st.one_of(st.floats(-3, 3), st.sampled_from([0.0, 1e-9, -1e-9]))
_LEAVES = st.builds(Leaf, _VALUES, st.integers(1, 1000))


def edges(text_thresholds: Sequence[float]) -> list[float]:
    """Return the values beside and at some thresholds."""
    return [float(v) for t in text_thresholds for v in (t, np.nextafter(t, -np.inf), np.nextafter(t, np.inf))]


@st.composite
def written_models(draw: st.DrawFn) -> tuple[str, int]:
    """Return a model text of a few trees of any shape, with any split that LightGBM can write, and its features."""
    categorical = draw(st.lists(st.booleans(), min_size=1, max_size=6))
    numbers, categories = ([i for i, c in enumerate(categorical) if c is kind] for kind in (False, True))

    def split(children: st.SearchStrategy[Split | Leaf]) -> st.SearchStrategy[Split | Leaf]:
        kinds = []
        if numbers:
            at = st.one_of(st.sampled_from(_THRESHOLDS), st.floats(-10, 10))
            feature, missing = st.sampled_from(numbers), st.integers(0, 2)
            kinds.append(st.builds(Split, feature, at, children, children, missing, st.booleans()))
        if categories:
            feature, missing = st.sampled_from(categories), st.sampled_from([0, 2])
            codes = st.frozensets(st.sampled_from(_CODES), min_size=1)
            kinds.append(st.builds(Split, feature, codes, children, children, missing))
        return st.one_of(kinds)

    trees = draw(st.lists(st.recursive(_LEAVES, split, max_leaves=24), min_size=1, max_size=4))
    return model_text(trees, len(categorical)), len(categorical)


def rows_for(n_features: int, special: Sequence[float], *, max_rows: int = 12) -> st.SearchStrategy[np.ndarray]:
    """Return matrices of values that decide: at thresholds, one bit beside them, and what no threshold expects."""
    cell = st.one_of(st.sampled_from([*special, *edges(_THRESHOLDS), *map(float, _CODES)]), st.floats(-12, 12))
    row = st.lists(cell, min_size=n_features, max_size=n_features)
    return st.lists(row, min_size=1, max_size=max_rows).map(lambda rows: np.array(rows, dtype=np.float64))
