"""Rows for every table of the store, with the values that a copy most easily loses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Boolean, Connection, Float, Integer, LargeBinary, Table, insert, select

from leadlight.serving.store.database import Database
from leadlight.serving.store.schema import METADATA

__all__ = ["everything", "fill"]

_FLOATS = (0.1 + 0.2, -1e-300, 5e-324, 1.7976931348623157e308, -1 / 3, 1e22)  # no -0.0: SQLite keeps it as 0.0
_TEXTS = ("", "José Ñandú 🧾 \u2028", 'quo"te\\back', "line\nbreak\ttab\r", "None", "null", "日本")
_BYTES = (b"", bytes(range(256)), b"\n\r\\.")
_INTEGERS = (2**31 - 1, -(2**31), 0, 1)
_BIG = (2**53 + 1, -(2**63), 2**63 - 1, 0)


def fill(connection: Connection, rows: int = 20) -> None:
    """Put so many rows into each table; numbered ones with gaps, so that the highest is not the count."""
    for table in METADATA.sorted_tables:
        connection.execute(insert(table), [_row(table, i) for i in range(rows)])


def _row(table: Table, i: int) -> dict[str, Any]:
    return {
        column.key: f"{table.name}-{i}"
        if column.primary_key and column is not table.autoincrement_column
        else 7 * i + 3
        if column.primary_key
        else f"{column.name}-{i}"
        if column.unique or column.name == "identity"
        else _value(column.type, i + place, nullable=bool(column.nullable))
        for place, column in enumerate(table.columns)
    }


def _value(kind: object, i: int, *, nullable: bool) -> Any:
    if nullable and i % 3 == 0:
        return None
    if isinstance(kind, Boolean):
        return i % 2 == 0
    if isinstance(kind, Float):
        return _FLOATS[i % len(_FLOATS)]
    if isinstance(kind, LargeBinary):
        return _BYTES[i % len(_BYTES)]
    if isinstance(kind, Integer):
        values = _BIG if type(kind).__name__ == "BigInteger" else _INTEGERS
        return values[i % len(values)]
    return _TEXTS[i % len(_TEXTS)]


def everything(database: Database) -> Mapping[str, list[Any]]:
    """Return all rows of all tables, written so that floats and types are told apart."""
    with database.reading() as connection:
        return {
            table.name: sorted(repr([repr(value) for value in row]) for row in connection.execute(select(table)))
            for table in METADATA.sorted_tables
        }
