"""Messages that the CRM is still to be told, in the table `outbox`.

Every function works within the caller's transaction, so that a score and the message of it are written both or neither.
Several senders may claim at once: a claim is a lease that ends by itself, so a sender that was killed delays its
messages and loses none. The messages of one lead go out one after the other, in the order of their numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    ScalarSelect,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    tuple_,
    update,
)

from leadlight.serving.json_text import written
from leadlight.serving.store.ids import message_id as new_id
from leadlight.serving.store.schema import OUTBOX

__all__ = [
    "DEAD",
    "DELIVERED",
    "STATES",
    "WAITING",
    "Backlog",
    "Claim",
    "Failure",
    "Message",
    "backlog",
    "claim",
    "dead_letters",
    "delivered",
    "enqueue",
    "failed",
    "messages",
    "oldest_waiting_age",
    "purge",
    "release",
    "retry",
    "retry_dead",
]

WAITING: Final = "waiting"
DELIVERED: Final = "delivered"
DEAD: Final = "dead"
STATES: Final = (WAITING, DELIVERED, DEAD)

_STRETCH: Final = 200
"""Messages that are looked at together when some are to be claimed."""

_NOBODY: Final = 0
"""``claimed_until`` of what nobody has claimed."""


class Claim(NamedTuple):
    """A message that one sender may send until its lease ends.

    Attributes
    ----------
    number : int
    message_id, lead_id : str
    payload : str
        JSON, to be sent as it is.
    created_at : int
        Microseconds.
    attempts : int
        How often it was sent in vain.
    claimed_until : int
        When the lease ends, microseconds. It also tells this claim from every later one of the same message.
    """

    number: int
    message_id: str
    lead_id: str
    payload: str
    created_at: int
    attempts: int
    claimed_until: int


class Failure(NamedTuple):
    """An attempt that failed.

    Attributes
    ----------
    claim : Claim
    error : str
        Why, without a word of the lead or of the answer's body.
    next_attempt_at : int or None
        Microseconds; None makes it a dead letter.
    """

    claim: Claim
    error: str
    next_attempt_at: int | None


class Message(NamedTuple):
    """A row as people see it; times are microseconds since 1970 UTC."""

    number: int
    message_id: str
    lead_id: str
    payload: str
    state: str
    created_at: int
    next_attempt_at: int
    attempts: int
    last_error: str | None
    delivered_at: int | None


class Backlog(NamedTuple):
    """How much waits, and since when (microseconds; None where nothing does)."""

    waiting: int
    oldest_created_at: int | None


_BEFORE: Final = OUTBOX.alias("before").c
_ENQUEUE: Final = insert(OUTBOX).values(
    next_attempt_at=func.coalesce(
        select(func.max(_BEFORE.next_attempt_at))
        .where(
            _BEFORE.lead_id == bindparam("its_lead"),
            _BEFORE.state == WAITING,
            _BEFORE.next_attempt_at > bindparam("its_time"),
        )
        .scalar_subquery(),
        bindparam("its_time"),
    )
)
"""Due now, or when the last one that it waits for is tried again: see `_WAIT_TOO`."""


def enqueue(connection: Connection, lead_id: str, payload: Mapping[str, Any], now: int) -> str:
    """Add a message to be sent after the caller's transaction is committed.

    Of one lead the numbers must rise in the order of the commits: write the lead's score in the same transaction
    before this call, for the lock on that row lets no other transaction number a message of the lead meanwhile.

    Parameters
    ----------
    connection : Connection
        Within a transaction.
    lead_id : str
    payload : mapping
        JSON-ready; written once, here, and sent byte for byte.
    now : int
        Microseconds since 1970 UTC.

    Returns
    -------
    str
        The message's id, ``msg_`` and a ULID: the header ``webhook-id`` of every attempt.
    """
    made = new_id(now)
    connection.execute(
        _ENQUEUE,
        {
            "its_lead": lead_id,
            "its_time": now,
            "message_id": made,
            "lead_id": lead_id,
            "payload": written(payload).decode(),
            "state": WAITING,
            "created_at": now,
            "attempts": 0,
            "claimed_until": _NOBODY,
        },
    )
    return made


def claim(connection: Connection, now: int, lease: int, limit: int) -> list[Claim]:
    """Take messages whose turn it is, the longest due first, at most one of each lead.

    Parameters
    ----------
    connection : Connection
        Of a writing transaction.
    now : int
        Microseconds since 1970 UTC.
    lease : int
        Microseconds for which nobody else may send them; longer than an attempt can take.
    limit : int
    """
    row, until = OUTBOX.c, now + lease
    asked = (
        select(row.number, row.message_id, row.lead_id, row.payload, row.created_at, row.attempts)
        .where(row.number.in_(_due(connection, now, limit)), *_may_go(now), row.number == _first_of(row.lead_id))
        .order_by(row.next_attempt_at, row.number)
        .limit(limit)
        .with_for_update(skip_locked=True, of=OUTBOX)
    )
    found = connection.execute(asked).all()
    numbers = [one.number for one in found]
    if numbers:
        connection.execute(update(OUTBOX).where(row.number.in_(numbers)).values(claimed_until=until))
    return [Claim._make((*one, until)) for one in found]


def _may_go(now: int) -> tuple[ColumnElement[bool], ...]:
    return OUTBOX.c.state == WAITING, OUTBOX.c.next_attempt_at <= now, OUTBOX.c.claimed_until <= now


def _first_of(lead_id: ColumnElement[str]) -> ScalarSelect[int]:
    """Select the number of a lead's first message that waits."""
    other = OUTBOX.alias("other").c
    # put so that no database takes the index of states, which would find everything that waits
    waits = and_(other.state != DELIVERED, other.state != DEAD)
    return select(func.min(other.number)).where(other.lead_id == lead_id, waits).scalar_subquery()


def _due(connection: Connection, now: int, limit: int) -> list[int]:
    """Return the numbers of what may be sent; nothing is locked yet, so they are more than asked for where there are.

    Looks at a stretch at a time, by the index of turns, and at the next one only where too many wait for others: in
    one statement PostgreSQL would work out for everything that is due whether it is a lead's first.
    """
    row, stretch = OUTBOX.c, max(_STRETCH, 2 * limit)
    last: tuple[int, int] | None = None
    numbers: list[int] = []
    while True:
        due = select(row.number, row.lead_id, row.next_attempt_at).where(*_may_go(now))
        if last is not None:
            due = due.where(tuple_(row.next_attempt_at, row.number) > tuple_(*last))
        near = due.order_by(row.next_attempt_at, row.number).limit(stretch).subquery("near").c
        looked_at = connection.execute(
            select(near.number, near.next_attempt_at, (near.number == _first_of(near.lead_id)).label("is_first"))
        ).all()
        ordered = sorted((one.next_attempt_at, one.number, one.is_first) for one in looked_at)
        numbers += [number for _, number, is_first in ordered if is_first]
        if len(numbers) >= limit or len(ordered) < stretch:
            return numbers
        last = ordered[-1][:2]


_OWN: Final = and_(
    OUTBOX.c.number == bindparam("its_number"),
    OUTBOX.c.claimed_until == bindparam("its_claim"),
    OUTBOX.c.state == WAITING,
)
"""Still this sender's: where the lease ended and another took the message, that one says what becomes of it."""


def _its(claims: Sequence[Claim]) -> list[dict[str, Any]]:
    return [{"its_number": one.number, "its_claim": one.claimed_until} for one in claims]


_DELIVER: Final = (
    update(OUTBOX)
    .where(_OWN)
    .values(
        state=DELIVERED,
        attempts=OUTBOX.c.attempts + 1,
        claimed_until=_NOBODY,
        last_error=None,
        delivered_at=bindparam("at"),
        next_attempt_at=bindparam("at"),  # so that `purge` finds the old ones by the index
    )
)
_RELEASE: Final = update(OUTBOX).where(_OWN).values(claimed_until=_NOBODY)
_FAIL: Final = (
    update(OUTBOX)
    .where(_OWN)
    .values(
        state=bindparam("its_state"),
        attempts=OUTBOX.c.attempts + 1,
        claimed_until=_NOBODY,
        last_error=bindparam("error"),
        next_attempt_at=bindparam("at"),
    )
)
_WAIT_TOO: Final = (
    update(OUTBOX)
    .where(
        OUTBOX.c.lead_id == bindparam("its_lead"),
        OUTBOX.c.state == WAITING,
        OUTBOX.c.number > bindparam("its_number"),
        OUTBOX.c.next_attempt_at < bindparam("at"),
    )
    .values(next_attempt_at=bindparam("at"))
)
"""What can't go before it is not looked at before it: else a receiver that is down makes every look a long one."""


def delivered(connection: Connection, claims: Sequence[Claim], now: int) -> None:
    """Mark messages that the receiver took.

    Parameters
    ----------
    connection : Connection
        Of a writing transaction.
    claims : sequence of Claim
    now : int
        Microseconds since 1970 UTC.
    """
    if claims:
        connection.execute(_DELIVER, [{**its, "at": now} for its in _its(claims)])


def release(connection: Connection, claims: Sequence[Claim]) -> None:
    """Give back messages that were claimed and not sent."""
    if claims:
        connection.execute(_RELEASE, _its(claims))


def failed(connection: Connection, failures: Sequence[Failure], now: int) -> None:
    """Mark attempts that failed: to be tried again, or dead; a dead one lets the later ones of its lead pass.

    Parameters
    ----------
    connection : Connection
        Of a writing transaction.
    failures : sequence of Failure
    now : int
        Microseconds since 1970 UTC.
    """
    if not failures:
        return
    rows = [
        {
            **its,
            "its_state": DEAD if failure.next_attempt_at is None else WAITING,
            "error": failure.error,
            "at": now if failure.next_attempt_at is None else failure.next_attempt_at,
        }
        for its, failure in zip(_its([failure.claim for failure in failures]), failures, strict=True)
    ]
    connection.execute(_FAIL, rows)
    later = [
        {"its_lead": failure.claim.lead_id, "its_number": failure.claim.number, "at": failure.next_attempt_at}
        for failure in failures
        if failure.next_attempt_at is not None
    ]
    if later:
        connection.execute(_WAIT_TOO, later)


def retry(connection: Connection, message_id: str, now: int) -> str | None:
    """Make a message due at once, with all its attempts before it; so become the earlier ones that it waits for.

    Parameters
    ----------
    connection : Connection
        Of a writing transaction.
    message_id : str
    now : int
        Microseconds since 1970 UTC.

    Returns
    -------
    str or None
        The state it was in: ``dead`` and ``waiting`` are due now, ``delivered`` is left as it is. None if there is no
        such message.
    """
    columns = OUTBOX.c
    found = connection.execute(
        select(columns.number, columns.lead_id, columns.state).where(columns.message_id == message_id).with_for_update()
    ).one_or_none()
    if found is None or found.state == DELIVERED:
        return None if found is None else DELIVERED
    connection.execute(
        update(OUTBOX)
        .where(
            columns.lead_id == found.lead_id,
            columns.state == WAITING,
            columns.number <= found.number,
            columns.next_attempt_at > now,
        )
        .values(next_attempt_at=now)
    )
    connection.execute(update(OUTBOX).where(columns.number == found.number, columns.state == DEAD).values(_anew(now)))
    return str(found.state)


def retry_dead(connection: Connection, now: int) -> int:
    """Make all dead letters due at once; return how many there were."""
    return connection.execute(update(OUTBOX).where(OUTBOX.c.state == DEAD).values(_anew(now))).rowcount


def _anew(now: int) -> dict[str, Any]:
    """Due at once; where a later one of its lead is being sent just now, once nobody can be sending that any more."""
    other = OUTBOX.alias("other").c
    sent_until = select(func.max(other.claimed_until)).where(
        other.lead_id == OUTBOX.c.lead_id, other.state == WAITING, other.claimed_until > now
    )
    return {
        "state": WAITING,
        "attempts": 0,
        "claimed_until": _NOBODY,
        "next_attempt_at": func.coalesce(sent_until.scalar_subquery(), now),
    }


def messages(
    connection: Connection, *, state: str | None = None, limit: int = 50, before: int | None = None
) -> list[Message]:
    """Return messages, newest first.

    Parameters
    ----------
    connection : Connection
    state : {"waiting", "delivered", "dead"}, optional
    limit : int
    before : int, optional
        The number of the last one that the caller has seen.
    """
    columns = OUTBOX.c
    asked = select(*(columns[name] for name in Message._fields)).order_by(columns.number.desc()).limit(limit)
    if state is not None:
        asked = asked.where(columns.state == state)
    if before is not None:
        asked = asked.where(columns.number < before)
    return [Message._make(row) for row in connection.execute(asked)]


def dead_letters(connection: Connection, *, limit: int = 50, before: int | None = None) -> list[Message]:
    """Return what was given up, newest first; see `messages`."""
    return messages(connection, state=DEAD, limit=limit, before=before)


def backlog(connection: Connection) -> Backlog:
    """Return how many messages wait, and when the oldest of them was made."""
    columns = OUTBOX.c
    count, oldest = connection.execute(
        select(func.count(), func.min(columns.created_at)).where(columns.state == WAITING)
    ).one()
    return Backlog(count, oldest)


def oldest_waiting_age(connection: Connection, now: int) -> int | None:
    """Return for how many microseconds the oldest message has been waiting; None where none is."""
    oldest = backlog(connection).oldest_created_at
    return None if oldest is None else max(0, now - oldest)


def purge(connection: Connection, before: int, limit: int) -> int:
    """Delete messages delivered before a time (microseconds), the oldest first; return how many, at most ``limit``."""
    columns = OUTBOX.c
    old = (
        select(columns.number)
        .where(columns.state == DELIVERED, columns.next_attempt_at < before)
        .order_by(columns.next_attempt_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    numbers = connection.execute(old).scalars().all()
    if numbers:
        connection.execute(delete(OUTBOX).where(columns.number.in_(numbers)))
    return len(numbers)
