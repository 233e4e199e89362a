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
from leadlight.serving.ledger.persons import names_today, token_of
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
from leadlight.serving.store.sql import any_of, parts, upsert

__all__ = ["NOBODY", "Erased", "empty_receipts", "erase_by_tokens", "erase_leads", "forget_scores", "objects"]

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

_FORGETTING: Final = tuple(table.delete().where(any_of(table.c.lead_id, "values")) for table in _TELLING)
_HOLDING: Final = (
    select(RESCORING.c.lead_id)
    .where(any_of(RESCORING.c.lead_id, "values"))
    .order_by(RESCORING.c.lead_id)  # in which all lock them: a DELETE has no order of its own
    .with_for_update()
)
_WITH_RECEIPTS: Final = select(RECEIPTS.c.lead_id).where(any_of(RECEIPTS.c.lead_id, "values")).distinct()
_OBJECTING: Final = select(LEADS.c.lead_id).where(any_of(LEADS.c.lead_id, "values"), LEADS.c.objected_at.is_not(None))


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased.

    Attributes
    ----------
    leads : int
        Persons, each under however many ids.
    rows : int
        Rows that are gone.
    receipts : int
        Receipts that were emptied.
    tokens : tuple of str
        What is kept of the ids.
    names : tuple of str
        The ids themselves; they are kept nowhere.
    objected : bool
        Whether anybody of them objected to profiling.
    """

    leads: int
    rows: int
    receipts: int
    tokens: tuple[str, ...]
    names: tuple[str, ...]
    objected: bool


NOBODY: Final = Erased(0, 0, 0, (), (), False)


def objects(connection: Connection, lead_ids: Sequence[str]) -> bool:
    """Return whether anybody objects to profiling under any of these ids."""
    return any(connection.execute(_OBJECTING, {"values": part}).first() is not None for part in parts(lead_ids))


def erase_leads(
    connection: Connection, secret: bytes, lead_ids: Sequence[str], now: int, version: int, *, answers: bool = True
) -> Erased:
    """Erase leads under all their ids.

    Parameters
    ----------
    connection : Connection
    secret : bytes
    lead_ids : sequence of str
        As they go by today, each once; at least one.
    now : int
        Microseconds.
    version : int
        Of the model that serves, 0 for none: every version up to it may have learned from these leads.
    answers : bool
        Whether to look through the answers that are kept for retries, too; who erases many does so once for all.
    """
    names = sorted(names_today(connection, lead_ids))
    tokens = {name: token_of(secret, name) for name in names}
    objected = objects(connection, names)
    rows = receipts = 0
    for part in parts(names):
        connection.execute(_HOLDING, {"values": part}).all()
        for forgetting in _FORGETTING:
            rows += connection.execute(forgetting, {"values": part}).rowcount
        for name in connection.execute(_WITH_RECEIPTS, {"values": part}).scalars().all():
            receipts += empty_receipts(connection, name, now, renamed=tokens[name])
    if answers:
        forget_answers(connection, chain(*answers_naming(connection, names).values()))
    models = json.dumps(list(range(1, version + 1)))
    new = upsert(connection.dialect.name, ERASURES).on_conflict_do_nothing(index_elements=["token"])
    connection.execute(new, [{"token": token, "erased_at": now, "models": models} for token in tokens.values()])
    return Erased(len(lead_ids), rows, receipts, tuple(tokens.values()), tuple(names), objected)


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
    for part in parts(found):
        erase_leads(connection, secret, part, now, 0)
    new = upsert(connection.dialect.name, ERASURES).on_conflict_do_nothing(index_elements=["token"])
    connection.execute(new, [{"token": token, "erased_at": now, "models": "[]"} for token in sorted(tokens)])
    note_barred(connection)
    return len(found)


def _everybody(connection: Connection) -> Iterator[str]:
    """Yield all ids that any row goes by."""
    for table in (LEADS, ACTIVITIES, STAGE_CHANGES, ATTRIBUTE_CHANGES, RECEIPTS):
        yield from list(connection.execute(select(table.c.lead_id).distinct()).scalars())
