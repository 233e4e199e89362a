"""Which lead an id means today: merged ids lead on, erased ones lead nowhere."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection, select, text

from leadlight.core.secret import keyed
from leadlight.serving.store.schema import ERASURES, LEADS
from leadlight.serving.store.sql import any_of, parts

__all__ = [
    "BESIDE",
    "Persons",
    "alone",
    "alone_at_once",
    "beside",
    "find_persons",
    "names_of",
    "names_today",
    "token_of",
]

_PURPOSE: Final = "erasure"
_LOCK: Final = 0x1EAD12
"""Of PostgreSQL's advisory lock on who is who."""

BESIDE: Final = f"SELECT pg_advisory_xact_lock_shared({_LOCK})"
"""What `beside` says to PostgreSQL."""


_ERASED: Final = select(ERASURES.c.token).where(any_of(ERASURES.c.token, "values"))
_WHO: Final = select(LEADS.c.lead_id, LEADS.c.account_id, LEADS.c.created_at, LEADS.c.merged_into).where(
    any_of(LEADS.c.lead_id, "values")
)
_MERGED: Final = select(LEADS.c.lead_id, LEADS.c.merged_into).where(any_of(LEADS.c.merged_into, "values"))


class Persons:
    """What is known of some ids.

    Attributes
    ----------
    current : dict of str to str
        By id as it was told: the id that it goes by today. Unknown ids are their own.
    account : dict of str to str or None
        By current id; only of leads that are known.
    created : dict of str to int
        The same: microseconds.
    since : dict of str to int
        By id as it was told, of merged ones: the latest creation of the leads that it led on to, microseconds.
    erased : set of str
        Ids that were erased, and must not come back.
    """

    def __init__(self) -> None:
        self.current: dict[str, str] = {}
        self.account: dict[str, str | None] = {}
        self.created: dict[str, int] = {}
        self.since: dict[str, int] = {}
        self.erased: set[str] = set()

    def is_known(self, lead_id: str) -> bool:
        """Return whether the lead of a current id has been told."""
        return lead_id in self.created


def token_of(secret: bytes, lead_id: str) -> str:
    """Return what is kept of an erased lead's id: enough to know it again, useless without the secret."""
    return keyed(secret, _PURPOSE, lead_id)


def beside(connection: Connection) -> None:
    """Let others tell at the same time, but nobody erase, merge or object, until the end of the transaction.

    Else neither would see what the other writes. SQLite has one writer anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(BESIDE)


def alone(connection: Connection) -> None:
    """Let nobody tell anything until the end of the transaction: it could be of the person whose ids change now."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))


def alone_at_once(connection: Connection) -> bool:
    """Do as `alone` if that is possible without waiting; return whether it was.

    Who waits for it makes all others wait who would tell something meanwhile.
    """
    if connection.dialect.name != "postgresql":
        return True
    return bool(connection.execute(text(f"SELECT pg_try_advisory_xact_lock({_LOCK})")).scalar_one())


def names_of(connection: Connection, lead_id: str) -> list[str]:
    """Return all ids that a lead has gone by: its own first, then those merged into it, however often."""
    return list(names_today(connection, [lead_id]))


def names_today(connection: Connection, lead_ids: Iterable[str]) -> dict[str, str]:
    """Return all ids that persons have gone by, each with the one that it goes by today."""
    found = {lead_id: lead_id for lead_id in lead_ids}
    waiting = list(found)
    while waiting:
        further: list[str] = []
        for part in parts(waiting):
            for name, into in connection.execute(_MERGED, {"values": part}):
                if name not in found:
                    found[name] = found[into]
                    further.append(name)
        waiting = further
    return found


def find_persons(connection: Connection, secret: bytes, lead_ids: Iterable[str]) -> Persons:
    """Look ids up.

    Parameters
    ----------
    connection : Connection
    secret : bytes
        See `leadlight.core.secret.secret_of`.
    lead_ids : iterable of str
    """
    asked = sorted(set(lead_ids))
    found = Persons()
    found.erased = _erased(connection, secret, asked)
    merged, created = _look_up(connection, asked, found)
    for lead_id in asked:
        current = lead_id
        while current in merged:
            current = merged[current]
            found.since[lead_id] = max(created[current], found.since.get(lead_id, created[current]))
        found.current[lead_id] = current
    return found


def _erased(connection: Connection, secret: bytes, lead_ids: list[str]) -> set[str]:
    by_token = {token_of(secret, lead_id): lead_id for lead_id in lead_ids}
    gone: set[str] = set()
    for part in parts(list(by_token)):
        tokens = connection.execute(_ERASED, {"values": part}).scalars()
        gone.update(by_token[token] for token in tokens)
    return gone


def _look_up(connection: Connection, lead_ids: list[str], found: Persons) -> tuple[dict[str, str], dict[str, int]]:
    """Fill in what is known, following merges; return where merged ids went, and when each lead was created."""
    merged: dict[str, str] = {}
    created: dict[str, int] = {}
    waiting = lead_ids
    while waiting:
        further: set[str] = set()
        for part in parts(waiting):
            for lead_id, account_id, created_at, into in connection.execute(_WHO, {"values": part}):
                created[lead_id] = created_at
                if into is None:
                    found.account[lead_id], found.created[lead_id] = account_id, created_at
                else:
                    merged[lead_id] = into
                    further.add(into)
        waiting = sorted(further - merged.keys() - found.created.keys())
    return merged, created
