"""Whoever tells and whoever scores take PostgreSQL's locks in one order: neither is ever undone for the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select, text

from databases import database_url
from leadlight.core.clock import DAY
from leadlight.serving.ledger.jobs import run_job
from leadlight.serving.ledger.ledger import Ledger
from leadlight.serving.ledger.stale import mark_leads
from leadlight.serving.rescoring.claims import (
    Claims,
    claim_accounts,
    claim_leads,
    finish_accounts,
    finish_leads,
    give_way,
    held,
    put_accounts_on_list,
)
from leadlight.serving.store.database import Database
from leadlight.serving.store.ids import first_id
from leadlight.serving.store.schema import SCORES
from putting import put_lead
from retained import DAYS, NOW, add_lead, add_receipt, forgetting, settings
from waiting import wait_for

LEDGER = Ledger(b"secret")
Act = Callable[[Connection], object]

ACTS: dict[str, Act] = {
    "a move": lambda c: put_lead(LEDGER, c, {"lead_id": "L-1", "account_id": "B"}, NOW + 1),
    "an event": lambda c: LEDGER.add_events(
        c, "activities", [{"lead_id": "L-1", "type": "call", "occurred_at": NOW}], NOW + 1
    ),
    "a decision": lambda c: LEDGER.decide(c, {"decision_id": "D", "lead_id": "L-1", "decision": "accept"}, NOW + 1),
    "a merge": lambda c: LEDGER.merge(c, "L-1", "L-2", NOW + 1),
    "an objection": lambda c: LEDGER.object_to_profiling(c, "L-1", NOW + 1),
    "an erasure": lambda c: LEDGER.erase(c, "L-1", NOW + 1, 0),
}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with database_url("postgresql", tmp_path) as url:
        database = Database(url)
        yield database
        database.close()


def _waits(database: Database) -> bool:
    with database.reading() as connection:
        asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        return bool(connection.execute(text(asked)).scalar_one())


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_who_changes_a_lead_waits_for_who_lists_its_account_and_never_the_other_way_too(
    database: Database, act: Act
) -> None:
    with database.writing() as connection:
        for lead_id in ("L-1", "L-2"):
            put_lead(LEDGER, connection, {"lead_id": lead_id, "account_id": "A"}, NOW)

    def change() -> None:
        with database.writing() as connection:
            act(connection)

    with ThreadPoolExecutor(1) as other:
        with database.writing() as connection:
            connection.execute(text("SET LOCAL deadlock_timeout = '10ms'"))
            claimed = claim_accounts(connection, 8, NOW, NOW)
            assert claimed.names == ["A"]
            changing = other.submit(change)
            wait_for(lambda: _waits(database))
            put_accounts_on_list(connection, claimed, NOW)
            finish_accounts(connection, claimed)
        changing.result(60)


def test_who_scores_gives_way_to_those_who_tell_of_many_leads_in_any_order(database: Database) -> None:
    with database.writing() as connection:
        for lead_id in ("L-1", "L-2"):
            put_lead(LEDGER, connection, {"lead_id": lead_id}, NOW)
    with database.writing() as connection:
        claimed = claim_leads(connection, 8, NOW, NOW)
    seen = []

    def write(connection: Connection) -> None:
        give_way(connection)
        seen.append(held(connection, claimed))
        finish_leads(connection, claimed, {})

    with ThreadPoolExecutor(1) as other:
        with database.writing() as connection:
            mark_leads(connection, ["L-2"], NOW)
            writing = other.submit(run_job, database, write, attempts=1_000)
            wait_for(lambda: _waits(database))
            mark_leads(connection, ["L-1"], NOW)
        writing.result(60)
    assert seen == [{"L-1", "L-2"}]
    assert _deadlocks(database) == 0


def _deadlocks(database: Database) -> int:
    with database.reading() as connection:
        connection.execute(text("SELECT pg_stat_force_next_flush()"))
        asked = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        return int(connection.execute(text(asked)).scalar_one())


@pytest.mark.parametrize("leads", [["L-1", "L-2"], ["L-2", "L-1"]], ids=["in order", "the other way round"])
def test_retention_waits_for_who_writes_scores_and_never_the_other_way_too(
    database: Database, tmp_path: Path, leads: list[str]
) -> None:
    """However the rows lie in the table: a statement for all would lock them as they lie."""
    with database.writing() as connection:
        for age, lead_id in enumerate(leads):
            add_lead(connection, lead_id, NOW - 2 * DAYS * DAY - age)
            mark_leads(connection, [lead_id], NOW)
    work = forgetting(settings(tmp_path, str(database.unopened().url)), database)
    assert work.claim()
    with ThreadPoolExecutor(1) as other:
        with database.writing() as connection:
            connection.execute(text("SET LOCAL deadlock_timeout = '10ms'"))
            assert held(connection, Claims(0, {"L-1": 0})) == {"L-1"}
            erasing = other.submit(work.apply)
            wait_for(lambda: _waits(database))
            assert held(connection, Claims(0, {"L-2": 0})) == {"L-2"}
        assert erasing.result(60)["leads"] == 2


def test_emptying_receipts_waits_for_who_shows_scores_and_never_the_other_way_too(
    database: Database, tmp_path: Path
) -> None:
    with database.writing() as connection:
        for age, lead_id in enumerate(("L-1", "L-2")):
            at = NOW - (2 * DAYS + age) * DAY
            add_lead(connection, lead_id, NOW)
            add_receipt(connection, first_id(at), lead_id, at)
            scored = {"as_of": at, "is_open": True, "log_odds": 0.0, "score": 42, "band": "cold", "model_version": 3}
            given = {"lead_id": lead_id, "features": b"", "receipt_id": first_id(at)}
            connection.execute(insert(SCORES).values({**scored, **given}))
    work = forgetting(settings(tmp_path, str(database.unopened().url), retain_receipts_days=DAYS), database)
    assert work.claim()
    with ThreadPoolExecutor(1) as other:
        with database.writing() as connection:
            connection.execute(text("SET LOCAL deadlock_timeout = '10ms'"))
            held_score = select(SCORES.c.lead_id).with_for_update()
            connection.execute(held_score.where(SCORES.c.lead_id == "L-1")).one()
            emptying = other.submit(work.apply)
            wait_for(lambda: _waits(database))
            connection.execute(held_score.where(SCORES.c.lead_id == "L-2")).one()
        assert emptying.result(60)["receipts"] == 2
