"""The rules of time, as properties of random histories: what we learn later, the order of rows, and company
change nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from leadlight.core.catalog import Catalog
from leadlight.core.clock import DAY, NEVER
from leadlight.features.asof import days_since, end_before
from leadlight.features.build import PRIMITIVES, build
from leadlight.features.catalog import draw_up
from leadlight.features.checks import Case, same_bits, yield_checks
from leadlight.features.online import timeline_of
from leadlight.features.timeline import Moments, Timeline
from leadlight.features.warm import warm
from oracle import oracle
from strategies import RULES, World, moments, worlds

quick = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    warm()


def drawn(world: World, min_leads: int = 1) -> Catalog:
    return draw_up(world.history(), rules=RULES, goal_stage="sql", min_leads=min_leads)


@pytest.mark.parametrize("check", list(yield_checks()), ids=lambda check: check.__name__)
@quick
@given(world=worlds(), as_of=moments)
def test_every_feature_passes_the_family_checks(check: Callable[[Case], None], world: World, as_of: int) -> None:
    check(Case(drawn(world), world.history(), world.leads[0]["lead_id"], as_of))


@pytest.mark.parametrize("min_leads", [1, 2])
@quick
@given(world=worlds(), as_of=moments)
def test_the_loops_agree_with_slow_obvious_pandas(min_leads: int, world: World, as_of: int) -> None:
    catalog, history = drawn(world, min_leads), world.history()
    timeline = Timeline.from_history(history, catalog.vocabulary)
    rows = build(catalog, timeline, Moments(np.arange(len(world.leads)), np.full(len(world.leads), as_of)))
    for lead, row in zip(world.leads, rows, strict=True):
        expected = oracle(catalog, history, lead["lead_id"], as_of)
        for feature, fast, slow in zip(catalog.features, row, expected, strict=True):
            assert fast == pytest.approx(slow, rel=1e-12, abs=1e-12, nan_ok=True), feature.name


@quick
@given(world=worlds(), as_of=moments)
def test_online_gives_the_same_bits_as_the_whole_history(world: World, as_of: int) -> None:
    catalog = drawn(world)
    row = Case(catalog, world.history(), "L0", as_of).row()
    timeline = timeline_of(catalog.vocabulary, *request(world))
    alone = build(catalog, timeline, Moments(np.array([0]), np.array([as_of])))[0]
    wrong = [f.name for f, same in zip(catalog.features, same_bits(row, alone), strict=True) if not same]
    assert not wrong


def request(world: World) -> tuple[Any, ...]:
    """What a CRM would send to have L0 scored: attributes that move as changes, the rest as they stand."""
    lead = world.leads[0]
    attributes = {name: lead[name] for name in ("source", "employees")}
    mine = [[row for row in rows if row["lead_id"] == "L0"] for rows in (world.activities, world.stage_changes)]
    changes = [row for row in world.attribute_changes if row["lead_id"] == "L0"]
    account = None
    if lead["account_id"] is not None:
        there = [one for one in world.leads if one["account_id"] == lead["account_id"]]
        account = {"leads": there, "activities": world.activities, "stage_changes": world.stage_changes}
    return {**lead, "attributes": attributes}, *mine, changes, account


@quick
@given(world=worlds(), as_of=moments)
def test_a_hidden_account_is_not_known_and_nothing_else_changes(world: World, as_of: int) -> None:
    catalog = drawn(world)
    timeline = Timeline.from_history(world.history(), catalog.vocabulary)
    asked = Moments(np.zeros(2, np.int64), np.full(2, as_of))
    shown, hidden = build(catalog, timeline, asked, account_known=np.array([True, False]))
    about_account = np.array([f.primitive.startswith("account_") for f in catalog.features])
    assert np.isnan(hidden[about_account]).all()
    assert same_bits(shown, hidden)[~about_account].all()


def test_the_random_histories_use_every_primitive() -> None:
    everything = World(
        ({"lead_id": "L0", "created_at": 20_000 * DAY, "account_id": "A", "source": "web", "employees": 1.0},
         {"lead_id": "L1", "created_at": 20_000 * DAY, "account_id": "A", "source": None, "employees": None}),
        ({"lead_id": "L0", "occurred_at": 20_001 * DAY, "type": "web_visit", "channel": "web", "value": 1.0},),
        ({"lead_id": "L0", "occurred_at": 20_001 * DAY, "stage": "customer"},),
        ({"lead_id": "L0", "occurred_at": 20_001 * DAY, "attribute": "plan", "value": "free"},
         {"lead_id": "L0", "occurred_at": 20_001 * DAY, "attribute": "seats", "value": "3"},
         {"lead_id": "L1", "occurred_at": 20_001 * DAY, "attribute": "seats", "value": "4"}),
    )  # fmt: skip
    assert {name for name, _ in drawn(everything).primitives} == set(PRIMITIVES)


def test_an_event_in_the_very_microsecond_of_the_moment_is_not_known() -> None:
    assert end_before(np.array([10, 20, 20, 30]), 0, 4, 20) == 1
    assert days_since(0, DAY + DAY // 2) == 1.5
    assert np.isnan(days_since(NEVER, DAY))


def test_many_moments_on_threads_give_the_same_bits_as_one_by_one() -> None:
    world = World(
        tuple({"lead_id": f"L{i}", "created_at": 20_000 * DAY, "account_id": f"A{i % 3}"} for i in range(9)),
        tuple(
            {"lead_id": f"L{i % 9}", "occurred_at": 20_000 * DAY + i * 7 * 10**9,
             "recorded_at": 20_000 * DAY + i * 8 * 10**9,
             "type": ("web_visit", "call")[i % 2], "value": i / 7}
            for i in range(300)
        ),
        (),
        (),
    )  # fmt: skip
    catalog = drawn(world)
    timeline = Timeline.from_history(world.history(), catalog.vocabulary)
    rng = np.random.default_rng(5)
    leads, times = rng.integers(0, 9, 30_000), 20_000 * DAY + rng.integers(0, 40 * DAY, 30_000)
    many = build(catalog, timeline, Moments(leads, times))
    for i in range(0, 30_000, 997):
        one = build(catalog, timeline, Moments(leads[i : i + 1], times[i : i + 1]))
        assert same_bits(one[0], many[i]).all()


@pytest.mark.parametrize("late", [0, 1])
def test_what_was_recorded_in_the_very_microsecond_of_the_moment_is_not_known(late: int) -> None:
    as_of = 20_010 * DAY
    when = {"occurred_at": as_of - DAY, "recorded_at": as_of + late}
    there = World(
        tuple({"lead_id": f"L{i}", "created_at": 20_000 * DAY, "account_id": "A", "source": "web"} for i in range(2)),
        tuple({"lead_id": f"L{i}", **when, "type": "web_visit"} for i in range(2)),
        tuple({"lead_id": f"L{i}", **when, "stage": "customer"} for i in range(2)),
        ({"lead_id": "L0", **when, "attribute": "seats", "value": "3"},),
    )
    catalog, nothing = drawn(there), there.without_future(as_of)
    before = Case(catalog, nothing.history(), "L0", as_of).row()
    assert same_bits(Case(catalog, there.history(), "L0", as_of).row(), before).all()
    assert not same_bits(Case(catalog, there.history(), "L0", as_of + late + 1).row(), before).all()
