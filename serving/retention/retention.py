"""The thread that erases what is due: at the start, daily, and in one process at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cached_property
from threading import Event, Thread
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from leadlight.core.clock import Clock, to_micros
from leadlight.core.settings import Settings
from leadlight.serving.retention.claim import read_turn
from leadlight.serving.retention.forgetting import Forgetting, Interrupted
from leadlight.serving.retention.metrics import RetentionMetrics
from leadlight.serving.store.database import Database
from leadlight.serving.store.plain_error import plain

__all__ = ["Retention"]

_FIRST: Final = 1.0
_PAUSE: Final = 30.0
"""Seconds before the first look whether anything has to be done, and between two."""

_log = logging.getLogger("leadlight.serving.retention")


class Retention:
    """Keeps to the settings while the service runs; does nothing where they keep everything.

    Parameters
    ----------
    settings : Settings
    database : Database
    clock : Clock
        The service's.
    wall : Clock
        The machine's.
    version : callable
        Returns the version of the model that serves, 0 for none.
    changed : callable
        Called after leads were erased.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        clock: Clock,
        *,
        wall: Clock,
        version: Callable[[], int],
        changed: Callable[[], object],
    ) -> None:
        self.is_on = bool(settings.retain_leads_days or settings.retain_receipts_days)
        self._database = database
        self._wall = wall
        self._stopping = Event()
        self._thread: Thread | None = None
        self._forgetting = Forgetting(
            settings, database, clock, wall=wall, version=version, changed=changed, rest=self._stopping.wait
        )

    @cached_property
    def metrics(self) -> RetentionMetrics:
        """What Prometheus is told; made only where there is something to tell."""
        return RetentionMetrics()

    def start(self) -> None:
        """Begin; returns at once."""
        if self.is_on:
            self._stopping.clear()
            self._thread = Thread(target=self._run, args=(self._machine(),), name="retention", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Finish the transaction that is under way, and end."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _machine(self) -> int:
        return to_micros(self._wall.now())

    def _run(self, started: int) -> None:
        failing = False
        pause = _FIRST
        while not self._stopping.wait(pause):
            pause = _PAUSE
            try:
                self.turn(started)
                failing = False
            except (SQLAlchemyError, OSError) as error:
                if not failing:
                    _log.warning("retention waits for the database: %s", plain(error))
                failing = True
            except Exception:
                _log.exception("retention failed; it is tried again")

    def turn(self, started: int) -> bool:
        """Do what is due if it is due and nobody else is at it; return whether it was done to the end."""
        with self._database.reading() as connection:
            turn = read_turn(connection)
        self.metrics.saw(turn.done)
        if not turn.is_due(started, self._machine()) or not self._forgetting.claim(started):
            return False
        try:
            counts = self._forgetting.apply(self.metrics.erased)
        except Interrupted:
            return False
        self.metrics.saw(self._machine())
        if any(counts.values()):
            _log.info("%d leads and %d receipts were kept long enough and erased", *_said(counts))
        return True


def _said(counts: dict[str, int]) -> tuple[int, int]:
    return counts["leads"] + counts["untold"], counts["receipts"]
