import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadlight.agreement.terms import parse
from leadlight.core.catalog import Catalog, Feature, Vocabulary
from leadlight.training.chances.segments import segments_left_out, segments_of


def feature(name, kind, levels=()):
    return Feature(f"{name}.value", f"attribute_{kind}", 1, {"attribute": name}, kind, "fit", name, name, levels=levels)


CATALOG = Catalog(
    (
        Feature("visits", "activity_count", 1, {"type": "visit", "days": 7}, "number", "interest", "visits", "visits"),
        feature("source", "category", ("web", "fair")),
        feature("employees", "number"),
    ),
    {},
    Vocabulary(),
    True,
    "sql",
    {"country": "every lead has the same value"},
)


def terms(*names):
    return parse(f"[segments]\nby = {list(names)}")


def matrix(source, employees):
    return np.column_stack([np.zeros(len(source)), source, employees])


def test_every_value_makes_a_segment_what_is_not_known_and_what_is_rare_too():
    found = segments_of(terms("source"), CATALOG, matrix([0, 1, 2, 3, 3], [1.0] * 5))
    assert {name: mask.tolist() for name, mask in found.items()} == {
        "source = (not known)": [True, False, False, False, False],
        "source = (other)": [False, True, False, False, False],
        "source = web": [False, False, True, False, False],
        "source = fair": [False, False, False, True, True],
    }


def test_a_value_that_nobody_has_makes_none():
    assert list(segments_of(terms("source"), CATALOG, matrix([2, 2], [1.0, 2.0]))) == ["source = web"]


def test_numbers_are_cut_into_thirds_by_values_that_occur():
    found = segments_of(terms("employees"), CATALOG, matrix([2] * 7, [np.nan, 10, 20, 50, 60, 200, 500]))
    assert {name: int(mask.sum()) for name, mask in found.items()} == {
        "employees = (not known)": 1,
        "employees at most 20": 2,
        "employees above 20 up to 60": 2,
        "employees above 60": 2,
    }


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ([3.0, 3.0, 3.0], ["employees known"]),
        ([np.nan, np.nan], ["employees = (not known)"]),
        ([1.0, 1.0, 1.0, 2.0], ["employees at most 1", "employees above 1"]),
    ],
)
def test_few_different_numbers_make_fewer_parts(values, names):
    assert list(segments_of(terms("employees"), CATALOG, matrix([2] * len(values), values))) == names


@given(st.lists(st.one_of(st.just(np.nan), st.integers(-5, 5).map(float)), min_size=1, max_size=40))
def test_the_segments_of_an_attribute_share_out_every_moment(values):
    masks = segments_of(terms("employees"), CATALOG, matrix([2] * len(values), values)).values()
    assert np.sum(list(masks), axis=0).tolist() == [1] * len(values)
    assert all(mask.any() for mask in masks)


def test_what_makes_no_segments_says_why():
    agreement = terms("source", "country", "region")
    assert segments_left_out(agreement, CATALOG) == {
        "country": "every lead has the same value",
        "region": "there is no such attribute in the data",
    }
    assert set(segments_of(agreement, CATALOG, matrix([2, 3], [1.0, 2.0]))) == {"source = web", "source = fair"}
