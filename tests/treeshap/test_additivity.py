"""Base and shares add up to the raw score."""

import numpy as np
import pytest

from forests import EXPLAINED, forest, scale
from leadlight.treeshap import TreeShap
from tree_texts import chain, chain_rows


def assert_adds_up(kernel: TreeShap, rows: np.ndarray, limit: float) -> None:
    found = kernel.explain(rows)
    np.testing.assert_allclose(kernel.base + found.shares.sum(axis=1), found.raw, rtol=0, atol=limit)


@pytest.mark.parametrize("name", EXPLAINED)
def test_trained_models(kernel, name):
    rows, limit = forest(name).rows, 1e-13 * scale(forest(name).raw, forest(name).shares)
    assert_adds_up(kernel(name), rows, limit)
    for row in rows[-8:]:
        assert_adds_up(kernel(name), row[None, :], limit)


@pytest.mark.parametrize("value", [1.0, 1e9, 1e-9])
@pytest.mark.parametrize("d", [60, 199])
def test_deep_chains(d, value):
    kernel, rows = TreeShap(chain(d, 0.95, value=value)), chain_rows(d)
    assert_adds_up(kernel, rows, 1e-13 * value)
    assert_adds_up(kernel, np.tile(rows, (4, 1)), 1e-13 * value)


def test_a_random_forest_is_a_sum_too(kernel):
    """LightGBM divides by the number of trees for probabilities only, never for raw scores and contributions."""
    one = forest("rf")
    assert "average_output" in one.text
    assert kernel("rf").base + one.shares[0].sum() == pytest.approx(one.raw[0], abs=1e-12 * scale(one.raw))
