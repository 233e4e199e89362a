"""Bringing the tables up to date: in one transaction, by one process at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection, Engine, inspect, text

from leadlight.core.errors import ModelContractError
from leadlight.serving.store.postgres import unhurried

__all__ = ["NEWEST", "alone", "revision_of", "upgrade", "walk"]

NEWEST: Final = "0003"
"""The last step in `migrations/versions`."""

_LOCK_NUMBER: Final = 0x1EAD11
"""Of PostgreSQL's advisory lock: any number that nobody else takes."""


def revision_of(connection: Connection) -> str | None:
    """Return the step that a database stands at; None where it was never upgraded."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return found


def upgrade(engine: Engine, to: str = NEWEST) -> None:
    """Upgrade a database to a step; nothing happens where it stands there.

    Parameters
    ----------
    engine : Engine
    to : str
        Only tests ask for an earlier one than the newest.

    Raises
    ------
    ModelContractError
        If the database stands at a step that this release does not know.
    """
    with engine.connect() as connection:
        if revision_of(connection) == to:
            return
    with alone(engine) as connection:
        walk(connection, to)
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:  # the log would hold on to what was rewritten, and to all its room
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def alone(engine: Engine) -> Iterator[Connection]:
    """Give a connection in one transaction, beside which no other upgrade or restore runs."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            connection.exec_driver_sql("COMMIT")
    else:
        with engine.begin() as connection, unhurried(connection):
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK_NUMBER})"))
            yield connection


def walk(connection: Connection, to: str = NEWEST) -> None:
    """Run the steps that are missing, in a transaction that is `alone`.

    Another process may have done so while this one waited for its turn.

    Raises
    ------
    ModelContractError
        If the database stands at a later step.
    """
    found = revision_of(connection)
    if found == to:
        return
    if found is not None and found > to:
        raise ModelContractError(
            f"The database was upgraded by a newer release of Leadlight (step {found}, this one knows {to}). "
            "Run that release, or restore a backup made before."
        )
    from alembic import command  # only where there is need: it takes a tenth of a second
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "leadlight.serving.store:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, to)
