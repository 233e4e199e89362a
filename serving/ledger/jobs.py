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
        for place, done in zip(left, _run_all(database, [jobs[place] for place in left]), strict=True):
            results[place] = done
        left = [place for place in left if _is_passing(results[place])] if attempt < attempts - 1 else []
        if not left:
            break
    return results


def _run_all(database: Database, jobs: Sequence[Job]) -> list[Any]:
    if len(jobs) == 1 and not database.is_sqlite:
        return [_run_alone(database, *jobs)]
    with database.writing() as connection:
        return [_run(connection, job) for job in jobs]


def _run_alone(database: Database, job: Job) -> Any:
    """Run a job that has a transaction to itself: a savepoint would be two more questions to the server."""
    try:
        with database.writing() as connection:
            return job(connection)
    except Exception as error:
        return error


def _run(connection: Connection, job: Job) -> Any:
    """Run one of several jobs, so that it may fail without the others."""
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
