"""Histories from where they are kept: a folder of files.

The door for data: files become tables, the mapping makes them ours, and the contract is checked. What is wrong
is named by table, row, column and rule, all of it at once; nothing is left out without a note that counts it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from leadlight.core.attributes import choose, tidy
from leadlight.core.contract import End, check_events, check_table, required_columns
from leadlight.core.errors import BrokenHistory, Problem, UnreadableTable
from leadlight.core.history import History
from leadlight.core.mapping import EVENT_TABLES, DatasetMapping, load, parse
from leadlight.core.outcome import read_outcome, taken_columns
from leadlight.core.repairs import Events, collapse_copies, fill_recorded, follow_policies, lead_places
from leadlight.core.sections import near_miss
from leadlight.core.shaping import Shaped, empty_frame, parse_frame, shape
from leadlight.core.tables import LIMITS, Limits, RawTable, file_digest, find_files, normalised, read_table
from leadlight.core.values import is_nested, to_series

__all__ = ["history_from_tables", "read_history"]


def read_history(
    folder: Path, *, now: datetime, mapping: Path | None = None, learning: bool = True, limits: Limits = LIMITS
) -> History:
    """Read a company's history from a folder.

    Parameters
    ----------
    folder : Path
        Holds the tables as CSV or Parquet, gzipped or not.
    now : datetime
        Aware; nothing may lie after it.
    mapping : Path, optional
        A ``dataset.toml``; by default the one in ``folder``, if there is one. Files it names lie in ``folder``.
    learning : bool
        False where leads are only to be scored: then a flat export needs no outcome, and one that is there is not read.
    limits : Limits
        What is refused by size.

    Returns
    -------
    History

    Raises
    ------
    NothingThere
        If the folder, the mapping or the leads are not there.
    MappingError
        If the mapping can't be followed.
    UnreadableTable
        If files can't be read as tables.
    BrokenHistory
        If what they say breaks the contract; every problem is listed.
    """
    beside = folder / "dataset.toml"
    said = load(mapping) if mapping is not None else load(beside) if os.path.lexists(beside) else parse("")
    problems: list[Problem] = []
    files = find_files(folder, said, problems)
    raw = _read_files(files, said, problems, limits)
    if problems:
        raise UnreadableTable.listing(str(folder), problems)
    digests = [f"{table}={file_digest(path)}" for table, path in sorted(files.items())]
    fingerprint = hashlib.sha256("\n".join([*digests, said.digest]).encode()).hexdigest()
    return _assemble(raw, said, now, fingerprint, subject=str(folder), learning=learning)


def history_from_tables(
    tables: Mapping[str, pd.DataFrame], *, now: datetime, mapping: DatasetMapping | None = None, fingerprint: str = ""
) -> History:
    """Pass tables that are in memory through the same door.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        By our names of tables; ``leads`` at least.
    now : datetime
    mapping : DatasetMapping, optional
    fingerprint : str

    Raises
    ------
    BrokenHistory
        As `read_history`.
    """
    raw = {name: _from_pandas(name, frame) for name, frame in tables.items()}
    return _assemble(raw, mapping or parse(""), now, fingerprint, subject="the history")


def _from_pandas(name: str, frame: pd.DataFrame) -> RawTable:
    cells = normalised(pa.table({str(column): _arrow(frame[column]) for column in frame.columns}))
    return RawTable(name, cells, np.arange(len(frame)))


def _arrow(column: pd.Series[Any]) -> pa.Array:
    if not isinstance(column.dtype, pd.DatetimeTZDtype):
        return pa.array(column, from_pandas=True)
    in_utc = column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
    return pa.array(in_utc, pa.timestamp("us"), safe=False).cast(pa.timestamp("us", "UTC"))


def _read_files(
    files: Mapping[str, Path], said: DatasetMapping, problems: list[Problem], limits: Limits
) -> dict[str, RawTable]:
    read: dict[object, RawTable | None] = {}  # one file may serve several tables
    tables = {}
    for table, path in files.items():
        dialect = said.tables[table].dialect
        key = (path, dialect.separator, dialect.encoding)
        if key not in read:
            read[key] = read_table(path, dialect, problems, limits)
        if (raw := read[key]) is not None:
            tables[table] = raw
    return tables


def _assemble(
    raw: dict[str, RawTable],
    said: DatasetMapping,
    now: datetime,
    fingerprint: str,
    *,
    subject: str,
    learning: bool = True,
) -> History:
    door = _Door(said, now, learning)
    history = door.let_in(raw, fingerprint)
    if history is None or door.problems:
        raise BrokenHistory.listing(subject, door.problems)
    return history


class _Door:
    """One history on its way in."""

    def __init__(self, said: DatasetMapping, now: datetime, learning: bool) -> None:
        self.said = said
        self.learning = learning
        self.problems: list[Problem] = []
        self.notes: list[str] = []
        self.end = self._last_instant(now)

    def _last_instant(self, now: datetime) -> End:
        present = pd.Timestamp(now).tz_convert("UTC").as_unit("us")
        if self.said.ended_at is None:
            return End(present, "in_future")
        declared = pd.Timestamp(self.said.ended_at).tz_convert("UTC").as_unit("us")
        if declared > present:
            message = f"ended_at {declared.isoformat()} lies in the future: nobody knows yet what happens until then"
            self.problems.append(Problem("dataset.toml [history]", "in_future", message))
        return End(declared, "after_end")

    def let_in(self, raw: dict[str, RawTable], fingerprint: str) -> History | None:
        """Read and check everything; None where not even the leads can be told."""
        shaped = {table: self._shaped(raw.pop(table), table) for table in list(raw)}  # so that memory is freed in time
        unused = _unused(shaped)
        leads = shaped["leads"]
        dated = "created_at" in leads.cells
        self._check_kind(shaped, dated)
        frame = self._leads(leads, dated)
        if frame is None:
            return None
        events = {table: self._events(shaped.pop(table, None), table, frame, dated) for table in EVENT_TABLES}
        chosen = choose(leads, self.said, events["attribute_changes"], taken_columns(self.said), self.notes)
        outcome = read_outcome(leads, frame, self.said, self.notes) if self.learning else None
        costs = self._costs(shaped.get("campaign_costs"))
        return History(
            leads=pd.concat([frame, pd.DataFrame(chosen.columns, index=frame.index)], axis=1),
            activities=events["activities"],
            stage_changes=events["stage_changes"],
            attribute_changes=chosen.changes,
            campaign_costs=costs,
            attributes=tuple(chosen.attributes),
            ended_at=self._ended_at(frame, events) if dated else None,
            fingerprint=fingerprint,
            excluded=chosen.excluded | unused,
            outcome=outcome,
            doers=self.said.doers,
            notes=tuple(self.notes),
            queue_log=events["queue_log"],
        )

    def _shaped(self, raw: RawTable, table: str) -> Shaped:
        return shape(raw, table, self.said.tables[table], self.problems, self.notes)

    def _check_kind(self, shaped: Mapping[str, Shaped], dated: bool) -> None:
        flat = self.said.outcome is not None
        spelled_otherwise = {tidy(name) for name in shaped["leads"].others}  # which the attributes will name
        if not flat and not dated and "created_at" not in spelled_otherwise:
            message = (
                "has neither created_at (a dated history) nor an outcome (a flat export); map one in dataset.toml: "
                '[leads.columns] created_at = "..." or [leads.outcome] column = "...", positive = [...]'
            )
            self.problems.append(Problem("leads", "no_time_no_outcome", message))
        if flat and "stage_changes" in shaped:
            message = "is for flat exports, but there are stage_changes; keep one of the two"
            self.problems.append(Problem("dataset.toml [leads.outcome]", "two_outcomes", message))
        if not dated and (there := sorted(shaped.keys() & set(EVENT_TABLES))):
            message = f"is needed because there are {', '.join(there)}; map it in [leads.columns]"
            self.problems.append(Problem("leads", "missing_column", message, column="created_at"))
        if dated and not flat and "stage_changes" not in shaped:
            self.notes.append("There are no stage_changes: no lead is known to have converted")
        for table, one in shaped.items():
            self._check_columns(one, table, dated, flat)

    def _check_columns(self, one: Shaped, table: str, dated: bool, flat: bool) -> None:
        for column in required_columns(table, dated=dated and table == "leads"):
            if column in one.cells or (flat and table == "leads" and column == "lead_id"):
                continue
            one.findings.unread[column] = np.ones(len(one), dtype=bool)  # so that no cell is said to be empty as well
            named_elsewhere = table == "leads" and column in {tidy(name) for name in one.others}
            if column not in one.said.columns and not named_elsewhere:
                hint = near_miss(column, tuple(one.others))
                message = f'is not there; if it has another name, say [{table}.columns] {column} = "..." ({hint})'
                one.findings.say("missing_column", message, column=column)

    def _leads(self, leads: Shaped, dated: bool) -> pd.DataFrame | None:
        if not len(leads):
            if any(problem.rule == "no_match" for problem in self.problems):
                return None
            leads.findings.say("no_rows", "has no rows; there is nothing to learn from")
            return None
        frame = parse_frame(leads)
        if "lead_id" not in leads.cells and self.said.outcome is not None:
            frame["lead_id"] = to_series(pa.chunked_array([pa.array(leads.findings.rows + 1).cast(pa.large_string())]))
            self.notes.append("leads has no lead_id: the rows of the file are numbered from 1")
            self._note_copies(leads)
        check_table(frame, leads.findings, self.end, dated=dated)
        fill_recorded(frame, "created_at", "leads", self.notes)
        return frame

    def _note_copies(self, leads: Shaped) -> None:
        plain = [name for name, column in leads.others.items() if not is_nested(column)]
        different = pa.table({name: leads.others[name] for name in plain}).group_by(plain).aggregate([]).num_rows
        copies = len(leads) - different
        if copies:
            self.notes.append(f"leads: {copies:,} rows equal another row; without an id they count as different leads")

    def _events(self, shaped: Shaped | None, table: str, leads: pd.DataFrame, dated: bool) -> pd.DataFrame:
        if shaped is None:
            return empty_frame(table)
        if not len(shaped):
            self.notes.append(f"{table} has a header but no rows that count")
        frame = parse_frame(shaped)
        events = Events(frame, lead_places(frame["lead_id"], leads["lead_id"]), shaped.findings)
        events = follow_policies(events, shaped.said, leads["created_at"], self.end.at, self.notes)
        check_events(events, leads["created_at"], self.end, dated=dated)
        fill_recorded(events.frame, "occurred_at", table, self.notes)
        events = collapse_copies(events, self.notes)
        self._note_clocks(events.frame, table)
        return events.frame

    def _note_clocks(self, frame: pd.DataFrame, table: str) -> None:
        ahead = int((frame["recorded_at"] < frame["occurred_at"]).sum())
        if ahead:
            self.notes.append(f"{table}: {ahead:,} rows were recorded before they happened, and count from then on")

    def _costs(self, shaped: Shaped | None) -> pd.DataFrame:
        if shaped is None:
            return empty_frame("campaign_costs")
        frame = parse_frame(shaped)
        check_table(frame, shaped.findings, self.end, dated=True)
        return collapse_copies(Events(frame, np.zeros(len(frame), np.int64), shaped.findings), self.notes).frame

    def _ended_at(self, leads: pd.DataFrame, events: Mapping[str, pd.DataFrame]) -> pd.Timestamp | None:
        if self.said.ended_at is not None:
            return self.end.at
        times = [
            leads[["created_at", "recorded_at"]],
            *(frame[["occurred_at", "recorded_at"]] for frame in events.values()),
        ]
        return max((latest for frame in times for latest in frame.max() if not pd.isna(latest)), default=None)


def _unused(shaped: Mapping[str, Shaped]) -> dict[str, str]:
    return {
        f"{table}: {name}": f"no column of {table}"
        for table, one in shaped.items()
        if table != "leads"
        for name in one.others
    }
