"""Receipts in the database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, select

from leadlight.serving.store.database import Database
from leadlight.serving.store.receipts import ErasedReceipt, Receipt, Slip
from leadlight.serving.store.schema import RECEIPTS
from leadlight.serving.store.sql import parts

__all__ = ["ReceiptTable", "insert_receipts"]

_ROWS: Final = 100
"""Rows in one statement; each has nine values."""


class ReceiptTable:
    """Writes receipts durably and reads them back.

    Parameters
    ----------
    database : Database
    barred : callable, optional
        Takes a connection and lead ids; returns those that were erased or object, each with the name under which an
        emptied receipt of theirs is kept.
    """

    def __init__(
        self,
        database: Database,
        barred: Callable[[Connection, Collection[str]], Mapping[str, str]] = lambda _connection, _ids: {},
    ) -> None:
        self._database = database
        self._barred = barred

    def open(self) -> None:
        """Open the database; see `leadlight.serving.store.database.Database.open`."""
        self._database.open()

    def look(self) -> None:
        """See whether the database takes anything; raises what stands in the way."""
        with self._database.writing():
            pass

    def add(self, receipts: Sequence[Slip]) -> None:
        """Write receipts in one transaction; when this returns they survive a crash."""
        if receipts:
            with self._database.writing() as writer:
                self._insert(writer, receipts)

    def add_missing(self, receipts: Sequence[Slip]) -> int:
        """Write those receipts that are not there yet, in one transaction; return how many."""
        if not receipts:
            return 0
        with self._database.writing() as writer:
            there = _there(writer, [receipt.receipt_id for receipt in receipts])
            new = {receipt.receipt_id: receipt for receipt in receipts if receipt.receipt_id not in there}
            self._insert(writer, list(new.values()))
        return len(new)

    def _insert(self, writer: Connection, receipts: Sequence[Slip]) -> None:
        """Write receipts; of who was erased or objected while the score was under way nothing is kept but the score."""
        insert_receipts(writer, receipts)
        for lead_id, name in self._barred(writer, {receipt.lead_id for receipt in receipts}).items():
            theirs = [receipt for receipt in receipts if receipt.lead_id == lead_id]
            emptied = {RECEIPTS.c.text: "", RECEIPTS.c.lead_id: name, RECEIPTS.c.erased_at: RECEIPTS.c.made_at}
            for part in parts([receipt.receipt_id for receipt in theirs]):
                writer.execute(RECEIPTS.update().where(RECEIPTS.c.receipt_id.in_(part)).values(emptied))

    def get(self, receipt_id: str) -> Receipt | ErasedReceipt | None:
        """Return a receipt or what is left of it, or None if there is none of this id."""
        columns = [RECEIPTS.c[name] for name in ErasedReceipt.__dataclass_fields__]
        with self._database.reading() as reader:
            asked = select(RECEIPTS.c.text, *columns).where(RECEIPTS.c.receipt_id == receipt_id)
            found = reader.execute(asked).one_or_none()
        if found is None:
            return None
        text, *left = found
        return Receipt.from_json(text) if text else ErasedReceipt(*left)

    def close(self) -> None:
        """Close the database's connections."""
        self._database.close()


def _there(connection: Connection, ids: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for part in parts(ids):
        found.update(connection.execute(select(RECEIPTS.c.receipt_id).where(RECEIPTS.c.receipt_id.in_(part))).scalars())
    return found


def insert_receipts(connection: Connection, receipts: Sequence[Slip]) -> None:
    """Write many rows by one statement: between two the writing thread would wait for its turn again."""
    mark = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    names, row = ", ".join(RECEIPTS.c[name].name for name in Slip._fields), ", ".join([mark] * len(Slip._fields))
    for part in parts(receipts, _ROWS):
        rows = ", ".join([f"({row})"] * len(part))
        values = tuple(value for receipt in part for value in receipt)
        connection.exec_driver_sql(f"INSERT INTO {RECEIPTS.name} ({names}) VALUES {rows}", values)
