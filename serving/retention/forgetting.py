"""Erasing what is due: in small transactions, with pauses that are longer than they, so that nobody is held up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from secrets import token_hex
from threading import Event
from typing import Any, Final

from sqlalchemy import Connection, update

from leadlight.core.clock import DAY, Clock, to_micros
from leadlight.core.secret import secret_of
from leadlight.core.settings import Settings
from leadlight.serving.ledger.answers import answers_naming, forget_answers
from leadlight.serving.ledger.erasing import NOBODY, Erased
from leadlight.serving.ledger.idle import heard_of, not_told, note_idle_erased
from leadlight.serving.ledger.jobs import run_job
from leadlight.serving.ledger.ledger import Ledger
from leadlight.serving.ledger.persons import alone, alone_at_once, beside, names_today, token_of
from leadlight.serving.retention.claim import LEASE, claim, give_back, hold
from leadlight.serving.retention.due import Due, due_leads, due_messages, due_receipts, due_untold
from leadlight.serving.retention.limits import KINDS, Limits
from leadlight.serving.store.database import Database
from leadlight.serving.store.erasure_journal import JOURNAL_FILE, ErasureJournal
from leadlight.serving.store.packed import NOTHING
from leadlight.serving.store.schema import OUTBOX, RECEIPTS, SCORES
from leadlight.serving.store.spool import SPOOL_FILE, Spool

__all__ = ["Forgetting", "Interrupted", "Kind"]

_LEADS_AT_ONCE: Final = 20
_ROWS_AT_ONCE: Final = 100
_LATE: Final = 31 * DAY
"""How much later than it was made a receipt may get into the database, having waited in a spool."""

_ANSWERED: Final = 60_000_000
"""Microseconds by which an answer may be committed later than its time says."""

_LEAST_PAUSE: Final = 0.01
_TIMES_AS_LONG: Final = 2.0
"""The pause after a transaction, as a multiple of what that took; and its least, in seconds."""

_LONG: Final = 0.1
"""Seconds that a transaction should not take: others wait for it."""

_TRIES: Final = 200
_BUSY: Final = 0.02
"""How often, and after how many seconds, it is tried to find nobody telling anything before that is waited for."""


class Interrupted(Exception):
    """It was asked to stop, or another process has taken over."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What is due of one kind.

    Attributes
    ----------
    count : int
    oldest : int or None
        When of the oldest anything was last heard, or when it was made; microseconds, None where nothing is due.
    """

    count: int = 0
    oldest: int | None = None

    def with_more(self, found: Sequence[Due]) -> Kind:
        """Count more."""
        times = [one.at for one in found] + ([] if self.oldest is None else [self.oldest])
        return Kind(self.count + len(found), min(times, default=None))


class Forgetting:
    """Finds what is due by the settings, and erases it.

    Parameters
    ----------
    settings : Settings
    database : Database
    clock : Clock
        The service's: says what is old. Where it is ahead of the machine's, that counts: what is gone is gone.
    version : callable
        Returns the version of the model that serves, 0 for none: it may have learned from who goes.
    changed : callable
        Called after leads were erased: scores of their colleagues may be out of date.
    wall : Clock
        The machine's: claims run in real time.
    rest : callable
        Waits so many seconds; returns whether to stop.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        clock: Clock,
        *,
        wall: Clock,
        version: Callable[[], int] = lambda: 0,
        changed: Callable[[], object] = lambda: None,
        rest: Callable[[float], bool] | None = None,
    ) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock
        self._wall = wall
        self._version = version
        self._changed = changed
        self._rest = rest or Event().wait
        self._name = token_hex(8)
        self._journal = ErasureJournal(settings.home_path / JOURNAL_FILE)
        self._spool = Spool(settings.home_path / SPOOL_FILE)
        self._looked_until: int | None = None
        self._held_at = 0

    @property
    def limits(self) -> Limits:
        """What is old now."""
        return Limits.of(self._settings, self._now())

    def _now(self) -> int:
        return min(to_micros(self._clock.now()), self._machine())

    def _machine(self) -> int:
        return to_micros(self._wall.now())

    def due(self) -> dict[str, Kind]:
        """Return what would go now, by kind; changes nothing."""
        found = dict.fromkeys(KINDS, Kind())
        for kind, stretch in self._stretches(self.limits):
            found[kind] = found[kind].with_more(stretch)
        return found

    def _stretches(self, limits: Limits) -> Iterator[tuple[str, list[Due]]]:
        if limits.leads is not None:
            for found in due_leads(self._database, limits.leads):
                yield "leads", found
            for found in due_untold(self._database, limits.leads):
                yield "untold", found
        if limits.receipts is not None and limits.tried is not None:
            for found in due_receipts(self._database, limits.receipts):
                yield "receipts", found
            for found in due_messages(self._database, limits.receipts, limits.tried):
                yield "messages", found

    def claim(self, since: int | None = None) -> bool:
        """Claim the work; see `leadlight.serving.retention.claim.claim`."""
        return bool(self._write(lambda connection: claim(connection, self._name, self._machine(), since)))

    def give_back(self, *, done: bool) -> None:
        """End the claim."""
        at = self._machine() if done else None
        self._write(lambda connection: give_back(connection, self._name, at))

    def apply(self, told: Callable[[str, int], object] = lambda _kind, _count: None) -> dict[str, int]:
        """Erase what is due, which must have been claimed; return how many of each kind. The claim ends with it.

        Parameters
        ----------
        told : callable
            Called with the kind and how many after each step.

        Raises
        ------
        Interrupted
            If it is to stop; what was committed before stays.
        sqlalchemy.exc.SQLAlchemyError, OSError
            If the database does not answer, or the disk does not take the journal; the same.
        """
        done = False
        try:
            counts = self._apply(told)
            done = True
        finally:
            self.give_back(done=done)
        return counts

    def _apply(self, told: Callable[[str, int], object]) -> dict[str, int]:
        counts = dict.fromkeys(KINDS, 0)

        def went(kind: str, more: int) -> None:
            counts[kind] += more
            told(kind, more)

        limits = self.limits
        if limits.leads is not None:
            self._leads(limits.leads, went)
        if limits.receipts is not None and limits.tried is not None:
            self._receipts(limits.receipts, went)
            self._messages(limits.receipts, limits.tried, went)
        if any(counts.values()):
            self._shorten_log()
        return counts

    def _shorten_log(self) -> None:
        """Let nothing of it stand in SQLite's log; where somebody reads all the time, until the log comes round."""
        for _ in range(_TRIES):
            if self._database.shorten_log():
                return
            self._pause(_BUSY)

    # Leads ------------------------------------------------------------------------------------------------------------

    def _leads(self, before: int, went: Callable[[str, int], None]) -> None:
        for found in self._ours(due_leads(self._database, before)):
            self._erase_all("leads", found, before, went)
        for found in self._ours(due_untold(self._database, before)):
            self._erase_all("untold", found, before, went)

    def _erase_all(self, kind: str, found: list[Due], before: int, went: Callable[[str, int], None]) -> None:
        if not found:
            return
        ids, read_at = [one.key for one in found], self._now()
        with self._database.reading() as connection:
            answers = answers_naming(connection, sorted(names_today(connection, ids)))
        for some in self._in_steps(ids, _LEADS_AT_ONCE):
            job = partial(self._erase, kind=kind, ids=some, before=before, answers=answers, read_at=read_at)
            erased = self._when_nobody_tells(job)
            went(kind, erased.leads)
            if erased.leads:
                self._spool.forget(erased.names)
                self._changed()

    def _when_nobody_tells(self, job: Callable[..., Erased | None]) -> Erased:
        """Erase where that holds up nobody; where there is always somebody at it, wait for a turn all the same."""
        for _ in range(_TRIES):
            erased: Erased | None = self._write(partial(job, patient=False))
            if erased is not None:
                return erased
            self._pause(_BUSY)
        waited: Erased = self._write(partial(job, patient=True))
        return waited

    def _erase(
        self,
        connection: Connection,
        *,
        kind: str,
        ids: Sequence[str],
        before: int,
        answers: Mapping[str, Sequence[str]],
        read_at: int,
        patient: bool,
    ) -> Erased | None:
        if patient:
            alone(connection)
        elif not alone_at_once(connection):
            return None
        self._hold(connection)
        now, version = self._now(), self._version()
        ledger = Ledger(secret_of(self._settings))
        still = not_told(connection, ids) if kind == "untold" else ids
        last = heard_of(connection, still)  # anything may have been told since they were found
        # in the order in which all lock leads' rows, not in that of their age
        idle = sorted(lead_id for lead_id in still if lead_id in last and last[lead_id] < before)
        if not idle:
            return NOBODY
        erased = ledger.erase_all(connection, idle, now, version, answers=False)
        note_idle_erased(connection, before)
        later = answers_naming(connection, erased.names, read_at - _ANSWERED)
        forget_answers(connection, [key for name in erased.names for key in (*answers.get(name, ()), *later[name])])
        self._journal.add(erased.tokens, now)  # before the commit, as DELETE does
        return erased

    # Receipts and messages --------------------------------------------------------------------------------------------

    def _receipts(self, before: int, went: Callable[[str, int], None]) -> None:
        """Empty old receipts; all are looked at once after a start, then those that can have become old since."""
        since = 0 if self._looked_until is None else self._looked_until - _LATE
        for found in self._ours(due_receipts(self._database, before, since)):
            for some in self._in_steps(found, _ROWS_AT_ONCE):
                self._write(partial(self._empty, found=some))
                went("receipts", len(some))
        self._looked_until = before

    def _empty(self, connection: Connection, *, found: Sequence[Due]) -> None:
        """Leave of receipts id, time, model version and score, under a digest of the lead's id."""
        beside(connection)
        self._hold(connection)
        now, secret = self._now(), secret_of(self._settings)
        for one in sorted(found, key=lambda one: one.lead_id):  # the order in which all lock leads' rows
            ours = (RECEIPTS.c.receipt_id == one.key, RECEIPTS.c.lead_id == one.lead_id)
            emptied = {
                RECEIPTS.c.packed: NOTHING,
                RECEIPTS.c.erased_at: now,
                RECEIPTS.c.lead_id: token_of(secret, one.lead_id),
            }
            connection.execute(update(RECEIPTS).where(*ours).values(emptied))
            shown = (SCORES.c.lead_id == one.lead_id, SCORES.c.receipt_id == one.key)
            connection.execute(update(SCORES).where(*shown).values(receipt_id=None))  # shown again, it gets a new one

    def _messages(self, before: int, tried: int, went: Callable[[str, int], None]) -> None:
        for found in self._ours(due_messages(self._database, before, tried)):
            for some in self._in_steps(found, _ROWS_AT_ONCE):
                self._write(partial(self._drop, numbers=[int(one.key) for one in some]))
                went("messages", len(some))

    def _drop(self, connection: Connection, *, numbers: Sequence[int]) -> None:
        self._hold(connection)
        connection.execute(OUTBOX.delete().where(OUTBOX.c.number.in_(numbers)))

    # Pace -------------------------------------------------------------------------------------------------------------

    def _ours(self, stretches: Iterator[list[Due]]) -> Iterator[list[Due]]:
        """Yield what is found as long as nobody says stop; keep the claim where nothing is due for long."""
        for found in stretches:
            self._pause(0.0)
            if self._machine() - self._held_at > LEASE // 4:
                self._write(self._hold)
            yield found

    def _in_steps(self, items: Sequence[Any], most: int) -> Iterator[Sequence[Any]]:
        """Yield items in parts; after each there is a pause, longer than what was done with it.

        Parts are smaller where that takes long: some leads have many rows, and some machines much else to do.
        """
        start, size = 0, max(1, most // 4)
        while start < len(items):
            began = time.perf_counter()
            yield items[start : start + size]
            took = time.perf_counter() - began
            start += size
            if took > _LONG:
                size = max(1, size // 2)
            elif took < _LONG / 4:
                size = min(most, 2 * size)
            self._pause(max(_LEAST_PAUSE, _TIMES_AS_LONG * took))

    def _pause(self, seconds: float) -> None:
        if self._rest(seconds):
            raise Interrupted

    def _hold(self, connection: Connection) -> None:
        now = self._machine()
        if not hold(connection, self._name, now):
            raise Interrupted
        self._held_at = now

    def _write(self, job: Callable[[Connection], Any]) -> Any:
        return run_job(self._database, job)
