"""The sender: a thread beside the service that takes messages from the outbox, and a few that send them.

At least once, in order per lead. What one round of the thread does stands in one transaction: it writes down what
became of the messages that were sent, and claims the next.
"""

from __future__ import annotations

import logging
import random
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from queue import SimpleQueue
from threading import Condition, Thread
from typing import Final, NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from leadlight.core.clock import DAY, Clock, to_micros
from leadlight.core.errors import UsageError
from leadlight.core.settings import Settings
from leadlight.serving.outbox.backoff import next_attempt, retry_after
from leadlight.serving.outbox.metrics import OutboxMetrics
from leadlight.serving.outbox.post import WHOLE_SECONDS, Poster
from leadlight.serving.outbox.receiver import receiver_of
from leadlight.serving.outbox.signing import ID, SIGNATURE, TIMESTAMP, sign
from leadlight.serving.store import outbox_table
from leadlight.serving.store.database import Database
from leadlight.serving.store.outbox_table import Claim, Failure
from leadlight.serving.store.plain_error import plain

__all__ = ["KEPT_DAYS", "LEASE_SECONDS", "Sender"]

KEPT_DAYS: Final = 7
"""How long a delivered message is kept, to be looked up."""

LEASE_SECONDS: Final = 30.0
"""How long a killed sender holds up what it had claimed."""

_START_SECONDS: Final = LEASE_SECONDS - WHOLE_SECONDS - 5
"""After its claim a message that is not being sent by then is given back: it would be sent beyond the lease."""

_THREADS: Final = 8
_LEAST_IN_HAND: Final = _THREADS
_MOST_IN_HAND: Final = 128
"""Messages claimed and not yet marked: many save commits, but what one sender holds no other one sends."""

_LOW: Final = 2 * _THREADS
"""With fewer still to be sent, more are claimed."""

_POLL_SECONDS: Final = 1.0
_GATHER_SECONDS: Final = 0.05
"""For how long what was sent may wait for more to be marked with it."""

_DATABASE_PAUSE_SECONDS: Final = 1.0
_LAST_TRIES: Final = 3
_BACKLOG_SECONDS: Final = 5.0
_PURGE_SECONDS: Final = 600.0
_PURGE_AT_ONCE: Final = 500
_LONGEST_PAUSE: Final = 3_600_000_000
"""Microseconds for which a receiver that answers ``Retry-After`` is sent nothing at all."""

_SECOND: Final = 1_000_000
_HOUR: Final = 3_600_000_000
_BUSY: Final = frozenset((429, 503))
_log = logging.getLogger("leadlight.serving.outbox")


class _Task(NamedTuple):
    claim: Claim
    start_before: float


@dataclass(slots=True)
class _Sent:
    """What became of messages that were claimed."""

    delivered: list[Claim]
    failed: list[Failure]
    unsent: list[Claim]

    def __len__(self) -> int:
        return len(self.delivered) + len(self.failed) + len(self.unsent)


class Sender:
    """Sends what waits in the outbox, until it is stopped.

    Parameters
    ----------
    database : Database
        While it does not answer, nothing is sent; that changes by itself.
    settings : Settings
        Receiver, secrets, and for how long a message is tried.
    clock : Clock
        Says when an attempt is due; one that stands still makes no second attempt.
    metrics : OutboxMetrics, optional
    chance : Random, optional
        For the pauses.
    seconds : callable
        A clock that only runs forward, in seconds.

    Raises
    ------
    UsageError
        If receiver or secret is not set, or can't be used.
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        clock: Clock,
        *,
        metrics: OutboxMetrics | None = None,
        chance: random.Random | None = None,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        receiver = receiver_of(settings)
        if receiver is None:
            raise UsageError("LEADLIGHT_WEBHOOK_URL is not set: there is nobody to send to.")
        self.metrics = metrics or OutboxMetrics(clock)
        self._database = database
        self._clock = clock
        self._receiver = receiver
        self._keep_trying = int(settings.webhook_keep_trying_hours * _HOUR)
        self._chance = chance or random.Random()
        self._seconds = seconds
        self._agent = f"Leadlight/{metadata.version('leadlight')}"
        self._todo: SimpleQueue[_Task | None] = SimpleQueue()
        self._wake = Condition()
        self._sent = _Sent([], [], [])
        self._in_hand = 0
        self._room = _LEAST_IN_HAND
        self._new = True  # what came while nobody sent
        self._looking = True
        self._stopping = False
        self._paused_until = 0
        self._takes = True
        self._thread: Thread | None = None
        self._workers: list[Thread] = []
        self._looked_at = self._purged_at = -_PURGE_SECONDS

    def start(self) -> None:
        """Begin to send, in threads of its own."""
        tls = ssl.create_default_context() if self._receiver.secure else None
        self._workers = [Thread(target=self._work, args=(tls,), name="webhook", daemon=True) for _ in range(_THREADS)]
        self._thread = Thread(target=self._run, name="outbox", daemon=True)
        for thread in (*self._workers, self._thread):
            thread.start()

    def stop(self) -> None:
        """Claim nothing more, let what is being sent come to its end, write down what became of it, and return."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def notify(self) -> None:
        """Say that there is a new message: it is sent at once instead of within a second. Call it after the commit."""
        with self._wake:
            self._new = True
            self._wake.notify_all()

    @property
    def idle(self) -> bool:
        """Whether it has looked since it was last notified, and holds no message."""
        with self._wake:
            return not (self._new or self._looking or self._in_hand)

    # the thread that talks to the database

    def _run(self) -> None:
        while not self._stopping:
            self._wait()
            if not self._try(self._round):
                self._rest(_DATABASE_PAUSE_SECONDS)
        for _ in self._workers:
            self._todo.put(None)
        for worker in self._workers:
            worker.join()
        for _ in range(_LAST_TRIES):
            if self._try(lambda: self._mark_and_claim(room=0)):
                return
            time.sleep(_DATABASE_PAUSE_SECONDS)
        _log.warning("what was sent last could not be written down: %d webhooks are sent again", len(self._sent))

    def _try(self, act: Callable[[], object]) -> bool:
        try:
            act()
        except (SQLAlchemyError, OSError) as error:
            _log.warning("the outbox can't be read or written, nothing is sent: %s", plain(error))
            return False
        except Exception:  # whatever it is, the next round may do better, and nobody else would take its place
            _log.exception("the sender of webhooks failed")
            return False
        return True

    def _wait(self) -> None:
        """Wait for a new message, for work to mark, or for the time to look again."""
        with self._wake:
            self._looking = False
            self._wake.wait_for(lambda: self._stopping or self._new or len(self._sent) > 0, _POLL_SECONDS)
            if not self._new:
                self._wake.wait_for(lambda: self._stopping or self._new or self._runs_dry(), _GATHER_SECONDS)
            self._new, self._looking = False, True

    def _runs_dry(self) -> bool:
        return self._in_hand == len(self._sent) or self._todo.qsize() <= _LOW < self._in_hand

    def _rest(self, seconds: float) -> None:
        with self._wake:
            self._wake.wait_for(lambda: self._stopping, seconds)

    def _round(self) -> None:
        self._mark_and_claim(self._room - self._in_hand + len(self._sent) if self._may_send() else 0)
        now = self._seconds()
        if now - self._looked_at >= _BACKLOG_SECONDS:
            self._looked_at = now
            with self._database.reading() as connection:
                self.metrics.saw(outbox_table.backlog(connection))
        if now - self._purged_at >= _PURGE_SECONDS:
            self._purged_at = now
            self._purge()

    def _may_send(self) -> bool:
        return not self._stopping and self._now() >= self._paused_until

    def _now(self) -> int:
        return to_micros(self._clock.now())

    def _mark_and_claim(self, room: int) -> None:
        with self._wake:
            sent, self._sent = self._sent, _Sent([], [], [])
            dry = self._todo.qsize() <= _LOW
        try:
            claims, began = self._written(sent, room)
        except BaseException:
            self._keep(sent)
            raise
        if sent.unsent:
            self._room = _LEAST_IN_HAND
        elif dry and len(claims) == room:
            self._room = min(2 * self._room, _MOST_IN_HAND)
        with self._wake:
            self._in_hand += len(claims) - len(sent)
        for one in claims:
            self._todo.put(_Task(one, began + _START_SECONDS))
        self._tell(sent)

    def _written(self, sent: _Sent, room: int) -> tuple[list[Claim], float]:
        now, began = self._now(), self._seconds()
        with self._database.writing() as connection:
            outbox_table.delivered(connection, sent.delivered, now)
            outbox_table.failed(connection, sent.failed, now)
            outbox_table.release(connection, sent.unsent)
            lease = int(LEASE_SECONDS * _SECOND)
            return outbox_table.claim(connection, now, lease, room) if room > 0 else [], began

    def _keep(self, sent: _Sent) -> None:
        """Take back what could not be written down."""
        with self._wake:
            self._sent.delivered[:0] = sent.delivered
            self._sent.failed[:0] = sent.failed
            self._sent.unsent[:0] = sent.unsent

    def _tell(self, sent: _Sent) -> None:
        for _ in sent.delivered:
            self.metrics.sent("delivered")
        for failure in sent.failed:
            dead = failure.next_attempt_at is None
            self.metrics.sent("dead" if dead else "failed")
            if dead:
                _log.warning("%s is a dead letter: %s", failure.claim.message_id, failure.error)
        if sent.delivered and not self._takes:
            self._takes = True
            _log.info("the receiver of webhooks takes messages again")
        elif sent.failed and not sent.delivered and self._takes:
            self._takes = False
            _log.warning("the receiver of webhooks takes nothing: %s", sent.failed[-1].error)

    def _purge(self) -> None:
        before = self._now() - KEPT_DAYS * DAY
        deleted = _PURGE_AT_ONCE
        while deleted == _PURGE_AT_ONCE and not self._stopping:
            with self._database.writing() as connection:
                deleted = outbox_table.purge(connection, before, _PURGE_AT_ONCE)

    # the threads that send

    def _work(self, tls: ssl.SSLContext | None) -> None:
        poster = Poster(self._receiver, tls, seconds=self._seconds)
        while (task := self._todo.get()) is not None:
            self._do(poster, task)
        poster.close()

    def _do(self, poster: Poster, task: _Task) -> None:
        """Send one message; whatever happens, the other thread hears of it."""
        claim = task.claim
        failure: Failure | None = None
        try:
            may_send = self._may_send() and self._seconds() < task.start_before
            if may_send:
                failure = self._send(poster, claim)
        except Exception:
            _log.exception("%s could not be sent", claim.message_id)
            poster.close()
            may_send, failure = True, self._failure(claim, None, "a mistake of ours, see the service's log", 0)
        with self._wake:
            if not may_send:
                self._sent.unsent.append(claim)
            elif failure is None:
                self._sent.delivered.append(claim)
            else:
                self._sent.failed.append(failure)
            self._wake.notify_all()

    def _send(self, poster: Poster, claim: Claim) -> Failure | None:
        body, seconds = claim.payload.encode(), self._now() // _SECOND
        headers = {
            "Content-Type": "application/json",
            "User-Agent": self._agent,
            ID: claim.message_id,
            TIMESTAMP: str(seconds),
            SIGNATURE: sign(self._receiver.keys, claim.message_id, seconds, body),
        }
        answer = poster.post(body, headers)
        if answer.error is None:
            return None
        asked = retry_after(answer.retry_after, self._now())
        if answer.status in _BUSY and asked:
            self._paused_until = self._now() + min(asked, _LONGEST_PAUSE)
        return self._failure(claim, answer.status, answer.error, asked)

    def _failure(self, claim: Claim, status: int | None, error: str, asked: int) -> Failure:
        at = next_attempt(
            status,
            attempts=claim.attempts + 1,
            created_at=claim.created_at,
            now=self._now(),
            keep_trying=self._keep_trying,
            asked=asked,
            chance=self._chance,
        )
        return Failure(claim, error, at)
