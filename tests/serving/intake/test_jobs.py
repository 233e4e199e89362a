"""Jobs in one transaction: each stands or falls alone, whether others share it or not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Connection, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from leadlight.core.errors import LeadlightError
from leadlight.serving.ledger.jobs import Job, run_job, run_jobs
from leadlight.serving.store.database import Database
from leadlight.serving.store.schema import META


def noted(database: Database) -> list[str]:
    with database.reading() as connection:
        return list(connection.execute(select(META.c.name).order_by(META.c.name)).scalars())


def note(name: str) -> Callable[[Connection], str]:
    def job(connection: Connection) -> str:
        connection.execute(META.insert(), [{"name": name, "value": "1"}])
        return name

    return job


def note_and_fail(connection: Connection) -> None:
    note("half")(connection)
    raise LeadlightError("a refusal, say")


def note_twice(connection: Connection) -> None:
    note("half")(connection)
    note("half")(connection)


@pytest.mark.parametrize("fails", [note_and_fail, note_twice])
@pytest.mark.parametrize("beside", [[], [note("a"), note("b")]], ids=["alone", "beside others"])
def test_of_a_job_that_fails_nothing_is_kept_and_all_of_the_others(
    database: Database, fails: Job, beside: list[Job]
) -> None:
    *done, failed = run_jobs(database, [*beside, fails])
    assert isinstance(failed, LeadlightError if fails is note_and_fail else IntegrityError)
    assert done == ["a", "b"][: len(beside)]
    assert noted(database) == done
    assert run_job(database, note("after")) == "after"
    assert noted(database) == sorted(["after", *done])


class _Busy(Exception):
    sqlstate = "40P01"


@pytest.mark.parametrize("others", [0, 2])
def test_who_stood_in_anothers_way_is_tried_again_and_again_but_not_for_ever(database: Database, others: int) -> None:
    tried: list[int] = []

    def busy(connection: Connection) -> str:
        tried.append(1)
        note(f"try {len(tried)}")(connection)
        if len(tried) < 3:
            raise DBAPIError("", None, _Busy())
        return "done"

    def always_busy(_connection: Connection) -> None:
        tried.append(1)
        raise DBAPIError("", None, _Busy())

    beside = [note(f"other {number}") for number in range(others)]
    *_, last = run_jobs(database, [*beside, busy])
    assert last == "done"
    assert noted(database) == [*(f"other {number}" for number in range(others)), "try 3"]
    tried.clear()
    with pytest.raises(DBAPIError):
        run_job(database, always_busy, attempts=4)
    assert len(tried) == 4
