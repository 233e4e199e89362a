"""A transaction of PostgreSQL that is sent whole, and answered whole.

Statement by statement each one waits for the server, and then again for its turn among this process's threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias, cast

import psycopg
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

__all__ = ["Statement", "run_in_one_go"]

Statement: TypeAlias = tuple[str, tuple[Any, ...]]
"""A statement in the driver's own words, and its values."""

_COMMIT: Final = "COMMIT"


def run_in_one_go(connection: Connection, statements: Sequence[Statement]) -> int:
    """Run statements and commit; return how many rows the last one wrote.

    Parameters
    ----------
    connection : Connection
        Outside of any transaction.
    statements : sequence of Statement
        Each sees what was committed before it begins; a failure undoes them all.

    Raises
    ------
    sqlalchemy.exc.OperationalError
        Whatever failed; the connection is given up then.
    """
    driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
    try:
        with driver.pipeline(), driver.cursor() as cursor:
            for statement, values in statements[:-1]:
                driver.execute(statement, values)
            cursor.execute(*statements[-1])
            driver.execute(_COMMIT)
        return cursor.rowcount
    except psycopg.Error as error:
        connection.invalidate()
        raise OperationalError(statements[-1][0], None, error, hide_parameters=True) from error
