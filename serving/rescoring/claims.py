"""Who scores which leads next: claims are leases in the database, so that several processes share the work.

A claim ends when the work is written, or by itself when its time is over: a killed process delays, it drops nothing.
A change that comes while a lead is being scored raises the lead's generation; then the lead stays to be scored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Select, Table, bindparam, literal, or_, select

from leadlight.serving.ledger.stale import ACCOUNT_CHANGED, TIME_PASSED
from leadlight.serving.store.schema import LEADS, RESCORING, RESCORING_ACCOUNTS, SCORES
from leadlight.serving.store.sql import is_true, parts, upsert

__all__ = ["Claims", "claim_accounts", "claim_leads", "finish_accounts", "finish_leads", "held", "sweep"]

LEASE: Final = 30_000_000
"""How long a claim lasts, microseconds."""

Claims = Mapping[str, int]
"""What was claimed, each with its generation."""


def claim_leads(connection: Connection, most: int, clock: int) -> Claims:
    """Claim the most urgent leads.

    Parameters
    ----------
    connection : Connection
        Within a transaction.
    most : int
    clock : int
        The machine's clock, microseconds: leases run in real time.
    """
    order = (RESCORING.c.urgency, RESCORING.c.since)
    return _claim(connection, RESCORING, RESCORING.c.lead_id, order, most, clock)


def claim_accounts(connection: Connection, most: int, clock: int) -> Claims:
    """Claim the accounts that have waited longest; see `claim_leads`."""
    key = RESCORING_ACCOUNTS.c.account_id
    return _claim(connection, RESCORING_ACCOUNTS, key, (RESCORING_ACCOUNTS.c.since,), most, clock)


def _claim(
    connection: Connection, table: Table, key: Any, order: Sequence[Any], most: int, clock: int
) -> dict[str, int]:
    free = select(key, table.c.generation).where(table.c.claimed_until < clock).order_by(*order).limit(most)
    if connection.dialect.name != "sqlite":  # which has one writer at a time
        free = free.with_for_update(skip_locked=True)
    found = {row[0]: row.generation for row in connection.execute(free)}
    _lease(connection, table, key, list(found), clock + LEASE)
    return found


def _lease(connection: Connection, table: Table, key: Any, names: Sequence[str], until: int) -> None:
    for part in parts(names):
        connection.execute(table.update().where(key.in_(part)).values(claimed_until=until))


def held(connection: Connection, claims: Claims) -> set[str]:
    """Return which claimed leads are still to be scored, and hold them until the end of the transaction.

    Who was erased, merged or objects meanwhile is not among them: nothing may be written of them.
    """
    found: set[str] = set()
    for part in parts(sorted(claims)):
        asked = select(RESCORING.c.lead_id).where(RESCORING.c.lead_id.in_(part)).order_by(RESCORING.c.lead_id)
        if connection.dialect.name != "sqlite":
            asked = asked.with_for_update()
        found.update(connection.execute(asked).scalars())
    return found


def finish_leads(connection: Connection, claims: Claims) -> None:
    """Take scored leads off the list; those that changed meanwhile stay, free to be claimed."""
    _finish(connection, RESCORING, RESCORING.c.lead_id, claims)


def finish_accounts(connection: Connection, claims: Claims) -> None:
    """Take accounts off the list; see `finish_leads`."""
    _finish(connection, RESCORING_ACCOUNTS, RESCORING_ACCOUNTS.c.account_id, claims)


def _finish(connection: Connection, table: Table, key: Any, claims: Claims) -> None:
    if not claims:
        return
    done = table.delete().where(key == bindparam("name"), table.c.generation == bindparam("seen"))
    connection.execute(done, [{"name": name, "seen": claims[name]} for name in sorted(claims)])
    _lease(connection, table, key, sorted(claims), 0)


def put_account_on_list(connection: Connection, account_id: str, clock: int) -> None:
    """List an account's leads whose score is older than the change: what it did concerns them all."""
    since = select(RESCORING_ACCOUNTS.c.since).where(RESCORING_ACCOUNTS.c.account_id == account_id).scalar_subquery()
    old = (
        select(LEADS.c.lead_id)
        .outerjoin(SCORES, SCORES.c.lead_id == LEADS.c.lead_id)
        .where(
            LEADS.c.account_id == account_id,
            LEADS.c.merged_into.is_(None),
            LEADS.c.objected_at.is_(None),
            or_(SCORES.c.lead_id.is_(None), SCORES.c.is_open & (SCORES.c.as_of <= since + 1)),
        )
        .order_by(LEADS.c.lead_id)
    )
    _put_on_list(connection, old, ACCOUNT_CHANGED, clock)


def sweep(connection: Connection, version: int, older_than: int, most: int, clock: int) -> int:
    """List leads that another model scored, or that were scored too long ago; return how many, at most ``most``."""
    waiting = select(RESCORING.c.lead_id)
    other = or_(SCORES.c.model_version < version, SCORES.c.model_version > version)  # ranges, which an index knows
    other_model = select(SCORES.c.lead_id).where(other, SCORES.c.lead_id.not_in(waiting))
    old = select(SCORES.c.lead_id).where(
        is_true(SCORES.c.is_open), SCORES.c.as_of < older_than, SCORES.c.lead_id.not_in(waiting)
    )
    listed = 0
    for found in (other_model, old):
        if listed < most:
            listed += _put_on_list(connection, found.limit(most - listed), TIME_PASSED, clock)
    return listed


def _put_on_list(connection: Connection, leads: Select[tuple[str]], urgency: int, clock: int) -> int:
    found = leads.add_columns(literal(urgency), literal(clock), literal(0), literal(0))
    new = upsert(connection, RESCORING).from_select(
        ["lead_id", "urgency", "since", "generation", "claimed_until"], found.where(literal(1) == 1)
    )
    kept = new.on_conflict_do_update(index_elements=["lead_id"], set_={"generation": RESCORING.c.generation + 1})
    return connection.execute(kept.execution_options(preserve_rowcount=True)).rowcount
