"""Jobs on the database, many in one transaction: each stands or falls alone, all are on the disk together.

What many callers tell at the same time is told as if one had told all of it, where that is possible: a question to the
database costs the same for one lead and for fifty.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from leadlight.serving.store.database import Database

__all__ = ["Job", "Shared", "run_job", "run_jobs"]

Job = Callable[[Connection], Any]

_TOGETHER: Final = 2_000
"""Size up to which jobs share a step."""

_ATTEMPTS: Final = 4
_PASSING: Final = ("23505", "40001", "40P01", "55P03")
"""PostgreSQL's words for: somebody else was quicker, or we stood in each other's way. Again, and it works."""


@dataclass(frozen=True, slots=True)
class Shared:
    """A job that may be done in one step with others of its kind.

    Attributes
    ----------
    kind : str
    item : object
        What is to be done.
    size : int
        How much that is, of 1,000 or so that are well done at once.
    together : callable
        Does the items of jobs of this kind; returns a result for each.
    """

    kind: str
    item: Any
    size: int
    together: Callable[[Connection, Sequence[Any]], Sequence[Any]]

    def __call__(self, connection: Connection) -> Any:
        """Do it alone."""
        [done] = self.together(connection, [self.item])
        return done


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
    results: list[Any] = [None] * len(jobs)
    with database.writing() as connection:
        for places in _steps(jobs):
            done = _run_step(connection, [jobs[place] for place in places])
            for place, result in zip(places, done, strict=True):
                results[place] = result
    return results


def _steps(jobs: Sequence[Job]) -> list[list[int]]:
    """Return the places of jobs that are done in one step, in order of the first of each.

    Who waits at the same time has no claim to be first: nobody has been answered yet.
    """
    steps: list[list[int]] = []
    growing: dict[str, tuple[list[int], int]] = {}
    for place, job in enumerate(jobs):
        if not isinstance(job, Shared):
            steps.append([place])
            continue
        step, size = growing.get(job.kind, ([], 0))
        if not step or size + job.size > _TOGETHER:
            step, size = [], 0
            steps.append(step)
        step.append(place)
        growing[job.kind] = step, size + job.size
    return steps


def _run_step(connection: Connection, jobs: Sequence[Job]) -> Sequence[Any]:
    first = jobs[0]
    if len(jobs) > 1 and isinstance(first, Shared):
        items = [job.item for job in jobs if isinstance(job, Shared)]
        done = _run(connection, lambda connection: first.together(connection, items))
        if not isinstance(done, Exception):
            results: Sequence[Any] = done
            return results
    return [_run(connection, job) for job in jobs]  # where one can't be done, the others can


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
