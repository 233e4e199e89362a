"""Sums by reason, and features that stand in other columns than the booster's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forests import forest, scale
from leadlight.treeshap import TreeShap

NAMES = ("categorical", "continued", "zeros", "many_leaves", "thousand_features", "stumps", "no_information")


def summed(shares: np.ndarray, groups: np.ndarray, n_groups: int) -> np.ndarray:
    total = np.zeros((len(shares), n_groups))
    for feature, group in enumerate(groups):
        total[:, group] += shares[:, feature]
    return total


@pytest.mark.parametrize("n_groups", [1, 3, 17])
@pytest.mark.parametrize("name", NAMES)
def test_a_group_gets_the_sum_of_its_features(kernel, name, n_groups):
    one = forest(name)
    groups = np.random.default_rng(n_groups).integers(0, n_groups, one.rows.shape[1])
    grouped = TreeShap(one.text, groups=groups, n_groups=n_groups)
    limit = 1e-12 * scale(one.raw)
    assert grouped.n_outputs == n_groups
    assert grouped.base == kernel(name).base
    found = grouped.explain(one.rows)
    np.testing.assert_array_equal(found.raw, one.raw)
    np.testing.assert_allclose(found.shares, summed(one.shares, groups, n_groups), rtol=0, atol=limit)
    few = grouped.explain(one.rows[-5:]).shares
    np.testing.assert_allclose(few, summed(one.shares[-5:], groups, n_groups), rtol=0, atol=limit)
    single = grouped.explain(one.rows, dtype=np.float32).shares
    np.testing.assert_allclose(single, summed(one.shares, groups, n_groups), rtol=0, atol=1e-5 * scale(one.raw))


@pytest.mark.parametrize("n", [2, 200])
def test_a_group_of_each_feature_alone_changes_no_bit(kernel, n):
    one = forest("categorical")
    grouped = TreeShap(one.text, groups=range(10), n_groups=10)
    expected = kernel("categorical").explain(one.rows[:n])
    np.testing.assert_array_equal(grouped.explain(one.rows[:n]).shares, expected.shares, strict=True)


@pytest.mark.parametrize("n", [2, 200])
def test_a_group_without_features_gets_nothing(n):
    one = forest("categorical")
    found = TreeShap(one.text, groups=[4] * 10, n_groups=9).explain(one.rows[:n])
    assert not np.delete(found.shares, 4, axis=1).any()
    np.testing.assert_allclose(found.shares[:, 4], (one.raw - one.base)[:n], rtol=0, atol=1e-12)


def test_the_number_of_groups_follows_from_the_groups(kernel):
    one = forest("categorical")
    assert TreeShap(one.text, groups=[0, 1, 2, 0, 1, 2, 0, 1, 2, 5]).n_outputs == 6
    assert kernel("categorical").n_outputs == 10


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_columns_may_stand_anywhere(data):
    one = forest("continued")
    width = data.draw(st.integers(10, 40))
    columns = data.draw(st.permutations(range(width)).map(lambda p: p[:10]))
    n = data.draw(st.sampled_from([1, 7, 8, 100]))
    wide = np.full((n, width), 1e3)
    wide[:, columns] = one.rows[-n:]
    found = TreeShap(one.text, columns=columns).explain(wide)
    assert found.shares.shape == (n, 10)
    np.testing.assert_array_equal(found.raw, one.raw[-n:])
    np.testing.assert_allclose(found.shares, one.shares[-n:], rtol=0, atol=1e-12 * scale(one.raw))


@pytest.mark.parametrize("n", [1, 50])
def test_two_features_may_read_one_column(n):
    one = forest("defaults")
    columns = [0, 1, 2, 3, 4, 5, 6, 7, 8, 0]
    found = TreeShap(one.text, columns=columns).explain(one.rows[:n, :9])
    expected = one.booster.predict(one.rows[:n][:, columns], pred_contrib=True, num_threads=1)[:, :-1]
    np.testing.assert_allclose(found.shares, expected, rtol=0, atol=1e-12)


def test_columns_and_groups_together():
    one = forest("categorical")
    columns = [12, 3, 7, 0, 1, 2, 9, 10, 11, 5]
    groups = np.array([1, 0, 1, 2, 2, 0, 1, 3, 3, 0])
    wide = np.zeros((len(one.rows), 13))
    wide[:, columns] = one.rows
    found = TreeShap(one.text, columns=columns, groups=groups, n_groups=4).explain(wide)
    np.testing.assert_allclose(found.shares, summed(one.shares, groups, 4), rtol=0, atol=1e-12 * scale(one.raw))
    with pytest.raises(ValueError, match="13"):
        TreeShap(one.text, columns=columns).explain(wide[:, :12])


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"groups": [0] * 9}, "10"),
        ({"groups": [0] * 11}, "10"),
        ({"groups": [0] * 9 + [-1]}, "groups.*from 0"),
        ({"groups": [0] * 9 + [3], "n_groups": 3}, "3"),
        ({"groups": [0] * 10, "n_groups": 0}, "0"),
        ({"n_groups": 3}, "groups"),
        ({"columns": list(range(9))}, "10"),
        ({"columns": [*range(9), -1]}, "columns.*from 0"),
    ],
)
def test_mistakes_in_columns_and_groups_are_named(options, named):
    with pytest.raises(ValueError, match=named):
        TreeShap(forest("categorical").text, **options)
