"""The tables and the way to them, on both databases."""

from __future__ import annotations

import json
import resource
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event as events
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError, OperationalError

from databases import KINDS, database_url
from leadlight.core.errors import ModelContractError
from leadlight.serving.store import database as store
from leadlight.serving.store.database import Database, _engine
from leadlight.serving.store.packed import NOTHING, unpacked
from leadlight.serving.store.schema import META, METADATA, RECEIPTS
from leadlight.serving.store.upgrade import NEWEST, revision_of, upgrade

FIRST_FORM = """
CREATE TABLE receipts (receipt_id TEXT NOT NULL PRIMARY KEY, lead_id TEXT NOT NULL, as_of BIGINT NOT NULL,
  made_at BIGINT NOT NULL, model_version INTEGER NOT NULL, agreement_version TEXT NOT NULL,
  schema_version INTEGER NOT NULL, receipt TEXT NOT NULL)
"""
"""As the release before the first migration made it."""

OLD_RECEIPT = """
INSERT INTO receipts (receipt_id, lead_id, as_of, made_at, model_version, agreement_version, schema_version, receipt)
  VALUES (:id, 'L-1', 5, 6, 7, 'v', 1, :text)"""


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without any table."""
    with database_url(request.param, tmp_path) as made:
        yield made


def same_as_schema(database: Database) -> bool:
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return compare_metadata(context, METADATA) == []


def engine_of(database: Database):
    return _engine(database._url)


def test_the_migrations_lead_to_the_schema(database: Database) -> None:
    database.open()
    assert same_as_schema(database)
    with database.reading() as connection:
        assert revision_of(connection) == NEWEST


@pytest.mark.parametrize("stands_at", [None, "0001", "0002"])
def test_a_database_of_every_earlier_form_is_brought_up_to_date(database: Database, stands_at: str | None) -> None:
    engine = engine_of(database)
    if stands_at is None:
        with engine.begin() as connection:
            connection.execute(text(FIRST_FORM))
            connection.execute(text("CREATE INDEX receipts_by_lead ON receipts (lead_id, made_at)"))
    else:
        upgrade(engine, stands_at)
    with engine.begin() as connection:
        for number in range(1_001):  # more than are read at a time
            connection.execute(text(OLD_RECEIPT), {"id": f"{number:026}", "text": json.dumps({"score": number % 101})})
        if stands_at == "0002":  # whose service wrote scores, and emptied receipts
            connection.execute(text("UPDATE receipts SET score = CAST(receipt_id AS BIGINT) % 101"))
            connection.execute(text(OLD_RECEIPT), {"id": "erased", "text": ""})
    engine.dispose()
    database.open()
    assert same_as_schema(database)
    with database.reading() as connection:
        rows = connection.execute(select(RECEIPTS.c.receipt_id, RECEIPTS.c.score, RECEIPTS.c.packed)).all()
        emptied = select(RECEIPTS.c.receipt_id).where(RECEIPTS.c.packed == NOTHING)
        assert connection.execute(emptied).scalars().all() == (["erased"] if stands_at == "0002" else [])
    whole = [row for row in rows if row.receipt_id != "erased"]
    assert len(whole) == 1_001
    for row in whole:
        score = int(row.receipt_id) % 101
        assert (row.score, json.loads(unpacked(row.packed))) == (score, {"score": score})


def test_an_upgrade_leaves_nothing_of_what_it_rewrote_behind(tmp_path: Path) -> None:
    """Else who was erased later could be read in the log, and the old room would stay taken beside the new."""
    path = tmp_path / "leadlight.db"
    database = Database(f"sqlite:///{path}")
    engine = engine_of(database)
    upgrade(engine, "0002")
    with engine.begin() as connection:
        for number in range(300):
            says = json.dumps({"score": 1, "why": "MARKED" * 2_500})
            connection.execute(text(OLD_RECEIPT), {"id": f"{number:026}", "text": says})
    engine.dispose()
    before = path.stat().st_size
    database.open()
    with database.reading():  # it is being worked with: no end of the last connection tidies up
        assert Path(f"{path}-wal").stat().st_size == 0
        assert b"MARKEDMARKED" not in path.read_bytes()
        assert path.stat().st_size < 1.1 * before
    database.close()


def test_a_database_of_a_newer_release_is_refused_and_left_alone(database: Database) -> None:
    database.open()
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(ModelContractError, match=r"newer release.*9999"):
        database.open()


def test_many_at_once_upgrade_once(url: str) -> None:
    databases = [Database(url) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda one: one.open(), databases))
    assert all(same_as_schema(one) for one in databases)
    for one in databases:
        one.close()


def _write(database: Database, *names: str) -> None:
    with database.writing() as connection:
        for name in names:
            connection.execute(insert(META), [{"name": name, "value": "1"}])


def test_what_fails_is_undone_whole_and_the_next_works(database: Database) -> None:
    _write(database, "a")
    with pytest.raises(IntegrityError):
        _write(database, "b", "a")
    _write(database, "c")
    with database.reading() as connection:
        assert connection.execute(select(META.c.name).order_by(META.c.name)).scalars().all() == ["a", "c"]


def test_a_reader_sees_one_state(database: Database) -> None:
    database.open()
    with database.reading() as reader:
        assert reader.execute(select(META.c.name)).all() == []
        _write(database, "a")
        assert reader.execute(select(META.c.name)).all() == []
    with database.reading() as reader:
        assert len(reader.execute(select(META.c.name)).all()) == 1


def test_who_reads_waits_for_no_writer(database: Database) -> None:
    database.open()
    with database.writing(), ThreadPoolExecutor(1) as other:
        other.submit(_read_once, database).result(60)


def _read_once(database: Database) -> None:
    with database.reading() as connection:
        connection.execute(select(META.c.name)).all()


def test_only_where_nobody_gets_anywhere_the_time_in_line_counts(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'leadlight.db'}")
    database.open()
    long_ago = time.monotonic() - 60
    with closing(sqlite3.connect(tmp_path / "leadlight.db", isolation_level=None)) as somebody:
        somebody.execute("BEGIN IMMEDIATE")
        assert database._patience(long_ago) == store._BUSY_MILLISECONDS
        with pytest.raises(OperationalError, match="locked"):
            _write_once(database)
        assert database._patience(long_ago) == 0
        assert database._patience(time.monotonic()) > 0
        somebody.execute("ROLLBACK")
    _write_once(database)
    assert database._patience(long_ago) == store._BUSY_MILLISECONDS
    database.close()


def _write_once(database: Database) -> None:
    with database.writing():
        pass


def test_who_waited_for_a_thread_waits_less_for_a_process_and_the_next_as_long_as_ever(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'leadlight.db'}")
    with database.writing() as connection:
        writer = connection
    with closing(sqlite3.connect(tmp_path / "leadlight.db", isolation_level=None)) as somebody:
        somebody.execute("BEGIN IMMEDIATE")
        with pytest.raises(OperationalError, match="locked"):
            store._patiently(writer, 1, "BEGIN IMMEDIATE", ())
        somebody.execute("ROLLBACK")
    store._patiently(writer, 1, "BEGIN IMMEDIATE", ())
    assert writer.exec_driver_sql("PRAGMA busy_timeout").scalar() == store._BUSY_MILLISECONDS
    database.close()


def test_a_write_is_on_the_disk(database: Database) -> None:
    with database.writing() as connection:
        durable = "PRAGMA synchronous" if database.is_sqlite else "SHOW synchronous_commit"
        assert connection.exec_driver_sql(durable).scalar() == (2 if database.is_sqlite else "on")


@pytest.mark.parametrize("wrote_before", [False, True])
def test_a_file_that_was_replaced_is_noticed_at_once(tmp_path: Path, wrote_before: bool) -> None:
    path = tmp_path / "leadlight.db"
    database = Database(f"sqlite:///{path}")
    with database.reading() as connection:
        connection.execute(select(META.c.value)).all()
    if wrote_before:
        note(database, "before")
    for file in tmp_path.glob("leadlight.db*"):
        file.rename(tmp_path / f"away-{file.name}")
    other = Database(f"sqlite:///{path}")
    note(other, "other")
    other.close()
    note(database, "after")
    with database.reading() as connection:
        assert sorted(connection.execute(select(META.c.name)).scalars()) == ["after", "other"]
    database.close()


@pytest.mark.parametrize("writes", [True, False])
def test_a_file_that_was_replaced_while_it_was_opened_is_noticed(tmp_path: Path, writes: bool) -> None:
    """Else a connection takes itself for one to the file that lies there now, and what it is told is lost."""
    path = tmp_path / "leadlight.db"
    database = Database(f"sqlite:///{path}")
    database.open()
    engine = database._opened()
    engine.dispose()  # the next connection is a new one

    def carry_off(*_: object) -> None:
        if path.is_file():
            path.rename(tmp_path / "carried-off.db")
            path.mkdir()

    events.listen(engine, "connect", carry_off, insert=True)  # it is open, and nothing was noted of it yet
    with pytest.raises(OperationalError), database.writing() if writes else database.reading():
        pass
    database.close()


def test_a_log_that_the_disk_does_not_take_leaves_nobody_without_patience(tmp_path: Path) -> None:
    """Connections are shared: the one that looked for a moment without waiting may be the writer's next."""
    path = tmp_path / "leadlight.db"
    database = Database(f"sqlite:///{path}")
    note(database, "in the log")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, before[1]))  # as if the disk were full
    try:
        with pytest.raises(OperationalError):
            database.shorten_log()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    with database.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 5_000
    assert database.shorten_log()
    database.close()


def note(database: Database, name: str) -> None:
    with database.writing() as connection:
        connection.execute(META.insert(), [{"name": name, "value": ""}])
