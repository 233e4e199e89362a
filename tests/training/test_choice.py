import numpy as np
import pytest

from leadlight.training.bootstrap import Interval
from leadlight.training.choice import GROWS_OUT_OF, choose, judge, probability_status

ORDER = ("scorecard", "logistic", "lightgbm")


def areas(value, spread=0.001, seed=0):
    return value + np.r_[0.0, np.random.default_rng(seed).normal(0, spread, 400)]


def test_a_surely_and_noticeably_better_candidate_takes_the_place():
    found = choose({"scorecard": areas(0.70), "logistic": areas(0.72, seed=1), "lightgbm": areas(0.74, seed=2)}, ORDER)
    assert found.kind == "lightgbm"
    assert [step.passed for step in found.steps] == [True, True]


@pytest.mark.parametrize(
    ("gain", "spread"),
    [(0.004, 0.0005), (0.02, 0.02)],
    ids=["surely better but too little", "much better but not surely"],
)
@pytest.mark.parametrize(("simple", "complicated"), [("scorecard", "lightgbm"), ("logistic", "lightgbm")])
def test_otherwise_the_simpler_one_stands(simple, complicated, gain, spread):
    found = choose({simple: areas(0.70, 0), complicated: areas(0.70 + gain, spread)}, (simple, complicated))
    assert found.kind == simple
    assert [step.passed for step in found.steps] == [False]


@pytest.mark.parametrize(
    ("gain", "spread"),
    [(0.004, 0.0005), (0.02, 0.02)],
    ids=["surely better but too little", "much better but not surely"],
)
def test_what_grows_out_of_the_points_takes_their_place_unless_it_is_surely_worse(gain, spread):
    assert GROWS_OUT_OF == {"logistic": "scorecard"}
    both = {"scorecard": areas(0.70, 0), "logistic": areas(0.70 + gain, spread)}
    assert choose(both, ORDER, growing=GROWS_OUT_OF).kind == "logistic"
    assert choose(both, ORDER).kind == "scorecard"
    behind = choose({**both, "logistic": areas(0.70 - gain, spread)}, ORDER, growing=GROWS_OUT_OF).kind
    assert behind == ("scorecard" if spread < gain else "logistic")
    tie = {**both, "logistic": areas(0.70, 0)}
    assert choose(tie, ORDER, growing=GROWS_OUT_OF).kind == "logistic"  # a tie is not worse


@pytest.mark.parametrize(
    ("wavering", "kind"),
    [
        ((), "lightgbm"),
        (("lightgbm",), "logistic"),
        (("logistic",), "lightgbm"),
        (("logistic", "lightgbm"), "scorecard"),
        (("scorecard", "logistic", "lightgbm"), "lightgbm"),
    ],
)
def test_what_contradicts_itself_takes_nobodys_place_who_is_steady(wavering, kind):
    all_three = {"scorecard": areas(0.70), "logistic": areas(0.72, seed=1), "lightgbm": areas(0.74, seed=2)}
    found = choose(all_three, ORDER, wavering=wavering)
    assert found.kind == kind
    for step in found.steps:
        assert step.contradicts_itself == (step.challenger in wavering and step.against not in wavering)
        assert step.passed == (not step.contradicts_itself)


def test_trees_are_compared_with_what_stands_not_with_what_fell():
    found = choose({"scorecard": areas(0.75), "logistic": areas(0.70), "lightgbm": areas(0.76, 0.0001, 5)}, ORDER)
    assert [(step.challenger, step.against) for step in found.steps] == [
        ("logistic", "scorecard"),
        ("lightgbm", "scorecard"),
    ]


def test_without_folds_the_simplest_stands():
    assert choose({}, ORDER[1:]).kind == "logistic"


@pytest.mark.parametrize(
    ("area", "loss", "word"),
    [
        (Interval(0.75, 0.70, 0.80), 0.20, "signal"),
        (Interval(0.75, 0.70, 0.80), 0.30, "cannot_tell"),  # it ranks, but its chances are worse than the base rate
        (Interval(0.52, 0.46, 0.58), 0.20, "no_signal"),
        (Interval(0.60, 0.45, 0.75), 0.20, "cannot_tell"),
        (Interval(0.54, 0.51, 0.57), 0.20, "signal"),  # weak but sure
        (Interval(0.54, 0.51, 0.57), 0.30, "no_signal"),
    ],
)
def test_verdicts(area, loss, word):
    found = judge(area, loss, 0.25, conversions=100)
    assert found.word == word
    assert (found.conversions_that_would_tell is not None) == (word == "cannot_tell")


def test_a_handful_of_conversions_tells_nothing_however_good_it_looks():
    found = judge(Interval(0.95, 0.9, 0.99), 0.1, 0.25, conversions=4)
    assert found.word == "cannot_tell"
    assert "4 leads" in found.text
    assert found.conversions_that_would_tell == 130


def test_how_many_would_tell_follows_from_the_width():
    found = judge(Interval(0.60, 0.46, 0.74), 0.1, 0.25, conversions=40)
    spread = 0.28 / 3.92
    assert found.conversions_that_would_tell == int(np.ceil(40 * (spread / (0.1 / 1.96)) ** 2))


@pytest.mark.parametrize(
    ("ratio", "slope", "conversions", "status"),
    [
        (Interval(1.0, 0.9, 1.1), Interval(1.0, 0.9, 1.1), 200, "calibrated"),
        (Interval(1.5, 1.3, 1.7), Interval(1.0, 0.9, 1.1), 200, "rank_only"),
        (Interval(0.5, 0.4, 0.7), Interval(1.0, 0.9, 1.1), 200, "rank_only"),
        (Interval(1.0, 0.9, 1.1), Interval(0.4, 0.2, 0.6), 200, "rank_only"),
        (Interval(1.0, 0.9, 1.1), Interval(1.8, 1.5, 2.1), 200, "rank_only"),
        (Interval(1.5, 1.3, 1.7), Interval(1.0, 0.9, 1.1), 49, "calibrated"),
    ],
)
def test_chances_are_shown_unless_the_latest_moments_speak_against_them(ratio, slope, conversions, status):
    found, how = probability_status(ratio, slope, conversions)
    assert found == status
    assert ("not yet checked" in how) == (conversions < 50)
