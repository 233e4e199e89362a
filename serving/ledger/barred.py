"""Who may not be scored: asked at every score, so it is answered from memory, and looked up again when it changes.

A counter in the store tells that it did: an erasure or an objection in one process is known in all within a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Literal

from sqlalchemy import BigInteger, Connection, Text, cast, func, select

from leadlight.serving.ledger.persons import BESIDE, beside, token_of
from leadlight.serving.store.database import Database
from leadlight.serving.store.one_go import Statement
from leadlight.serving.store.schema import ERASURES, LEADS, META
from leadlight.serving.store.sql import parts, upsert

__all__ = ["Barred", "note_barred", "note_erased"]

_BARRED: Final = "barred"
_ERASED: Final = "erased"
_COUNTERS: Final = select(META.c.name, META.c.value).where(META.c.name.in_((_BARRED, _ERASED)))
_MARGIN: Final = 600_000_000
"""Microseconds by which a later erasure may bear an earlier time: clocks differ, and transactions take their time."""

_Why = Literal["erased", "objected"]


def note_barred(connection: Connection) -> None:
    """Say, in the transaction of the change, that other people may be scored now than before."""
    _count_up(connection, _BARRED)


def note_erased(connection: Connection) -> None:
    """Say the same where nothing happened but that people were erased who had not objected: that is soon looked up."""
    _count_up(connection, _ERASED)


def _count_up(connection: Connection, name: str) -> None:
    raised = cast(cast(META.c.value, BigInteger) + 1, Text)  # by the database: two may do so at once
    new = upsert(connection.dialect.name, META).on_conflict_do_update(index_elements=["name"], set_={"value": raised})
    connection.execute(new, [{"name": name, "value": "1"}])


class Barred:
    """Leads that were erased or object to profiling.

    Parameters
    ----------
    database : Database
    secret : callable
        Returns the installation's secret; it is not asked for before anybody was erased.
    """

    def __init__(self, database: Database, secret: Callable[[], bytes]) -> None:
        self._database = database
        self._secret = secret
        self._seen: dict[str, str] | None = None
        self._tokens: set[str] = set()
        self._newest = 0
        self._objecting: frozenset[str] = frozenset()

    def refresh(self) -> None:
        """Look whether anything changed.

        Raises
        ------
        sqlalchemy.exc.SQLAlchemyError, OSError
            If the database does not answer; then what was known stands.
        """
        with self._database.reading() as connection:
            counters = _counters(connection)
            if counters == self._seen:
                return
            if self._seen is None or counters.get(_BARRED) != self._seen.get(_BARRED):
                objecting = select(LEADS.c.lead_id).where(LEADS.c.objected_at.is_not(None))
                self._objecting = frozenset(connection.execute(objecting).scalars())
            self._look_up_erased(connection)
            self._seen = counters

    def _look_up_erased(self, connection: Connection) -> None:
        """Add whoever was erased since; read all anew only where that does not give as many as there are."""
        asked = select(ERASURES.c.token, ERASURES.c.erased_at)
        new = connection.execute(asked.where(ERASURES.c.erased_at >= self._newest - _MARGIN)).all()
        self._tokens.update(row.token for row in new)
        there = connection.execute(select(func.count()).select_from(ERASURES)).scalar_one()
        if there != len(self._tokens):
            new = connection.execute(asked).all()
            self._tokens = {row.token for row in new}
        self._newest = max((row.erased_at for row in new), default=self._newest)

    def kept_as(self, connection: Connection, lead_ids: Iterable[str]) -> dict[str, str]:
        """Return which of some leads are barred at this moment, each with the name that its receipts are kept under.

        Nobody is erased or objects until the end of the transaction: what is written now, they will find.
        """
        beside(connection)
        asked = list(lead_ids)
        known = _counters(connection) == self._seen
        found = {lead_id: self.why(lead_id) for lead_id in asked} if known else self._look_up(connection, asked)
        return {
            lead_id: token_of(self._secret(), lead_id) if why == "erased" else lead_id
            for lead_id, why in found.items()
            if why is not None
        }

    def none_of(self, lead_ids: Iterable[str]) -> tuple[str, Statement] | None:
        """Return what to say first, and a condition that holds only if none of some leads is barred.

        None where one is, or nothing was looked up yet. It takes no look before the statement that has the condition:
        what is known here must be what the store says then.
        """
        seen = self._seen  # before the leads are looked for: what comes to be known in between makes the condition fail
        if seen is None or any(self.why(lead_id) is not None for lead_id in lead_ids):
            return None
        mark = "?" if self._database.is_sqlite else "%s"
        names = (_BARRED, _ERASED)
        same = " AND ".join(
            f"COALESCE((SELECT value FROM {META.name} WHERE name = '{name}'), '') = {mark}" for name in names
        )
        return BESIDE, (same, tuple(seen.get(name, "") for name in names))

    def _look_up(self, connection: Connection, lead_ids: list[str]) -> dict[str, _Why]:
        """Ask the database of these alone: a writer must not wait until all are read."""
        found: dict[str, _Why] = {}
        by_token: dict[str, str] = {}
        if connection.execute(select(ERASURES.c.token).limit(1)).first() is not None:
            by_token = {token_of(self._secret(), lead_id): lead_id for lead_id in lead_ids}
        for part in parts(list(by_token)):
            erased = connection.execute(select(ERASURES.c.token).where(ERASURES.c.token.in_(part))).scalars()
            found.update({by_token[token]: "erased" for token in erased})
        for part in parts(lead_ids):
            asked = select(LEADS.c.lead_id).where(LEADS.c.lead_id.in_(part), LEADS.c.objected_at.is_not(None))
            found.update(dict.fromkeys(connection.execute(asked).scalars(), "objected"))
        return found

    def why(self, lead_id: str) -> _Why | None:
        """Return why a lead may not be scored, None if it may."""
        if lead_id in self._objecting:
            return "objected"
        if self._tokens and token_of(self._secret(), lead_id) in self._tokens:
            return "erased"
        return None


def _counters(connection: Connection) -> dict[str, str]:
    return {row.name: row.value for row in connection.execute(_COUNTERS)}
