"""Files into raw tables: CSV (cells as text) and Parquet (typed), gzipped or not."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from leadlight.core.errors import NothingThere, Problem
from leadlight.core.mapping import DatasetMapping, Dialect
from leadlight.core.sections import near_miss
from leadlight.core.textscan import (
    LIMITS,
    Limits,
    Refused,
    TextScan,
    guarded_read,
    looks_gzipped,
    open_bytes,
    read_blocks,
    scan_text,
)

__all__ = ["LIMITS", "Limits", "RawTable", "file_digest", "find_files", "normalised", "read_table"]

_ENDINGS: Final = (".parquet", ".csv", ".parquet.gz", ".csv.gz")
_OTHER_FORMATS: Final = (
    (b"PK\x03\x04", "a ZIP or an Excel file"),
    (b"\xd0\xcf\x11\xe0", "an old Excel file"),
    (b"\x1f\x8b", "gzipped twice"),
    (b"[{", "JSON"),
    (b'{"', "JSON"),
    (b"<htm", "a web page"),
    (b"<!DO", "a web page"),
    (b"<?xm", "XML"),
)
_CSV_BLOCK: Final = 8 << 20


@dataclass(frozen=True, slots=True)
class RawTable:
    """A file's cells before the mapping is applied.

    Attributes
    ----------
    name : str
        The file, as messages call it.
    cells : pyarrow.Table
        Columns as the file names them; large strings, floats, integers, booleans, timestamps or dates.
    rows : ndarray of shape (n_rows,), dtype int64
        The row of the file that each row comes from, 0 is the first below the header.
    """

    name: str
    cells: pa.Table
    rows: NDArray[np.int64]


def find_files(folder: Path, mapping: DatasetMapping, problems: list[Problem]) -> dict[str, Path]:
    """Find each table's file: the one that the mapping names, else the table's name with a known ending.

    Raises
    ------
    NothingThere
        If there is no such folder, or nothing in it that could be the leads.
    """
    if not folder.is_dir():
        raise NothingThere(f"There is no folder {folder}. Name the one that holds the history (its leads at least).")
    found: dict[str, Path] = {}
    for table, said in mapping.tables.items():
        path = _named(folder, table, said.file, problems) if said.file else _by_table_name(folder, table, problems)
        if path is not None:
            found[table] = path
    if "leads" not in found and not problems:
        files = sorted(entry.name for entry in folder.iterdir() if _is_file(entry))
        raise NothingThere(
            f"There are no leads in {folder}: expected leads.csv or leads.parquet, "
            f"found {', '.join(files) or 'nothing'}. "
            'If the file has another name, say so in dataset.toml: [history] leads = "..."'
        )
    return found


def _named(folder: Path, table: str, name: str, problems: list[Problem]) -> Path | None:
    where = f"dataset.toml [history] {table}"
    if not Path(os.path.normpath(folder / name)).is_relative_to(os.path.normpath(folder)):
        message = f"{name!r} lies outside {folder}; copy the file into the folder, or make a link to it there"
        problems.append(Problem(where, "outside_folder", message))
        return None
    if _is_file(folder / name):
        return folder / name
    files = tuple(sorted(entry.name for entry in folder.iterdir() if _is_file(entry)))
    message = f"there is no file {name[:100]!r} in {folder}; {near_miss(name[:100], files)}"
    problems.append(Problem(where, "no_file", message))
    return None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name longer than any file's, or a folder that may not be looked into
        return False


def _by_table_name(folder: Path, table: str, problems: list[Problem]) -> Path | None:
    places = [folder / f"{table}{ending}" for ending in _ENDINGS]
    there = [path for path in places if _is_file(path)]
    for path in places:
        if os.path.lexists(path) and path not in there:
            message = "is no file that can be read: a folder, a pipe, or a link that leads nowhere"
            problems.append(Problem(path.name, "no_file", message))
    if len(there) > 1:
        names = " and ".join(path.name for path in there)
        message = f'both {names} are there; remove one, or name one in dataset.toml: [history] {table} = "..."'
        problems.append(Problem(table, "two_files", message))
    return there[0] if there else None


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as they lie on the disk, hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_table(path: Path, dialect: Dialect, problems: list[Problem], limits: Limits = LIMITS) -> RawTable | None:
    """Read a file by what its bytes are, whatever it is called.

    Returns
    -------
    RawTable or None
        None where it can't be read; why is added to ``problems``.
    """
    try:
        with open_bytes(path) as stream:
            start = guarded_read(stream, 4, path.name)
        for magic, what in _OTHER_FORMATS:
            if start.startswith(magic):
                message = f"is {what}; save the table as CSV or Parquet"
                raise Refused(Problem(path.name, "not_a_table", message))
        if start == b"PAR1":
            table = normalised(_read_parquet(path, limits))
            _refuse_broken_text(table, path.name)
            return RawTable(path.name, table, np.arange(table.num_rows))
        return _read_csv(path, dialect, problems, limits)
    except (EOFError, OSError) as error:
        problems.append(Problem(path.name, "unreadable", f"can't be read: {error}"))
        return None
    except Refused as refused:
        problems.append(refused.problem)
        return None


def _read_parquet(path: Path, limits: Limits) -> pa.Table:
    if not looks_gzipped(path):
        return _parquet_table(path, path.name, limits)
    with tempfile.TemporaryFile() as unfolded:
        for block in read_blocks(path, limits):
            unfolded.write(block)
        unfolded.seek(0)
        return _parquet_table(unfolded, path.name, limits)


def _parquet_table(source: Path | IO[bytes], name: str, limits: Limits) -> pa.Table:
    try:
        with pa.parquet.ParquetFile(source) as file:
            _refuse_many_rows(file.metadata.num_rows, name, limits)
            _refuse_columns(file.schema_arrow.names, name, limits)
            return file.read()
    except pa.ArrowException as error:
        message = f"can't be read as Parquet ({_first_line(error)}); write it again"
        raise Refused(Problem(name, "broken_parquet", message)) from None


def _read_csv(path: Path, dialect: Dialect, problems: list[Problem], limits: Limits) -> RawTable:
    scan = scan_text(path, encoding=dialect.encoding, separator=dialect.separator, limits=limits)
    _refuse_columns(scan.header, path.name, limits)
    names = [name or f"(column {place})" for place, name in enumerate(scan.header, start=1)]
    if scan.only_header:
        return RawTable(path.name, pa.table({name: pa.array([], pa.large_string()) for name in names}), np.arange(0))
    ragged: list[tuple[int, int]] = []
    try:
        table = _arrow_csv(path, scan, _note_into(ragged)).rename_columns(names)
    except pa.ArrowException as error:
        message = f"can't be cut into rows ({_first_line(error)}); does a quote open that never closes?"
        raise Refused(Problem(path.name, "broken_csv", message)) from None
    if ragged:
        (row, cells), width = ragged[0], len(names)
        message = f"has {cells} cells where the header has {width}; put quotes round cells that hold {scan.separator!r}"
        if row == 1 and cells > width:
            message += ", or remove what stands above the header: it must be the first line"
        problems.append(Problem(path.name, "ragged_row", message, row=row, count=len(ragged)))
    _refuse_many_rows(table.num_rows, path.name, limits)
    _refuse_open_quote(table, scan, path.name)
    rows = np.delete(np.arange(table.num_rows + len(ragged)), [row - 1 for row, _ in ragged])
    return RawTable(path.name, normalised(table), rows)


def _refuse_open_quote(table: pa.Table, scan: TextScan, name: str) -> None:
    # a quote that never closes swallows the rest of the file into the last row's cell, and no parser minds
    if scan.quotes % 2 and table.num_rows and any("\n" in column[-1].as_py() for column in table.columns):
        message = "a quote opens in the last row that could be read and never closes; all below it would be lost"
        raise Refused(Problem(name, "open_quote", message, row=table.num_rows))


def _arrow_csv(path: Path, scan: TextScan, on_ragged: Callable[[Any], str]) -> pa.Table:
    # gzip is unfolded by Arrow; one thread, so that bad rows have numbers
    places = [str(place) for place in range(len(scan.header))]
    with pa.input_stream(str(path), compression="gzip" if looks_gzipped(path) else None) as stream:
        return pa.csv.read_csv(
            stream,
            pa.csv.ReadOptions(
                use_threads=False,
                encoding=_arrow_encoding(scan.encoding),
                block_size=_CSV_BLOCK,
                column_names=places,
                skip_rows=scan.lines_above,
                skip_rows_after_names=1,
            ),
            pa.csv.ParseOptions(delimiter=scan.separator, newlines_in_values=True, invalid_row_handler=on_ragged),
            pa.csv.ConvertOptions(
                column_types=dict.fromkeys(places, pa.string()), strings_can_be_null=False, null_values=[]
            ),
        )


def _arrow_encoding(encoding: str) -> str:
    return "utf8" if encoding in {"utf-8", "utf8", "utf-8-sig", "UTF-8", "ascii"} else encoding


def _note_into(ragged: list[tuple[int, int]]) -> Callable[[Any], str]:
    def note(row: Any) -> str:
        ragged.append((row.number - 1 if row.number else 0, row.actual_columns))  # Arrow counts the header as row 1
        return "skip"

    return note


def _refuse_broken_text(table: pa.Table, file: str) -> None:
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_large_string(column.type):
            _refuse_no_utf8(column, name, file)
            found = np.flatnonzero(pc.fill_null(pc.match_substring(column, "\0"), False).to_numpy())
            if len(found):
                message = "holds a NUL byte, which no text has; clean the column"
                raise Refused(Problem(file, "nul_byte", message, int(found[0]) + 1, name, len(found)))


def _refuse_no_utf8(column: pa.ChunkedArray, name: str, file: str) -> None:
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        message = "is declared as text but is not UTF-8; write the file again with the text decoded"
        raise Refused(Problem(file, "encoding", message, column=name)) from None


def _refuse_columns(names: tuple[str, ...] | list[str], file: str, limits: Limits) -> None:
    if len(names) > limits.columns:
        message = f"has {len(names):,} columns; at most {limits.columns:,} can be read: leave out what nobody needs"
        raise Refused(Problem(file, "too_wide", message))
    twice = sorted(name for name, times in Counter(names).items() if name and times > 1)
    if twice:
        message = f"columns {twice} are there more than once; give each its own name"
        raise Refused(Problem(file, "duplicate_column", message, column=twice[0]))


def _refuse_many_rows(rows: int, file: str, limits: Limits) -> None:
    if rows > limits.rows:
        raise Refused(Problem(file, "too_large", f"has {rows:,} rows; at most {limits.rows:,} can be read"))


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__


def normalised(table: pa.Table) -> pa.Table:
    """Bring a table's columns to few types: text, floats, integers, booleans, timestamps, dates; others stay."""
    columns = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if name != "__index_level_0__":  # what pandas calls an index that nobody named
            columns[name] = _plain(column)
    return pa.table(columns)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _plain(column.cast(kind.value_type))
    if pa.types.is_string(kind) or pa.types.is_string_view(kind):
        return column.cast(pa.large_string())
    if pa.types.is_decimal(kind) or pa.types.is_float16(kind) or pa.types.is_float32(kind):
        return column.cast(pa.float64())
    if pa.types.is_null(kind):
        return column.cast(pa.large_string())
    if pa.types.is_time(kind) or pa.types.is_duration(kind):
        return pc.cast(column, pa.large_string())
    return column
