"""The database: SQLite in WAL mode unless another is set. Connections, transactions, and who may write when."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import RLock
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy import event as events
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import QueuePool

from leadlight.serving.store.one_go import Statement, run_in_one_go
from leadlight.serving.store.postgres import postgres_engine
from leadlight.serving.store.upgrade import upgrade

__all__ = ["Database"]

_BUSY_MILLISECONDS: Final = 5_000
"""How long one process waits for another to finish writing."""

_CONNECTIONS: Final = 4


class Database:
    """Opens connections; makes and upgrades the tables first.

    A commit returns only when the data is on the disk. With SQLite one connection writes, under a lock, because
    SQLite has one writer anyway; readers have connections of their own.

    Parameters
    ----------
    url : str
        SQLAlchemy URL. Nothing is opened before it is needed.
    """

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        if self._url.drivername == "postgresql":
            self._url = self._url.set(drivername="postgresql+psycopg")
        self._lock = RLock()
        self._engine: Engine | None = None
        self._is_stuck = False
        self._writer: Connection | None = None

    @property
    def is_sqlite(self) -> bool:
        """Whether it is one file, with one writer at a time."""
        return self.dialect == "sqlite"

    @property
    def dialect(self) -> str:
        """Which database it is: sqlite or postgresql."""
        return self._url.get_backend_name()

    def open(self) -> None:
        """Connect, and bring the tables up to date.

        Raises
        ------
        sqlalchemy.exc.SQLAlchemyError, OSError
            If the database can't be reached or written.
        ModelContractError
            If a newer release has changed it.
        """
        self._opened()

    def _opened(self) -> Engine:
        engine = self._engine
        if engine is not None:  # who reads waits for nobody who writes
            return engine
        with self._lock:
            if self._engine is None:
                engine = _engine(self._url)
                try:
                    upgrade(engine)
                except BaseException:
                    engine.dispose()
                    raise
                self._engine = engine
            return self._engine

    def unopened(self) -> Engine:
        """Return an engine of the caller's own, with the tables as they stand; to be disposed of after use."""
        return _engine(self._url)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection within a transaction that is committed at the end, or undone where the block raises."""
        if not self.is_sqlite:
            with self._opened().begin() as connection:
                yield connection
            return
        with self._begun("BEGIN IMMEDIATE") as (writer, _):  # at once: a reader turned writer might come too late
            yield writer
            writer.exec_driver_sql("COMMIT")

    def write_at_once(self, statement: Statement, *, first: str) -> int:
        """Run one statement as a transaction, and in one go: that is over sooner.

        Parameters
        ----------
        statement : (str, tuple)
            In the driver's words, with its values.
        first : str
            What is to be said before it on PostgreSQL; SQLite has one writer anyway.

        Returns
        -------
        int
            Rows that it wrote.

        Raises
        ------
        sqlalchemy.exc.SQLAlchemyError, OSError
            If the database does not answer or refuses it: then nothing was written.
        """
        if not self.is_sqlite:
            with self._opened().connect() as connection:
                return run_in_one_go(connection, first, statement)
        with self._begun(*statement) as (_, written):
            return written

    @contextmanager
    def _begun(self, statement: str, values: tuple[Any, ...] = ()) -> Iterator[tuple[Connection, int]]:
        """Run a statement when it is one's turn; give SQLite's writing connection and how many rows were written."""
        began = time.monotonic()
        with self._lock:
            patience = self._patience(began)
            self._is_stuck = True  # until it has begun
            writer = self._sqlite_writer()
            try:
                written = _patiently(writer, patience, statement, values)
                self._is_stuck = False
                yield writer, written
            except BaseException:
                self._drop_writer()  # whatever state it was in, closing it undoes what was not committed
                raise

    def _patience(self, began: float) -> int:
        """Return for how many milliseconds who has waited for its turn may still wait for other processes.

        As long as writers come to their turn, however slowly, each has the whole time. Where the one before got nowhere
        the time in line counts too: else each would wait for all before it, and none would get anywhere.
        """
        if not self._is_stuck:
            return _BUSY_MILLISECONDS
        return max(0, _BUSY_MILLISECONDS - int(1_000 * (time.monotonic() - began)))

    @contextmanager
    def outside(self) -> Iterator[Connection]:
        """Give SQLite's writing connection outside of any transaction, where its ways may be set."""
        with self._lock:
            yield self._sqlite_writer()

    def _sqlite_writer(self) -> Connection:
        if self._writer is not None and self._writer.info["file"] != _file_at(self._url):
            self._drop_writer()
        if self._writer is None:
            self._writer = self._opened().connect()
        return self._writer

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that sees one state of the database, and writes nothing."""
        if not self.is_sqlite:
            with self._opened().connect() as connection:
                connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                yield connection
            return
        with self._opened().connect() as connection:
            connection.exec_driver_sql("BEGIN")
            try:
                yield connection
                connection.exec_driver_sql("ROLLBACK")
            except BaseException:
                connection.invalidate()  # whatever state it is in, nobody else shall have it
                raise

    def shorten_log(self) -> bool:
        """Empty SQLite's write-ahead log, which still holds pages as they were before the last changes.

        Nobody is waited for and hardly anybody waits: where somebody reads at this moment, nothing happens.

        Returns
        -------
        bool
            Whether it is empty now, or there is none.
        """
        if not self.is_sqlite:
            return True
        with self._opened().connect() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout=0")
            try:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")  # most of the work, beside those who write
                return not connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]
            finally:  # the next who gets this connection may be the writer
                connection.exec_driver_sql(f"PRAGMA busy_timeout={_BUSY_MILLISECONDS}")

    def close(self) -> None:
        """Close all connections; what needs one later opens it anew."""
        with self._lock:
            self._drop_writer()
            engine, self._engine = self._engine, None
            if engine is not None:
                engine.dispose()

    def _drop_writer(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.invalidate()
            writer.close()


def _patiently(writer: Connection, milliseconds: int, statement: str, values: tuple[Any, ...]) -> int:
    """Run a statement that waits so long for other processes; return how many rows it wrote."""
    is_less = milliseconds < _BUSY_MILLISECONDS
    if is_less:
        writer.exec_driver_sql(f"PRAGMA busy_timeout={milliseconds}")
    written = writer.exec_driver_sql(statement, values).rowcount
    if is_less:
        writer.exec_driver_sql(f"PRAGMA busy_timeout={_BUSY_MILLISECONDS}")
    return written


def _engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        return postgres_engine(url)
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url,
        hide_parameters=True,
        poolclass=QueuePool,
        pool_size=_CONNECTIONS,
        max_overflow=-1,
        isolation_level="AUTOCOMMIT",
        connect_args={"check_same_thread": False},
    )
    events.listen(engine, "do_connect", partial(_note_file, url))
    events.listen(engine, "connect", partial(_prepare_sqlite, url))
    events.listen(engine, "checkout", partial(_require_file, url))
    return engine


def _file_at(url: URL) -> tuple[int, int] | None:
    """Return which file lies where the database's should; None where none does.

    A file that was moved away or replaced goes on being read and written by those who hold it: what they are told would
    be lost, and nothing would say so.
    """
    try:
        found = os.stat(url.database or "")
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _note_file(url: URL, _dialect: object, record: Any, _given: object, _named: object) -> None:
    """Note which file is about to be opened: noted afterwards, one that took its place meanwhile would pass for it."""
    record.info["file"] = _file_at(url)


def _require_file(url: URL, _connection: object, record: Any, _proxy: object) -> None:
    if record.info["file"] != _file_at(url):
        raise DisconnectionError("another file lies there now")


def _prepare_sqlite(url: URL, connection: Any, record: Any) -> None:
    cursor = connection.cursor()
    # pages as large as a receipt: fewer writes; SQLite heeds it only where the file is still to be made
    for pragma in (
        "page_size=16384",
        f"busy_timeout={_BUSY_MILLISECONDS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "secure_delete=ON",  # what is erased is overwritten in the file; not every build of SQLite does so unasked
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
    if record.info["file"] is None:  # it was made by being opened
        record.info["file"] = _file_at(url)
