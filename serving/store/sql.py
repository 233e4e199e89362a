"""What both databases need said a little differently, or in parts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Connection, CursorResult, Select, Table, bindparam, func, select, true
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.types import Text

from leadlight.serving.store.postgres import unhurried

__all__ = [
    "AT_ONCE",
    "analyze",
    "any_of",
    "as_one",
    "in_pages",
    "insert_many",
    "is_true",
    "one_of",
    "parts",
    "row_dicts",
    "upsert",
]

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


def row_dicts(found: CursorResult[Any]) -> list[dict[str, Any]]:
    """Return all rows as dicts by the names of their columns; several times as fast as the library's mappings."""
    names = tuple(found.keys())
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def any_of(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Return the condition that a column has one of the values of a parameter: for a statement that is made once.

    To compose a statement at each call takes longer than SQLite takes to answer it.
    """
    return column.in_(bindparam(name, expanding=True))


def upsert(dialect: str, table: Table) -> Any:
    """Return a dialect's INSERT that may say ``on_conflict_do_update`` or ``on_conflict_do_nothing``."""
    return (sqlite if dialect == "sqlite" else postgresql).insert(table)


def in_pages(connection: Connection, asked: Select[Any], key: ColumnElement[Any], most: int) -> Iterator[Any]:
    """Yield what a question finds, so many rows at a time, in the order of a unique column that it selects first.

    A cursor would do the same, but one on PostgreSQL can't be closed where the server breaks off in the middle.
    """
    page = connection.execute(asked.order_by(key).limit(most)).all()
    while page:
        yield from page
        page = connection.execute(asked.where(key > page[-1][0]).order_by(key).limit(most)).all()


def analyze(connection: Connection, tables: Iterable[Table]) -> None:
    """Let PostgreSQL see how many rows it has and how they are spread; by itself it looks a minute later.

    Until then it takes the index of the versions that count for a short one, and reads all of it at each question.
    """
    quote = connection.dialect.identifier_preparer.quote
    with unhurried(connection):
        connection.exec_driver_sql(f"ANALYZE {', '.join(quote(table.name) for table in tables)}")


def insert_many(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert many rows that all have the same keys: the driver's own way, several times as fast as one by one."""
    if not rows:
        return
    names = list(rows[0])
    columns = ", ".join(names)
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(names))
        cells = [tuple([row[name] for name in names]) for row in rows]
        connection.exec_driver_sql(f"INSERT INTO {table.name} ({columns}) VALUES ({marks})", cells)
        return
    kinds = [table.c[name].type.compile(connection.dialect) for name in names]
    arrays = ", ".join(f"%s::{kind}[]" for kind in kinds)
    whole = tuple([row[name] for row in rows] for name in names)
    connection.exec_driver_sql(f"INSERT INTO {table.name} ({columns}) SELECT * FROM unnest({arrays})", whole)


def one_of(dialect: str, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Return the same condition as `any_of`, for many values: they are bound as one, which `as_one` makes of them."""
    if dialect == "sqlite":
        listed = func.json_each(bindparam(name, type_=Text)).table_valued("value")
        return column.in_(select(listed.c.value))
    array = postgresql.ARRAY(Text)
    return column == func.any(sql_cast(bindparam(name, type_=array), array))


def as_one(dialect: str, values: Sequence[str]) -> str | list[str]:
    """Return many texts as the one value that `one_of` binds."""
    return json.dumps(list(values)) if dialect == "sqlite" else list(values)
