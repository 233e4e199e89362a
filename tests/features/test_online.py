"""Many records in one timeline: each gets what it gets alone."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leadlight.core.catalog import Catalog
from leadlight.core.clock import DAY
from leadlight.features.build import build
from leadlight.features.online import Record, timeline_of, timeline_of_all
from leadlight.features.timeline import Moments
from leadlight.features.warm import small_catalog

CATALOG = small_catalog()

days = st.integers(0, 40).map(lambda day: day * DAY)
names = st.sampled_from(["one", "two", "three"])
acts = st.fixed_dictionaries(
    {"type": st.sampled_from(["web_visit", "other"]), "occurred_at": days, "recorded_at": days},
    optional={"channel": st.sampled_from(["email", "fax", None]), "value": st.sampled_from([None, 1.5, 0.1])},
)
steps = st.fixed_dictionaries(
    {"stage": st.sampled_from(["new", "sql", "lost"]), "occurred_at": days, "recorded_at": days}
)
moves = st.fixed_dictionaries(
    {"attribute": st.sampled_from(["employees", "source", "gone"]), "value": st.sampled_from([None, "web", "7", 3.0]),
     "occurred_at": days, "recorded_at": days}
)  # fmt: skip
leads = st.fixed_dictionaries(
    {"lead_id": names, "created_at": st.one_of(st.none(), days)},
    optional={"recorded_at": days, "attributes": st.just({"source": "web", "employees": 4.0})},
)


def of_someone(events: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[list[dict[str, Any]]]:
    return st.lists(st.builds(lambda lead, event: {**event, "lead_id": lead}, names, events), max_size=4)


accounts = st.one_of(
    st.none(),
    st.just({}),
    st.fixed_dictionaries(
        {
            "leads": st.lists(leads, max_size=3, unique_by=lambda lead: lead["lead_id"]),
            "activities": of_someone(acts),
            "stage_changes": of_someone(steps),
        }
    ),
)


class Told(NamedTuple):
    lead: dict[str, Any]
    activities: list[dict[str, Any]]
    stage_changes: list[dict[str, Any]]
    attribute_changes: list[dict[str, Any]]
    account: dict[str, Any] | None


records = st.builds(
    Told,
    leads,
    st.lists(acts, max_size=5),
    st.lists(steps, max_size=3),
    st.lists(moves, max_size=3),
    accounts,
)


def rows(catalog: Catalog, told: list[Told], as_of: list[int]) -> np.ndarray:
    asked: list[Record] = list(told)
    moments = Moments(np.arange(len(told)), np.array(as_of, np.int64))
    return build(catalog, timeline_of_all(catalog.vocabulary, asked), moments)


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(records, days), min_size=1, max_size=5))
def test_many_records_together_give_what_each_gives_alone(asked: list[tuple[Told, int]]) -> None:
    told, as_of = [one for one, _ in asked], [when for _, when in asked]
    together = rows(CATALOG, told, as_of)
    for i, (one, when) in enumerate(asked):
        assert together[i].tobytes() == rows(CATALOG, [one], [when])[0].tobytes()
        alone = timeline_of(CATALOG.vocabulary, *one)
        assert together[i].tobytes() == build(CATALOG, alone, Moments(np.zeros(1, int), np.array([when])))[0].tobytes()


def test_an_unknown_account_is_not_an_empty_one() -> None:
    lead = {"lead_id": "one", "created_at": 0}
    unknown, empty = rows(CATALOG, [Told(lead, [], [], [], None), Told(lead, [], [], [], {})], [DAY, DAY])
    colleagues = CATALOG.position["colleagues.count"]
    assert np.isnan(unknown[colleagues])
    assert empty[colleagues] == 0


def test_no_record_makes_no_row() -> None:
    assert rows(CATALOG, [], []).shape == (0, len(CATALOG.features))
