"""The service's database, as a command opens it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from leadlight.core.errors import Unavailable

if TYPE_CHECKING:
    from leadlight.core.settings import Settings
    from leadlight.serving.store.database import Database

__all__ = ["opened"]


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
