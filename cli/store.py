"""The service's database, as a command opens it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from leadlight.core.errors import NothingThere, Unavailable

if TYPE_CHECKING:
    from leadlight.core.settings import Settings
    from leadlight.serving.store.database import Database

__all__ = ["missing_file", "opened", "require_database"]


def missing_file(url: str) -> Path | None:
    """Return the file of an SQLite database that does not exist; None for any other database."""
    from sqlalchemy.engine import make_url

    parts = make_url(url)
    if parts.get_backend_name() != "sqlite" or parts.database is None:
        return None
    path = Path(parts.database)
    return None if path.exists() else path


def require_database(setting: Settings) -> None:
    """Refuse a home without a database, for a command that would else make an empty one and report on that.

    Raises
    ------
    NothingThere
        If it is an SQLite file that is not there.
    """
    path = missing_file(setting.database)
    if path is not None:
        raise NothingThere(
            f"There is no database at {path} yet: 'leadlight serve' makes it. If it lies elsewhere, set LEADLIGHT_HOME "
            "or LEADLIGHT_DATABASE_URL."
        )


@contextmanager
def opened(setting: Settings) -> Iterator[Database]:
    """Open the database that the settings name; it is made where there is none.

    Raises
    ------
    Unavailable
        If it does not answer, or fails while the block runs.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import SQLAlchemyError

    from leadlight.serving.store.database import Database
    from leadlight.serving.store.plain_error import plain

    database = Database(setting.database)
    try:
        database.open()
        yield database
    except SQLAlchemyError as error:
        place = make_url(setting.database).render_as_string(hide_password=True)
        raise Unavailable(
            f"The database {place} does not answer ({plain(error).strip()}). What was committed stays; see that it "
            "runs and that LEADLIGHT_DATABASE_URL or LEADLIGHT_HOME names it, then run this again."
        ) from error
    finally:
        database.close()
