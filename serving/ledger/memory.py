"""What one running service needs to remember: the database, the ledger, and one line of writers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from functools import cached_property, partial
from typing import Any

from sqlalchemy import Connection

from leadlight.core.secret import secret_of
from leadlight.core.settings import Settings
from leadlight.serving.ledger.barred import Barred
from leadlight.serving.ledger.jobs import Job, run_job, run_jobs
from leadlight.serving.ledger.ledger import Ledger
from leadlight.serving.store.database import Database
from leadlight.serving.store.erasure_journal import JOURNAL_FILE, ErasureJournal
from leadlight.serving.store.gather import Gathered
from leadlight.serving.store.spool import SPOOL_FILE, Spool

__all__ = ["Memory"]

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
        self._spool = Spool(settings.home_path / SPOOL_FILE)
        self.running_keys: set[str] = set()
        self.barred = Barred(database, lambda: self.ledger.secret)
        self._settings = settings
        self._changed = changed

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

    def forget_spooled(self, lead_ids: Collection[str]) -> None:
        """Take leads out of the spool; outside of any transaction, for whoever empties the spool waits for one."""
        self._spool.forget(lead_ids)

    def write_here(self, job: Job) -> Any:
        """Do a job that changes no lead in a transaction of its own, in this thread, which may wait for the database.

        Raises
        ------
        sqlalchemy.exc.SQLAlchemyError, OSError
            If the database does not answer.
        """
        return run_job(self.database, job)

    def read(self, act: Callable[[Connection], Any]) -> Any:
        """Do something that only reads; it may wait for the database, so it belongs into a thread."""
        with self.database.reading() as connection:
            return act(connection)

    def close(self) -> None:
        """End the writing thread; what was handed over is written first."""
        self._writing.close()
