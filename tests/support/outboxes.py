"""An outbox with its sender and a real receiver, in a time that the test moves."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from leadlight.core.clock import to_micros
from leadlight.core.settings import Settings
from leadlight.serving.outbox.sender import Sender
from leadlight.serving.store import outbox_table
from leadlight.serving.store.database import Database
from leadlight.serving.store.schema import OUTBOX
from receivers import Arrival, Receiver
from waiting import wait_for

__all__ = ["SECRET", "MovingClock", "Office", "is_signed"]

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


class MovingClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.instant = datetime(2026, 11, 23, 9, tzinfo=UTC)

    def now(self) -> datetime:
        return self.instant

    def move(self, **by: float) -> None:
        self.instant += timedelta(**by)


class Office:
    """An outbox, its sender and its receiver."""

    def __init__(self, database: Database, receiver: Receiver, stack: ExitStack) -> None:
        self.database = database
        self.receiver = receiver
        self.clock = MovingClock()
        self._stack = stack
        self._senders: list[Sender] = []

    @property
    def now(self) -> int:
        return to_micros(self.clock.now())

    def settings(self, **more: Any) -> Settings:
        return Settings(_env_file=None, webhook_url=self.receiver.url, webhook_secret=SECRET, **more)

    def send(self, clock: Any = None, **settings: Any) -> Sender:
        """Start a sender; it is stopped at the end of the test."""
        sender = Sender(self.database, self.settings(**settings), clock or self.clock)
        self._stack.callback(sender.stop)
        sender.start()
        self._senders.append(sender)
        return sender

    def put(self, lead_id: str = "L-1", **payload: Any) -> str:
        with self.database.writing() as connection:
            return outbox_table.enqueue(connection, lead_id, payload, self.now)

    def row(self, message_id: str) -> Any:
        with self.database.reading() as connection:
            return connection.execute(select(OUTBOX).where(OUTBOX.c.message_id == message_id)).one()

    def waits_for(self, message_id: str, **fields: Any) -> Any:
        """Wait until a row has these fields."""
        wait_for(lambda: all(getattr(self.row(message_id), name) == value for name, value in fields.items()))
        return self.row(message_id)

    def until(self, done: Callable[[], bool], **step: float) -> None:
        """Move the clock on, a step whenever nothing is being sent, until something is done."""

        def moved() -> bool:
            if done():
                return True
            if all(sender.idle for sender in self._senders):
                self.clock.move(**step)
                for sender in self._senders:
                    sender.notify()
            return False

        wait_for(moved)


def is_signed(arrival: Arrival) -> bool:
    """Check a signature as the standard says, without the sender's code."""
    head = arrival.headers
    content = b".".join((head["webhook-id"].encode(), head["webhook-timestamp"].encode(), arrival.body))
    key = base64.b64decode(SECRET[len("whsec_") :])
    right = "v1," + base64.b64encode(hmac.new(key, content, "sha256").digest()).decode()
    return hmac.compare_digest(right, head["webhook-signature"])
