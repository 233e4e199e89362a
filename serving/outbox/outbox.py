"""The outbox as the service knows it: what waits can be looked at whether or not anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadlight.core.clock import Clock, to_micros
from leadlight.core.settings import Settings
from leadlight.serving.outbox.receiver import receiver_of
from leadlight.serving.store import outbox_table
from leadlight.serving.store.database import Database
from leadlight.serving.store.outbox_table import Message

if TYPE_CHECKING:
    from leadlight.serving.metrics import Metrics
    from leadlight.serving.outbox.sender import Sender

__all__ = ["Outbox"]


class Outbox:
    """Sends while the service runs, if a receiver is set; lists messages and tries them again.

    Parameters
    ----------
    settings : Settings
    database : Database
        Nothing is opened before `start` or a question.
    clock : Clock
    metrics : Metrics, optional
        Is told of what is sent.

    Raises
    ------
    UsageError
        If the settings of the receiver can't be followed.
    """

    def __init__(self, settings: Settings, database: Database, clock: Clock, metrics: Metrics | None = None) -> None:
        self._database = database
        self._clock = clock
        self._sender: Sender | None = None
        if receiver_of(settings) is not None:
            from leadlight.serving.outbox.sender import Sender  # who sends nothing need not load an HTTP client

            self._sender = Sender(database, settings, clock)
            if metrics is not None:
                metrics.register(self._sender.metrics, self._sender.metrics.counts)

    @property
    def sends(self) -> bool:
        """Whether there is a receiver; where not, nobody should put anything into the outbox."""
        return self._sender is not None

    def start(self) -> None:
        """Begin to send."""
        if self._sender is not None:
            self._sender.start()

    def stop(self) -> None:
        """Let what is being sent come to its end, at most some ten seconds, and return."""
        if self._sender is not None:
            self._sender.stop()

    def notify(self) -> None:
        """Say that a new message was committed."""
        if self._sender is not None:
            self._sender.notify()

    def messages(self, state: str | None, limit: int, before: int | None) -> list[Message]:
        """Return messages, newest first; see `leadlight.serving.store.outbox_table.messages`."""
        with self._database.reading() as connection:
            return outbox_table.messages(connection, state=state, limit=limit, before=before)

    def retry(self, message_id: str) -> str | None:
        """Make a message due at once; see `leadlight.serving.store.outbox_table.retry`."""
        with self._database.writing() as connection:
            found = outbox_table.retry(connection, message_id, to_micros(self._clock.now()))
        self.notify()
        return found

    def retry_dead(self) -> int:
        """Make all dead letters due at once; return how many there were."""
        with self._database.writing() as connection:
            found = outbox_table.retry_dead(connection, to_micros(self._clock.now()))
        self.notify()
        return found
