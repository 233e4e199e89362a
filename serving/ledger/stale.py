"""Which scores are out of date: noted in the transaction of the change itself, so that none is forgotten."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, case, or_

from leadlight.serving.store.schema import RESCORING, RESCORING_ACCOUNTS
from leadlight.serving.store.sql import upsert

__all__ = ["ACCOUNT_CHANGED", "LEAD_CHANGED", "TIME_PASSED", "mark_accounts", "mark_leads"]

LEAD_CHANGED: Final = 0
ACCOUNT_CHANGED: Final = 1
TIME_PASSED: Final = 2
"""Also a new model."""


def mark_leads(connection: Connection, lead_ids: Iterable[str], now: int, urgency: int = LEAD_CHANGED) -> None:
    """Note that leads have to be scored again; the most urgent cause counts.

    Parameters
    ----------
    connection : Connection
    lead_ids : iterable of str
    now : int
        Microseconds.
    urgency : int
    """
    rows = [
        {"lead_id": lead_id, "urgency": urgency, "since": now, "generation": 0, "claimed_until": 0}
        for lead_id in sorted(set(lead_ids))  # all in one order, else two transactions wait for each other
    ]
    if rows:
        connection.execute(_noting_leads(connection.dialect.name), rows)


@cache
def _noting_leads(dialect: str) -> Any:
    new, there = upsert(dialect, RESCORING), RESCORING.c
    more_urgent = new.excluded.urgency < there.urgency
    # one that is listed for later, for something that lies ahead of the clock, has to be scored before that too
    sooner = or_(more_urgent, new.excluded.since < there.since)
    raised = {
        "urgency": case((more_urgent, new.excluded.urgency), else_=there.urgency),
        "since": case((sooner, new.excluded.since), else_=there.since),
        "generation": there.generation + 1,
    }
    return new.on_conflict_do_update(index_elements=["lead_id"], set_=raised)


def mark_accounts(connection: Connection, account_ids: Iterable[str | None], now: int) -> None:
    """Note that something changed in accounts; however often, their leads are gone through once.

    Call it before the transaction marks or forgets any of these leads: whoever goes through an account holds it and
    then marks its leads, and in the other order the two would wait for each other.
    """
    rows = [
        {"account_id": account_id, "since": now, "generation": 0, "claimed_until": 0}
        for account_id in sorted({found for found in account_ids if found is not None})
    ]
    if rows:
        connection.execute(_noting_accounts(connection.dialect.name), rows)


@cache
def _noting_accounts(dialect: str) -> Any:
    raised = {"generation": RESCORING_ACCOUNTS.c.generation + 1}
    return upsert(dialect, RESCORING_ACCOUNTS).on_conflict_do_update(index_elements=["account_id"], set_=raised)
