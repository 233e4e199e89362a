"""Two models on the same open leads: what moves, and parts that add up to it."""

import json
from dataclasses import replace

import numpy as np
import pytest

from leadlight.core.artifact import Calibration
from leadlight.core.errors import ModelContractError
from leadlight.training.compare.moves import compare
from models import boosted, company, trained


def parts(move):
    return move.base + move.calibration + sum(why.log_odds for why in move.why)


@pytest.mark.parametrize(
    ("before", "after"),
    [(trained(), trained(seed=8)), (trained(), boosted()), (boosted(seed=1), boosted(trees=5))],
    ids=["two regressions", "regression and trees", "two forests"],
)
def test_the_parts_add_up_to_the_difference_exactly(before, after):
    found = compare(before, after, company(), top=1000)
    assert len(found.furthest) == found.leads > 20
    for move in found.furthest:
        assert parts(move) == pytest.approx(move.log_odds[1] - move.log_odds[0], abs=1e-9)


def test_a_model_against_itself_moves_nothing():
    found = compare(trained(), trained(), company(), top=3)
    assert found.moved_by == {"0": found.leads, "1 to 5": 0, "6 to 10": 0, "11 to 20": 0, "more than 20": 0}
    assert found.rank_correlation == pytest.approx(1.0)
    assert all(move.why == () and parts(move) == 0.0 for move in found.furthest)
    assert set(found.made_differently.values()) == {()}


def test_another_calibration_is_no_reason():
    model = trained()
    cooler = replace(model, calibration=Calibration(-0.4, 0.5, model.calibration.draws))
    found = compare(model, cooler, company(), top=5)
    for move in found.furthest:
        assert move.why == ()
        assert move.base == 0.0
        assert move.calibration == pytest.approx(move.log_odds[1] - move.log_odds[0], abs=1e-12)


def test_the_one_weight_that_changed_is_the_one_reason():
    model = trained()
    column = model.catalog.position["employees"]
    terms = tuple(replace(t, weight=t.weight + 1.0) if t.column == column else t for t in model.ranker.terms)
    found = compare(model, replace(model, ranker=replace(model.ranker, terms=terms)), company(), top=5)
    assert found.moved_by["0"] < found.leads
    assert {why.group for move in found.furthest for why in move.why} == {model.catalog.features[column].group}
    assert any("mployees" in why.text for move in found.furthest for why in move.why)


def test_a_feature_that_is_gone_is_said_with_its_whole_share():
    model = trained()
    kept = [i for i, f in enumerate(model.catalog.features) if f.topic != "industry"]
    place = {old: new for new, old in enumerate(kept)}
    catalog = replace(model.catalog, features=tuple(model.catalog.features[i] for i in kept))
    terms = tuple(replace(t, column=place[t.column]) for t in model.ranker.terms if t.column in place)
    without = replace(model, catalog=catalog, ranker=replace(model.ranker, terms=terms))
    found = compare(model, without, company(), top=60)
    assert found.made_differently["features"] == ("no longer looked at: industry",)
    said = [why for move in found.furthest for why in move.why]
    assert {why.group for why in said} == {"industry"}
    assert all(why.text.endswith("(no longer looked at)") for why in said)
    assert all(parts(move) == pytest.approx(np.diff(move.log_odds)[0], abs=1e-9) for move in found.furthest)


def test_groups_that_only_one_model_joins_are_joined_for_both():
    apart, joined = trained(), trained(groups={"industry": "source", "employees": "source"})
    found = compare(apart, joined, company(), top=60)
    assert all(move.why == () for move in found.furthest)


def test_what_was_made_differently_is_said():
    model = trained()
    terms = {**model.agreement, "version": "b" * 64, "leads_per_week": 60}
    facts = {
        "data": {"as_of": "2026-10-01T00:00:00+00:00", "fingerprint": "1"},
        "chosen": {"params": {"strength": 8.0}},
    }
    other = replace(model, agreement=terms, facts=facts, points={"card.demo": 30.0})
    said = compare(model, other, company(), top=1).made_differently
    assert said["recipe"] == ("strength: none before, 8 after",)
    assert "training day: none before, 2026-10-01 after" in said["data"]
    assert said["agreement"] == (
        "version: 3f9a3f9a before, bbbbbbbb after",
        "leads_per_week: 120 before, 60 after",
        "card.demo: 25 before, 30 after",
    )


def test_counts_are_of_all_open_leads_and_json_takes_it():
    found = compare(trained(), trained(seed=9), company(), top=4)
    assert sum(found.moved_by.values()) == found.leads
    assert sum(n for row in found.bands.values() for n in row.values()) == found.leads
    distances = [abs(move.score[1] - move.score[0]) for move in found.furthest]
    assert distances == sorted(distances, reverse=True)
    json.dumps(found.to_dict(), allow_nan=False)


def test_undated_models_are_compared_on_all_leads_and_dated_ones_never_without_dates():
    undated = trained(dated=False)
    assert compare(undated, trained(dated=False, seed=8), company(dated=False)).leads == 60
    with pytest.raises(ModelContractError, match="history with dates"):
        compare(undated, trained(), company(dated=False))
