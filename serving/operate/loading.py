"""Filling tables from a backup's members, as fast as each database takes rows, in constant memory."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from itertools import islice
from typing import Any, BinaryIO, Final

from sqlalchemy import Connection, inspect

from leadlight.core.errors import BrokenBackup
from leadlight.serving.operate.manifest import TableMember
from leadlight.serving.operate.rows import row_of
from leadlight.serving.store.schema import METADATA
from leadlight.serving.store.sql import analyze

__all__ = ["continue_numbers", "load_table"]

_AT_ONCE: Final = 1_000
"""Rows that are held in memory."""


def load_table(connection: Connection, table: TableMember, packed: BinaryIO) -> None:
    """Put a member's rows into the empty table of its name.

    Parameters
    ----------
    connection : Connection
        In the transaction of the restore.
    table : TableMember
        As the manifest lists it.
    packed : binary file
        The member.

    Raises
    ------
    BrokenBackup
        If the table or its columns are not of that step, or the rows are not those that were promised.
    """
    _check_columns(connection, table)
    rows = _rows(table, packed)
    if connection.dialect.name == "sqlite":
        loaded = _insert(connection, table, rows)
    else:
        loaded = _copy(connection, table, rows)
    if loaded != table.rows:
        raise BrokenBackup(f"{table.member.name} holds {loaded:,} rows and should hold {table.rows:,}.")


def _check_columns(connection: Connection, table: TableMember) -> None:
    looked = inspect(connection)
    there = {str(c["name"]) for c in looked.get_columns(table.table)} if looked.has_table(table.table) else set()
    if not there.issuperset(table.columns) or not table.columns:
        raise BrokenBackup(f"the table {table.table} has other columns than the step that the backup names.")


def _rows(table: TableMember, packed: BinaryIO) -> Iterator[list[Any]]:
    try:
        with gzip.GzipFile(fileobj=packed) as lines:
            for line in lines:
                row = row_of(line)
                if len(row) != len(table.columns):
                    raise BrokenBackup(f"{table.member.name} has a row of {len(row)} values.")
                yield row
    except (ValueError, KeyError, EOFError, gzip.BadGzipFile, zlib.error):
        raise BrokenBackup(f"{table.member.name} can't be read.") from None


def _names(connection: Connection, table: TableMember) -> tuple[str, str]:
    quote = connection.dialect.identifier_preparer.quote
    return quote(table.table), ", ".join(map(quote, table.columns))


def _insert(connection: Connection, table: TableMember, rows: Iterator[list[Any]]) -> int:
    name, columns = _names(connection, table)
    statement = f"INSERT INTO {name} ({columns}) VALUES ({', '.join('?' * len(table.columns))})"
    loaded = 0
    while part := [tuple(row) for row in islice(rows, _AT_ONCE)]:
        connection.exec_driver_sql(statement, part)
        loaded += len(part)
    return loaded


def _copy(connection: Connection, table: TableMember, rows: Iterator[list[Any]]) -> int:
    name, columns = _names(connection, table)
    driver: Any = connection.connection.driver_connection
    loaded = 0
    with driver.cursor() as cursor, cursor.copy(f"COPY {name} ({columns}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
            loaded += 1
    return loaded


def continue_numbers(connection: Connection) -> None:
    """Let PostgreSQL number new rows after the highest that is there; SQLite does so by itself."""
    if connection.dialect.name == "sqlite":
        return
    quote = connection.dialect.identifier_preparer.quote
    for table in METADATA.sorted_tables:
        counted = table.autoincrement_column
        if counted is not None:
            name, column = quote(table.name), quote(counted.name)
            connection.exec_driver_sql(
                f"SELECT setval(pg_get_serial_sequence('{name}', '{counted.name}'), coalesce(max({column}), 1), "
                f"count(*) > 0) FROM {name}"
            )
    analyze(connection, METADATA.sorted_tables)
