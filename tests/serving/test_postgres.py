"""A PostgreSQL that stands still, or was started anew: who asks learns of it in time, and nobody waits for ever."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, text
from sqlalchemy import event as events
from sqlalchemy.exc import DBAPIError, OperationalError

from leadlight.serving.store import one_go, postgres
from leadlight.serving.store.database import Database
from leadlight.serving.store.postgres import unhurried
from leadlight.serving.store.schema import META
from leadlight.serving.store.sql import analyze
from own_postgres import OwnPostgres, own_postgres
from waiting import wait_for

PATIENCE = 1.0
USUAL = postgres._ANSWER_SECONDS
LONG = 30.0
"""Far above any patience here, far below for ever."""


@pytest.fixture(scope="module")
def server() -> Iterator[OwnPostgres]:
    with own_postgres() as own:
        yield own


@pytest.fixture
def asked(server: OwnPostgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setattr(postgres, "_CONNECT_SECONDS", 2)
    monkeypatch.setattr(postgres, "_ANSWER_SECONDS", PATIENCE)
    monkeypatch.setattr(one_go, "_SECONDS", PATIENCE)
    database = Database(server.url)
    database.open()
    yield database
    database.close()


def ask(database: Database, statement: str = "SELECT 1") -> int:
    with database.reading() as connection:
        return connection.execute(text(statement)).scalar_one()


def test_who_asks_a_server_that_stands_still_learns_so_and_the_next_at_once(
    server: OwnPostgres, asked: Database
) -> None:
    assert ask(asked) == 1
    server.freeze()
    try:
        began = time.monotonic()
        with pytest.raises(OperationalError, match="did not answer within 1 s"):
            ask(asked)
        assert time.monotonic() - began < LONG
        with pytest.raises(OperationalError, match="did not answer a moment ago"):
            ask(asked)
        time.sleep(postgres._SILENT_SECONDS)
        with ThreadPoolExecutor(8) as callers:
            tried = [callers.submit(ask, asked) for _ in range(8)]
            said = sorted(str(one.exception().orig) for one in tried)  # type: ignore[union-attr]
        assert said[0] == "connection timeout expired"
        assert said[1:] == ["the server did not answer a moment ago"] * 7
    finally:
        server.thaw()
    wait_for(lambda: answers(asked))


def answers(database: Database) -> bool:
    try:
        return ask(database) == 1
    except OperationalError:
        return False


def test_a_write_in_one_go_gives_up_too_and_its_connection_with_it(server: OwnPostgres, asked: Database) -> None:
    server.freeze()
    try:
        with pytest.raises(OperationalError, match="did not answer"):
            asked.write_at_once(("SELECT 1", ()), first="SELECT 1")
    finally:
        server.thaw()
    wait_for(lambda: answers(asked))


def test_a_write_in_one_go_that_waits_for_a_lock_says_nothing_of_the_server(asked: Database) -> None:
    with asked.writing() as holder:
        holder.execute(text("SELECT pg_advisory_xact_lock(1)"))
        with pytest.raises(OperationalError, match="did not answer"):
            asked.write_at_once(("SELECT 1", ()), first="SELECT pg_advisory_xact_lock(1)")
        assert ask(asked) == 1


def test_the_servers_own_words_are_passed_on(asked: Database) -> None:
    with pytest.raises(DBAPIError) as told:
        ask(asked, "SELECT 1 / 0")
    assert told.value.orig is not None
    assert told.value.orig.sqlstate == "22012"  # type: ignore[attr-defined]
    assert answers(asked)


def test_the_server_ends_a_statement_before_who_asks_gives_up(asked: Database) -> None:
    with asked.reading() as connection:
        said = connection.execute(text("SHOW statement_timeout")).scalar_one()
    assert said == "9s"
    assert USUAL > 9


def test_what_makes_whole_tables_may_take_longer(asked: Database) -> None:
    slowly = text(f"SELECT pg_sleep({3 * PATIENCE})")
    with asked.reading() as connection, unhurried(connection):
        connection.execute(slowly)
        assert connection.execute(text("SHOW statement_timeout")).scalar_one() == "0"
    with asked.reading() as connection:
        assert connection.execute(text("SHOW statement_timeout")).scalar_one() == "9s"
        with pytest.raises(OperationalError, match="did not answer"):
            connection.execute(slowly)
    wait_for(lambda: answers(asked))


def test_counting_whole_tables_anew_may_take_longer(asked: Database) -> None:
    limits: list[object] = []

    def note(connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("ANALYZE"):
            driver = connection.connection.driver_connection
            assert driver is not None
            limits.extend([driver.patience, *driver.execute("SHOW statement_timeout").fetchone()])

    with asked.writing() as connection:
        events.listen(connection, "before_cursor_execute", note)
        analyze(connection, [META])
    assert limits == [None, "0"]


def test_what_is_compressed_is_not_compressed_again(asked: Database) -> None:
    storage = "SELECT attstorage FROM pg_attribute WHERE attrelid = 'receipts'::regclass AND attname = 'packed'"
    with asked.reading() as connection:
        assert connection.execute(text(storage)).scalar_one() == "e"  # EXTERNAL


def test_connections_that_lay_idle_are_looked_at_before_they_are_used(
    server: OwnPostgres, asked: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_IDLE_SECONDS", 0.0)
    assert ask(asked) == 1
    server.kill()
    server.start()
    assert ask(asked) == 1  # no caller sees that the connection before was gone


def test_one_that_was_just_used_is_taken_to_be_alive_and_fails_one_caller_only(
    server: OwnPostgres, asked: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_IDLE_SECONDS", LONG * 10)
    assert ask(asked) == 1
    server.kill()
    server.start()
    with pytest.raises(OperationalError):
        ask(asked)
    assert ask(asked) == 1
