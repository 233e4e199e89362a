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
from leadlight.serving.ledger.ledger import Ledger, Taken, Told
from leadlight.serving.store.database import Database
from leadlight.serving.store.schema import ACTIVITIES, LEADS, RESCORING, RESCORING_ACCOUNTS

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
            LEDGER.put_lead(connection, told, NOW)
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
