"""A raw table, shaped by the mapping: our columns from theirs, rows filtered, values respelled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from leadlight.core.errors import Problem
from leadlight.core.findings import Findings
from leadlight.core.history import TABLES
from leadlight.core.mapping import DEFAULT_MISSING, Dialect, TableMapping
from leadlight.core.sections import near_miss
from leadlight.core.tables import RawTable
from leadlight.core.values import UTC_TIME, is_nested, numbers, times, to_series, without_missing, words

__all__ = ["Shaped", "empty_frame", "parse_frame", "respelled", "shape"]

TIME_COLUMNS: Final = ("created_at", "occurred_at", "recorded_at", "month")
ID_COLUMNS: Final = ("lead_id", "activity_id", "change_id")
NUMBER_COLUMNS: Final = ("value", "amount", "cost", "chance", "window_days")


@dataclass(frozen=True)
class Shaped:
    """A table whose columns have our names and whose cells are still as the file spells them.

    Attributes
    ----------
    table : str
    said : TableMapping
    cells : mapping of str to ChunkedArray
        Ours; what the file does not have is not there.
    others : mapping of str to ChunkedArray
        Their columns that are none of ours.
    spelled : mapping of str to str
        For each of ours, what the file calls it.
    findings : Findings
    """

    table: str
    said: TableMapping
    cells: Mapping[str, pa.ChunkedArray]
    others: Mapping[str, pa.ChunkedArray]
    spelled: Mapping[str, str]
    findings: Findings

    def __len__(self) -> int:
        return len(self.findings.rows)

    def missing(self, column: str) -> tuple[str, ...]:
        """Return the spellings of "not known" that are declared for one column, by our name or theirs."""
        return (*self.said.missing.get(column, ()), *self.said.missing.get(self.spelled.get(column, ""), ()))

    def words(self, column: str) -> pa.ChunkedArray:
        """Read one of our columns as respelled text."""
        anywhere = DEFAULT_MISSING if column in ID_COLUMNS else self.said.dialect.missing  # 999 may be an id
        cells = without_missing(self.cells[column], (*anywhere, *self.missing(column)))
        return respelled(words(cells), self.said.values.get(column, {}))

    def take(self, places: NDArray[np.int64]) -> Shaped:
        """Return the rows at some places, in that order."""
        return replace(
            self,
            cells={name: column.take(places) for name, column in self.cells.items()},
            others={name: column.take(places) for name, column in self.others.items()},
            findings=self.findings.take(places),
        )


def shape(raw: RawTable, table: str, said: TableMapping, problems: list[Problem], notes: list[str]) -> Shaped:
    """Apply a table's mapping to a file.

    Parameters
    ----------
    raw : RawTable
    table : str
        Which of ours it becomes.
    said : TableMapping
    problems, notes : list
        Columns that are named but not there are added to the first; rows that are left out, counted, to the second.
    """
    there = {name: raw.cells.column(name) for name in raw.cells.column_names}
    _refuse_absent(there, table, said, problems, raw.name)
    cells: dict[str, pa.ChunkedArray] = {}
    spelled: dict[str, str] = {}
    used: set[str] = set()
    for ours in TABLES[table]:
        theirs = said.columns.get(ours, (ours,) if ours in there and ours not in said.constant else ())
        if ours in said.constant:
            cells[ours] = pa.chunked_array(
                [pa.repeat(pa.scalar(said.constant[ours], pa.large_string()), len(raw.rows))]
            )
        elif theirs and all(name in there for name in theirs):
            cells[ours] = there[theirs[0]] if len(theirs) == 1 else _joined([there[name] for name in theirs])
        else:
            continue
        spelled[ours] = " + ".join(theirs) or ours
        used.update(theirs)
    others = {name: column for name, column in there.items() if name not in used}
    shaped = Shaped(table, said, cells, others, spelled, Findings(table, raw.rows, problems, spelled))
    shaped = _filtered(shaped, there, notes)
    return _first_of_each(shaped, there, notes) if said.one_row_per in there else shaped


def _refuse_absent(
    there: Mapping[str, Any], table: str, said: TableMapping, problems: list[Problem], file: str
) -> None:
    named = {
        "columns": [name for several in said.columns.values() for name in several],
        "where": list(said.where),
        "one_row_per": [said.one_row_per] if said.one_row_per else [],
        "missing": [name for name in said.missing if name not in said.columns and name not in TABLES[table]],
        "values": [name for name in said.values if name not in TABLES[table]] if table != "leads" else [],
    }
    for key, names in named.items():
        for name in names:
            if name not in there:
                message = f"[{table}.{key}] names it, but {file} has no such column; {near_miss(name, tuple(there))}"
                problems.append(Problem(table, "missing_column", message, column=name))


def _joined(columns: list[pa.ChunkedArray]) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(*map(words, columns), pa.scalar(" ", pa.large_string()), null_handling="skip")


def _filtered(shaped: Shaped, there: Mapping[str, pa.ChunkedArray], notes: list[str]) -> Shaped:
    keep = np.ones(len(shaped), dtype=bool)
    for column, patterns in shaped.said.where.items():
        if column in there:
            keep &= _matching(words(there[column]), patterns)
    if keep.all():
        return shaped
    what = " and ".join(f"{column} is {' or '.join(patterns)}" for column, patterns in shaped.said.where.items())
    if shaped.table == "leads" and not keep.any():
        shaped.findings.say("no_match", f"has {len(keep):,} rows, but none where {what}; see [leads] where")
    notes.append(f"{shaped.table}: {keep.sum():,} of {len(keep):,} rows are used, where {what}")
    return shaped.take(np.flatnonzero(keep))


def _matching(text: pa.ChunkedArray, patterns: tuple[str, ...]) -> NDArray[np.bool_]:
    different = text.unique().drop_null().to_pylist()
    plain = [pattern.replace("[", "[[]") for pattern in patterns]  # only * and ? mean more than themselves
    chosen = [value for value in different if any(fnmatchcase(value, pattern) for pattern in plain)]
    return np.asarray(pc.is_in(text, pa.array(chosen, pa.large_string())).to_numpy(), dtype=np.bool_)


def _first_of_each(shaped: Shaped, there: Mapping[str, pa.ChunkedArray], notes: list[str]) -> Shaped:
    """Keep the first row by time (then by file) of those that share a value of ``one_row_per``."""
    column = str(shaped.said.one_row_per)
    key = shaped.others.get(
        column, next((shaped.cells[ours] for ours, name in shaped.spelled.items() if name == column), None)
    )
    frame = pd.DataFrame({"key": to_series(words(there[column] if key is None else key))})
    if "created_at" in shaped.cells:
        unheard = Findings(shaped.table, shaped.findings.rows, [])  # the rows that stay are read again, and heard
        frame["time"] = times(shaped.cells["created_at"], shaped.said.dialect, unheard, "created_at")
        frame = frame.sort_values("time", kind="stable")
    places = np.sort(frame.index[~frame["key"].duplicated()].to_numpy(dtype=np.int64))
    notes.append(f"{shaped.table}: {len(places):,} of {len(shaped):,} rows are used, the first of each {column!r}")
    return shaped.take(places)


def respelled(text: pa.ChunkedArray, spellings: Mapping[str, str]) -> pa.ChunkedArray:
    """Turn their spellings into ours; what is not listed stays."""
    if not spellings:
        return text
    theirs = pa.array(spellings.keys(), pa.large_string())
    ours = pa.array([value or None for value in spellings.values()], pa.large_string())
    at = pc.index_in(text, theirs, skip_nulls=True)
    return pc.if_else(pc.is_valid(at), ours.take(at.combine_chunks()), text)


def empty_frame(table: str, rows: int = 0) -> pd.DataFrame:
    """Return a table of ours without any value."""
    no_words = to_series(pa.chunked_array([pa.nulls(rows, pa.large_string())]))  # shared: nothing may fill 80 MB twice
    return pd.DataFrame({column: _absent(column, table, no_words) for column in TABLES[table]}, copy=False)


def _absent(column: str, table: str, no_words: pd.Series[str]) -> pd.Series[Any]:
    if column in TIME_COLUMNS:
        return pd.Series(pd.NaT, index=no_words.index, dtype=UTC_TIME)
    return pd.Series(np.nan, index=no_words.index) if _is_number(column, table) else no_words


def _is_number(column: str, table: str) -> bool:
    return column in NUMBER_COLUMNS and table != "attribute_changes"


def parse_frame(shaped: Shaped) -> pd.DataFrame:
    """Read our columns of a table by what each means.

    Returns
    -------
    DataFrame of shape (n_rows, n_columns of the table)
        Index 0 ... n-1; missing where absent, missing or reported.
    """
    frame = empty_frame(shaped.table, len(shaped))
    for column, cells in shaped.cells.items():
        name = shaped.spelled[column]
        if is_nested(cells):
            shaped.findings.unread[name] = np.ones(len(shaped), dtype=bool)  # so that it is not called empty as well
            shaped.findings.say("nested", f"holds {cells.type} values; one value a cell is read", column=name)
        elif column == "month":
            frame[column] = _months(shaped, name)
        elif column in TIME_COLUMNS:
            frame[column] = times(cells, shaped.said.dialect, shaped.findings, name, shaped.missing(column))
        elif _is_number(column, shaped.table):
            frame[column] = numbers(cells, shaped.said.dialect, shaped.findings, name, shaped.missing(column))
        else:
            frame[column] = to_series(shaped.words(column))
    return frame


def _months(shaped: Shaped, name: str) -> pd.Series[Any]:
    """Read months ("2024-03", or any day of it) as their first instant in UTC: a month has no zone of its own."""
    dialect: Dialect = replace(shaped.said.dialect, time_zone="UTC")
    cells, iso = shaped.cells["month"], replace(dialect, time_format=None)
    if pa.types.is_large_string(cells.type):
        cells = pc.replace_substring_regex(words(cells), r"^(\d{4}-\d\d)$", r"\1-01")
        as_iso = pc.fill_null(pc.match_substring_regex(cells, r"^\d{4}-\d\d-\d\d$"), False)
        read = times(pc.if_else(as_iso, cells, None), iso, shaped.findings, name, shaped.missing("month"))
        cells = pc.if_else(as_iso, None, cells)
        read = read.fillna(times(cells, dialect, shaped.findings, name, shaped.missing("month")))
    else:
        read = times(cells, dialect, shaped.findings, name, shaped.missing("month"))
    firsts = read.dt.tz_localize(None).dt.to_period("M").dt.to_timestamp()
    return pd.Series(firsts.dt.as_unit("us").dt.tz_localize("UTC"))
