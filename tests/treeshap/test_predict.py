"""The raw score is LightGBM's to the last bit, however it is asked for."""

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forests import EXPLAINED, SPECIAL, forest
from leadlight.treeshap import TreeShap
from shapley import read
from tree_texts import Leaf, Split, edges, model_text, rows_for, written_models


def assert_bits(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, expected, strict=True)


def assert_all_ways(kernel: TreeShap, rows: np.ndarray, expected: np.ndarray) -> None:
    for found in (kernel.raw(rows), kernel.explain(rows).raw, kernel.explain(rows, dtype=np.float32).raw):
        assert_bits(found, expected)
    few = rows[:3]
    for found in (kernel.raw(few), kernel.explain(few).raw, kernel.explain(few, dtype=np.float32).raw):
        assert_bits(found, expected[:3])


@pytest.mark.parametrize("name", EXPLAINED)
def test_trained_models(kernel, name):
    one = forest(name)
    assert_all_ways(kernel(name), one.rows, one.raw)
    assert_all_ways(kernel(name), one.rows[::-1], one.raw[::-1])


@pytest.mark.parametrize("name", ["defaults", "zeros", "zeros_as_missing", "continued", "one_number"])
def test_rows_at_every_threshold_and_one_bit_beside_it(kernel, name):
    one = forest(name)
    trees = read(one.text)[1]
    for feature in range(one.rows.shape[1]):
        at = {t for tree in trees for t, f, d in zip(tree.threshold, tree.feature, tree.decision, strict=True)
              if f == feature and not d & 1}  # fmt: skip
        values = edges(sorted(at))[:3000]
        rows = np.repeat(one.rows[:1], len(values), axis=0)
        rows[:, feature] = values
        if values:
            assert_bits(kernel(name).raw(rows), one.booster.predict(rows, raw_score=True, num_threads=1))
            assert_bits(kernel(name).explain(rows).raw, kernel(name).raw(rows))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_written_model(data):
    text, n_features = data.draw(written_models())
    rows = data.draw(rows_for(n_features, SPECIAL, max_rows=20))
    booster = lightgbm.Booster(model_str=text)
    assert_all_ways(TreeShap(text), rows, booster.predict(rows, raw_score=True, num_threads=1))


def test_thresholds_that_differ_in_the_last_bit():
    steps = [1.0]
    for _ in range(600):
        steps.append(float(np.nextafter(steps[-1], 2.0)))
    stumps = [Split(0, at, Leaf(1.0, 1), Leaf(i / 7, 1)) for i, at in enumerate(steps)]
    text = model_text(stumps, 1)
    rows = np.array(edges(steps))[:, None]
    assert_all_ways(TreeShap(text), rows, lightgbm.Booster(model_str=text).predict(rows, raw_score=True, num_threads=1))


def test_the_order_in_which_trees_are_added_is_lightgbms():
    """0.1 and its like don't add up the same in any other order, nor when blocks of trees are summed first."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(700, 2)) * 10.0 ** rng.integers(-8, 8, (700, 1))
    text = model_text([Split(0, 0.0, Leaf(a, 1), Leaf(b, 1)) for a, b in values.tolist()], 1)
    rows = np.tile([[-1.0], [1.0]], (10, 1))
    assert_all_ways(TreeShap(text), rows, lightgbm.Booster(model_str=text).predict(rows, raw_score=True, num_threads=1))


@pytest.mark.parametrize("trees", [None, -1, 4])
def test_a_model_stopped_early_is_cut_where_its_text_is(trees):
    one = forest("stopped_early")
    kernel = TreeShap(one.booster.model_to_string(num_iteration=trees))
    assert_all_ways(kernel, one.rows, one.booster.predict(one.rows, raw_score=True, num_iteration=trees, num_threads=1))


def test_an_intercept_alone(kernel):
    one = forest("no_information")
    found = kernel("no_information").explain(one.rows)
    assert (found.raw == 3.5).all()
    assert not found.shares.any()
    assert found.shares.shape == one.rows.shape
