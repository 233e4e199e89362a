"""Forgetting a person: everything that tells of them goes, what is needed to count stays.

Left are the receipts' ids, times, model versions and scores, under a keyed digest of the lead's id, and that digest
itself, so that a late message can't bring the person back.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from sqlalchemy import Connection, Table, select

from leadlight.serving.ledger.answers import answers_naming, forget_answers
from leadlight.serving.ledger.barred import note_barred
from leadlight.serving.ledger.persons import token_of
from leadlight.serving.store.packed import NOTHING
from leadlight.serving.store.schema import (
    ACTIVITIES,
    ATTRIBUTE_CHANGES,
    DECISIONS,
    ERASURES,
    LEAD_MOVES,
    LEADS,
    OUTBOX,
    RECEIPTS,
    RESCORING,
    SCORES,
    STAGE_CHANGES,
)
from leadlight.serving.store.sql import any_of, upsert

__all__ = ["Erased", "empty_receipts", "erase_by_tokens", "erase_lead", "forget_scores", "names_of", "objects"]

_TELLING: Final[tuple[Table, ...]] = (
    RESCORING,  # first: whoever scores the lead at this moment holds its row here, or finds that it is gone
    ACTIVITIES,
    STAGE_CHANGES,
    ATTRIBUTE_CHANGES,
    LEAD_MOVES,
    DECISIONS,
    LEADS,
    SCORES,
    OUTBOX,
)
"""Tables whose rows tell of a lead by its id."""

_MERGED_INTO: Final = select(LEADS.c.lead_id).where(any_of(LEADS.c.merged_into, "values"))
_OBJECTING: Final = select(LEADS.c.lead_id).where(any_of(LEADS.c.lead_id, "values"), LEADS.c.objected_at.is_not(None))


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased.

    Attributes
    ----------
    rows : int
        Rows that are gone.
    receipts : int
        Receipts that were emptied.
    tokens : tuple of str
        What is kept of the ids.
    names : tuple of str
        The ids themselves; they are kept nowhere.
    objected : bool
        Whether the person objected to profiling.
    """

    rows: int
    receipts: int
    tokens: tuple[str, ...]
    names: tuple[str, ...]
    objected: bool


def names_of(connection: Connection, lead_id: str) -> list[str]:
    """Return all ids that a lead has gone by: its own and those merged into it, however often."""
    names, waiting = [lead_id], [lead_id]
    while waiting:
        found = connection.execute(_MERGED_INTO, {"values": waiting}).scalars()
        waiting = [name for name in found if name not in names]
        names += waiting
    return names


def objects(connection: Connection, lead_ids: Sequence[str]) -> bool:
    """Return whether the person objects to profiling under any of these ids."""
    return connection.execute(_OBJECTING, {"values": lead_ids}).first() is not None


def erase_lead(
    connection: Connection, secret: bytes, lead_id: str, now: int, version: int, *, answers: bool = True
) -> Erased:
    """Erase a lead under all its ids.

    Parameters
    ----------
    connection : Connection
    secret : bytes
    lead_id : str
        As it goes by today.
    now : int
        Microseconds.
    version : int
        Of the model that serves, 0 for none: every version up to it may have learned from this lead.
    answers : bool
        Whether to look through the answers that are kept for retries, too; who erases many does so once for all.
    """
    rows = receipts = 0
    tokens = []
    names = names_of(connection, lead_id)
    objected = objects(connection, names)
    for name in names:
        token = token_of(secret, name)
        tokens.append(token)
        for table in _TELLING:
            rows += connection.execute(table.delete().where(table.c.lead_id == name)).rowcount
        receipts += empty_receipts(connection, name, now, renamed=token)
    if answers:
        forget_answers(connection, chain(*answers_naming(connection, names).values()))
    models = json.dumps(list(range(1, version + 1)))
    new = upsert(connection.dialect.name, ERASURES).on_conflict_do_nothing(index_elements=["token"])
    connection.execute(new, [{"token": token, "erased_at": now, "models": models} for token in tokens])
    return Erased(rows, receipts, tuple(tokens), tuple(names), objected)


def empty_receipts(connection: Connection, lead_id: str, now: int, renamed: str | None = None) -> int:
    """Take out of a lead's receipts all but id, time, model version and score; return how many."""
    emptied = {RECEIPTS.c.packed: NOTHING, RECEIPTS.c.erased_at: now, RECEIPTS.c.lead_id: renamed or lead_id}
    return connection.execute(RECEIPTS.update().where(RECEIPTS.c.lead_id == lead_id).values(emptied)).rowcount


def forget_scores(connection: Connection, lead_id: str) -> None:
    """Forget a lead's score, and what the CRM was still to be told of it."""
    for table in (RESCORING, SCORES, OUTBOX):
        connection.execute(table.delete().where(table.c.lead_id == lead_id))


def erase_by_tokens(connection: Connection, secret: bytes, tokens: set[str], now: int) -> int:
    """Erase whoever has one of these tokens, as a restored backup may bring people back; return how many."""
    everybody = dict.fromkeys(_everybody(connection))  # each once, in however many tables
    found = [lead_id for lead_id in everybody if token_of(secret, lead_id) in tokens]
    for lead_id in found:
        erase_lead(connection, secret, lead_id, now, 0)
    new = upsert(connection.dialect.name, ERASURES).on_conflict_do_nothing(index_elements=["token"])
    connection.execute(new, [{"token": token, "erased_at": now, "models": "[]"} for token in sorted(tokens)])
    note_barred(connection)
    return len(found)


def _everybody(connection: Connection) -> Iterator[str]:
    """Yield all ids that any row goes by."""
    for table in (LEADS, ACTIVITIES, STAGE_CHANGES, ATTRIBUTE_CHANGES, RECEIPTS):
        yield from list(connection.execute(select(table.c.lead_id).distinct()).scalars())
