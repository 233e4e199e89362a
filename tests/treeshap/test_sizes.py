"""Models at and beyond what 16 bits can count: exact, or refused with the size that is the reason."""

from itertools import pairwise

import lightgbm
import numpy as np
import pytest

from forests import scale
from leadlight.treeshap import TreeShap, Unsupported
from tree_texts import Leaf, Split, chain, model_text

MOST = 2**16 - 1


def assert_lightgbms(text: str, rows: np.ndarray) -> None:
    booster, kernel = lightgbm.Booster(model_str=text), TreeShap(text)
    raw = booster.predict(rows, raw_score=True, num_threads=1)
    expected = booster.predict(rows, pred_contrib=True, num_threads=1)[:, :-1]
    for n in (len(rows), 2):
        found = kernel.explain(rows[:n])
        np.testing.assert_array_equal(found.raw, raw[:n])
        np.testing.assert_array_equal(kernel.raw(rows[:n]), raw[:n])
        np.testing.assert_allclose(found.shares, expected[:n], rtol=0, atol=1e-12 * scale(raw))


def assert_refused(text: str, named: int) -> None:
    with pytest.raises(Unsupported, match=rf"\b{named}\b"):
        TreeShap(text)


def between(thresholds: list[float], feature: int) -> Split | Leaf:
    """Return a balanced tree with a leaf for every gap between sorted thresholds."""
    if not thresholds:
        return Leaf(float(np.sin(feature)), 3)
    middle = len(thresholds) // 2
    below = between(thresholds[:middle], feature + 1)
    return Split(feature % 3, thresholds[middle], below, between(thresholds[middle + 1 :], feature + 2))


def test_leaves_of_a_tree():
    largest = model_text([Leaf(0.5, 1), between(np.linspace(-1, 1, MOST - 1).tolist(), 0)], 3)
    assert_lightgbms(largest, np.random.default_rng(0).uniform(-1.2, 1.2, (20, 3)))
    assert_refused(model_text([between(np.linspace(-1, 1, MOST).tolist(), 0)], 3), MOST + 1)


def test_levels_of_a_tree():
    kernel = TreeShap(chain(MOST - 1, 0.9999, features=2))
    rows = np.resize([[0.0, 1.0], [1.0, 0.0], [0.7, 0.2], [0.9, np.nan]], (20, 2))
    for n in (20, 4):
        found = kernel.explain(rows[:n])
        np.testing.assert_allclose(kernel.base + found.shares.sum(axis=1), found.raw, rtol=0, atol=1e-11)


def test_features():
    rows = np.random.default_rng(1).random((9, MOST))
    stumps = [Split(f, 0.5, Leaf(-1.0, 2), Leaf(1.0 + f, 3)) for f in (0, 4464, MOST - 1)]
    assert_lightgbms(model_text(stumps, MOST), rows)
    assert_refused(model_text(stumps, MOST + 1), MOST + 1)


def test_features_each_with_every_rule_for_what_is_missing():
    """A feature of many stages has up to five ways to be prepared, so there are more prepared values than features."""
    n = 14_000
    ways = [(0, False), (1, False), (1, True), (2, False), (2, True)]
    trees = []
    for feature in range(n):
        tree: Split | Leaf = Leaf(feature / n, 1)
        for missing, left in ways:
            tree = Split(feature, 0.5, tree, Leaf(-1.0 - missing, 2), missing, left)
        trees.append(tree)
    text = model_text(trees, n)
    rows = np.random.default_rng(1).random((9, n))
    rows[np.random.default_rng(2).random(rows.shape) < 0.2] = np.nan
    assert_refused(text, 5 * n)
    fewer = MOST // 5
    assert_lightgbms(model_text(trees[:fewer], fewer), rows[:, :fewer])


def test_outputs():
    text = model_text([Split(0, 0.5, Leaf(-1.0, 2), Leaf(1.0, 3))], 2)
    found = TreeShap(text, groups=[MOST - 1, 0]).explain([[1.0, 0.0]] * 2)
    assert np.flatnonzero(found.shares[0]).tolist() == [MOST - 1]
    with pytest.raises(Unsupported, match=str(MOST + 1)):
        TreeShap(text, groups=[MOST, 0])


@pytest.mark.parametrize("branching", [True, False])
def test_trees(branching):
    values = np.random.default_rng(2).normal(size=5000).tolist()
    leaves = [Leaf(value, 4) for value in values]
    stumps = [Split(0, a, Leaf(a, 1), Leaf(b, 3)) for a, b in pairwise(values)]
    trees = [tree for pair in zip(leaves, stumps, strict=False) for tree in pair] if branching else leaves
    assert_lightgbms(model_text(trees, 1), np.linspace(-3, 3, 12)[:, None])


def test_splits_of_one_tree_on_one_category():
    """A chain of one category against the rest, as long as there are categories."""
    tree: Split | Leaf = Leaf(0.0, 1)
    for code in range(1500):
        tree = Split(0, frozenset({code * 3}), Leaf(code / 7, 1), tree)
    rows = np.array([*range(0, 60), 3 * 1499, 3 * 1500, 1e9, -1.0, np.nan])[:, None]
    assert_lightgbms(model_text([tree, tree], 1), rows)
