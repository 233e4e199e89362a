"""Decisions: how LightGBM sends a value left or right, laid out so that a kernel only compares.

A numeric split compares, a categorical one looks up whether a category is in a set. Missing values take a side by the
split's own rule (`Tree::NumericalDecision` and `Tree::CategoricalDecision` in LightGBM's ``include/LightGBM/tree.h``).

**Numbers.** There are five rules, so a feature is prepared once for each that its splits use: what is missing becomes
minus infinity where it goes left, and NaN (which compares as false) where it goes right. Then ``x <= threshold``
alone is the answer, to the last bit and also for infinite thresholds.

**Categories.** A feature's categories get small numbers, 0 for those that no split of the model names. Up to 32 splits
of one tree on one feature share a *slot*; for each category a slot has one word, whose bits say "left" for its splits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from leadlight.treeshap.forest import CATEGORICAL, DEFAULT_LEFT, MISSING_NAN, MISSING_NONE, Forest, Unsupported

__all__ = ["Splits", "code_of", "lay_out", "prepared"]

AS_ZERO: Final = 0
ZERO_LEFT: Final = 1
ZERO_RIGHT: Final = 2
NAN_LEFT: Final = 3
NAN_RIGHT: Final = 4
"""The five rules of numeric splits: what counts as missing, and where it goes."""

_ZERO: Final = float(np.float32(1e-35))
"""LightGBM takes what is nearer to zero than this for zero."""

_MOST_BYTES: Final = 1 << 28
"""Of category tables: beyond 256 MiB a model is better off with LightGBM's own lookups."""


@dataclass(frozen=True)
class Splits:
    """Decisions of all nodes; ``n`` nodes as in `Forest`.

    Attributes
    ----------
    categorical : array of shape (n,), dtype bool
    column : array of shape (n,), dtype int64
        Which prepared number, or which category, the node looks at.
    number_feature, number_rule : arrays of shape (n_numbers,), dtype int64
        What each prepared number is made of.
    category_feature : array of shape (n_categories,), dtype int64
    code_start : array of shape (n_categories + 1,), dtype int64
    code_number : array, dtype int32
        ``code_number[code_start[k] + code]`` is the small number of a category; 0 beyond.
    n_codes : array of shape (n_categories,), dtype int64
        Small numbers in use, 0 included.
    slot : array of shape (n,), dtype int64
        For a categorical node: which of its feature's slots.
    bit : array of shape (n,), dtype int64
    n_slots : array of shape (n_categories,), dtype int64
    word_start : array of shape (n_categories + 1,), dtype int64
    words : array, dtype uint32
        ``words[word_start[k] + slot * n_codes[k] + number]``: slot after slot, as batches read them.
    turned : array, dtype uint32
        The same words category after category, as one row reads them: ``word_start[k] + number * n_slots[k] + slot``.
    """

    categorical: NDArray[np.bool_]
    column: NDArray[np.int64]
    number_feature: NDArray[np.int64]
    number_rule: NDArray[np.int64]
    category_feature: NDArray[np.int64]
    code_start: NDArray[np.int64]
    code_number: NDArray[np.int32]
    n_codes: NDArray[np.int64]
    slot: NDArray[np.int64]
    bit: NDArray[np.int64]
    n_slots: NDArray[np.int64]
    word_start: NDArray[np.int64]
    words: NDArray[np.uint32]
    turned: NDArray[np.uint32]


@njit(cache=True, nogil=True, inline="always")
def prepared(x, rule):
    """Return a number as the splits of a rule compare it."""
    if -_ZERO <= x <= _ZERO:  # LightGBM drops such a value before any tree sees it
        x = 0.0
    if rule == AS_ZERO:
        return 0.0 if np.isnan(x) else x
    if rule == NAN_LEFT:
        return -np.inf if np.isnan(x) else x
    if rule == NAN_RIGHT:
        return x
    absent = np.isnan(x) or x == 0.0
    if rule == ZERO_LEFT:
        return -np.inf if absent else x
    return np.nan if absent else x


@njit(cache=True, nogil=True, inline="always")
def code_of(x, start, stop, code_number):
    """Return a category's small number: 0 for what is missing, negative or not named by any split."""
    if not -1.0 < x < stop - start:  # -0.9 is cut to category 0, as LightGBM does; NaN compares as false
        return 0
    return code_number[start + int(x)]


def lay_out(forest: Forest) -> Splits:
    """Lay out what the forest's splits look at.

    Raises
    ------
    Unsupported
        If the category tables would be too large.
    """
    n = len(forest.feature)
    categorical = (forest.decision & CATEGORICAL).astype(bool)
    column = np.zeros(n, np.int64)
    numbers = np.stack([forest.feature, _rules(forest.decision)], axis=1)[~categorical]
    made, of_number = np.unique(numbers, axis=0, return_inverse=True)
    column[~categorical] = of_number.reshape(-1)
    category_feature, of_category = np.unique(forest.feature[categorical], return_inverse=True)
    column[categorical] = of_category
    tree = np.repeat(np.arange(forest.n_trees), np.diff(forest.node_start))
    slot, bit, n_slots = _slots(tree, categorical, column, len(category_feature))
    first_word, last_word = _bitsets(forest, tree)
    code_start, code_number, n_codes = _codes(forest, categorical, column, first_word, last_word, len(category_feature))
    word_start = np.concatenate(([0], np.cumsum(n_slots * n_codes))).astype(np.int64)
    if 8 * word_start[-1] + 4 * code_start[-1] > _MOST_BYTES:
        raise Unsupported(f"its categories would take {8 * word_start[-1] >> 20} MiB of tables")
    words = np.zeros(word_start[-1], np.uint32)
    _fill(
        np.flatnonzero(categorical), column, slot, bit, first_word, last_word, forest.bitset_words,
        code_start, code_number, n_codes, word_start, words,
    )  # fmt: skip
    turned = [
        words[word_start[k] : word_start[k + 1]].reshape(n_slots[k], n_codes[k]).T.reshape(-1)
        for k in range(len(category_feature))
    ]
    return Splits(
        categorical=categorical,
        column=column,
        number_feature=made[:, 0].copy(),
        number_rule=made[:, 1].copy(),
        category_feature=category_feature,
        code_start=code_start,
        code_number=code_number,
        n_codes=n_codes,
        slot=slot,
        bit=bit,
        n_slots=n_slots,
        word_start=word_start,
        words=words,
        turned=np.concatenate([*turned, np.zeros(0, np.uint32)]),
    )


def _rules(decision: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return each node's rule, as if all were numeric."""
    missing, right = (decision >> 2) & 3, (decision & DEFAULT_LEFT) == 0
    by_type = np.where(missing == MISSING_NAN, NAN_LEFT, ZERO_LEFT) + right
    return np.where(missing == MISSING_NONE, AS_ZERO, by_type).astype(np.int64)


def _slots(
    tree: NDArray[np.int64], categorical: NDArray[np.bool_], column: NDArray[np.int64], n_categories: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Give every categorical node a slot among those of its feature, and a bit in it; count slots by feature."""
    slot, bit = np.zeros(len(tree), np.int64), np.zeros(len(tree), np.int64)
    n_slots = np.zeros(n_categories, np.int64)
    for k in range(n_categories):
        nodes = np.flatnonzero(categorical & (column == k))  # ascending, so tree after tree
        _, first = np.unique(tree[nodes], return_index=True)
        rank = np.arange(len(nodes)) - np.repeat(first, np.diff([*first, len(nodes)]))
        opens = rank % 32 == 0
        slot[nodes], bit[nodes] = np.cumsum(opens) - 1, rank % 32
        n_slots[k] = opens.sum()
    return slot, bit, n_slots


def _bitsets(forest: Forest, tree: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where the words of each categorical node's bitset begin and end; 0 and 0 for the others."""
    of_node = forest.bitset_start[tree] + np.where(forest.decision & CATEGORICAL, forest.threshold, 0).astype(np.int64)
    categorical = (forest.decision & CATEGORICAL).astype(bool)
    begin = np.where(categorical, forest.bitset_bounds[of_node] + forest.word_start[tree], 0)
    end = np.zeros_like(begin)
    at = np.flatnonzero(categorical)
    end[at] = forest.bitset_bounds[of_node[at] + 1] + forest.word_start[tree[at]]
    return begin, end


def _codes(
    forest: Forest,
    categorical: NDArray[np.bool_],
    column: NDArray[np.int64],
    begin: NDArray[np.int64],
    end: NDArray[np.int64],
    n_categories: int,
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64]]:
    """Give each category that some split names a small number from 1 on, feature by feature."""
    tables, sizes = [], np.ones(n_categories, np.int64)
    for k in range(n_categories):
        nodes = np.flatnonzero(categorical & (column == k))
        named = np.zeros(32 * int((end - begin)[nodes].max()), np.bool_)
        for node in nodes:
            words = forest.bitset_words[begin[node] : end[node]]
            bits = np.unpackbits(words.astype("<u4").view(np.uint8), bitorder="little").astype(bool)
            named[: len(bits)] |= bits
        numbers = np.where(named, np.cumsum(named), 0).astype(np.int32)
        tables.append(numbers)
        sizes[k] += int(named.sum())
    start = np.concatenate(([0], np.cumsum([len(table) for table in tables]))).astype(np.int64)
    return start, np.concatenate([*tables, np.zeros(0, np.int32)]), sizes


@njit(cache=True, nogil=True)
def _fill(nodes, column, slot, bit, begin, end, bitset_words, code_start, code_number, n_codes, word_start, words):
    """Set the bit of every category that a node sends left."""
    for node in nodes:
        k = column[node]
        base = word_start[k] + slot[node] * n_codes[k]
        for w in range(begin[node], end[node]):
            for b in range(32):
                if (bitset_words[w] >> np.uint32(b)) & np.uint32(1):
                    number = code_number[code_start[k] + 32 * (w - begin[node]) + b]
                    words[base + number] |= np.uint32(1) << np.uint32(bit[node])
