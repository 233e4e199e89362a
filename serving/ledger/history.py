"""What the store knows, as a history to learn from: through the same door as files.

Tables are read in streams and kept as columns, so that ten million activities fit into a few GiB.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from sqlalchemy import Connection, Select, select

from leadlight.core.catalog import level_word
from leadlight.core.clock import from_micros, to_micros
from leadlight.core.errors import NothingThere
from leadlight.core.history import TABLES, History
from leadlight.core.mapping import DEFAULT_MISSING, AttributeMapping, DatasetMapping, parse
from leadlight.core.source import history_from_tables
from leadlight.features.timeline import number_of
from leadlight.serving.ledger.facts import Facts, read_facts
from leadlight.serving.ledger.fingerprint import Fingerprint
from leadlight.serving.ledger.idle import idle_erased
from leadlight.serving.ledger.versions import EVENT_KINDS
from leadlight.serving.store.database import Database
from leadlight.serving.store.postgres import unhurried
from leadlight.serving.store.schema import LEAD_MOVES, LEADS

__all__ = ["history_of"]

_AT_ONCE: Final = 50_000
_TEXT: Final = pa.large_string()
_TIMES: Final = ("created_at", "occurred_at", "recorded_at", "attributes_at")
_NUMBERS: Final = ("value", "amount")
_IDS: Final = ("activity_id", "change_id")
_MAPPING: Final = """
[history]
missing = []                      # what was told is meant; in files "null" is what programs write for nothing
[activities]
after_end = "drop"                # a CRM's clock may go ahead of ours
[stage_changes]
before_creation = "at_creation"
after_end = "drop"
[attribute_changes]
after_end = "drop"
"""


def history_of(database: Database, *, now: datetime, doers: Mapping[str, str] | None = None) -> History:
    """Return all that counts now, each row with the time at which it was recorded.

    Left out are leads that were merged into another (which has copies of their events), those of persons who object
    to profiling, and events of leads that were never told. A lead that moved counts in its first account: accounts
    have no dates in a history, and the later one may be known because of the sale.

    Parameters
    ----------
    database : Database
    now : datetime
        Aware; nothing later counts.
    doers : mapping of str to {"lead", "rep", "system"}, optional
        Who does an activity of a type; by default as the imported mappings said.

    Raises
    ------
    NothingThere
        If no lead is left to learn from.
    BrokenHistory
        As `leadlight.core.source.history_from_tables`.
    """
    with database.reading() as connection, unhurried(connection):
        reading = _Reading(connection, to_micros(now), read_facts(connection))
        tables = reading.tables()
    mapping = replace(reading.mapping(tables), doers=dict(reading.facts.doers if doers is None else doers))
    reading.fingerprint.add("doers", sorted(mapping.doers.items()))
    found = history_from_tables(tables, now=now, mapping=mapping, fingerprint=reading.fingerprint.hexdigest())
    return replace(found, notes=(*reading.notes, *found.notes))


@dataclass
class _Leads:
    """Columns of the leads, in parts as they come."""

    cells: dict[str, list[pa.Array]] = field(default_factory=dict)
    everybody: list[pa.Array] = field(default_factory=list)
    base: _Base = field(default_factory=lambda: _Base())


class _Base:
    """Attributes as leads first came: text by name, spelled as a category's value is spelled."""

    def __init__(self) -> None:
        self.parts: dict[str, list[pa.Array]] = {}
        self.worded: set[str] = set()
        self.length = 0

    def add(self, rows: list[dict[str, Any]]) -> None:
        """Add leads' attributes."""
        for name in {name for row in rows for name in row} | self.parts.keys():
            values = [row.get(name) for row in rows]
            if not all(value is None or _is_number(value) for value in values):
                self.worded.add(name)
            before = self.parts.setdefault(name, [pa.nulls(self.length, _TEXT)])
            before.append(pa.array([level_word(value) or None for value in values], _TEXT))
        self.length += len(rows)

    def columns(self) -> dict[str, pa.ChunkedArray]:
        """Return the columns by name."""
        return {name: pa.chunked_array(self.parts[name], _TEXT) for name in sorted(self.parts)}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


class _Reading:
    """One state of the store on its way to becoming a history."""

    def __init__(self, connection: Connection, now: int, facts: Facts) -> None:
        self.connection = connection
        self.now = now
        self.facts = facts
        self.described = {row["name"]: row for row in facts.attributes}
        self.notes: list[str] = []
        self.fingerprint = Fingerprint()
        self.dated: list[str] = []
        self.names: list[str] = []

    def tables(self) -> dict[str, pd.DataFrame]:
        """Read everything; tables without rows are left out."""
        leads = self._leads()
        everybody, kept = pa.chunked_array(leads.everybody, _TEXT), pa.chunked_array(leads.cells["lead_id"], _TEXT)
        if not len(kept):
            raise NothingThere(
                "The store holds no lead to learn from; import a history with 'leadlight import --data DIR', "
                "or tell the service its leads with PUT /v1/leads/ID."
            )
        tables = {name: self._events(name, everybody, kept) for name in EVENT_KINDS}
        changes = tables["attribute_changes"]
        self.dated = sorted(set(pc.unique(changes["attribute"]).to_pylist()))
        columns = leads.base.columns()
        for name in [one for one in (*columns, *self.dated) if one in TABLES["leads"]]:
            self.notes.append(f"attribute {name!r} is called like a column of ours and was left out")
            columns.pop(name, None)
        frame = _frame({name: pa.chunked_array(leads.cells[name]) for name in TABLES["leads"]})
        tables["attribute_changes"] = self._with_base(changes, columns, leads)
        for name in sorted({*columns, *self.dated} - {*TABLES["leads"]}):
            frame[name] = self._column(name, columns, leads)
            self.names.append(name)
        self.fingerprint.add("attributes", [sorted(row.items()) for row in self.facts.attributes])
        filled = {name: _frame(_columns(cells)) for name, cells in tables.items() if len(cells)}
        return {"leads": frame, **filled}

    # Leads ------------------------------------------------------------------------------------------------------------

    def _leads(self) -> _Leads:
        columns = (*TABLES["leads"], "attributes", "attributes_at", "merged_into", "objected_at")
        leads = _Leads(
            {name: [_array(name, [])] for name in (*TABLES["leads"], "attributes_at")}, [pa.array([], _TEXT)]
        )
        first_account = self._first_accounts()
        objecting = odd = moved = 0
        for rows in self._stream(select(*(LEADS.c[name] for name in columns)), columns):
            leads.everybody.append(rows["lead_id"])
            ours = pc.is_null(rows["merged_into"])
            objects = pc.and_(ours, pc.is_valid(rows["objected_at"]))
            unreadable = pc.or_(
                pc.is_in(rows["lead_id"], pa.array(DEFAULT_MISSING, _TEXT)),
                pc.not_equal(rows["lead_id"], pc.utf8_trim_whitespace(rows["lead_id"])),
            )
            later = pc.greater(pc.max_element_wise(rows["created_at"], rows["recorded_at"]), self.now)
            kept = pc.and_not(pc.and_not(ours, objects), pc.or_(unreadable, later))
            objecting += pc.sum(objects).as_py() or 0
            odd += pc.sum(pc.and_(ours, unreadable)).as_py() or 0
            part = {name: cells.filter(kept) for name, cells in rows.items()}
            ids = part["lead_id"].to_pylist()
            moves = [(place, first_account[one]) for place, one in enumerate(ids) if one in first_account]
            moved += len(moves)
            part["account_id"] = _replaced(part["account_id"], moves)
            self.fingerprint.add_rows("leads", {name: part[name] for name in columns[:-2]})
            for name, cells in leads.cells.items():
                cells.append(part[name])
            leads.base.add([json.loads(text) for text in part["attributes"].to_pylist()])
        if (before := idle_erased(self.connection)) is not None:
            self.notes.append(
                f"store: leads that went quiet before {from_micros(before):%Y-%m-%d} and stayed so were erased when "
                "their time was over; those that went on are left, so earlier moments look better than they were"
            )
        self._note(objecting, "{} leads object to profiling and were left out")
        self._note(odd, "{} leads have blanks around their id, or an id that means nothing, and were left out")
        self._note(moved, "{} leads moved between accounts and count in the first: the later ones have no dates")
        return leads

    def _first_accounts(self) -> dict[str, str | None]:
        moves = LEAD_MOVES.c
        asked = select(moves.lead_id, moves.before).where(moves.field == "account_id").order_by(moves.move_id.desc())
        return {row.lead_id: row.before for row in self.connection.execute(asked)}

    def _note(self, count: int, sentence: str) -> None:
        if count:
            self.notes.append(f"store: {sentence.format(f'{count:,}')}")

    # Events -----------------------------------------------------------------------------------------------------------

    def _events(self, name: str, everybody: pa.ChunkedArray, kept: pa.ChunkedArray) -> pa.Table:
        table, columns = EVENT_KINDS[name].table, TABLES[name]
        asked = select(*(table.c[column] for column in columns)).where(table.c.superseded_at.is_(None))
        schema = pa.schema([(column, _array(column, [], name).type) for column in columns])
        found: list[pa.Table] = []
        strangers = 0
        for rows in self._stream(asked, columns, name):
            strangers += len(rows["lead_id"]) - (pc.sum(pc.is_in(rows["lead_id"], everybody)).as_py() or 0)
            part = pa.table(rows, schema).filter(pc.is_in(rows["lead_id"], kept))
            self.fingerprint.add_rows(name, dict(zip(columns, part.columns, strict=True)))
            found.append(self._readable(part, name))
        self._note(strangers, f"{{}} rows of {name} wait for leads that were never told, and were left out")
        return pa.concat_tables([schema.empty_table(), *found])

    def _readable(self, part: pa.Table, name: str) -> pa.Table:
        for column in set(_IDS) & set(part.column_names):
            ids = part[column]
            plain = pc.equal(ids, pc.utf8_trim_whitespace(ids))  # else two ids may become one at the door
            part = part.set_column(part.column_names.index(column), column, pc.if_else(plain, ids, None))
        if name == "attribute_changes":
            part = part.set_column(part.column_names.index("value"), "value", _decoded(part["value"]))
        return part

    def _stream(
        self, asked: Select[Any], columns: tuple[str, ...], table: str = "leads"
    ) -> Iterator[dict[str, pa.Array]]:
        """Yield what a question finds in parts, by column."""
        streamed = asked.execution_options(stream_results=True, yield_per=_AT_ONCE)
        with self.connection.execute(streamed) as result:  # closed also where what was found can't be read
            for rows in result.partitions():
                cells = zip(*rows, strict=True)
                yield {name: _array(name, list(column), table) for name, column in zip(columns, cells, strict=True)}

    # Attributes -------------------------------------------------------------------------------------------------------

    def _with_base(self, changes: pa.Table, columns: dict[str, pa.ChunkedArray], leads: _Leads) -> pa.Table:
        """Add the values that leads first came with to the changes of the attributes that moved."""
        cells = {name: pa.chunked_array(leads.cells[name]) for name in (*TABLES["leads"], "attributes_at")}
        found = [changes]
        for name in self.dated:
            if name not in columns:
                continue
            there = pc.is_valid(columns[name])
            at_once = self.described.get(name, {"known": "creation"})["known"] != "exported"
            known = cells["recorded_at"] if at_once else cells["attributes_at"]
            rows = {
                "lead_id": cells["lead_id"],
                "occurred_at": cells["created_at"],
                "recorded_at": known,
                "attribute": pa.chunked_array([pa.repeat(pa.scalar(name, _TEXT), len(there))]),
                "value": columns[name],
            }
            found.append(pa.table({column: rows[column].filter(there) for column in changes.column_names}))
        whole = pa.concat_tables(found)
        return whole.set_column(whole.column_names.index("value"), "value", self._numbers_only(whole))

    def _numbers_only(self, changes: pa.Table) -> pa.ChunkedArray:
        """Take text where a number is declared as not known, as scoring does."""
        numbers = [name for name in self.dated if self._kind(name) == "number"]
        value = changes["value"]
        spelled = pc.unique(value).drop_null()
        odd = [one for one in spelled.to_pylist() if not np.isfinite(number_of(one))]
        if not numbers or not odd:
            return value
        wrong = pc.and_(pc.is_in(changes["attribute"], pa.array(numbers, _TEXT)), pc.is_in(value, pa.array(odd, _TEXT)))
        return pc.if_else(wrong, pa.scalar(None, _TEXT), value)

    def _kind(self, name: str) -> Any:
        return self.described[name]["kind"] if name in self.described else None

    def _column(self, name: str, columns: Mapping[str, pa.ChunkedArray], leads: _Leads) -> pd.Series[Any]:
        cells = columns.get(name, pa.chunked_array([pa.nulls(leads.base.length, _TEXT)]))
        if self._kind(name) == "number" or (self._kind(name) is None and name not in leads.base.worded):
            values = np.array([number_of(text) for text in cells.to_pylist()], dtype=np.float64)
            return pd.Series(np.where(np.isfinite(values), values, np.nan))
        return pd.Series(cells.to_pandas(), dtype="str")

    def mapping(self, tables: Mapping[str, pd.DataFrame]) -> DatasetMapping:
        """Say of each attribute what is known of it, and of the whole until when it reaches."""
        said = {name: self._said(name) for name in self.names}
        until = self.facts.until
        ends = [frame[column].max() for frame in tables.values() for column in frame if column in _TIMES]
        last = max(int(end.value) // 1000 for end in ends)
        ended = None if until is None or last >= until or until > self.now else from_micros(until)
        return replace(parse(_MAPPING), attributes=said, ended_at=ended)

    def _said(self, name: str) -> AttributeMapping:
        row = self.described.get(name)
        if row is None:
            return AttributeMapping(name=name, known="creation")
        personal = False if name in self.facts.not_personal else None
        return AttributeMapping(name=name, known=row["known"], kind=row["kind"], label=row["label"], personal=personal)


def _array(name: str, cells: list[Any], table: str = "leads") -> pa.Array:
    if name in _TIMES or name.endswith("_at"):
        return pa.array(cells, pa.int64())
    if name in _NUMBERS and table != "attribute_changes":
        return pa.array(cells, pa.float64())
    return pa.array(cells, _TEXT)


def _replaced(cells: pa.Array, values: list[tuple[int, str | None]]) -> pa.Array:
    if not values:
        return cells
    listed = cells.to_pylist()
    for place, value in values:
        listed[place] = value
    return pa.array(listed, _TEXT)


def _decoded(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Turn JSON into text, spelled as a category's value is spelled; each value that occurs is decoded once."""
    different = pc.unique(values)
    words = pa.array([level_word(json.loads(one)) or None for one in different.to_pylist()], _TEXT)
    return words.take(pc.index_in(values, different)) if len(words) else values


def _columns(table: pa.Table) -> dict[str, pa.ChunkedArray]:
    return dict(zip(table.column_names, table.columns, strict=True))


def _frame(cells: Mapping[str, pa.ChunkedArray]) -> pd.DataFrame:
    return pd.DataFrame({name: _series(column) for name, column in cells.items()}, copy=False)


def _series(column: pa.ChunkedArray) -> pd.Series[Any]:
    if pa.types.is_integer(column.type):
        times: NDArray[Any] = column.to_numpy().view("datetime64[us]")
        return pd.Series(times).dt.tz_localize("UTC")
    if pa.types.is_floating(column.type):
        return pd.Series(column.to_numpy())
    return pd.Series(column.to_pandas(), dtype="str")
