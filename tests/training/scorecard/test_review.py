import json

import numpy as np
import pandas as pd
import pytest

from histories import history
from leadlight.agreement.terms import parse
from leadlight.core.history import FlatOutcome
from leadlight.training.scorecard.review import review

CARD = """
[[scorecard]]
name = "came by referral"
when = { attribute = "source", any_of = ["referral"] }
points = 20
[[scorecard]]
when = { attribute = "employees", at_least = 200 }
points = -10
[[scorecard]]
name = "knows the region"
when = { attribute = "region", any_of = ["north"] }
points = 10
"""


def flat(n=1000, strength=1.5, order_by="column", seed=0):
    """A flat export where referrals convert, and large companies do too."""
    rng = np.random.default_rng(seed)
    source, large = rng.random(n) < 0.4, rng.random(n) < 0.5
    won = pd.Series(rng.random(n) < 1 / (1 + np.exp(1.5 - strength * (source.astype(int) + large))))
    rows = [
        {
            "lead_id": f"{i:04d}",
            "source": "referral" if source[i] else "web",
            "employees": 500.0 if large[i] else 20.0 + i % 9,
        }
        for i in range(n)
    ]
    return history(rows, outcome=FlatOutcome(won, order_by, pd.Series(range(n), dtype="int64"), "won"))


@pytest.fixture(scope="module")
def found():
    return review(flat(), parse(CARD))


def test_each_weight_gets_its_word(found):
    words = {rule.name: rule.verdict for rule in found.points.rules}
    assert words["employees at least 200"] == "wrong way round"
    assert words["knows the region"] == "no data"
    assert "no attribute 'region'" in found.points.rules[2].text


def test_the_learned_card_says_what_decides_and_can_be_signed(found):
    card = found.learned
    assert card.useful
    assert {rule.when.name for rule in card.card.rules} == {"source", "employees"}
    assert card.cost.learned.low > 0.6
    assert card.cost.against_hand.low > 0
    written = parse(card.as_agreement(parse(CARD + "[capacity]\nleads_per_week = 7\n")))
    assert written.rules == card.card.rules
    assert written.leads_per_week == 7


def test_it_can_be_written_as_json(found):
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["learned"]["useful"] is True


def test_the_order_of_rows_changes_nothing(found):
    data = flat()
    order = np.random.default_rng(1).permutation(len(data.leads))
    leads, outcome = data.leads.iloc[order].reset_index(drop=True), data.outcome
    assert outcome is not None
    moved = FlatOutcome(
        outcome.converted.iloc[order].reset_index(drop=True),
        "column",
        outcome.order.iloc[order].reset_index(drop=True),
        "won",
    )
    again = review(type(data)(**{**vars(data), "leads": leads, "outcome": moved}), parse(CARD))
    assert again.to_dict() == found.to_dict()


def test_noise_gives_no_card_worth_signing():
    found = review(flat(strength=0.0, seed=3), parse(CARD))
    assert not found.learned.useful


def test_without_an_order_another_fifth_measures_than_taught():
    found = review(flat(order_by="none"), parse(CARD))
    assert found.learned.useful
    assert 0.6 < found.learned.cost.model.value < 0.95


def test_where_nobody_converted_it_says_that_there_is_nothing_to_learn():
    data = flat(n=60, strength=0.0)
    lost = FlatOutcome(pd.Series([False] * 60), "column", data.outcome.order, "won")
    found = review(type(data)(**{**vars(data), "outcome": lost}), parse(CARD))
    assert found.learned is None
    assert "nothing to learn" in found.why_not
    assert {rule.verdict for rule in found.points.rules} <= {"no data", "too few to say"}
