"""What one running service needs to remember: the database, the ledger, and one line of writers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any, Final

from sqlalchemy import Connection

from leadlight.core.secret import secret_of
from leadlight.core.settings import Settings
from leadlight.serving.ledger.jobs import Job, run_jobs
from leadlight.serving.ledger.ledger import Ledger
from leadlight.serving.store.database import Database
from leadlight.serving.store.erasure_journal import ErasureJournal
from leadlight.serving.store.gather import Gathered

__all__ = ["Memory"]

JOURNAL_FILE: Final = "erasures.jsonl"

_log = logging.getLogger("leadlight.serving")


class Memory:
    """The store, as the service uses it.

    Parameters
    ----------
    settings : Settings
    database : Database
    changed : callable
        Called after each change that was committed.
    """

    def __init__(self, settings: Settings, database: Database, changed: Callable[[], object]) -> None:
        self.database = database
        self.journal = ErasureJournal(settings.home_path / JOURNAL_FILE)
        self.running_keys: set[str] = set()
        self._settings = settings
        self._changed = changed
        self._fails = False

    @cached_property
    def ledger(self) -> Ledger:
        """Takes in what is told."""
        return Ledger(secret_of(self._settings))

    @cached_property
    def _writing(self) -> Gathered[Job, Any]:
        return Gathered(partial(run_jobs, self.database), "ledger", most=200)

    async def write(self, job: Job, *, changes: bool = True) -> Any:
        """Do a job in a transaction, together with those that wait; return when it is on the disk.

        Parameters
        ----------
        job : callable
        changes : bool
            Whether leads change, so that they may have to be scored again.

        Raises
        ------
        sqlalchemy.exc.SQLAlchemyError, OSError
            If the database does not answer.
        """
        done = await self._writing.do(job)
        if changes:
            self._changed()
        return done

    def write_here(self, job: Job) -> Any:
        """Do a job that changes no lead in a transaction of its own, in this thread, which may wait for the database.

        Raises
        ------
        sqlalchemy.exc.SQLAlchemyError, OSError
            If the database does not answer.
        """
        [done] = run_jobs(self.database, [job])
        if isinstance(done, Exception):
            raise done
        return done

    def read(self, act: Callable[[Connection], Any]) -> Any:
        """Do something that only reads; it may wait for the database, so it belongs into a thread."""
        with self.database.reading() as connection:
            return act(connection)

    def close(self) -> None:
        """End the writing thread; what was handed over is written first."""
        self._writing.close()
