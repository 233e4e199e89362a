"""The queue's draw: logged chances must be the chances of the drawing itself."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadlight.agreement.exploration import chances_of, draw, exploration
from leadlight.core.errors import UsageError

scores = st.lists(st.integers(0, 8).map(float), min_size=1, max_size=40).map(np.array)


@given(scores=scores, share=st.floats(0, 1), floor=st.floats(0, 0.5), seed=st.integers(0, 9), window=st.integers(0, 9))
def test_every_lead_has_the_floor_and_chances_add_up_to_the_places(scores, share, floor, seed, window):
    n = len(scores)
    capacity = int(np.ceil(floor * n + share * (n - floor * n)))
    found = exploration(scores, capacity, floor, seed=seed, window=window)
    assert found.chances.sum() == pytest.approx(min(capacity, n), abs=1e-9)
    assert ((found.chances >= floor) & (found.chances <= 1)).all()
    assert found.chosen.sum() == min(capacity, n)
    assert found.chosen[found.chances == 1].all()
    by_score = np.argsort(-scores)
    assert (np.diff(found.chances[by_score]) <= 1e-12).all()
    for score in np.unique(scores):
        assert np.ptp(found.chances[scores == score]) == 0


def test_over_many_windows_each_lead_is_chosen_as_often_as_its_chance_says():
    scores = np.array([9.0, 8, 8, 7, 7, 7, 5, 3, 3, 2, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    windows = 20_000
    drawn = [exploration(scores, 6, 0.07, seed=4, window=window) for window in range(windows)]
    share = np.mean([one.chosen for one in drawn], axis=0)
    chances = drawn[0].chances
    error = np.sqrt(chances * (1 - chances) / windows)
    assert (np.abs(share - chances) <= 4 * error).all()
    assert 0.07 < chances[1] < 1 or 0.07 < chances[3] < 1  # places run out among leads of one score


@settings(max_examples=50)
@given(chances=st.lists(st.floats(0, 1), min_size=1, max_size=30).map(np.array), seed=st.integers(0, 1000))
def test_any_stretch_of_neighbours_gives_its_share_of_the_places(chances, seed):
    chosen = draw(chances, np.random.default_rng(seed), by=np.arange(len(chances), dtype=float))
    gap = np.r_[0.0, np.cumsum(chosen - chances)]
    assert np.ptp(gap) < 1 + 1e-6


def test_the_draw_follows_any_chances_exactly():
    chances = np.array([0.9, 0.03, 1.0, 0.5, 0.5, 0.02, 0.7, 0.25, 0.0])
    rng = np.random.default_rng(1)
    share = np.mean([draw(chances, rng, by=-chances) for _ in range(20_000)], axis=0)
    assert (np.abs(share - chances) <= 4 * np.sqrt(chances * (1 - chances) / 20_000)).all()


def test_the_same_window_is_drawn_the_same_and_another_otherwise():
    scores = np.linspace(0, 1, 200)
    one, again, other = (exploration(scores, 20, 0.02, seed=1, window=w).chosen for w in (5, 5, 6))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)


def test_all_leads_fit_and_none_are_there():
    assert exploration(np.array([1.0, 2.0]), 5, 0.02, seed=0, window=0).chances.tolist() == [1.0, 1.0]
    assert len(exploration(np.array([]), 5, 0.02, seed=0, window=0).chosen) == 0


@pytest.mark.parametrize(
    ("scores", "capacity", "floor", "says"),
    [
        (np.zeros(1000), 10, 0.02, "lower it to 0.01"),
        (np.array([1.0, np.nan]), 1, 0.02, "needs a score"),
        (np.zeros(3), 1, 1.0, "below 1"),
        (np.zeros(3), -1, 0.1, "not negative"),
    ],
)
def test_what_can_t_be_promised_is_refused_in_words(scores, capacity, floor, says):
    with pytest.raises(UsageError, match=says):
        chances_of(scores, capacity, floor)
