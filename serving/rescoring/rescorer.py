"""The rescorer: a thread that keeps stored scores up to date, beside those of other processes on the same store."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Event, Thread
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from leadlight.core.clock import DAY, Clock, to_micros
from leadlight.serving.champion import Champion
from leadlight.serving.ledger.idempotency import forget_old_keys
from leadlight.serving.ledger.jobs import run_job
from leadlight.serving.ledger.reading import Known, ahead_of, read_known
from leadlight.serving.rescoring import claims as lists
from leadlight.serving.rescoring.metrics import RescoringMetrics
from leadlight.serving.rescoring.scoring import Fresh, looks_at_accounts, score_known
from leadlight.serving.rescoring.writing import Teller, write_scores
from leadlight.serving.scorer import Scorer
from leadlight.serving.store.database import Database
from leadlight.serving.store.plain_error import plain

__all__ = ["Rescorer"]

_AT_ONCE: Final = 256
"""Leads that are claimed, scored and written together."""

_ATTEMPTS: Final = 50
"""How often it tries to write scores while others hold a lead of them; each time it gives way to them for a moment."""

_ACCOUNTS_AT_ONCE: Final = 8
_SWEPT: Final = 2_000
_PAUSE: Final = 0.5
"""Seconds after which it looks by itself: other processes may have listed leads."""

_AFTER_TROUBLE: Final = 2.0
_HOUSEKEEPING: Final = 600.0
_LEFT_ALONE: Final = 600_000_000
"""How long a lead that can't be scored is left alone, microseconds: it may be told better, or another model come."""

_LOOKED: Final = 2.0
"""Seconds after which it counts anew what waits."""

_log = logging.getLogger("leadlight.serving.rescoring")


class Rescorer:
    """Scores what is out of date.

    Parameters
    ----------
    database : Database
    champion : Champion
    clock : Clock
    teller : Teller or None
        None where the CRM is told nothing.
    told : callable
        Called after messages were put into the outbox.
    seconds : callable
        The machine's clock, seconds since 1970: leases run in real time.
    """

    def __init__(
        self,
        database: Database,
        champion: Champion,
        clock: Clock,
        *,
        teller: Teller | None = None,
        told: Callable[[], object] = lambda: None,
        seconds: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._champion = champion
        self._clock = clock
        self._teller = teller
        self._told = told
        self._seconds = seconds
        self._wake = Event()
        self._stopping = False
        self._cleaned = self._looked = 0.0
        self.metrics = RescoringMetrics(clock)
        self._version: int | None = None
        self._thread: Thread | None = None

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread = Thread(target=self._run, name="rescoring", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Say that something changed; it may be called from anywhere."""
        self._wake.set()

    def stop(self) -> None:
        """Finish what is being scored, and end."""
        self._stopping = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping:
            try:
                busy = self._champion.is_ready and self.turn()
            except (SQLAlchemyError, OSError) as error:
                _log.warning("rescoring waits for the database: %s", plain(error))
                self._rest(_AFTER_TROUBLE)
                continue
            except Exception:  # one bad lead must not end the scoring of all others
                _log.exception("rescoring failed; it goes on")
                self._rest(_AFTER_TROUBLE)
                continue
            if not busy:
                self._rest(_PAUSE)

    def _rest(self, seconds: float) -> None:
        self._wake.wait(seconds)
        self._wake.clear()

    def turn(self) -> bool:
        """Do one round of work; return whether there was any.

        The most urgent leads go first, then one account's leads are listed, then what is old: so one account of ten
        thousand leads delays no other lead.
        """
        scorer = self._champion.scorer
        self._look()
        worked = self._score_some(scorer)
        listed = self._list_accounts(scorer)
        if worked or listed:
            return True
        self._clean()
        return self._sweep(scorer) > 0

    def _now(self) -> int:
        return to_micros(self._clock.now())

    def _machine(self) -> int:
        return int(self._seconds() * 1_000_000)

    def _score_some(self, scorer: Scorer) -> bool:
        with self._database.writing() as connection:
            claimed = lists.claim_leads(connection, _AT_ONCE, self._now(), self._machine())
        if not claimed:
            return False
        as_of = self._now() + 1  # what was told this very microsecond counts
        with self._database.reading() as connection:
            known = read_known(connection, claimed.names, as_of, colleagues=looks_at_accounts(scorer))
            ahead = ahead_of(connection, claimed.names, as_of)
            fresh, failed = self._scored(scorer, known, as_of)
            news = self._teller.prepare(connection, scorer, fresh, self._now()) if self._teller else []

        def write(connection: Connection) -> int:
            lists.give_way(connection)
            still = lists.held(connection, claimed)
            write_scores(connection, scorer, [one for one in fresh if one.lead_id in still])
            told = self._teller.tell(connection, news, still, self._now()) if self._teller else 0
            lists.postpone(connection, claimed, failed, self._machine() + _LEFT_ALONE)
            lists.finish_leads(connection, claimed, ahead)
            return told

        if run_job(self._database, write, attempts=_ATTEMPTS):
            self._told()
        return True

    def _scored(self, scorer: Scorer, known: Known, as_of: int) -> tuple[list[Fresh], list[str]]:
        """Return scores, and the leads that could not be scored."""
        try:
            return score_known(scorer, known, as_of), []
        except Exception:
            _log.exception("%d leads could not be scored together; each is tried alone", known.asked)
        fresh: list[Fresh] = []
        failed: list[str] = []
        for lead in known.leads[: known.asked]:
            alone = Known([lead, *(one for one in known.leads if one is not lead)], 1)
            alone.activities, alone.stage_changes = known.activities, known.stage_changes
            alone.attribute_changes = known.attribute_changes
            try:
                fresh += score_known(scorer, alone, as_of)
            except Exception:  # it keeps its score before, and is named by nothing but the log's count
                _log.exception("a lead could not be scored")
                failed.append(lead["lead_id"])
        return fresh, failed

    def _list_accounts(self, scorer: Scorer) -> bool:
        with self._database.writing() as connection:
            claimed = lists.claim_accounts(connection, _ACCOUNTS_AT_ONCE, self._now(), self._machine())
            if looks_at_accounts(scorer):
                lists.put_accounts_on_list(connection, claimed, self._now())
            lists.finish_accounts(connection, claimed)
        return bool(claimed)

    def _sweep(self, scorer: Scorer) -> int:
        with self._database.writing() as connection:
            if scorer.version != self._version:
                lists.note_version(connection, scorer.version)
            listed = lists.sweep(connection, scorer.version, self._now() - DAY, _SWEPT, self._now())
        self._version = scorer.version
        return listed

    def _look(self) -> None:
        if self._seconds() - self._looked >= _LOOKED:
            with self._database.reading() as connection:
                self.metrics.look(connection)
            self._looked = self._seconds()

    def _clean(self) -> None:
        """Forget answers kept for retries, now and then."""
        if self._seconds() - self._cleaned >= _HOUSEKEEPING:
            with self._database.writing() as connection:
                forget_old_keys(connection, self._now())
            self._cleaned = self._seconds()
