"""What both databases need said a little differently, or in parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Connection, Table, true
from sqlalchemy.dialects import postgresql, sqlite

__all__ = ["AT_ONCE", "is_true", "parts", "upsert"]

AT_ONCE: Final = 500
"""Values in one question: older builds of SQLite bind at most 999."""

_Item = TypeVar("_Item")


def parts(items: Sequence[_Item], size: int = AT_ONCE) -> Iterator[Sequence[_Item]]:
    """Yield a sequence in parts of a size.

    Examples
    --------
    >>> list(parts("abcde", 2))
    ['ab', 'cd', 'e']
    """
    for start in range(0, len(items), size):
        yield items[start : start + size]


def is_true(column: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition that a column is true; SQLite uses an index only where the value is named."""
    return column == true()


def upsert(connection: Connection, table: Table) -> Any:
    """Return an INSERT that may say ``on_conflict_do_update`` or ``on_conflict_do_nothing``."""
    return (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(table)
