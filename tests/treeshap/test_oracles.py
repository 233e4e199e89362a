"""What the other tests stand on: the slow oracles agree with each other and with LightGBM where it is exact."""

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forests import EXPLAINED, SPECIAL, TINY, forest, scale
from shapley import brute_shares, deepest, read, score, shares
from tree_texts import chain, chain_rows, rows_for, written_models


def by_lightgbm(text: str, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    booster = lightgbm.Booster(model_str=text)
    contributions = booster.predict(rows, pred_contrib=True, num_threads=1)
    return np.asarray(booster.predict(rows, raw_score=True, num_threads=1)), np.asarray(contributions)


def by_oracle(text: str, row: np.ndarray) -> list[float]:
    base, found = shares(text, row)
    return [*map(float, found), float(base)]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_leaf_by_leaf_is_subset_by_subset_and_both_are_lightgbms(data):
    text, n_features = data.draw(written_models())
    rows = data.draw(rows_for(n_features, SPECIAL, max_rows=3))
    raw, contributions = by_lightgbm(text, rows)
    for row, total, expected in zip(rows, raw, contributions, strict=True):
        base, found = shares(text, row)
        assert found == brute_shares(text, row)
        assert score(text, row) == total
        assert float(base + sum(found)) == pytest.approx(total, abs=1e-14)
        np.testing.assert_allclose(by_oracle(text, row), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", EXPLAINED)
def test_trained_models_are_read_as_lightgbm_reads_them(name):
    one = forest(name)
    assert [score(one.text, row) for row in one.rows] == one.raw.tolist()
    row = len(one.rows) - 1
    np.testing.assert_allclose(
        by_oracle(one.text, one.rows[row]), [*one.shares[row], one.base], rtol=0, atol=1e-13 * scale(one.raw)
    )


def test_the_grid_holds_what_it_is_meant_to_hold():
    texts = {name: forest(name).text for name in EXPLAINED}
    trees = {name: read(text)[1] for name, text in texts.items()}
    assert {d >> 2 & 3 for tree in trees["continued"] for d in tree.decision} == {0, 1, 2}
    assert {-TINY, TINY} <= {t for tree in trees["zeros"] for t in tree.threshold}
    assert any(np.inf in tree.threshold for tree in trees["defaults"])  # "missing against the rest"
    assert max(len(tree.sets) for tree in trees["many_nodes_of_one_category"]) > 62
    assert max(code for tree in trees["large_codes"] for codes in tree.sets for code in codes) > 200_000
    assert len({t for tree in trees["one_number"] for t in tree.threshold}) > 4096
    assert {len(tree.value) for tree in trees["no_information"]} == {1}
    assert deepest(texts["thousand_features"]) > 10


@pytest.mark.parametrize("d", [1, 2, 16, 25])
def test_chains_are_lightgbms_as_far_as_it_is_exact(d):
    text, rows = chain(d, 0.98), chain_rows(d)
    assert deepest(text) == d
    expected = by_lightgbm(text, rows)[1]
    np.testing.assert_allclose([by_oracle(text, row) for row in rows], expected, rtol=0, atol=1e-11)
