import math
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadlight.agreement.terms import Agreement
from leadlight.core.catalog import Catalog, Condition, Feature, Rule, Vocabulary
from leadlight.training.moments import Moments
from leadlight.training.scorecard.weights import FAVOURS, weights


def card_of(given):
    """An agreement with these points, by name, and the catalog with their columns."""
    rules = tuple(Rule(name, Condition("attribute", name, known=True), points) for name, points in given.items())
    columns = tuple(
        Feature(f"card.{name}", "card_attribute_category", 1, {}, "number", "fit", name, name, card=True)
        for name in given
    )
    return Agreement(rules=rules), Catalog(columns, {}, Vocabulary(), True, "sql")


def world(true, n=4000, seed=0, each=1, shares=None, together=0.0):
    """Rules that are met independently, or together with the first, and outcomes by true log-odds."""
    rng = np.random.default_rng(seed)
    met = rng.random((n, len(true))) < (0.3 if shares is None else shares)
    met[:, 1:] |= met[:, :1] & (rng.random((n, len(true) - 1)) < together)
    won = rng.random(n) < 1 / (1 + np.exp(2 - met @ np.array(true)))
    lead = np.repeat(np.arange(n), each)
    no = np.zeros(n * each, bool)
    moments = Moments(lead, lead, lead, np.repeat(won, each), ~no, no, lead)
    return np.repeat(met, each, axis=0).astype(float), moments


def review(given, true, **kwargs):
    agreement, catalog = card_of(given)
    return weights(agreement, catalog, *world(true, **kwargs), seed=0)


def by_name(found):
    return {rule.rule: rule for rule in found.rules}


def test_a_card_that_is_right_up_to_its_scale_is_said_to_be_right():
    found = review({"a": 30, "b": 10, "c": -20}, [1.5, 0.5, -1.0], n=8000)
    assert [rule.verdict for rule in found.rules] == ["about right"] * 3
    assert found.scale.low < 0.05 < found.scale.high
    assert FAVOURS in found.words


def test_planted_weights_lie_within_their_intervals_as_often_as_promised():
    given, true = {"a": 30, "b": 10, "c": -20, "d": 10}, np.array([1.0, 0.9, -0.4, 0.0])
    met, moments = world(true, n=200_000, seed=1000)
    scale = _slope(met @ np.array(list(given.values())), moments.converted)
    inside = []
    for seed in range(25):
        found = review(given, true, n=1500, seed=seed)
        inside += [
            rule.together.low <= t / scale <= rule.together.high for rule, t in zip(found.rules, true, strict=True)
        ]
    assert np.mean(inside) >= 0.88


def _slope(total, won):
    """The slope of a logistic regression on one number, by hand."""
    a, b = 0.0, 0.0
    x = total / 10
    for _ in range(30):
        p = 1 / (1 + np.exp(-(a + b * x)))
        h = np.array([[np.sum(p * (1 - p)), np.sum(p * (1 - p) * x)], [0, np.sum(p * (1 - p) * x * x)]])
        h[1, 0] = h[0, 1]
        a, b = np.array([a, b]) + np.linalg.solve(h, [np.sum(won - p), np.sum((won - p) * x)])
    return b / 10


def test_each_kind_of_wrong_weight_gets_its_word():
    given = {"fine": 20, "good": 30, "right": 25, "inflated": 30, "modest": 5, "backwards": 10, "useless": 10}
    given |= {"for_nobody": 5, "for_all": 5, "rare": 5}
    true = [1.0, 1.5, 1.25, 0.5, 1.0, -0.5, 0.0, 0.0, 0.0, 0.0]
    shares = [0.3] * 7 + [0.0, 1.0, 0.002]
    found = by_name(review(given, true, n=12_000, shares=shares))
    words = {name: rule.verdict for name, rule in found.items()}
    assert words["inflated"] == "too high"
    assert words["modest"] == "too low"
    assert words["backwards"] == "wrong way round"
    assert words["useless"] == "too high"
    assert words["for_nobody"] == words["for_all"] == "no data"
    assert words["rare"] == "too few to say"
    assert abs(found["useless"].together.value) < 5
    assert "no lead ever met it" in found["for_nobody"].text
    assert "every lead always met it" in found["for_all"].text


def test_what_comes_along_with_another_rule_is_not_credited_twice():
    found = by_name(review({"real": 20, "shadow": 20}, [1.5, 0.0], n=8000, together=0.7))
    assert found["shadow"].alone.low > 5
    assert found["shadow"].together.low < 0 < found["shadow"].together.high


def test_doubling_every_weight_changes_nothing_but_the_scale():
    given, true = {"a": 30, "b": 10, "c": -20}, [1.0, 1.0, 0.3]
    once, twice = review(given, true), review({name: 2 * points for name, points in given.items()}, true)
    np.testing.assert_allclose(twice.scale, np.array(once.scale) / 2, rtol=1e-6)
    for a, b in zip(once.rules, twice.rules, strict=True):
        np.testing.assert_allclose(b.together, 2 * np.array(a.together), rtol=1e-6)
        np.testing.assert_allclose(b.log_odds, a.log_odds, rtol=1e-9)
        assert (a.leads, a.conversions, a.verdict) == (b.leads, b.conversions, b.verdict)


@pytest.mark.parametrize("true", [[0.0, 0.0], [-1.0, -1.0]], ids=["useless", "reversed"])
def test_a_card_without_a_scale_is_not_divided_by_it(true):
    found = review({"a": 20, "b": 10}, true)
    assert not found.scaled
    assert all(rule.together is None and rule.log_odds is not None for rule in found.rules)
    assert "does not rank" in found.words[0]
    assert {rule.verdict for rule in found.rules} == ({"wrong way round"} if true[0] < 0 else {"no scale"})


def test_asking_a_lead_again_makes_no_interval_narrower():
    once, often = review({"a": 20, "b": 10}, [1.0, 0.5]), review({"a": 20, "b": 10}, [1.0, 0.5], each=6)
    for a, b in zip(once.rules, often.rules, strict=True):
        np.testing.assert_allclose(b.together, a.together, rtol=1e-6)
        assert a.leads == b.leads


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([(20, -5, 10), (2, -0.5, 1), (0.2, -0.05, 0.1)]))
def test_what_the_sentences_say_is_what_the_data_say(seed, points):
    given = dict(zip(("a", "b", "c"), points, strict=True))
    found = review(given, np.array([1.5, -0.5, 0.4]), n=1500, seed=seed)
    for rule in found.rules:
        told = [float(number.replace(",", "")) for number in re.findall(r"[+-]?\d[\d,]*\.?\d*", rule.text)]
        digits = max(len(number.partition(".")[2]) for number in re.findall(r"[+-]?\d+(?:\.\d+)?", rule.text))
        figures = [rule.given, *rule.together, rule.leads]
        np.testing.assert_allclose(told, [round(figure, digits) for figure in figures], atol=1e-9)


def test_outcomes_of_one_kind_and_no_rules_at_all_are_said():
    agreement, catalog = card_of({"a": 10})
    met, moments = world([1.0], n=100)
    nobody = weights(agreement, catalog, met, replace(moments, converted=np.zeros(100, bool)), seed=0)
    assert nobody.rules[0].verdict == "too few to say"
    assert "say nothing" in nobody.words[0]
    empty = weights(Agreement(), card_of({})[1], np.zeros((100, 0)), moments, seed=0)
    assert empty.rules == ()
    assert "No hand-picked points" in empty.words[0]


def test_a_rule_that_this_history_cannot_judge_says_why():
    agreement, catalog = card_of({"a": 10, "b": 5})
    catalog = replace(catalog, left_out={"card.b": "the history has no attribute 'b': this rule never applies"})
    met, moments = world([1.0, 0.0], shares=[0.3, 0.0])
    found = by_name(weights(agreement, catalog, met, moments, seed=0))
    assert "has no attribute 'b'" in found["b"].text


def test_the_same_again():
    assert review({"a": 10, "b": 5}, [1.0, 0.2]) == review({"a": 10, "b": 5}, [1.0, 0.2])
    assert math.isfinite(review({"a": 10}, [1.0]).scale.value)


@pytest.mark.parametrize("seed", range(3))
def test_a_card_with_one_rule_that_tells_anything_sets_its_own_scale(seed):
    """With the rule shrunk and the scale not, the only rule of a small card was always called too high."""
    found = review({"a": 25, "never": 5}, [1.2, 0.0], n=300, shares=np.array([0.3, 0.0]), seed=seed)
    rule = by_name(found)["a"]
    assert rule.together.value == pytest.approx(25)
    assert rule.verdict == "about right"
