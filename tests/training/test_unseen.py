"""What is missing though it never was while learning goes with most, against a slow walk through LightGBM's dump."""

import lightgbm
import numpy as np
import pytest

from leadlight.core.contributions import Boosted
from leadlight.training.unseen import follow_most

N = 800


def learned(trees=30, seed=0, categories=True):
    """Trees on a number that was never missing, one that sometimes was, one that is never 0 or missing, a category."""
    rng = np.random.default_rng(seed)
    sometimes = rng.normal(size=N)
    sometimes[rng.random(N) < 0.3] = np.nan
    matrix = np.column_stack(
        [rng.exponential(300, N).round(), sometimes, 5 + rng.random(N), rng.integers(0, 5, N).astype(float)]
    )
    log_odds = matrix[:, 0] / 200 - 1.5 + 0.5 * np.isnan(sometimes) + (matrix[:, 3] == 2)
    converted = rng.random(N) < 1 / (1 + np.exp(-log_odds))
    data = lightgbm.Dataset(matrix, converted.astype(float), categorical_feature=[3] if categories else [])
    settings = {"objective": "binary", "verbosity": -1, "num_leaves": 12, "num_threads": 1, "seed": seed}
    return lightgbm.train(settings, data, trees), matrix


def walk(node, row):
    """Walk down a dumped tree; what was never missing while learning goes where most were."""
    while "leaf_value" not in node:
        value = row[node["split_feature"]]
        if node["decision_type"] == "==":
            left = not np.isnan(value) and int(value) in map(int, node["threshold"].split("||"))
        elif np.isnan(value):
            left = node["default_left"] if node["missing_type"] == "NaN" else most_left(node)
        else:
            left = value <= node["threshold"]
        node = node["left_child" if left else "right_child"]
    return node["leaf_value"]


def most_left(node):
    sizes = [
        child.get("internal_count", child.get("leaf_count")) for child in (node["left_child"], node["right_child"])
    ]
    return sizes[0] >= sizes[1]


@pytest.mark.parametrize("seed", range(3))
def test_a_missing_value_goes_with_most_and_all_else_stays_as_it_is(seed):
    booster, matrix = learned(seed=seed)
    rng = np.random.default_rng(seed)
    asked = matrix[:200].copy()
    asked[rng.random(asked.shape) < 0.3] = np.nan
    mended = Boosted(follow_most(booster.model_to_string()), (0, 1, 2, 3))
    slow = [sum(walk(t["tree_structure"], row) for t in booster.dump_model()["tree_info"]) for row in asked]
    assert mended.raw(asked) == pytest.approx(slow, abs=1e-9)
    assert (mended.raw(matrix) == booster.predict(matrix, raw_score=True)).all()
    assert np.abs(mended.raw(asked) - booster.predict(asked, raw_score=True)).max() > 0.5  # 0 is what LightGBM takes


def test_our_reasons_and_lightgbms_own_say_the_same_of_the_mended_text():
    booster, matrix = learned()
    text = follow_most(booster.model_to_string())
    again = lightgbm.Booster(model_str=text)
    asked = matrix[:50].copy()
    asked[:, 0] = np.nan
    base, shares, raw = Boosted(text, (0, 1, 2, 3)).contributions(asked)
    theirs = again.predict(asked, pred_contrib=True)
    assert shares == pytest.approx(theirs[:, :-1], abs=1e-9)
    assert raw == pytest.approx(again.predict(asked, raw_score=True), abs=1e-12)
    assert base == pytest.approx(theirs[0, -1])


def test_a_text_where_all_was_missing_at_times_is_left_alone():
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(N, 2))
    matrix[rng.random(matrix.shape) < 0.2] = np.nan
    data = lightgbm.Dataset(matrix, (rng.random(N) < 0.5).astype(float))
    text = lightgbm.train({"objective": "binary", "verbosity": -1, "seed": 0}, data, 10).model_to_string()
    assert follow_most(text) == text


def test_a_model_of_one_leaf_is_left_alone():
    data = lightgbm.Dataset(np.zeros((50, 1)), np.r_[np.ones(10), np.zeros(40)])
    text = lightgbm.train({"objective": "binary", "verbosity": -1}, data, 1).model_to_string()
    assert lightgbm.Booster(model_str=follow_most(text)).num_trees() == lightgbm.Booster(model_str=text).num_trees()


def test_a_model_without_a_tree_is_left_alone():
    data = lightgbm.Dataset(np.zeros((50, 1)), np.r_[np.ones(10), np.zeros(40)])
    text = lightgbm.Booster({"objective": "binary", "verbosity": -1}, data).model_to_string()
    assert "Tree=" not in text
    assert follow_most(text) == text
