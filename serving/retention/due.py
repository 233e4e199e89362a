"""What is due, found by reading alone, in stretches that look at a bounded number of rows each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, select

from leadlight.core.clock import DAY
from leadlight.serving.ledger.idle import heard_of, heard_of_ids, ids_of_events, not_told, untouched
from leadlight.serving.store.database import Database
from leadlight.serving.store.ids import first_id
from leadlight.serving.store.packed import NOTHING
from leadlight.serving.store.schema import LEADS, OUTBOX, RECEIPTS
from leadlight.serving.store.sql import parts

__all__ = ["Due", "due_leads", "due_messages", "due_receipts", "due_untold"]

_STRETCH: Final = 1_000
"""Rows, or ids, that are looked at by one reading."""

_FIRST: Final = (-(2**63), "")
"""Before all leads, by when they were told of and their ids."""


@dataclass(frozen=True, slots=True)
class Due:
    """One thing that is due.

    Attributes
    ----------
    key : str
        Id of the lead or the receipt, number of the message.
    at : int
        When anything was last heard of the lead, or when the receipt or the message was made; microseconds.
    lead_id : str
    """

    key: str
    at: int
    lead_id: str


def due_leads(database: Database, before: int) -> Iterator[list[Due]]:
    """Yield leads of which nothing was heard since a time."""
    after = _FIRST
    while True:
        with database.reading() as connection:
            found = untouched(connection, before, after, _STRETCH)
            last = heard_of(connection, [lead_id for _, lead_id in found])
        yield [Due(one, last[one], one) for _, one in found if last[one] < before]
        if len(found) < _STRETCH:
            return
        after = found[-1]


def due_untold(database: Database, before: int) -> Iterator[list[Due]]:
    """Yield ids under which events wait for a lead that was never told, nothing having been heard since a time."""
    after = ""
    while True:
        with database.reading() as connection:
            ids = ids_of_events(connection, after, _STRETCH)
            last = heard_of_ids(connection, not_told(connection, ids))
        yield [Due(one, at, one) for one, at in sorted(last.items()) if at < before]
        if len(ids) < _STRETCH:
            return
        after = ids[-1]


def due_receipts(database: Database, before: int, since: int = 0) -> Iterator[list[Due]]:
    """Yield receipts that were made before a time and still say more than what counts.

    Parameters
    ----------
    database : Database
    before : int
        Microseconds.
    since : int
        Microseconds: from when on to look.
    """
    row, end = RECEIPTS.c, first_id(before + DAY)  # ids sort by their time, if not to the second
    after = first_id(since) if since else ""
    while True:
        asked = (
            select(row.receipt_id, row.made_at, row.lead_id, (row.packed != NOTHING).label("whole"))
            .where(row.receipt_id > after, row.receipt_id < end)
            .order_by(row.receipt_id)
            .limit(_STRETCH)
        )
        with database.reading() as connection:
            found = connection.execute(asked).all()
            named = _leads_among(connection, [one.lead_id for one in found if not one.whole])
        yield [
            Due(one.receipt_id, one.made_at, one.lead_id)
            for one in found
            if one.made_at < before and (one.whole or one.lead_id in named)
        ]
        if len(found) < _STRETCH:
            return
        after = found[-1].receipt_id


def _leads_among(connection: Connection, names: Sequence[str]) -> set[str]:
    """Return which names are leads' ids: those of objecting persons still stand on their emptied receipts."""
    found: set[str] = set()
    for part in parts(sorted(set(names))):
        found.update(connection.execute(select(LEADS.c.lead_id).where(LEADS.c.lead_id.in_(part))).scalars())
    return found


def due_messages(database: Database, before: int, tried: int) -> Iterator[list[Due]]:
    """Yield messages to the CRM that were made before a time; such as wait only if before another, ``tried``."""
    row, after = OUTBOX.c, 0
    while True:
        asked = select(row.number, row.created_at, row.lead_id, row.state)
        asked = asked.where(row.number > after).order_by(row.number).limit(_STRETCH)
        with database.reading() as connection:
            found = connection.execute(asked).all()
        yield [
            Due(str(one.number), one.created_at, one.lead_id)
            for one in found
            if one.created_at < (tried if one.state == "waiting" else before)
        ]
        if len(found) < _STRETCH:
            return
        after = found[-1].number
