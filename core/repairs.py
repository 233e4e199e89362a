"""What is mended before the contract is checked: only what the mapping allows, and every row counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from leadlight.core.findings import Findings
from leadlight.core.mapping import TableMapping

__all__ = ["Events", "collapse_copies", "fill_recorded", "follow_policies", "lead_places"]

_IDS: Final = {"activities": "activity_id", "stage_changes": "change_id"}
_ODD: Final = np.int64(-7046029254386353131)  # 2**64 / golden ratio: spreads the bits of a product


@dataclass(frozen=True)
class Events:
    """The rows of a table that tell what happened to leads.

    Attributes
    ----------
    frame : DataFrame
        Index 0 ... n-1.
    place : ndarray of shape (n_rows,), dtype int64
        Position of the row's lead in ``leads``; -1 where ``leads`` does not have it.
    findings : Findings
        Knows the file's row of each.
    """

    frame: pd.DataFrame
    place: NDArray[np.int64]
    findings: Findings

    def keep(self, mask: NDArray[np.bool_]) -> Events:
        """Return the rows that are True in ``mask``."""
        if mask.all():
            return self
        return Events(self.frame[mask].reset_index(drop=True), self.place[mask], self.findings.take(mask))


def lead_places(lead_ids: pd.Series[str], leads: pd.Series[str]) -> NDArray[np.int64]:
    """Return each row's lead as a position in ``leads``, -1 where it is not there."""
    known = pa.array(leads, pa.large_string())
    at = pc.index_in(pa.array(lead_ids, pa.large_string()), known, skip_nulls=True)
    return np.asarray(pc.fill_null(at, -1), dtype=np.int64)


def fill_recorded(frame: pd.DataFrame, happened: str, table: str, notes: list[str]) -> None:
    """Take a missing ``recorded_at`` as the time it happened, in place, and say so."""
    missing = frame["recorded_at"].isna() & frame[happened].notna()
    if not missing.any():
        return
    frame["recorded_at"] = frame["recorded_at"].where(~missing, frame[happened])
    how_many = "" if missing.all() else f" in {missing.sum():,} of {len(frame):,} rows"
    notes.append(f"recorded_at is missing in {table}{how_many}: taken as {happened}")


def follow_policies(
    events: Events, said: TableMapping, created: pd.Series[pd.Timestamp], last: pd.Timestamp, notes: list[str]
) -> Events:
    """Drop or move what the mapping allows to; what it refuses stays for the contract to name.

    Parameters
    ----------
    events : Events
    said : TableMapping
    created : Series of shape (n_leads,), dtype datetime64[us, UTC]
    last : Timestamp
        The end of the history, or now.
    notes : list of str
        One sentence for each kind of repair, with its count.
    """
    table = events.findings.table
    if said.unknown_leads == "drop":
        known = events.place >= 0
        _note(notes, ~known, f"{table}: {{}} rows of leads that are not in leads were left out")
        events = events.keep(known)
    if said.after_end == "drop":
        frame = events.frame
        late = ((frame["occurred_at"] > last) | (frame["recorded_at"] > last)).to_numpy()
        _note(notes, late, f"{table}: {{}} rows after the end were left out")
        events = events.keep(~late)
    if said.before_creation != "refuse":
        events = _mend_early(events, said.before_creation, created, notes)
    return events


def early(events: Events, created: pd.Series[pd.Timestamp]) -> NDArray[np.bool_]:
    """Say which rows happened before their lead was created."""
    births = _births(events, created)
    return (events.frame["occurred_at"] < births).to_numpy()


def _births(events: Events, created: pd.Series[pd.Timestamp]) -> pd.Series[pd.Timestamp]:
    with_nobody = pd.concat([created, pd.Series([pd.NaT], dtype=created.dtype)], ignore_index=True)
    return with_nobody.take(events.place).reset_index(drop=True)  # -1 takes the last: nobody's


def _mend_early(events: Events, policy: str, created: pd.Series[pd.Timestamp], notes: list[str]) -> Events:
    before = early(events, created)
    table = events.findings.table
    if policy == "drop":
        _note(notes, before, f"{table}: {{}} rows before their lead's creation were left out")
        return events.keep(~before)
    _note(notes, before, f"{table}: {{}} rows before their lead's creation were moved to it")
    births, frame = _births(events, created), events.frame
    frame["occurred_at"] = frame["occurred_at"].mask(before, births)
    frame["recorded_at"] = frame["recorded_at"].mask(before & (frame["recorded_at"] < births).to_numpy(), births)
    return events


def collapse_copies(events: Events, notes: list[str]) -> Events:
    """Keep one of the rows that say the same thing, the one recorded first; refuse ids that say two things.

    A row's identity is its id; without one it is the whole row less ``recorded_at``.
    """
    frame, table = events.frame, events.findings.table
    id_column = _IDS.get(table)
    content = [column for column in frame.columns if column != "recorded_at"]
    suspects = _share_a_key(events)
    if id_column is not None:
        suspects = suspects | _share_an_id(frame[id_column])
    if not suspects.any():
        return events
    some = frame[suspects]
    if "recorded_at" in some:
        some = some.sort_values("recorded_at", kind="stable")
    copies = some.duplicated(content)
    kept = some[~copies]
    if id_column is not None:
        told_twice = kept[id_column].notna() & kept[id_column].duplicated()
        clash = np.zeros(len(frame), dtype=bool)
        clash[kept.index[told_twice]] = True
        message = "has the id of another row and says something else; an id names one event"
        events.findings.add("duplicate_id", message, clash, column=id_column)
    keep = np.ones(len(frame), dtype=bool)
    keep[some.index[copies]] = False
    _note(notes, ~keep, f"{table}: {{}} rows repeat another row and were counted once")
    return events.keep(keep)


def _share_a_key(events: Events) -> NDArray[np.bool_]:
    # lead and time mixed into one number: rows that differ in it can't be copies, and most do
    if "occurred_at" not in events.frame:
        return np.ones(len(events.frame), dtype=bool)
    with np.errstate(over="ignore"):
        key = (events.place * _ODD) ^ events.frame["occurred_at"].to_numpy(dtype="datetime64[us]").view(np.int64)
    return pd.Series(key).duplicated(keep=False).to_numpy()


def _share_an_id(ids: pd.Series[str]) -> NDArray[np.bool_]:
    column = pa.array(ids, pa.large_string())
    known = len(column) - column.null_count
    if pc.count_distinct(column).as_py() == known:  # the usual case, without a Python object an id
        return np.zeros(len(column), dtype=bool)
    return (ids.duplicated(keep=False) & ids.notna()).to_numpy()


def _note(notes: list[str], rows: NDArray[np.bool_], sentence: str) -> None:
    if rows.any():
        notes.append(sentence.format(f"{rows.sum():,}"))
