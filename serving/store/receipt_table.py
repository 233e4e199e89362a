"""Receipts in the database."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final, Protocol

from sqlalchemy import Connection, select

from leadlight.serving.store.database import Database
from leadlight.serving.store.one_go import Statement
from leadlight.serving.store.packed import NOTHING, DamagedReceipt
from leadlight.serving.store.receipts import ErasedReceipt, Receipt, Slip
from leadlight.serving.store.schema import RECEIPTS
from leadlight.serving.store.sql import parts

__all__ = ["ReceiptTable", "insert_receipts"]

_ROWS: Final = 100
"""Rows in one statement; each has nine values."""

_TYPES: Final = ["BYTEA" if name == "packed" else str(RECEIPTS.c[name].type) for name in Slip._fields]
_ROWS_OF: Final = {
    "sqlite": f"({', '.join('?' * len(_TYPES))})",
    "postgresql": f"({', '.join(f'%s::{kind}' for kind in _TYPES)})",  # as arrays, long texts take ten times as long
}


class WhoIsBarred(Protocol):
    """Knows who was erased or objects."""

    def kept_as(self, connection: Connection, lead_ids: Collection[str]) -> Mapping[str, str]:
        """Return which of some leads are, each with the name under which an emptied receipt of theirs is kept."""
        ...

    def none_of(self, lead_ids: Collection[str]) -> tuple[str, Statement] | None:
        """Return a condition that holds only if none of some leads is, to be put into the statement that relies on it.

        Before it stands what is to be said first where several write at once. None if one of the leads may be barred.
        """
        ...


class ReceiptTable:
    """Writes receipts durably and reads them back.

    Parameters
    ----------
    database : Database
    barred : WhoIsBarred, optional
        Without one nobody is: it is not asked.
    """

    def __init__(self, database: Database, barred: WhoIsBarred | None = None) -> None:
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
        if receipts and not self._add_at_once(receipts):
            with self._database.writing() as writer:
                self._insert(writer, receipts)

    def _add_at_once(self, receipts: Sequence[Slip]) -> bool:
        """Write receipts unless one may have to be emptied, or they are many; return whether it was done."""
        if self._barred is None or len(receipts) > _ROWS:
            return False
        found = self._barred.none_of({receipt.lead_id for receipt in receipts})
        if found is None:
            return False
        before, condition = found
        insert = _insert(self._database.dialect, receipts, condition)
        return self._database.write_at_once(insert, first=before) == len(receipts)

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
        barred = self._barred.kept_as(writer, {receipt.lead_id for receipt in receipts}) if self._barred else {}
        for lead_id, name in barred.items():
            theirs = [receipt for receipt in receipts if receipt.lead_id == lead_id]
            emptied = {RECEIPTS.c.packed: NOTHING, RECEIPTS.c.lead_id: name, RECEIPTS.c.erased_at: RECEIPTS.c.made_at}
            for part in parts([receipt.receipt_id for receipt in theirs]):
                writer.execute(RECEIPTS.update().where(RECEIPTS.c.receipt_id.in_(part)).values(emptied))

    def get(self, receipt_id: str) -> Receipt | ErasedReceipt | None:
        """Return a receipt or what is left of it, or None if there is none of this id.

        Raises
        ------
        DamagedReceipt
            With the ``lead_id`` of its row.
        """
        columns = [RECEIPTS.c[name] for name in ErasedReceipt.__dataclass_fields__]
        with self._database.reading() as reader:
            asked = select(RECEIPTS.c.packed, *columns).where(RECEIPTS.c.receipt_id == receipt_id)
            found = reader.execute(asked).one_or_none()
        if found is None:
            return None
        stored, *left = found
        try:
            return Receipt.from_packed(stored) if stored else ErasedReceipt(*left)
        except DamagedReceipt as damage:
            raise DamagedReceipt(str(damage), lead_id=found.lead_id) from damage

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
    for part in parts(receipts, _ROWS):
        connection.exec_driver_sql(*_insert(connection.dialect.name, part))


def _insert(dialect: str, receipts: Sequence[Slip], condition: Statement = ("1 = 1", ())) -> Statement:
    """Return the statement that writes receipts if a condition holds, in the driver's words."""
    names, rows = ", ".join(Slip._fields), ", ".join([_ROWS_OF[dialect]] * len(receipts))
    values = tuple(value for receipt in receipts for value in receipt)
    text, more = condition
    return (
        f"INSERT INTO {RECEIPTS.name} ({names}) SELECT * FROM (VALUES {rows}) AS told WHERE {text}",
        values + more,
    )
