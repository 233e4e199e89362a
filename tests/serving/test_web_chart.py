import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadlight.serving.web.chart import Axis, sigmoid
from pages import StillPages

log_odds = st.floats(-30, 30)


def share(text):
    assert text.endswith("%")
    return float(text[:-1])


@given(st.lists(log_odds, min_size=1, max_size=30))
def test_every_value_lies_inside_with_room_at_the_sides(values):
    axis = Axis.spanning(values)
    assert all(5 < share(axis.at(value)) < 95 for value in values)


@given(st.lists(log_odds, min_size=1, max_size=30), log_odds, log_odds)
def test_a_bar_is_as_wide_as_its_ends_are_apart(values, start, end):
    axis = Axis.spanning(values)
    apart = abs(share(axis.at(end)) - share(axis.at(start)))
    assert share(axis.width(start, end)) == pytest.approx(apart, abs=2e-4)


@given(st.lists(log_odds, min_size=1, max_size=30))
def test_ticks_ascend_inside_and_are_few_enough_to_read(values):
    axis = Axis.spanning(values)
    assert list(axis.ticks) == sorted(set(axis.ticks))
    assert all(axis.low < tick < axis.high for tick in axis.ticks)
    assert 1 <= len(axis.ticks) <= 7


def test_tiny_reasons_look_tiny():
    axis = Axis.spanning([-2.5, -2.5001])
    assert share(axis.width(-2.5, -2.5001)) < 0.1


def test_a_page_sets_its_own_scale():
    page = StillPages().lead("L-1042", language="en")
    axis = Axis.of(page)
    ends = [bar.end for component in page.components for bar in component.bars]
    assert axis.low < min(page.base_log_odds, *ends)
    assert axis.high > max(page.base_log_odds, *ends)


@given(st.floats(-800, 800))
def test_the_chance_of_log_odds_stays_a_chance(value):
    assert 0 <= sigmoid(value) <= 1
    assert sigmoid(value) + sigmoid(-value) == pytest.approx(1)
