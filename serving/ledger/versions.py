"""Events as they were told, version by version.

A row is never changed but for the instant from which it no longer counts. The same id with another content is a
correction: the version before ends and a new one begins, both now, so that a past moment keeps what was known then.
Without an id a row's identity is the whole row less ``recorded_at``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, Select, Table, bindparam, select

from leadlight.serving.ledger.persons import Persons
from leadlight.serving.store.schema import ACTIVITIES, ATTRIBUTE_CHANGES, STAGE_CHANGES
from leadlight.serving.store.sql import as_one, insert_many, one_of, row_dicts

__all__ = ["EVENT_KINDS", "Events", "end_versions", "identity"]

Row = dict[str, Any]

_DIGEST_LETTERS: Final = 40
_BY_ID: Final = "id:"


@dataclass(frozen=True, slots=True)
class Events:
    """A table of events.

    Attributes
    ----------
    table : Table
    key : str or None
        The column of ids; None where events have none.
    content : tuple of str
        What is told of an event, ``occurred_at`` included.
    """

    table: Table
    key: str | None
    content: tuple[str, ...]

    def add(self, connection: Connection, rows: Sequence[Mapping[str, Any]], now: int) -> list[tuple[str, ...]]:
        """Append what is new; return for each row the leads that it changed, none where it was told before.

        They are its own lead and, where it is a correction that says so, the one that had the event until then.

        Parameters
        ----------
        connection : Connection
        rows : sequence of mapping
            ``lead_id``, the content, and the id where there is one; times in microseconds. A row may bring its own
            ``recorded_at``, as imports do.
        now : int
            Microseconds: when it was told.
        """
        return self.append(connection, [self.told(row, now) for row in rows], now)

    def append(self, connection: Connection, told: Sequence[Row], now: int) -> list[tuple[str, ...]]:
        """Do what `add` does with rows that `told` has made."""
        last = self._last(connection, sorted({row["identity"] for row in told}))
        new: dict[str, Row] = {}
        changed: list[tuple[str, ...]] = []
        for row in told:
            before = new.get(row["identity"]) or last.get(row["identity"])
            if before is None:
                changed.append((row["lead_id"],))
            elif self._says(before) != self._says(row) or self._came_back(row, before):
                # a correction counts from when it was told, whatever clock it brings
                row["recorded_at"] = max(row["recorded_at"], now)
                changed.append(_leads_of(row, before))
            else:
                changed.append(())
                continue
            new[row["identity"]] = row
        ended = [last[name]["row_id"] for name in new if name in last and last[name]["superseded_at"] is None]
        end_versions(connection, self.table, ended, now)
        insert_many(connection, self.table, list(new.values()))
        return changed

    def _came_back(self, row: Row, before: Row) -> bool:
        """Return whether an event without an id is told again that no longer counts: only ids are ever taken back."""
        return row["identity"] == before["identity"] and not _has_id(row) and before.get("superseded_at") is not None

    def as_of_today(self, row: Mapping[str, Any], persons: Persons) -> Row:
        """Return an event that was told of an id as one of the lead that the id means today.

        It comes out as if it had been handed over merge by merge: else the same event, told again, would be another.
        """
        current = persons.current[row["lead_id"]]
        return dict(row) if current == row["lead_id"] else self.moved(row, current, persons.since[row["lead_id"]])

    def moved(self, row: Mapping[Any, Any], lead_id: str, created: int) -> Row:
        """Return an event as another lead's; no stage lies before that lead's creation."""
        moved = {**row, "lead_id": lead_id}
        if "stage" in self.table.c:
            moved["occurred_at"] = max(row["occurred_at"], created)
        return moved

    def remove(self, connection: Connection, key: str, now: int) -> str | None:
        """End an event; return the lead it belonged to, None if no event of this id counts."""
        found = self._last(connection, [_of_id(key)]).get(_of_id(key))
        if found is None or found["superseded_at"] is not None:
            return None
        end_versions(connection, self.table, [found["row_id"]], now)
        return str(found["lead_id"])

    def told(self, row: Mapping[str, Any], now: int) -> Row:
        """Return a row as the table keeps it; needs no database."""
        told = {name: row.get(name) for name in ("lead_id", *self.content)}
        if self.key is not None:
            told[self.key] = row.get(self.key)
        told["identity"] = identity(told, told.get(self.key) if self.key else None)
        told["recorded_at"] = now if row.get("recorded_at") is None else row["recorded_at"]
        return told

    def _last(self, connection: Connection, identities: Sequence[str]) -> dict[str, Row]:
        """Return the newest version of each identity, whether it counts or not: a deleted one must stay so."""
        found: dict[str, Row] = {}
        dialect = connection.dialect.name
        asked = connection.execute(_versions_of(self.table, dialect), {"values": as_one(dialect, identities)})
        for row in row_dicts(asked):
            found[row["identity"]] = row
        return found

    def _says(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        return (row["lead_id"], *(row[name] for name in self.content))


@cache
def _versions_of(table: Table, dialect: str) -> Select[Any]:
    return select(table).where(one_of(dialect, table.c.identity, "values")).order_by(table.c.row_id)


def identity(row: Mapping[str, Any], key: str | None) -> str:
    """Tell an event apart: by its id, else by all that it says.

    Examples
    --------
    >>> identity({"lead_id": "L-1"}, "A-7")
    'id:A-7'
    >>> identity({"lead_id": "L-1", "type": "call"}, None) == identity({"type": "call", "lead_id": "L-1"}, None)
    True
    """
    if key is not None:
        return _of_id(key)
    said = json.dumps({name: value for name, value in row.items() if value is not None}, sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:_DIGEST_LETTERS]


def _of_id(key: str) -> str:
    return f"{_BY_ID}{key}"


def _leads_of(row: Row, before: Row) -> tuple[str, ...]:
    left = before["lead_id"] != row["lead_id"] and before.get("superseded_at") is None
    return (row["lead_id"], before["lead_id"]) if left else (row["lead_id"],)


def _has_id(row: Row) -> bool:
    return str(row["identity"]).startswith(_BY_ID)


def end_versions(connection: Connection, table: Table, row_ids: Sequence[int], now: int) -> None:
    """Let versions count no longer than until now."""
    if row_ids:
        end = table.update().where(table.c.row_id == bindparam("ended")).values(superseded_at=now)
        connection.execute(end, [{"ended": row_id} for row_id in row_ids])


EVENT_KINDS: Final[Mapping[str, Events]] = {
    "activities": Events(ACTIVITIES, "activity_id", ("type", "occurred_at", "campaign", "channel", "value", "actor")),
    "stage_changes": Events(STAGE_CHANGES, "change_id", ("stage", "occurred_at", "reason", "amount", "actor")),
    "attribute_changes": Events(ATTRIBUTE_CHANGES, None, ("attribute", "value", "occurred_at")),
}
"""By the names of the history's tables."""
