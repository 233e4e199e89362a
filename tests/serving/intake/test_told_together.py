"""What many tell at the same time comes out as if they had told it one after the other."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from leadlight.serving.ledger import jobs
from leadlight.serving.ledger.jobs import Shared, run_job, run_jobs
from leadlight.serving.ledger.leads import Outcome, ToldLead
from leadlight.serving.ledger.ledger import ErasedLead, Ledger, Taken, Told
from leadlight.serving.store.database import Database
from leadlight.serving.store.schema import (
    ACTIVITIES,
    ATTRIBUTE_CHANGES,
    LEAD_MOVES,
    LEADS,
    RESCORING,
    RESCORING_ACCOUNTS,
    SCORES,
)
from putting import put_lead

LEDGER = Ledger(b"of this test alone, thirty-two b")
NOW = 1_000_000

KNOWN = ("L-0", "L-1", "L-2")
IDS = (*KNOWN, "gone", "merged", "unheard of")
FIELDS = ("lead_id", "activity_id", "type", "occurred_at")

events = st.builds(
    lambda lead_id, number, kind, at: {
        "lead_id": lead_id,
        "type": kind,
        "occurred_at": at,
        **({} if number is None else {"activity_id": number}),
    },
    st.sampled_from(IDS),
    st.sampled_from([None, "A-0", "A-1", "A-2"]),
    st.sampled_from(["web_visit", "call"]),
    st.integers(1, 2),
)
calls = st.lists(st.lists(events, max_size=4), min_size=2, max_size=6)

_worlds = itertools.count()


class World:
    """A few leads of a company of their own, all of whose ids begin alike."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.prefix = f"{next(_worlds)}:"
        run_job(database, self._made)

    def _made(self, connection: Connection) -> None:
        for lead_id in (*KNOWN, "gone", "merged"):
            told = {"lead_id": self.own(lead_id), "created_at": 5, "account_id": self.own(f"of {lead_id[:3]}")}
            put_lead(LEDGER, connection, told, NOW)
        LEDGER.merge(connection, self.own("merged"), self.own("L-2"), NOW)
        LEDGER.erase(connection, self.own("gone"), NOW, 1)
        for table in (RESCORING, RESCORING_ACCOUNTS):
            connection.execute(table.delete())

    def own(self, name: str) -> str:
        return self.prefix + name

    def told(self, rows: Sequence[Mapping[str, Any]], now: int) -> Told:
        return Told([{name: self._as_own(name, value) for name, value in row.items()} for row in rows], now)

    def _as_own(self, name: str, value: Any) -> Any:
        return self.own(value) if name in ("lead_id", "activity_id") else value

    def state(self) -> Any:
        """Return what counts, what waits to be scored, and when each lead was last told of, prefixes left away."""
        with self.database.reading() as connection:
            counts = select(*(ACTIVITIES.c[name] for name in FIELDS)).where(ACTIVITIES.c.superseded_at.is_(None))
            events = self._less(connection.execute(counts).all())
            waiting = self._less(connection.execute(select(RESCORING.c.lead_id, RESCORING.c.urgency)).all())
            accounts = self._less(connection.execute(select(RESCORING_ACCOUNTS.c.account_id)).all())
            told = self._less(connection.execute(select(LEADS.c.lead_id, LEADS.c.touched_at > NOW)).all())
        return events, waiting, accounts, told

    def _less(self, rows: Sequence[Any]) -> list[tuple[Any, ...]]:
        own = [tuple(row) for row in rows if row[0].startswith(self.prefix)]
        short = [
            tuple(cell.removeprefix(self.prefix) if isinstance(cell, str) else cell for cell in row) for row in own
        ]
        return sorted(short, key=repr)

    def less(self, taken: Taken) -> tuple[Any, ...]:
        unknown = tuple(name.removeprefix(self.prefix) for name in taken.unknown_leads)
        return taken.accepted, taken.duplicates, taken.erased, unknown


def shared(told: Told) -> Shared:
    return Shared("activities", told, len(told.rows), partial(LEDGER.add_told, kind="activities"))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=st.lists(events, max_size=3), told=calls)
def test_many_callers_at_once_are_as_one_after_the_other(
    database: Database, before: list[dict[str, Any]], told: list[list[dict[str, Any]]]
) -> None:
    one_by_one, together = World(database), World(database)
    for world in (one_by_one, together):
        run_job(database, shared(world.told(before, NOW)))
    taken = [run_job(database, shared(one_by_one.told(rows, NOW + 1 + place))) for place, rows in enumerate(told)]
    at_once = run_jobs(database, [shared(together.told(rows, NOW + 1 + place)) for place, rows in enumerate(told)])
    assert [together.less(one) for one in at_once] == [one_by_one.less(one) for one in taken]
    assert together.state() == one_by_one.state()


values = st.fixed_dictionaries(
    {}, optional={"size": st.sampled_from([1, 2, None]), "source": st.sampled_from(["a", "b"])}
)
puts = st.fixed_dictionaries(
    {"lead_id": st.sampled_from([*KNOWN, "merged", "new", "newer"])},
    optional={
        "created_at": st.sampled_from([3, NOW - 5]),
        "occurred_at": st.sampled_from([NOW - 9, NOW - 8, NOW + 100]),
        "account_id": st.sampled_from(["of L-0", "other", None]),
        "owner_id": st.sampled_from(["ann", "bob", None]),
        "attributes": values,
    },
)


def put(world: World, lead: Mapping[str, Any], now: int, steps: list[int] | None = None) -> Shared:
    def noted(connection: Connection, told: Sequence[ToldLead]) -> list[tuple[str, Outcome]]:
        if steps is not None:
            steps.append(len(told))
        return LEDGER.put_told(connection, told)

    own = {"lead_id": world.own(lead["lead_id"]), **({"account_id": None} if lead.get("account_id", 1) is None else {})}
    if lead.get("account_id") is not None:
        own["account_id"] = world.own(lead["account_id"])
    return Shared("leads", ToldLead({**lead, **own}, now), 1, noted)


def leads_of(world: World) -> Any:
    """Return what is known of leads, what changed of them and when, and what waits to be scored."""
    changes = ATTRIBUTE_CHANGES.c
    tables = (
        [
            LEADS.c[name]
            for name in ("lead_id", "created_at", "account_id", "owner_id", "attributes", "attributes_at", "touched_at")
        ],
        [LEAD_MOVES.c[name] for name in ("lead_id", "field", "before", "after", "recorded_at")],
        [changes.lead_id, changes.attribute, changes.value, changes.occurred_at, changes.superseded_at.is_(None)],
        [SCORES.c.lead_id, SCORES.c.account_id, SCORES.c.owner_id],
    )
    with world.database.reading() as connection:
        return world.state(), [world._less(connection.execute(select(*columns)).all()) for columns in tables]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=st.lists(puts, max_size=4), told=st.lists(puts, min_size=2, max_size=8))
def test_leads_that_many_put_at_once_are_as_one_after_the_other(
    database: Database, before: list[dict[str, Any]], told: list[dict[str, Any]]
) -> None:
    one_by_one, together = World(database), World(database)
    for world in (one_by_one, together):
        for place, lead in enumerate(before):
            run_job(database, put(world, lead, NOW + place))
        with database.writing() as connection:
            for table in (RESCORING, RESCORING_ACCOUNTS):
                connection.execute(table.delete())
            score = {
                "as_of": 1,
                "is_open": True,
                "log_odds": 0.0,
                "score": 1,
                "band": "hot",
                "model_version": 1,
                "features": b"",
            }
            connection.execute(SCORES.insert(), [{"lead_id": world.own("L-0"), **score}])
    outcomes = [run_job(database, put(one_by_one, lead, NOW + 10 + place)) for place, lead in enumerate(told)]
    steps: list[int] = []
    at_once = run_jobs(database, [put(together, lead, NOW + 10 + place, steps) for place, lead in enumerate(told)])
    assert steps == [len(told)]
    assert [(world_id.split(":")[1], outcome) for world_id, outcome in at_once] == [
        (world_id.split(":")[1], outcome) for world_id, outcome in outcomes
    ]
    assert leads_of(together) == leads_of(one_by_one)


def test_of_a_lead_that_moves_both_accounts_are_gone_through(database: Database) -> None:
    world = World(database)
    run_jobs(database, [put(world, {"lead_id": name, "account_id": "new"}, NOW + 1) for name in ("L-0", "L-1")])
    _, _, accounts, _ = world.state()
    assert accounts == [("new",), ("of L-0",), ("of L-1",)]


def test_who_was_erased_keeps_no_other_lead_out(database: Database) -> None:
    world = World(database)
    jobs_ = [put(world, {"lead_id": name, "owner_id": "ann"}, NOW + 1) for name in ("L-0", "gone", "new")]
    first, gone, new = run_jobs(database, jobs_)
    assert isinstance(gone, ErasedLead)
    assert (first[1], new[1]) == ("changed", "created")


def test_each_event_keeps_the_time_at_which_its_own_call_came(database: Database) -> None:
    world = World(database)
    row = {"lead_id": "L-0", "type": "call", "occurred_at": 1}
    tellings = [world.told([{**row, "activity_id": f"A-{place}"}], NOW + place) for place in range(3)]
    run_jobs(database, [shared(told) for told in tellings])
    with database.reading() as connection:
        asked = select(ACTIVITIES.c.recorded_at).where(ACTIVITIES.c.lead_id == world.own("L-0"))
        assert sorted(connection.execute(asked).scalars()) == [NOW, NOW + 1, NOW + 2]


def test_one_that_can_not_be_told_takes_no_other_with_it(database: Database) -> None:
    world = World(database)
    good = world.told([{"lead_id": "L-0", "type": "call", "occurred_at": 1}], NOW)
    bad = world.told([{"lead_id": "L-1", "type": "call", "occurred_at": None}], NOW)
    done = run_jobs(database, [shared(one) for one in (good, bad, good)])
    assert isinstance(done[0], Taken)
    assert isinstance(done[1], Exception)
    assert (done[0].accepted, done[2].accepted, done[2].duplicates) == (1, 0, 1)


def test_only_so_much_is_done_in_one_step_and_other_jobs_find_their_own_results(database: Database) -> None:
    world, steps = World(database), []

    def noted(connection: Connection, told: Sequence[Told]) -> list[Taken]:
        steps.append(len(told))
        return LEDGER.add_told(connection, told, kind="activities")

    def told(place: int, size: int = 1) -> Shared:
        rows = [{"lead_id": "L-0", "type": "call", "occurred_at": 1, "activity_id": f"A-{place}"}]
        return Shared("activities", world.told(rows, NOW), size, noted)

    def alone(_connection: Connection) -> str:
        return "alone"

    most = jobs._TOGETHER
    done = run_jobs(database, [told(0), alone, told(1), told(2, most), told(3), alone])
    assert steps == [2, 1, 1]
    assert [one if one == "alone" else one.accepted for one in done] == [1, "alone", 1, 1, 1, "alone"]
