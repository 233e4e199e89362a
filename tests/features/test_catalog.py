"""Drawing up a catalog: only from the learning part, rare words folded, every rule has its column."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings

from histories import history, micros
from leadlight.core.catalog import Catalog, Condition, Feature, Rule
from leadlight.core.errors import ModelContractError, UnknownPrimitive
from leadlight.core.history import FlatOutcome
from leadlight.features.build import build, check_primitives
from leadlight.features.catalog import draw_up, merge_groups
from leadlight.features.checks import known_before
from leadlight.features.timeline import Moments, Timeline
from leadlight.features.words import ACTIVITIES
from strategies import RULES, World, moments, worlds


def leads(n: int, **columns: Any) -> list[dict[str, Any]]:
    return [{"lead_id": f"L{i}", "created_at": "2025-01-01", **{k: v(i) for k, v in columns.items()}} for i in range(n)]


def flat_history(**columns: Any) -> Any:
    rows = [{**row, "created_at": None} for row in leads(30, **columns)]
    return history(rows, outcome=FlatOutcome(pd.Series([False] * 30), "none", pd.Series([0] * 30), "Converted"))


def draw(h: Any, *rules: Rule, **more: Any) -> Catalog:
    return draw_up(h, rules=rules, goal_stage="sql", **more)


def names(catalog: Catalog) -> set[str]:
    return set(catalog.columns)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(world=worlds())
def test_a_catalog_survives_json(world: World) -> None:
    catalog = draw_up(world.history(), rules=RULES, goal_stage="sql", min_leads=1)
    again = Catalog.from_dict(json.loads(json.dumps(catalog.to_dict())))
    assert again == catalog
    assert again.fingerprint == catalog.fingerprint


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(world=worlds(), before=moments)
def test_a_catalog_sees_nothing_of_later_times_or_other_leads(world: World, before: int) -> None:
    h = world.history()
    learning = np.array([i % 2 == 0 for i in range(len(h.leads))])
    seen = draw_up(h, rules=RULES, goal_stage="sql", lead_rows=learning, before=before, min_leads=1)
    others = h.leads["lead_id"][~learning]
    cut = known_before(h, before, keep="")
    cut = replace(
        cut,
        leads=cut.leads[~cut.leads["lead_id"].isin(others)].reset_index(drop=True),
        activities=cut.activities[~cut.activities["lead_id"].isin(others)],
        stage_changes=cut.stage_changes[~cut.stage_changes["lead_id"].isin(others)],
        attribute_changes=cut.attribute_changes[~cut.attribute_changes["lead_id"].isin(others)],
    )
    assert seen == draw_up(cut, rules=RULES, goal_stage="sql", min_leads=1)


def test_rare_levels_fold_into_other_and_levels_of_rules_stay_askable() -> None:
    h = history(leads(60, source=lambda i: "fair" if i < 2 else "web" if i < 30 else "mail"))
    catalog = draw(h, Rule("fair", Condition("attribute", "source", any_of=("fair",)), 5))
    feature = catalog.features[catalog.position["source"]]
    assert feature.levels == ("mail", "web")
    rows = values(catalog, h, [0, 2, 59])
    assert [feature.level_name(v) for v in rows[:, catalog.position["source"]]] == ["(other)", "web", "mail"]
    assert rows[:, catalog.position["card.fair"]].tolist() == [1.0, 0.0, 0.0]


def test_of_too_many_levels_the_most_frequent_are_kept_and_named_in_order() -> None:
    h = history(leads(1200, city=lambda i: f"city {i % 120:03d}" if i < 1195 else "city 119"))
    levels = draw(h, min_leads=5).features[-1].levels
    assert len(levels) == 100
    assert levels == tuple(sorted(levels))
    assert "city 119" in levels


def test_columns_that_say_nothing_are_left_out_and_named() -> None:
    h = history(
        leads(
            40,
            same=lambda _: "x",
            empty=lambda _: None,
            nearly=lambda i: "x" if i == 7 else None,
            each_its_own=lambda i: f"value {i}",
            constant=lambda _: 5,
        )
    )
    catalog = draw(h)
    assert set(catalog.left_out) == {"same", "empty", "each_its_own", "constant"}
    assert "nearly" in names(catalog)


def test_a_rare_activity_type_joins_the_others_unless_a_rule_names_it() -> None:
    acts = [{"lead_id": f"L{i}", "type": "web_visit", "occurred_at": "2025-02-01"} for i in range(30)]
    acts += [
        {"lead_id": "L0", "type": word, "occurred_at": "2025-02-02"} for word in ("demo_request", "odd", "strange")
    ]
    h = history(leads(30), acts)
    catalog = draw(h, Rule("demo", Condition("activity", "demo_request"), 25))
    assert catalog.vocabulary.activity_types == ("demo_request", "web_visit")
    assert values(catalog, h, [0, 1])[:, catalog.position["other_activity.count_90d"]].tolist() == [2.0, 0.0]


def test_who_does_it_decides_component_and_direction() -> None:
    acts = acts_of("call", "web_visit", "pricing_view", "mystery", "newsletter_sent", "unsubscribed_all")
    catalog = draw(history(leads(30), acts, doers={"unsubscribed_all": "lead", "mystery": "system"}))
    found = {f.name: (f.component, f.monotone) for f in catalog.features}
    assert found["pricing_view.count_30d"] == ("interest", 1)
    assert found["pricing_view.days_since"] == ("interest", -1)
    assert found["web_visit.count_30d"] == found["web_visit.days_since"] == ("interest", 0)
    assert found["unsubscribed_all.count_30d"] == ("interest", 0)
    assert found["call.count_30d"] == found["newsletter_sent.count_30d"] == ("cycle", 0)
    assert found["mystery.days_since"] == ("cycle", 0)


def acts_of(*kinds: str) -> list[dict[str, Any]]:
    """Thirty leads that did all of it; acts have a value and a channel."""
    when = {"occurred_at": "2025-02-01", "channel": "web", "value": 2.0}
    return [{"lead_id": f"L{i}", "type": kind, **when} for i in range(30) for kind in kinds]


SIGNS = {"activity_count": 1, "activity_decay": 1, "activity_days_since": -1}
"""What may be bound at all: NaN in these means "never did it", nowhere "not known"."""


def everything() -> Catalog:
    """A catalog of every family, with all the usual words for what a lead does."""
    kinds = [kind for kind, word in ACTIVITIES.items() if word.doer == "lead" and kind[0] != "("]
    h = history(
        leads(30, account_id=lambda i: f"A{i % 9}", employees=lambda i: i or None, source=lambda i: "ab"[i % 2]),
        [*acts_of(*kinds), {"lead_id": "L0", "type": "rare", "occurred_at": "2025-02-01"}],
        [{"lead_id": f"L{i}", "stage": "customer", "occurred_at": "2025-02-02"} for i in range(30)],
        doers=dict.fromkeys([*kinds, "rare"], "lead"),
    )
    rules = (Rule("asked", Condition("activity", "demo_request"), 5), Rule("known", SOURCE_KNOWN, 1))
    return draw(h, *rules)


SOURCE_KNOWN = Condition("attribute", "source", known=True)


def test_nothing_whose_missing_value_means_not_known_is_bound() -> None:
    features = everything().features
    families = {f.primitive.split("_")[0] for f in features}
    assert families == {"activity", "stage", "lead", "account", "attribute", "card"}
    assert {f.primitive: f.monotone for f in features if f.monotone} == SIGNS
    assert {f.params["type"] for f in features if f.monotone} == {
        kind for kind, word in ACTIVITIES.items() if word.voluntary
    }


def test_a_family_is_bound_as_a_whole_or_not_at_all() -> None:
    families: dict[str, set[int]] = {}
    for feature in everything().features:
        if feature.primitive in SIGNS:
            families.setdefault(feature.params["type"], set()).add(feature.monotone * SIGNS[feature.primitive])
    assert {kind: len(pushes) for kind, pushes in families.items()} == dict.fromkeys(families, 1)
    assert families["web_visit"] == families["(any)"] == families["(other)"] == {0}
    assert families["form_fill"] == {1}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(world=worlds(), as_of=moments)
def test_a_bound_column_is_missing_only_where_the_act_was_never_done(world: World, as_of: int) -> None:
    catalog, h = draw_up(world.history(), rules=RULES, goal_stage="sql", min_leads=1), world.history()
    asked = Moments(np.arange(len(h.leads)), np.full(len(h.leads), as_of))
    rows = build(
        catalog, Timeline.from_history(h, catalog.vocabulary), asked, account_known=np.zeros(len(h.leads), bool)
    )
    before = [a for a in world.activities if max(a["occurred_at"], a["recorded_at"]) < as_of]
    for column, feature in enumerate(catalog.features):
        if feature.monotone:
            did = {a["lead_id"] for a in before if a["type"] == feature.params["type"]}
            never = [lead not in did and feature.monotone < 0 for lead in h.leads["lead_id"]]
            assert np.isnan(rows[:, column]).tolist() == never


def test_an_attribute_and_an_activity_of_one_name_are_kept_apart() -> None:
    h = history(
        leads(30, webinar=lambda i: str(i % 2), stage=lambda i: str(i % 3)),
        [{"lead_id": f"L{i}", "type": "webinar", "occurred_at": "2025-02-01"} for i in range(30)],
        [{"lead_id": f"L{i}", "stage": "new", "occurred_at": "2025-02-01"} for i in range(30)],
    )
    catalog = draw(h, min_leads=1)
    assert len(names(catalog)) == len(catalog.features)
    assert {"webinar.count_30d", "attribute.webinar", "stage.current", "attribute.stage"} <= names(catalog)


def test_a_flat_history_has_profile_features_and_a_column_for_every_rule() -> None:
    catalog = draw(
        flat_history(source=lambda i: "ab"[i % 2]),
        Rule("demo", Condition("activity", "demo_request"), 25),
        Rule("source", Condition("attribute", "source", any_of=("a",)), 5),
        Rule("at", Condition("stage", "stage", any_of=("mql",)), 5),
        min_leads=1,
    )
    assert not catalog.dated
    assert catalog.columns == ("source", "card.demo", "card.source", "card.at")
    assert set(catalog.left_out) == {"card.demo", "card.at"}


@pytest.mark.parametrize(
    "condition",
    [
        Condition("attribute", "source", at_least=3.0),
        Condition("attribute", "employees", any_of=("many",)),
        Condition("attribute", "horoscope", known=True),
    ],
)
def test_a_rule_that_can_never_be_met_is_named_and_counts_nothing(condition: Condition) -> None:
    h = history(leads(30, source=lambda i: "ab"[i % 2], employees=lambda i: i))
    catalog = draw(h, Rule("never", condition, 5))
    assert "card.never" in catalog.left_out
    assert values(catalog, h, [0, 1])[:, -1].tolist() == [0.0, 0.0]


ABSENT = {
    "attribute": (
        Condition("attribute", "horoscope", any_of=("leo",)),
        Condition("attribute", "horoscope", known=False),
    ),
    "activity": (Condition("activity", "demo", within_days=30), Condition("activity", "demo", at_most=0)),
    "stage": (Condition("stage", "stage", any_of=("mql",)), Condition("stage", "stage", any_of=("sql",))),
}


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("subject", ABSENT)
def test_of_several_rules_on_what_a_flat_export_lacks_each_is_named_and_counts_nothing(
    subject: str, first: int
) -> None:
    two = ABSENT[subject]
    rules = [Rule(f"r{i}", condition, 5) for i, condition in enumerate((two[first], two[1 - first], two[first]))]
    h = flat_history(source=lambda i: "ab"[i % 2])
    catalog = draw(h, *rules, Rule("source", SOURCE_KNOWN, 1), min_leads=1)
    assert set(catalog.left_out) == {"card.r0", "card.r1", "card.r2"}
    assert len(set(catalog.left_out.values())) == 1
    assert values(catalog, h, [0, 1])[:, 1:].tolist() == [[0, 0, 0, 1]] * 2
    assert len({f.topic for f in catalog.features[1:4]}) == 1
    assert {f.component for f in catalog.features[1:4]} == {
        {"attribute": "fit", "activity": "interest"}.get(subject, "cycle")
    }


def test_of_several_rules_on_what_a_dated_history_lacks_each_is_judged_as_alone() -> None:
    h = history(leads(30))
    conditions = [condition for two in ABSENT.values() for condition in two] * 2
    rules = [Rule(f"r{i}", condition, 5) for i, condition in enumerate(conditions)]
    catalog = draw(h, *rules)
    rows = values(catalog, h, [0])
    for rule in rules:
        alone = draw(h, rule)
        name = f"card.{rule.name}"
        assert rows[0, catalog.position[name]] == values(alone, h, [0])[0, alone.position[name]]
        assert catalog.left_out.get(name) == alone.left_out.get(name)
    assert set(catalog.left_out) == {f"card.r{i}" for i, when in enumerate(conditions) if when.subject == "attribute"}


def test_what_a_rule_asks_for_in_vain_does_not_take_the_name_of_what_is_there() -> None:
    h = flat_history(demo=lambda i: i)
    absent, there = Condition("activity", "demo"), Condition("attribute", "demo", at_least=1)
    catalog = draw(h, Rule("a", absent, 1), Rule("b", there, 1), Rule("c", absent, 1))
    assert set(catalog.left_out) == {"card.a", "card.c"}
    assert [f.topic for f in catalog.features] == ["demo", "rule.demo", "demo", "rule.demo"]
    assert values(catalog, h, [0, 2])[:, 1:].tolist() == [[0, 0, 0], [0, 1, 0]]


def test_topics_that_move_together_are_one_reason_within_a_component() -> None:
    rng = np.random.default_rng(3)
    h = history(leads(300, a=lambda _: int(rng.integers(100)), c=lambda i: "xyz"[i % 3], e=lambda i: float(i * i)))
    h = replace(h, leads=h.leads.assign(b=h.leads["a"] ** 3, d=h.leads["c"].str.upper()))
    more = [replace(a, name={"a": "b", "c": "d"}[a.name]) for a in h.attributes if a.name in "ac"]
    h = replace(h, attributes=(*h.attributes, *more))
    catalog = draw(h)
    merged = merge_groups(catalog, values(catalog, h, list(range(300))))
    groups = {f.name: f.group for f in merged.features}
    assert (groups["b"], groups["d"], groups["e"]) == ("a", "c", "e")
    assert groups["age.days"] == "age"
    assert {f.topic for f in merged.features} == {f.topic for f in catalog.features}


def test_groups_never_cross_components() -> None:
    h = history(leads(50, x=lambda i: i))
    catalog = draw(h)
    twin = np.tile(np.arange(50.0)[:, None], (1, len(catalog.features)))
    merged = merge_groups(catalog, twin)
    assert {f.group: f.component for f in merged.features} == {f.topic: f.component for f in catalog.features}


def test_an_unknown_primitive_is_refused_by_name() -> None:
    catalog = draw(history(leads(30, x=lambda i: i)))
    later = replace(catalog, features=(*catalog.features, new_feature()))
    with pytest.raises(UnknownPrimitive, match=r"Model 7 needs moon_phase version 3 \(here: none\)"):
        check_primitives(later, "Model 7")


def new_feature() -> Feature:
    return Feature("moon", "moon_phase", 3, {}, "number", "fit", "moon", "moon")


def test_another_vocabulary_or_a_lead_that_is_not_there_is_refused() -> None:
    h = history(leads(30, x=lambda i: i, y=lambda i: -i))
    one, two = draw(h), draw(replace(h, attributes=h.attributes[:1]))
    timeline = Timeline.from_history(h, two.vocabulary)
    with pytest.raises(ModelContractError, match="another catalog"):
        build(one, timeline, Moments(np.array([0]), np.array([0])))
    with pytest.raises(ModelContractError, match="outside the timeline's 30 leads"):
        build(two, timeline, Moments(np.array([30]), np.array([0])))


def values(catalog: Catalog, h: Any, rows: list[int]) -> np.ndarray[Any, Any]:
    when = np.full(len(rows), micros("2025-03-01"))
    return build(catalog, Timeline.from_history(h, catalog.vocabulary), Moments(np.array(rows), when))
