"""What is told of a lead itself: its creation, its attributes, its account and its owner."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import Connection, Select, Table, Update, bindparam, select

from leadlight.serving.ledger.versions import EVENT_KINDS, end_versions
from leadlight.serving.store.schema import ATTRIBUTE_CHANGES, LEAD_MOVES, LEADS, SCORES
from leadlight.serving.store.sql import as_one, insert_many, one_of, row_dicts

__all__ = ["MOVABLE", "Outcome", "Put", "ToldLead", "insert_lead", "put_leads", "value_text"]

Outcome = Literal["created", "changed", "unchanged"]

MOVABLE: Final = ("account_id", "owner_id")


def value_text(value: object) -> str:
    """Return an attribute's value as the store keeps it.

    Examples
    --------
    >>> value_text("webinar"), value_text(250), value_text(250.0), value_text(None)
    ('"webinar"', '250.0', '250.0', 'null')
    """
    return json.dumps(float(value) if isinstance(value, int) and not isinstance(value, bool) else value)


def insert_lead(connection: Connection, lead: Mapping[str, Any], now: int) -> None:
    """Add a lead that is not there yet.

    Parameters
    ----------
    connection : Connection
    lead : mapping
        ``lead_id``; optional ``created_at``, ``recorded_at``, ``attributes_at`` (microseconds, default now),
        ``account_id``, ``owner_id``, ``attributes``.
    now : int
        Microseconds.
    """
    insert_many(connection, LEADS, [_row(lead, now)])


def _row(lead: Mapping[str, Any], now: int) -> dict[str, Any]:
    recorded = lead.get("recorded_at") or now
    created = lead.get("created_at")
    known_at = lead.get("attributes_at")
    return {
        "lead_id": lead["lead_id"],
        "created_at": recorded if created is None else created,
        "recorded_at": recorded,
        "account_id": lead.get("account_id"),
        "owner_id": lead.get("owner_id"),
        "attributes": json.dumps(
            {name: json.loads(value_text(value)) for name, value in lead.get("attributes", {}).items()}
        ),
        "attributes_at": recorded if known_at is None else known_at,
        "touched_at": now,
    }


class ToldLead(NamedTuple):
    """What one caller said of a lead.

    Attributes
    ----------
    lead : mapping
        As `insert_lead` takes it; ``occurred_at`` says since when attributes are as told, default now.
    now : int
        Microseconds: when it was told.
    """

    lead: Mapping[str, Any]
    now: int


class Put(NamedTuple):
    """What came of it.

    Attributes
    ----------
    outcome : {"created", "changed", "unchanged"}
    accounts : set
        Whose other leads are concerned.
    """

    outcome: Outcome
    accounts: frozenset[str | None]


_UNCHANGED: Final = Put("unchanged", frozenset())


def put_leads(connection: Connection, told: Sequence[ToldLead]) -> list[Put]:
    """Take in what a CRM says of leads, each of another one; what it does not name stays as it was.

    Returns
    -------
    list of Put
        One for each.
    """
    told_of = {one.lead["lead_id"]: one for one in told}
    there = _there(connection, sorted(told_of))
    new = [told_of[lead_id] for lead_id in sorted(told_of) if lead_id not in there]
    insert_many(connection, LEADS, [_row(one.lead, one.now) for one in new])
    known = [_Known(there[lead_id], *told_of[lead_id]) for lead_id in sorted(there)]
    reworded = _change_attributes(connection, known)
    changed = [one for one in known if one.moved or one.dated or one.lead_id in reworded]
    insert_many(connection, LEAD_MOVES, [move for one in changed for move in one.moves()])
    _write_over(connection, LEADS, {one.lead_id: one.changes for one in changed})
    # who sees a lead in the queue must not wait for its next score
    _write_over(connection, SCORES, {one.lead_id: one.moved for one in changed if one.moved})
    puts = {one.lead_id: Put("changed", one.accounts) for one in changed}
    puts.update({one.lead["lead_id"]: Put("created", frozenset({one.lead.get("account_id")})) for one in new})
    return [puts.get(one.lead["lead_id"], _UNCHANGED) for one in told]


@dataclass(frozen=True)
class _Known:
    """A lead that is there, and what is told of it."""

    found: Mapping[str, Any]
    lead: Mapping[str, Any]
    now: int

    @property
    def lead_id(self) -> str:
        return str(self.found["lead_id"])

    @cached_property
    def moved(self) -> dict[str, Any]:
        return {name: self.lead[name] for name in MOVABLE if name in self.lead and self.lead[name] != self.found[name]}

    @cached_property
    def dated(self) -> dict[str, int]:
        """When the lead was created, if that had not been told: until then its first telling stood for it.

        So it did in a history without ``recorded_at``, and there too an earlier day that the CRM names is taken up,
        once.
        """
        told = self.lead.get("created_at")
        was_told = self.found["created_at"] != self.found["recorded_at"]
        return {} if told is None or was_told or told >= self.found["created_at"] else {"created_at": told}

    @property
    def changes(self) -> dict[str, Any]:
        """The columns that change, and no other: another process may be changing those."""
        return {**self.moved, **self.dated, "touched_at": self.now}

    @property
    def accounts(self) -> frozenset[str | None]:
        """Whose other leads are concerned."""
        if not self.dated and "account_id" not in self.moved:
            return frozenset()
        return frozenset({self.found["account_id"], self.moved.get("account_id", self.found["account_id"])})

    def moves(self) -> list[dict[str, Any]]:
        """Return what is kept of moves."""
        same = {"lead_id": self.lead_id, "recorded_at": self.now}
        return [
            {**same, "field": name, "before": self.found[name], "after": after} for name, after in self.moved.items()
        ]

    @property
    def occurred(self) -> int:
        """Since when its attributes are as told, microseconds."""
        at = self.lead.get("occurred_at")
        return self.now if at is None else int(at)

    def new_values(self, changes: Iterable[Mapping[str, Any]]) -> dict[str, str]:
        """Return the attributes that are told otherwise than they are known for that time, after earlier changes."""
        values = {name: value_text(value) for name, value in json.loads(self.found["attributes"]).items()}
        values.update({row["attribute"]: row["value"] for row in changes if row["occurred_at"] <= self.occurred})
        told = {name: value_text(value) for name, value in self.lead["attributes"].items()}
        return {name: value for name, value in told.items() if value != values.get(name, "null")}


def _there(connection: Connection, lead_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    dialect = connection.dialect.name
    found = connection.execute(_leads_asked(dialect), {"values": as_one(dialect, lead_ids)})
    return {row["lead_id"]: row for row in row_dicts(found)}


@cache
def _leads_asked(dialect: str) -> Select[Any]:
    return select(LEADS).where(one_of(dialect, LEADS.c.lead_id, "values"))


def _write_over(connection: Connection, table: Table, changes: Mapping[str, Mapping[str, Any]]) -> None:
    """Write new values over some of leads' columns; one statement for all that change the same ones."""
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for lead_id in sorted(changes):
        alike[tuple(sorted(changes[lead_id]))].append({"of": lead_id, **_as_new(changes[lead_id])})
    for columns, rows in alike.items():
        connection.execute(_writing_over(table, columns), rows)


def _as_new(values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"new_{name}": value for name, value in values.items()}


@cache
def _writing_over(table: Table, columns: tuple[str, ...]) -> Update:
    new: dict[str, Any] = {name: bindparam(f"new_{name}") for name in columns}
    return table.update().where(table.c.lead_id == bindparam("of")).values(new)


def _change_attributes(connection: Connection, known: Iterable[_Known]) -> set[str]:
    """Append the attributes whose value differs from the one that was known for that time; return whose did."""
    told = [one for one in known if one.lead.get("attributes")]
    if not told:
        return set()
    before = _changes_of(connection, [one.lead_id for one in told])
    rows: list[dict[str, Any]] = []
    ended: list[int] = []
    for one in told:
        new = one.new_values(before[one.lead_id])
        same = {"lead_id": one.lead_id, "occurred_at": one.occurred, "recorded_at": one.now}
        rows += [{**same, "attribute": name, "value": value} for name, value in new.items()]
        at_once = [row for row in before[one.lead_id] if row["occurred_at"] == one.occurred]
        ended += [row["row_id"] for row in at_once if row["attribute"] in new]  # of two words the later one counts
    latest = max(one.now for one in told)
    end_versions(connection, ATTRIBUTE_CHANGES, ended, latest)
    added = EVENT_KINDS["attribute_changes"].add(connection, rows, latest)
    return {row["lead_id"] for row, leads in zip(rows, added, strict=True) if leads}


def _changes_of(connection: Connection, lead_ids: Sequence[str]) -> Mapping[str, list[dict[str, Any]]]:
    """Return what is known to have changed of leads' attributes, in its order: the later ``occurred_at`` wins."""
    dialect = connection.dialect.name
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in row_dicts(connection.execute(_changes_asked(dialect), {"values": as_one(dialect, lead_ids)})):
        found[row["lead_id"]].append(row)
    return found


@cache
def _changes_asked(dialect: str) -> Select[Any]:
    table = ATTRIBUTE_CHANGES.c
    asked = select(table.row_id, table.lead_id, table.attribute, table.value, table.occurred_at)
    counts = asked.where(one_of(dialect, table.lead_id, "values"), table.superseded_at.is_(None))
    return counts.order_by(table.occurred_at, table.recorded_at, table.row_id)
