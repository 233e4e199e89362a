from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from leadlight.agreement.terms import parse
from leadlight.agreement.writing import to_toml
from leadlight.core.catalog import Condition, Rule
from leadlight.core.source import read_history
from leadlight.training import points
from leadlight.training import simulate as simulator
from leadlight.training.bootstrap import Accounts
from leadlight.training.features_at import FeaturesAt, points_of
from leadlight.training.moments import Moments, by_lead_id, draw_dated
from leadlight.training.scorecard.learned import FEWEST_POINTS, MOST_RULES, card_cost, learned_card, total
from leadlight.training.scorecard.rules import Candidates, holds

NOW = pd.Timestamp("2026-11-23", tz="UTC")


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    """A simulated company's history, agreement, moments and columns."""
    folder = tmp_path_factory.mktemp("company")
    simulator.write(simulator.simulate(leads=260, seed=8), folder)
    history = by_lead_id(read_history(folder, now=NOW))
    agreement = parse((folder / "agreement.toml").read_text())
    end = int(NOW.timestamp() * 1e6)
    drawn = draw_dated(history, goal_stage="sql", within_days=90, as_of=end).moments
    moments = drawn.take(drawn.mature & (np.arange(len(drawn)) % 3 == 0))
    return (
        history,
        agreement,
        moments,
        FeaturesAt.drawn_up(history, agreement, moments, np.ones(len(moments), bool), end),
    )


def rebuilt(company, rules):
    """The card columns' total where these rules stand in the agreement."""
    history, agreement, moments, _ = company
    changed = parse(to_toml(replace(agreement, rules=tuple(rules))))
    at = FeaturesAt.drawn_up(history, changed, moments, np.ones(len(moments), bool), None)
    return points.total(at.catalog, points_of(changed), at.matrix)


def test_every_rule_that_may_stand_on_a_card_is_scored_as_an_agreement_s_rule_is(company):
    catalog, matrix = company[3].catalog, company[3].matrix
    candidates = Candidates.of(catalog, matrix)
    subjects = {when.subject for when in candidates.conditions}
    assert subjects == {"activity", "attribute"}
    sets = [
        Condition("stage", "stage", any_of=("engaged", "mql")),
        Condition("attribute", "source", any_of=("referral",)),
    ]
    sets += [
        Condition("activity", "web_visit", within_days=30.0, at_most=2.0),
        Condition("attribute", "title", known=True),
    ]
    conditions = [*candidates.conditions, *sets]
    rules = [Rule(f"r{i}", when, 1.0) for i, when in enumerate(conditions)]
    history, agreement, moments, _ = company
    changed = parse(to_toml(replace(agreement, rules=tuple(rules))))
    assert [rule.when for rule in changed.rules] == conditions
    at = FeaturesAt.drawn_up(history, changed, moments, np.ones(len(moments), bool), None)
    theirs = at.matrix[:, [at.catalog.position[f"card.{rule.name}"] for rule in rules]] > 0
    ours = np.column_stack([holds(when, catalog, matrix) for when in conditions])
    wrong = [conditions[i] for i in np.flatnonzero((theirs != ours).any(axis=0))]
    assert wrong == []
    assert len(conditions) > 150


def test_a_card_is_found_again_and_scores_the_same_after_the_round_trip(company):
    _, _, moments, at = company
    planted = [
        Rule("a", Condition("activity", "web_visit", within_days=30.0), 20.0),
        Rule("b", Condition("attribute", "employees", at_least=200.0), 10.0),
        Rule("c", Condition("attribute", "source", any_of=("outbound", "paid_social")), -15.0),
    ]
    said = total(planted, at.catalog, at.matrix)
    card = learned_card(at.catalog, at.matrix, moments, -3 + said * np.log(2) / 10)
    assert card.explained > 0.9
    assert len(card.rules) <= 6
    assert {rule.when.name for rule in card.rules} >= {"web_visit", "source"}
    np.testing.assert_array_equal(rebuilt(company, card.rules), total(card.rules, at.catalog, at.matrix))


def test_a_card_is_short_whole_and_says_nothing_twice(company):
    _, _, moments, at = company
    rng = np.random.default_rng(0)
    numbers = np.nan_to_num(at.matrix[:, list(at.catalog.inputs)])
    said = numbers @ (rng.normal(size=numbers.shape[1]) / (numbers.std(axis=0) + 1e-9)) / 5 - 3
    card = learned_card(at.catalog, at.matrix, moments, said)
    assert 3 <= len(card.rules) <= MOST_RULES
    assert all(rule.points == round(rule.points) and abs(rule.points) >= FEWEST_POINTS for rule in card.rules)
    assert len({rule.name for rule in card.rules}) == len({rule.when for rule in card.rules}) == len(card.rules)
    assert 0 < card.chance_without_points < 1
    sets = [set(rule.when.any_of) for rule in card.rules if rule.when.name == "source"]
    assert all(a <= b or b <= a or not a & b for a in sets for b in sets)
    np.testing.assert_array_equal(rebuilt(company, card.rules), total(card.rules, at.catalog, at.matrix))


def test_a_model_that_says_the_same_of_all_gives_an_empty_card(company):
    _, _, moments, at = company
    card = learned_card(at.catalog, at.matrix, moments, np.full(len(moments), -2.0))
    assert card.rules == ()
    assert card.chance_without_points == pytest.approx(1 / (1 + np.exp(2)))


def test_outcomes_are_not_looked_at(company):
    _, _, moments, at = company
    said = np.nan_to_num(at.matrix[:, at.catalog.position["web_visit.count_30d"]]) / 5
    turned = replace(moments, converted=~moments.converted)
    assert learned_card(at.catalog, at.matrix, moments, said) == learned_card(at.catalog, at.matrix, turned, said)


@pytest.mark.parametrize(
    "when",
    [
        Condition("activity", "web_visit", within_days=30.5, at_least=2.0),
        Condition("activity", "no_such_type"),
        Condition("attribute", "employees", any_of=("200",)),
        Condition("attribute", "source", at_least=3.0),
        Condition("attribute", "source", any_of=("referral",), known=True),
    ],
)
def test_a_condition_that_no_column_can_tell_is_refused(company, when):
    with pytest.raises(ValueError, match="no column"):
        holds(when, company[3].catalog, company[3].matrix)


def scored(n=3000, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=n)
    lead, no = np.arange(n), np.zeros(n, bool)
    won = rng.random(n) < 1 / (1 + np.exp(2 - truth))
    return truth, Moments(lead, lead, lead, won, ~no, no, lead), rng.normal(size=n)


def test_the_cost_is_paired_and_told_with_its_sign():
    truth, moments, noise = scored()
    accounts = Accounts.draw(moments.owner, 0, 300)
    worse = card_cost(truth + noise, truth, noise, moments, accounts)
    assert worse.against_model.high < 0
    assert worse.against_hand.low > 0
    assert f"{-worse.against_model.value:.3f} below the model" in worse.words[0]
    assert f"{worse.against_hand.value:.3f} above it" in worse.words[1]
    same = card_cost(truth, truth, None, moments, accounts)
    assert same.against_model == (0.0, 0.0, 0.0)
    assert same.hand is None
    assert len(same.words) == 1
    assert "no difference beyond noise" in same.words[0]
