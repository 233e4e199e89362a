"""The way to a PostgreSQL server: who asks it waits only so long.

A server that stands still, or whose machine can't be reached any more, ends no connection: without a limit on this side
whoever asks it would wait for ever. One that was silent is asked by one caller at a time until it answers again; all
others learn at once that it does not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Lock
from typing import Any, Final, TypeVar

import psycopg
from psycopg.abc import PQGen
from sqlalchemy import Connection, Dialect, Engine, create_engine
from sqlalchemy import event as events
from sqlalchemy.engine import URL
from sqlalchemy.exc import InvalidatePoolError

__all__ = ["patient_for", "postgres_engine", "unhurried"]

_ANSWER_SECONDS: Final = 10.0
"""How long the server may take to answer; a statement that runs longer it ends itself, a little before."""

_STATEMENT_MILLISECONDS: Final = 9_000
_CONNECT_SECONDS: Final = 3
_SILENT_SECONDS: Final = 1.0
"""After a try in vain, how long until the next."""

_IDLE_SECONDS: Final = 1.0
"""A connection that was used this lately is taken to be alive: to ask first would cost as much as a short question."""

_POOL_SECONDS: Final = 5
"""How long one waits for another's connection, where those at hand don't come back."""

_CONNECTIONS: Final = 4

_Result = TypeVar("_Result")


def postgres_engine(url: URL) -> Engine:
    """Return an engine whose statements end in time, one way or another; nothing is opened yet."""
    engine = create_engine(
        url,
        hide_parameters=True,  # what a statement was given may be a lead's, and errors are logged
        pool_size=_CONNECTIONS,
        pool_timeout=_POOL_SECONDS,
        connect_args={
            "connect_timeout": _CONNECT_SECONDS,
            "options": f"-c statement_timeout={_STATEMENT_MILLISECONDS}",
        },
    )
    server = _Server()
    events.listen(engine, "do_connect", server.connect)
    for used in ("connect", "checkin"):
        events.listen(engine, used, _note_use)
    events.listen(engine, "checkout", partial(_ping_idle, engine.dialect))
    return engine


@contextmanager
def unhurried(connection: Connection) -> Iterator[None]:
    """Let statements take as long as they need, until the end of the block or the transaction.

    For what reads or makes whole tables. On SQLite nothing is limited anyway.
    """
    if connection.dialect.name == "sqlite":
        yield
        return
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    with patient_for(connection, None):
        yield


@contextmanager
def patient_for(connection: Connection, seconds: float | None) -> Iterator[psycopg.Connection[Any]]:
    """Wait so long for each of PostgreSQL's answers in the block, None: for ever; gives the driver's connection.

    That an answer took longer means little here: it may have waited for a lock.
    """
    driver = connection.connection.driver_connection
    assert isinstance(driver, _PatientConnection)
    usual = driver.patience, driver.silent
    driver.patience, driver.silent = seconds, _say_nothing
    try:
        yield driver
    finally:
        driver.patience, driver.silent = usual


class _PatientConnection(psycopg.Connection[Any]):
    """Ends itself where the server does not answer in time.

    Attributes
    ----------
    patience : float or None
        Seconds; None: for ever.
    silent : callable
        Called when it ended: no statement takes as long on a server that works.
    """

    patience: float | None = None
    silent: Callable[[], object]

    def wait(self, gen: PQGen[_Result], interval: float = 0.1, timeout: float | None = None) -> _Result:
        """Wait for an answer, as psycopg does."""
        if timeout is not None or self.patience is None:
            return super().wait(gen, interval, timeout)
        began = time.monotonic()
        try:
            return super().wait(gen, interval, self.patience)
        except psycopg.OperationalError:
            if time.monotonic() - began < self.patience:
                raise  # the server's own words
            self.pgconn.finish()  # the answer may still come: nobody else shall take it for theirs
            self.silent()
            raise psycopg.OperationalError(f"the server did not answer within {self.patience:g} s") from None


class _Server:
    """Connects, unless the server has just shown that it answers nobody."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._is_silent = False
        self._next_try = 0.0

    def connect(self, _dialect: object, _record: object, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Return a connection, as SQLAlchemy asks for it.

        Raises
        ------
        psycopg.OperationalError
            If there is none to be had.
        """
        self._take_turn()
        try:
            connection = _PatientConnection.connect(*given, **named)
        except psycopg.errors.ConnectionTimeout:
            self._note_silence()
            raise
        except psycopg.Error:
            self._is_silent = False  # it said no: that was fast, and may be over at any moment
            raise
        self._is_silent = False
        connection.patience, connection.silent = _ANSWER_SECONDS, self._note_silence
        return connection

    def _take_turn(self) -> None:
        with self._lock:
            now = time.monotonic()
            if self._is_silent and now < self._next_try:
                raise psycopg.OperationalError("the server did not answer a moment ago")
            self._next_try = now + _CONNECT_SECONDS + _SILENT_SECONDS

    def _note_silence(self) -> None:
        with self._lock:
            self._is_silent = True
            self._next_try = time.monotonic() + _SILENT_SECONDS


def _ping_idle(dialect: Dialect, connection: Any, record: Any, _proxy: object) -> None:
    """Have another connection taken for one that lay idle and is dead: a server that began anew has forgotten it."""
    if time.monotonic() - record.info["used"] < _IDLE_SECONDS:
        return
    connection.patience = _CONNECT_SECONDS
    try:
        dialect.do_ping(connection)
    except psycopg.Error as error:
        raise InvalidatePoolError("the server has forgotten this connection") from error  # and all that are as old
    connection.patience = _ANSWER_SECONDS


def _say_nothing() -> None:
    """Draw no conclusion."""


def _note_use(_connection: object, record: Any) -> None:
    record.info["used"] = time.monotonic()
