"""Who may not be scored: asked at every score, so it is answered from memory, and looked up again when it changes.

A counter in the store tells that it did: an erasure or an objection in one process is known in all within a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Literal

from sqlalchemy import BigInteger, Connection, Text, cast, select

from leadlight.serving.ledger.persons import beside, token_of
from leadlight.serving.store.database import Database
from leadlight.serving.store.schema import ERASURES, LEADS, META
from leadlight.serving.store.sql import upsert

__all__ = ["Barred", "note_barred"]

_COUNTER: Final = "barred"


def note_barred(connection: Connection) -> None:
    """Say, in the transaction of the change, that other people may be scored now than before."""
    raised = cast(cast(META.c.value, BigInteger) + 1, Text)  # by the database: two may do so at once
    new = upsert(connection.dialect.name, META).on_conflict_do_update(index_elements=["name"], set_={"value": raised})
    connection.execute(new, [{"name": _COUNTER, "value": "1"}])


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
        self._seen: str | None = None
        self._tokens: frozenset[str] = frozenset()
        self._objecting: frozenset[str] = frozenset()

    def refresh(self) -> None:
        """Look whether anything changed.

        Raises
        ------
        sqlalchemy.exc.SQLAlchemyError, OSError
            If the database does not answer; then what was known stands.
        """
        with self._database.reading() as connection:
            self._look(connection)

    def _look(self, connection: Connection) -> None:
        counter = connection.execute(select(META.c.value).where(META.c.name == _COUNTER)).scalar_one_or_none()
        if counter == self._seen:
            return
        tokens = frozenset(connection.execute(select(ERASURES.c.token)).scalars())
        objecting = select(LEADS.c.lead_id).where(LEADS.c.objected_at.is_not(None))
        self._objecting = frozenset(connection.execute(objecting).scalars())
        self._tokens, self._seen = tokens, counter

    def kept_as(self, connection: Connection, lead_ids: Iterable[str]) -> dict[str, str]:
        """Return which of some leads are barred at this moment, each with the name that its receipts are kept under.

        Nobody is erased or objects until the end of the transaction: what is written now, they will find.
        """
        beside(connection)
        self._look(connection)
        found = {lead_id: self.why(lead_id) for lead_id in lead_ids}
        return {
            lead_id: token_of(self._secret(), lead_id) if why == "erased" else lead_id
            for lead_id, why in found.items()
            if why is not None
        }

    def why(self, lead_id: str) -> Literal["erased", "objected"] | None:
        """Return why a lead may not be scored, None if it may."""
        if lead_id in self._objecting:
            return "objected"
        if self._tokens and token_of(self._secret(), lead_id) in self._tokens:
            return "erased"
        return None
