"""The additive ranker against one term, one value at a time."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from leadlight.core.contributions import Additive, Term

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
    base, shares = Additive(-1.0, TERMS).contributions(np.array(rows, dtype=float))
    assert math.isclose(base, -1.0 + sum(term.mean for term in TERMS))
    for row, found in zip(rows, shares, strict=True):
        expected = np.zeros(5)
        for term in TERMS:
            expected[term.column] = slowly(term, row[term.column])
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_a_model_without_terms_says_its_intercept_only():
    base, shares = Additive(-1.0, ()).contributions(np.ones((3, 5)))
    assert base == -1.0
    assert not shares.any()
