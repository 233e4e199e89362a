"""The same call twice is done once: answers are kept a day under the key that the caller gave."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, select, text

from leadlight.core.clock import DAY
from leadlight.serving.store.schema import IDEMPOTENCY_KEYS

__all__ = ["KEPT", "Kept", "OtherBody", "StillRunning", "forget_old_keys", "key_digest", "once"]

KEPT: Final = DAY
"""How long an answer is kept, microseconds."""

_LOCK_BITS: Final = 63


class OtherBody(Exception):
    """The key was used for another body."""


class StillRunning(Exception):
    """The first call with this key is not done yet."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer.

    Attributes
    ----------
    status : int
    text : str
        JSON.
    """

    status: int
    text: str


def key_digest(*parts: str) -> str:
    """Return what a key is kept under: of caller, call and key, none of which can be told from it."""
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()


def once(connection: Connection, key: str, body: bytes, now: int, act: Callable[[Connection], Kept]) -> Kept:
    """Return the answer kept under a key, else act and keep the answer, in the same transaction.

    Parameters
    ----------
    connection : Connection
    key : str
        See `key_digest`.
    body : bytes
    now : int
        Microseconds.
    act : callable
        Whatever it raises, nothing is kept.

    Raises
    ------
    OtherBody, StillRunning
    """
    _alone(connection, key)
    digest = hashlib.sha256(body).hexdigest()
    table = IDEMPOTENCY_KEYS
    found = connection.execute(select(table).where(table.c.key == key)).mappings().one_or_none()
    if found is not None and found["created_at"] > now - KEPT:
        if found["body_digest"] != digest:
            raise OtherBody
        return Kept(found["status"], found["answer"])
    connection.execute(table.delete().where(table.c.key == key))
    answer = act(connection)
    row = {"key": key, "body_digest": digest, "status": answer.status, "answer": answer.text, "created_at": now}
    connection.execute(table.insert(), [row])
    return answer


def _alone(connection: Connection, key: str) -> None:
    """Let one process at a time act on a key; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        number = int(key[:16], 16) >> (64 - _LOCK_BITS)
        if not connection.execute(text("SELECT pg_try_advisory_xact_lock(:number)"), {"number": number}).scalar():
            raise StillRunning


def forget_old_keys(connection: Connection, now: int) -> int:
    """Forget answers that have been kept long enough; return how many."""
    return connection.execute(IDEMPOTENCY_KEYS.delete().where(IDEMPOTENCY_KEYS.c.created_at <= now - KEPT)).rowcount
