"""A transaction of PostgreSQL that is sent whole, and answered whole.

Statement by statement each one waits for the server, and then again for its turn among this process's threads.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import psycopg
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from leadlight.serving.store.postgres import patient_for

__all__ = ["Statement", "run_in_one_go"]

_SECONDS: Final = 5.0
"""How long the server may take: who sends something whole has somebody waiting, and another way."""

Statement: TypeAlias = tuple[str, tuple[Any, ...]]
"""A statement in the driver's own words, and its values."""


def run_in_one_go(connection: Connection, first: str, statement: Statement) -> int:
    """Say something first, run a statement, and commit; return how many rows the statement wrote.

    Parameters
    ----------
    connection : Connection
        Outside of any transaction.
    first : str
    statement : Statement
        It sees what was committed before it begins, even while the first one waited; a failure undoes all.

    Raises
    ------
    sqlalchemy.exc.OperationalError
        Whatever failed; the connection is given up then.
    """
    try:
        with patient_for(connection, _SECONDS) as driver, driver.pipeline(), driver.cursor() as cursor:
            driver.execute(first)
            cursor.execute(*statement)
            driver.execute("COMMIT")
        return cursor.rowcount
    except psycopg.Error as error:
        connection.invalidate()
        raise OperationalError(statement[0], None, error, hide_parameters=True) from error
