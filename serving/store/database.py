"""Receipts in a database: SQLite in WAL mode unless another is set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    create_engine,
    select,
)
from sqlalchemy import event as events
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateIndex, CreateTable

from leadlight.serving.store.receipts import Receipt, Slip

__all__ = ["ReceiptDatabase"]

_METADATA: Final = MetaData()
_RECEIPTS: Final = Table(
    "receipts",
    _METADATA,
    Column("receipt_id", Text, primary_key=True),
    Column("lead_id", Text, nullable=False),
    Column("as_of", BigInteger, nullable=False, comment="microseconds since 1970 UTC"),
    Column("made_at", BigInteger, nullable=False, comment="microseconds since 1970 UTC"),
    Column("model_version", Integer, nullable=False),
    Column("agreement_version", Text, nullable=False),
    Column("schema_version", Integer, nullable=False),
    Column("receipt", Text, key="text", nullable=False, comment="the whole receipt as JSON"),
    Index("receipts_by_lead", "lead_id", "made_at"),
)
_BUSY_MILLISECONDS: Final = 2_000
_AT_ONCE: Final = 500
"""Ids in one question: older builds of SQLite bind at most 999 values."""

_ROWS: Final = 100
"""Rows in one statement; each has eight values."""


class ReceiptDatabase:
    """Writes receipts durably and reads them back.

    One connection writes, under a lock, because SQLite has one writer anyway; each reader opens its own. A commit
    returns only when the data is on the disk (``synchronous=FULL``).

    Parameters
    ----------
    url : str
        SQLAlchemy URL. Nothing is opened before `open`.
    """

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self._lock = Lock()
        self._engine: Engine | None = None
        self._writer: Connection | None = None

    def open(self) -> None:
        """Open the writing connection and make the table where it is missing.

        Raises
        ------
        sqlalchemy.exc.SQLAlchemyError, OSError
            If the database can't be reached or written.
        """
        with self._lock:
            try:
                self._connection()
            except BaseException:
                self._drop()
                raise

    def _connection(self) -> Connection:
        if self._writer is None:
            self._engine = self._connect()
            self._writer = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            with self._writer.begin():
                self._writer.execute(CreateTable(_RECEIPTS, if_not_exists=True))
                for index in _RECEIPTS.indexes:
                    self._writer.execute(CreateIndex(index, if_not_exists=True))
        return self._writer

    def _connect(self) -> Engine:
        if self._url.get_backend_name() != "sqlite":
            return create_engine(self._url)
        if self._url.database:
            Path(self._url.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(self._url, poolclass=NullPool, connect_args={"check_same_thread": False})
        events.listen(engine, "connect", _prepare_sqlite)
        return engine

    def add(self, receipts: Sequence[Slip]) -> None:
        """Write receipts in one transaction; when this returns they survive a crash."""
        if 0 < len(receipts) <= _ROWS:
            with self._writing() as writer:  # one statement is a transaction by itself
                _insert(writer, receipts)
        elif receipts:
            with self._transaction() as writer:
                _insert(writer, receipts)

    def add_missing(self, receipts: Sequence[Slip]) -> int:
        """Write those receipts that are not there yet, in one transaction; return how many."""
        if not receipts:
            return 0
        with self._transaction() as writer:
            ids = [receipt.receipt_id for receipt in receipts]
            there = _there(writer, ids)
            new = {receipt.receipt_id: receipt for receipt in receipts if receipt.receipt_id not in there}
            _insert(writer, list(new.values()))
        return len(new)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        """One transaction of several statements; whatever fails ends it with the connection."""
        with self._writing() as writer:
            writer.exec_driver_sql("BEGIN")
            yield writer
            writer.exec_driver_sql("COMMIT")

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """Give the writing connection, each statement of which is committed; it is opened anew after any failure."""
        with self._lock:
            writer = self._connection()
            try:
                with writer.begin():
                    yield writer
            except BaseException:
                self._drop()
                raise

    def get(self, receipt_id: str) -> Receipt | None:
        """Return a receipt, or None if there is none of this id."""
        if self._engine is None:
            self.open()
        assert self._engine is not None  # open() has set it or raised
        with self._engine.connect() as reader:
            text = reader.execute(
                select(_RECEIPTS.c.text).where(_RECEIPTS.c.receipt_id == receipt_id)
            ).scalar_one_or_none()
        return None if text is None else Receipt.from_json(text)

    def close(self) -> None:
        """Close all connections; `open` may be called again."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        writer, engine = self._writer, self._engine
        self._writer = self._engine = None
        if writer is not None:
            writer.close()
        if engine is not None:
            engine.dispose()


def _there(connection: Connection, ids: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(ids), _AT_ONCE):
        part = ids[start : start + _AT_ONCE]
        found.update(
            connection.execute(select(_RECEIPTS.c.receipt_id).where(_RECEIPTS.c.receipt_id.in_(part))).scalars()
        )
    return found


def _insert(connection: Connection, receipts: Sequence[Slip]) -> None:
    """Write many rows by one statement: between two the writing thread would wait for its turn again."""
    mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    names, row = ", ".join(_RECEIPTS.c[name].name for name in Slip._fields), ", ".join([mark] * len(Slip._fields))
    for start in range(0, len(receipts), _ROWS):
        part = receipts[start : start + _ROWS]
        rows = ", ".join([f"({row})"] * len(part))
        values = tuple(value for receipt in part for value in receipt)
        connection.exec_driver_sql(f"INSERT INTO {_RECEIPTS.name} ({names}) VALUES {rows}", values)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    # pages as large as a receipt: fewer writes; SQLite heeds it only where the file is still to be made
    for pragma in ("page_size=16384", "journal_mode=WAL", "synchronous=FULL", f"busy_timeout={_BUSY_MILLISECONDS}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
