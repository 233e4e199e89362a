"""The keys as this process knows them: at most a second old, kept while the database is away."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from leadlight.core.errors import LeadlightError, Unavailable
from leadlight.serving.store.key_table import ApiKey, KeyTable

__all__ = ["KnownKeys"]

_RENEW_SECONDS: Final = 0.5
"""Age from which keys are read anew, beside the requests that are answered by those at hand."""

_OLDEST_SECONDS: Final = 0.9
"""Age from which a request waits for newer ones: a key that was revoked opens nothing after a second."""

_PATIENCE_SECONDS: Final = 1.0
"""How long a request waits for a database that does not answer, before what is known counts on."""

_log = logging.getLogger("leadlight.serving.access")


@dataclass(frozen=True, slots=True)
class _Read:
    keys: Mapping[str, ApiKey]
    began: float


class KnownKeys:
    """Reads the keys in a thread of its own, never on the event loop, one reading at a time.

    Parameters
    ----------
    table : KeyTable
    seconds : callable
        A clock that only runs forward, in seconds.
    """

    def __init__(self, table: KeyTable, *, seconds: Callable[[], float] = time.monotonic) -> None:
        self._table = table
        self._seconds = seconds
        self._readers = ThreadPoolExecutor(1, "leadlight-keys")  # starts no thread before it is used
        self._read: _Read | None = None
        self._reading: Future[None] | None = None
        self._tried = float("-inf")
        self._is_failing = False

    @property
    def at_hand(self) -> Mapping[str, ApiKey] | None:
        """Keys by id, where they are young enough to be gone by, or the database is away; else None: `newest`."""
        now, read = self._seconds(), self._read
        if now - self._tried >= _RENEW_SECONDS:
            self._begin(now)
        if read is None or (now - read.began >= _OLDEST_SECONDS and not self._is_failing):
            return None
        return read.keys

    async def newest(self) -> Mapping[str, ApiKey]:
        """Wait until the keys are read, and return them by id.

        Raises
        ------
        Unavailable
            If they never could be read: nobody can be told from anybody.
        """
        reading = self._reading
        if reading is not None and not reading.done():
            done, _ = await asyncio.wait([asyncio.wrap_future(reading)], timeout=_PATIENCE_SECONDS)
            if not done:
                self._fails("no answer in time")
        if self._read is None:
            raise Unavailable("The keys can't be read: the database does not answer.")
        return self._read.keys

    def load(self) -> None:
        """Read the keys now; a failure is kept in mind, not raised."""
        self._look()

    def close(self) -> None:
        """Read no more."""
        self._readers.shutdown(wait=True)

    def _begin(self, now: float) -> None:
        if self._reading is None or self._reading.done():
            self._tried = now
            self._reading = self._readers.submit(self._look)

    def _look(self) -> None:
        began = self._seconds()
        self._tried = began
        try:
            found = {key.key_id: key for key in self._table.all()}
        except (SQLAlchemyError, OSError, LeadlightError) as error:
            self._fails(type(error).__name__)
            return
        self._read, self._is_failing = _Read(found, began), False

    def _fails(self, why: str) -> None:
        if not self._is_failing:
            _log.warning("keys can't be read, those that are known stay valid: %s", why)
        self._is_failing = True
