"""What a restore must not take back, although the backup does not know of it: erasures, objections, revoked keys."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Column, Connection, select

from leadlight.serving.ledger.barred import note_barred
from leadlight.serving.ledger.erasing import empty_receipts, forget_scores
from leadlight.serving.store.schema import API_KEYS, ERASURES, LEADS

__all__ = ["Replaced", "erasures_in", "object_again", "revoke_again", "what_stands"]


@dataclass(frozen=True, slots=True)
class Replaced:
    """What the database that is replaced knew; times in microseconds since 1970 UTC.

    Attributes
    ----------
    erased : mapping of str to int
        When, by token.
    objected : mapping of str to int
        Since when, by lead id.
    revoked : mapping of str to int
        Since when, by key id.
    """

    erased: Mapping[str, int] = field(default_factory=dict)
    objected: Mapping[str, int] = field(default_factory=dict)
    revoked: Mapping[str, int] = field(default_factory=dict)


def what_stands(connection: Connection, tables: Collection[str]) -> Replaced:
    """Read it, from those of its tables that are there."""
    return Replaced(
        erased=erasures_in(connection) if ERASURES.name in tables else {},
        objected=_times(connection, LEADS.c.lead_id, LEADS.c.objected_at) if LEADS.name in tables else {},
        revoked=_times(connection, API_KEYS.c.key_id, API_KEYS.c.revoked_at) if API_KEYS.name in tables else {},
    )


def erasures_in(connection: Connection) -> dict[str, int]:
    """Return when each token was erased."""
    return _times(connection, ERASURES.c.token, ERASURES.c.erased_at)


def object_again(connection: Connection, objected: Mapping[str, int]) -> int:
    """Heed objections that the tables do not know of, as if they were made now; return how many leads they took."""
    taken = 0
    for lead_id, at in objected.items():
        unknown = LEADS.update().where(LEADS.c.lead_id == lead_id, LEADS.c.objected_at.is_(None))
        if connection.execute(unknown.values(objected_at=at)).rowcount:
            forget_scores(connection, lead_id)
            empty_receipts(connection, lead_id, at)
            taken += 1
    if taken:
        note_barred(connection)
    return taken


def revoke_again(connection: Connection, revoked: Mapping[str, int]) -> int:
    """Revoke keys that the tables take for good; return how many there were."""
    found = 0
    for key_id, at in revoked.items():
        good = API_KEYS.update().where(API_KEYS.c.key_id == key_id, API_KEYS.c.revoked_at.is_(None))
        found += connection.execute(good.values(revoked_at=at)).rowcount
    return found


def _times(connection: Connection, name: Column[str], at: Column[int]) -> dict[str, int]:
    return dict(connection.execute(select(name, at).where(at.is_not(None))).all())
