"""Shares against LightGBM's own, and against rational arithmetic where LightGBM drifts."""

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forests import EXPLAINED, QUIET, SPECIAL, forest, scale
from leadlight.treeshap import TreeShap
from shapley import read, score, shares
from tree_texts import Leaf, Split, chain, chain_rows, model_text, rows_for, split_chain, written_models

DEPTHS = (1, 2, 7, 8, 9, 15, 16, 17, 25, 32, 33, 60)  # the borders of lanes and rules
MANY = 24  # rows that the batch kernel takes


def one_by_one(kernel: TreeShap, rows: np.ndarray, **options) -> np.ndarray:
    return np.vstack([kernel.explain(row[None, :], **options).shares for row in rows])


def repeated(rows: np.ndarray) -> np.ndarray:
    return np.tile(rows, (-(-MANY // len(rows)), 1))


@pytest.mark.parametrize("name", EXPLAINED)
def test_shares_are_lightgbms(kernel, name):
    one, limit = forest(name), 1e-12 * scale(forest(name).shares, forest(name).raw)
    assert kernel(name).base == pytest.approx(one.base, abs=limit)
    np.testing.assert_allclose(kernel(name).explain(one.rows).shares, one.shares, rtol=0, atol=limit)
    np.testing.assert_allclose(one_by_one(kernel(name), one.rows[-60:]), one.shares[-60:], rtol=0, atol=limit)


@pytest.mark.parametrize("n", [1, 40])
def test_a_feature_that_no_split_looks_at_gets_nothing_at_all(kernel, n):
    one = forest("thousand_features")
    unused = sorted(set(range(1000)) - {f for tree in read(one.text)[1] for f in tree.feature})
    assert len(unused) > 100
    for dtype in (np.float64, np.float32):
        assert not kernel("thousand_features").explain(one.rows[:n], dtype=dtype).shares[:, unused].any()


@pytest.mark.parametrize("name", EXPLAINED)
def test_single_precision_is_close(kernel, name):
    one, limit = forest(name), 1e-5 * scale(forest(name).shares, forest(name).raw)
    found = kernel(name).explain(one.rows, dtype=np.float32)
    assert found.shares.dtype == np.float32
    assert found.raw.dtype == np.float64
    np.testing.assert_allclose(found.shares, one.shares, rtol=0, atol=limit)
    few = kernel(name).explain(one.rows[-3:], dtype=np.float32)
    assert few.shares.dtype == np.float32
    np.testing.assert_allclose(few.shares, one.shares[-3:], rtol=0, atol=limit)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_written_model_is_explained_exactly(data):
    text, n_features = data.draw(written_models())
    rows = data.draw(rows_for(n_features, SPECIAL))
    exact = [shares(text, row) for row in rows]
    expected = np.array([[*map(float, found)] for _, found in exact])
    kernel = TreeShap(text)
    assert kernel.base == pytest.approx(float(exact[0][0]), abs=1e-13)
    np.testing.assert_allclose(one_by_one(kernel, rows), expected, rtol=0, atol=1e-13)
    np.testing.assert_allclose(kernel.explain(repeated(rows)).shares, repeated(expected), rtol=0, atol=1e-13)


PARAMETERS = st.fixed_dictionaries(
    {
        "num_leaves": st.integers(2, 40),
        "min_data_in_leaf": st.integers(1, 20),
        "max_bin": st.sampled_from([2, 15, 63, 255, 1000]),
        "use_missing": st.booleans(),
        "zero_as_missing": st.booleans(),
        "extra_trees": st.booleans(),
        "max_cat_to_onehot": st.sampled_from([1, 4, 50]),
        "objective": st.sampled_from(["binary", "regression", "regression_l1", "poisson"]),
        "bagging_fraction": st.sampled_from([1.0, 0.6]),
        "feature_fraction": st.sampled_from([1.0, 0.5]),
        "path_smooth": st.sampled_from([0.0, 1.0]),
    }
)


@settings(max_examples=80, deadline=None)
@given(
    params=PARAMETERS,
    n=st.integers(20, 300),
    width=st.integers(1, 9),
    categorical=st.integers(0, 3),
    missing=st.sampled_from([0.0, 0.1, 0.7]),
    zeros=st.sampled_from([0.0, 0.5]),
    seed=st.integers(0, 2**16),
)
def test_any_trained_model_is_explained_as_lightgbm_does(params, n, width, categorical, missing, zeros, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, width)) * 10.0 ** rng.integers(-3, 4, width)
    x[rng.random(x.shape) < zeros] = 0.0
    sets = list(range(min(categorical, width)))
    x[:, sets] = rng.integers(0, rng.integers(2, 120), (n, len(sets)))
    y = (np.nan_to_num(x).sum(axis=1) + rng.normal(size=n) > 0).astype(np.float64)
    x[rng.random(x.shape) < missing] = np.nan
    rows = x[rng.integers(0, n, MANY)]
    strange = rng.random(rows.shape) < 0.3
    rows[strange] = rng.choice(SPECIAL, int(strange.sum()))
    relaxed = {"cat_smooth": 1.0, "min_data_per_group": 2, "bagging_freq": 1, "learning_rate": 0.3}
    data = lightgbm.Dataset(x, y, categorical_feature=sets)
    booster = lightgbm.train({**QUIET, **relaxed, **params}, data, 6)
    expected = np.asarray(booster.predict(rows, pred_contrib=True, num_threads=1))
    kernel, limit = TreeShap(booster.model_to_string()), 1e-12 * scale(expected)
    assert kernel.base == pytest.approx(expected[0, -1], abs=limit)
    np.testing.assert_allclose(kernel.explain(rows).shares, expected[:, :-1], rtol=0, atol=limit)
    np.testing.assert_allclose(one_by_one(kernel, rows[:6]), expected[:6, :-1], rtol=0, atol=limit)


@pytest.mark.parametrize("keep", [1.0, 0.98, 0.72, 0.5, 0.02])
@pytest.mark.parametrize("d", DEPTHS)
def test_chains_of_any_length_are_exact(d, keep):
    text, rows = chain(d, keep), chain_rows(d)
    kernel = TreeShap(text)
    expected = np.array([[float(share) for share in shares(text, row)[1]] for row in rows])
    np.testing.assert_allclose(one_by_one(kernel, rows), expected, rtol=0, atol=1e-14)
    np.testing.assert_allclose(kernel.explain(repeated(rows)).shares, repeated(expected), rtol=0, atol=1e-14)
    single = kernel.explain(repeated(rows), dtype=np.float32).shares
    np.testing.assert_allclose(single, repeated(expected), rtol=0, atol=2e-5)


def test_chains_of_every_length_side_by_side_are_the_sum_of_each_alone():
    """Trees of unlike depth in one model, so that scratch left by one would show in the next."""
    text, rows = model_text([split_chain(d, 0.9) for d in DEPTHS], 60), chain_rows(60)
    expected = np.array([[float(share) for share in shares(text, row)[1]] for row in rows])
    found = TreeShap(text).explain(repeated(rows)).shares
    np.testing.assert_allclose(found, repeated(expected), rtol=0, atol=1e-13)
    np.testing.assert_allclose(one_by_one(TreeShap(text), rows), expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("deep", [(), (9,), (17, 33), (1, 60)])
def test_trees_of_one_leaf_among_deep_ones(deep):
    """They need no points, so no rule of theirs may stand among those of the others."""
    trees = [split_chain(d, 0.9) for d in deep]
    text = model_text([Leaf(0.25, 3), *trees, Leaf(-1.5, 3), Leaf(4.0, 1)], 60)
    rows = repeated(chain_rows(60))
    expected = np.array([[float(share) for share in shares(text, row)[1]] for row in rows[:7]])
    found = TreeShap(text).explain(rows)
    assert found.raw.tolist() == [score(text, row) for row in rows]
    np.testing.assert_allclose(found.shares, np.resize(expected, found.shares.shape), rtol=0, atol=1e-14)
    np.testing.assert_allclose(one_by_one(TreeShap(text), rows[:7]), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("features", [1, 2, 7, 9])
def test_a_feature_may_be_asked_many_times_on_a_path(features):
    text, rows = chain(60, 0.9, features=features), chain_rows(60)[:, :features]
    expected = np.array([[float(share) for share in shares(text, row)[1]] for row in rows])
    found = TreeShap(text).explain(repeated(rows)).shares
    np.testing.assert_allclose(found, repeated(expected), rtol=0, atol=1e-13)
    np.testing.assert_allclose(one_by_one(TreeShap(text), rows), expected, rtol=0, atol=1e-13)


def test_a_leaf_that_no_training_row_reached():
    """Its cover is 0: who goes there is explained all the same (LightGBM divides 0 by 0)."""
    beyond = Split(1, 0.0, Leaf(5.0, 0), Split(0, 2.0, Leaf(1.0, 3), Leaf(-2.0, 0)))
    text = model_text([Split(0, 1.0, Leaf(0.5, 4), beyond)], 2)
    rows = repeated(np.array([[a, b] for a in (0.0, 1.5, 3.0) for b in (-1.0, 1.0)]))
    expected = np.array([[float(share) for share in shares(text, row)[1]] for row in rows])
    np.testing.assert_allclose(TreeShap(text).explain(rows).shares, expected, rtol=0, atol=1e-15)
    np.testing.assert_allclose(one_by_one(TreeShap(text), rows), expected, rtol=0, atol=1e-15)


def test_one_feature_as_a_number_and_as_a_category():
    """LightGBM decides by the split, so a continued model may take a feature both ways."""
    text = model_text(
        [Split(0, 2.5, Split(0, frozenset({0, 2}), Leaf(1.0, 5), Leaf(2.0, 7)), Leaf(-1.0, 3), missing=0)], 1
    )
    rows = repeated(np.array(SPECIAL)[:, None])
    expected = np.array([[float(shares(text, row)[1][0])] for row in rows])
    np.testing.assert_allclose(TreeShap(text).explain(rows).shares, expected, rtol=0, atol=1e-15)
    np.testing.assert_allclose(one_by_one(TreeShap(text), rows), expected, rtol=0, atol=1e-15)


def test_shap_says_the_same():
    import shap  # takes seconds

    one = forest("regression")
    explainer = shap.TreeExplainer(one.booster)
    found = TreeShap(one.text)
    values = np.asarray(explainer.shap_values(one.rows))
    np.testing.assert_allclose(found.explain(one.rows).shares, values, rtol=0, atol=1e-12 * scale(one.raw))
    assert found.base == pytest.approx(float(np.ravel(explainer.expected_value)[-1]), abs=1e-12)
