"""Jobs on the database, many in one transaction: each stands or falls alone, all are on the disk together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from leadlight.serving.store.database import Database

__all__ = ["Job", "run_job", "run_jobs"]

Job = Callable[[Connection], Any]

_ATTEMPTS: Final = 4
_PASSING: Final = ("23505", "40001", "40P01", "55P03")
"""PostgreSQL's words for: somebody else was quicker, or we stood in each other's way. Again, and it works."""


def run_job(database: Database, job: Job, *, attempts: int = _ATTEMPTS) -> Any:
    """Run one job in a transaction of its own and return its result.

    Raises
    ------
    Exception
        Whatever the job ended with; also as `run_jobs`.
    """
    [done] = run_jobs(database, [job], attempts=attempts)
    if isinstance(done, Exception):
        raise done
    return done


def run_jobs(database: Database, jobs: Sequence[Job], *, attempts: int = _ATTEMPTS) -> list[Any]:
    """Run jobs in one transaction; one that others stood in the way of is tried again, so many times in all.

    Returns
    -------
    list
        For each job its result or the exception that it ended with; then nothing of it is kept.

    Raises
    ------
    sqlalchemy.exc.SQLAlchemyError, OSError
        If the database does not answer or could not commit: then no job is done.
    """
    results: list[Any] = [None] * len(jobs)
    left = list(range(len(jobs)))
    for attempt in range(attempts):
        again: list[int] = []
        done: dict[int, Any] = {}
        with database.writing() as connection:
            for place in left:
                done[place] = _run(connection, jobs[place])
                if _is_passing(done[place]) and attempt < attempts - 1:
                    again.append(place)
        for place, result in done.items():
            results[place] = result
        left = again
        if not left:
            break
    return results


def _run(connection: Connection, job: Job) -> Any:
    connection.exec_driver_sql("SAVEPOINT job")
    try:
        result = job(connection)
        connection.exec_driver_sql("RELEASE SAVEPOINT job")
    except Exception as error:
        if isinstance(error, DBAPIError) and error.connection_invalidated:
            raise
        connection.exec_driver_sql("ROLLBACK TO SAVEPOINT job")
        return error
    return result


def _is_passing(result: object) -> bool:
    return isinstance(result, DBAPIError) and getattr(result.orig, "sqlstate", None) in _PASSING
