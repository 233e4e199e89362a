"""The additive ranker against one term, one value at a time; boosted trees against LightGBM."""

import math

import lightgbm
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadlight.core.contributions import Additive, Boosted, Term

TERMS = (
    Term(3, 0.1, table=(0.0, 0.1, 0.5, -0.5)),
    Term(0, 0.2, transform="log1p", weight=0.7, center=1.0, scale=2.0, missing=-0.2),
    Term(2, -0.1, weight=-0.4, center=10.0, scale=20.0),
    Term(4, 0.3, table=(1.0, 2.0)),
)


def slowly(term, x):
    if term.table:
        return term.table[int(x)] - term.mean
    if math.isnan(x):
        return term.missing - term.mean
    seen = math.log1p(max(x, 0.0)) if term.transform == "log1p" else x
    return term.weight * (seen - term.center) / term.scale - term.mean


number = st.one_of(st.just(math.nan), st.floats(-1e6, 1e6))


@given(st.lists(st.tuples(number, number, number, st.integers(0, 3), st.integers(0, 1)), min_size=1, max_size=20))
def test_all_terms_at_once_are_each_term_alone(rows):
    base, shares, raw = Additive(-1.0, TERMS).contributions(np.array(rows, dtype=float))
    assert math.isclose(base, -1.0 + sum(term.mean for term in TERMS))
    for row, found in zip(rows, shares, strict=True):
        expected = np.zeros(5)
        for term in TERMS:
            expected[term.column] = slowly(term, row[term.column])
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(raw, base + shares.sum(axis=1), rtol=1e-12, atol=1e-12)


def test_a_model_without_terms_says_its_intercept_only():
    base, shares, raw = Additive(-1.0, ()).contributions(np.ones((3, 5)))
    assert base == -1.0
    assert raw.tolist() == [-1.0] * 3
    assert not shares.any()


COLUMNS = (4, 1, 2)  # where the booster's features stand among the catalog's columns


@pytest.fixture(scope="module")
def rows():
    matrix = np.random.default_rng(3).normal(size=(400, 6))
    matrix[::7, 1] = np.nan
    return matrix


def trees(rows, version="v4"):
    target = rows[:, 4] + np.nan_to_num(rows[:, 1]) > 0
    settings = {"objective": "binary", "num_leaves": 7, "num_threads": 1, "verbose": -1}
    booster = lightgbm.train(settings, lightgbm.Dataset(rows[:, COLUMNS], target), 15)
    return booster, Boosted(booster.model_to_string().replace("version=v4", f"version={version}"), COLUMNS)


@pytest.mark.parametrize("version", ["v4", "v3"])
def test_boosted_trees_say_what_lightgbm_says_and_which_were_refused(rows, version):
    booster, ranker = trees(rows, version)
    expected = booster.predict(rows[:, COLUMNS], pred_contrib=True)
    base, shares, raw = ranker.contributions(rows)
    assert base == pytest.approx(expected[0, -1])
    np.testing.assert_allclose(shares[:, COLUMNS], expected[:, :-1], atol=1e-12)
    assert not shares[:, [0, 3, 5]].any()
    assert (raw == booster.predict(rows[:, COLUMNS], raw_score=True)).all()
    assert (ranker.raw(rows) == raw).all()
    assert (ranker.refused is None) if version == "v4" else ("version v3" in ranker.refused)


def test_a_moment_has_the_same_bits_alone_and_among_others(rows):
    _, ranker = trees(rows)
    together = ranker.contributions(rows[:40])
    for i in range(40):
        alone = ranker.contributions(rows[i : i + 1])
        assert (alone.shares[0] == together.shares[i]).all()
        assert alone.raw[0] == together.raw[i]
