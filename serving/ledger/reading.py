"""Leads as they were known at a moment, read back from the store.

A row counts at a moment if it was recorded before it and had not been superseded by then.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, Table, and_, bindparam, func, or_, select

from leadlight.core.stages import LADDER
from leadlight.serving.store.schema import ACTIVITIES, ATTRIBUTE_CHANGES, LEAD_MOVES, LEADS, STAGE_CHANGES
from leadlight.serving.store.sql import any_of, parts, row_dicts

__all__ = [
    "Known",
    "ahead_of",
    "attributes_of",
    "latest_stage",
    "read_attributes",
    "read_known",
    "read_lead",
    "stages_in_order",
]

Row = dict[str, Any]

_STEP: Final[Mapping[str, int]] = {stage: step for step, stage in enumerate(LADDER)}
_AS_OF: Final[ColumnElement[int]] = bindparam("as_of")
"""The moment that is asked about, microseconds."""


def _known_events(table: Table) -> Select[Any]:
    """Select the versions that counted at the moment, of leads that are given as ``values``."""
    columns = [column for column in table.c if column.name not in ("row_id", "identity", "superseded_at")]
    counted = and_(table.c.recorded_at < _AS_OF, or_(table.c.superseded_at.is_(None), table.c.superseded_at >= _AS_OF))
    here = any_of(table.c.lead_id, "values")
    return select(*columns).where(here, table.c.occurred_at < _AS_OF, counted).order_by(table.c.row_id)


def _first_ahead(table: Table) -> Select[Any]:
    later = and_(table.c.occurred_at >= _AS_OF, table.c.superseded_at.is_(None))
    first = select(table.c.lead_id, func.min(table.c.occurred_at)).where(any_of(table.c.lead_id, "values"), later)
    return first.group_by(table.c.lead_id)


# composed once: see `any_of`
_KINDS: Final = (ACTIVITIES, STAGE_CHANGES, ATTRIBUTE_CHANGES)
_EVENTS: Final = {table.name: _known_events(table) for table in _KINDS}
_AHEAD: Final = (
    *(_first_ahead(table) for table in _KINDS),
    select(LEADS.c.lead_id, LEADS.c.created_at).where(any_of(LEADS.c.lead_id, "values"), LEADS.c.created_at >= _AS_OF),
)
_LEADS_BY_ID: Final = select(LEADS).where(any_of(LEADS.c.lead_id, "values")).order_by(LEADS.c.lead_id)
_LEADS_OF_ACCOUNTS: Final = select(LEADS).where(any_of(LEADS.c.account_id, "values")).order_by(LEADS.c.lead_id)
_LAST_MOVE: Final = select(LEAD_MOVES.c.recorded_at).order_by(LEAD_MOVES.c.move_id.desc()).limit(1)
_MOVES_SINCE: Final = (
    select(LEAD_MOVES)
    .where(any_of(LEAD_MOVES.c.lead_id, "values"), LEAD_MOVES.c.recorded_at >= _AS_OF)
    .order_by(LEAD_MOVES.c.move_id.desc())
)


@dataclass
class Known:
    """Leads, with all colleagues of theirs, and what happened to them.

    Attributes
    ----------
    leads : list of dict
        ``lead_id, created_at, recorded_at, account_id, owner_id, attributes, objected_at``; those asked for first.
    asked : int
        How many of ``leads`` were asked for; the others are their colleagues.
    activities, stage_changes, attribute_changes : list of dict
        With ``lead_id``; columns as in `leadlight.core.history`, times in microseconds, values decoded.
    """

    leads: list[Row]
    asked: int
    activities: list[Row] = field(default_factory=list)
    stage_changes: list[Row] = field(default_factory=list)
    attribute_changes: list[Row] = field(default_factory=list)


def read_lead(connection: Connection, lead_id: str) -> Row | None:
    """Return a lead's row with its attributes as a mapping; None if it is not known."""
    found = _rows(connection, _LEADS_BY_ID, [lead_id])
    return found[0] if found else None


def read_known(connection: Connection, lead_ids: Sequence[str], as_of: int, *, colleagues: bool = True) -> Known:
    """Read leads with all that counted at a moment.

    Parameters
    ----------
    connection : Connection
    lead_ids : sequence of str
        Unknown ones, and those that were merged by then, are passed over.
    as_of : int
        Microseconds.
    colleagues : bool
        Whether to read the other leads of their accounts too.
    """
    moves = _has_moves_since(connection, as_of)
    asked = _as_they_stood(connection, _rows(connection, _LEADS_BY_ID, lead_ids), as_of, moves)
    own = {lead["lead_id"] for lead in asked}
    others: list[Row] = []
    if colleagues:
        accounts = sorted({lead["account_id"] for lead in asked if lead["account_id"] is not None})
        others = [lead for lead in _members(connection, accounts, as_of, moves) if lead["lead_id"] not in own]
    known = Known([*asked, *others], len(asked))
    everybody = sorted(lead["lead_id"] for lead in known.leads)
    known.activities = _events(connection, ACTIVITIES, everybody, as_of)
    known.stage_changes = _events(connection, STAGE_CHANGES, everybody, as_of)
    known.attribute_changes = _decoded(_events(connection, ATTRIBUTE_CHANGES, sorted(own), as_of))
    return known


def read_attributes(connection: Connection, lead_ids: Sequence[str], as_of: int) -> dict[str, dict[str, Any]]:
    """Return the attributes of leads at a moment, by lead id; see `attributes_of`."""
    leads = [lead for lead in _rows(connection, _LEADS_BY_ID, lead_ids) if lead["merged_into"] is None]
    changes: dict[str, list[Row]] = {}
    for row in _decoded(_events(connection, ATTRIBUTE_CHANGES, [lead["lead_id"] for lead in leads], as_of)):
        changes.setdefault(row["lead_id"], []).append(row)
    return {lead["lead_id"]: attributes_of(lead, changes.get(lead["lead_id"], ())) for lead in leads}


def attributes_of(lead: Row, changes: Iterable[Row]) -> dict[str, Any]:
    """Return a lead's attributes after its changes, in whatever order these are; what is not known is left out."""
    ordered = sorted(changes, key=_by_time)
    values = {**lead["attributes"], **{row["attribute"]: row["value"] for row in ordered}}
    return {name: value for name, value in values.items() if value is not None}


def stages_in_order(changes: Iterable[Row]) -> list[Row]:
    """Return stage changes in order of time; at one instant in the order of the usual ladder."""
    return sorted(changes, key=lambda row: (*_by_time(row), _STEP.get(row["stage"], len(LADDER))))


def latest_stage(changes: Iterable[Row]) -> str | None:
    """Return the stage that a lead's changes led to; None where there are none."""
    ordered = stages_in_order(changes)
    return ordered[-1]["stage"] if ordered else None


def _by_time(row: Row) -> tuple[int, int]:
    return row["occurred_at"], row["recorded_at"]


def _decoded(changes: Iterable[Row]) -> list[Row]:
    return [{**row, "value": json.loads(row["value"])} for row in changes]


def _rows(connection: Connection, asked: Select[Any], values: Iterable[str]) -> list[Row]:
    found: list[Row] = []
    for part in parts(list(values)):
        found += [_lead(row) for row in row_dicts(connection.execute(asked, {"values": part}))]
    return found


def _members(connection: Connection, accounts: Sequence[str], as_of: int, moves: bool) -> list[Row]:
    """Return the leads that belonged to accounts at a moment, but for those who had objected by then."""
    found = _rows(connection, _LEADS_OF_ACCOUNTS, accounts)
    if moves:
        left = select(LEAD_MOVES.c.lead_id).where(
            LEAD_MOVES.c.field == "account_id", LEAD_MOVES.c.before.in_(accounts), LEAD_MOVES.c.recorded_at >= as_of
        )
        there = {lead["lead_id"] for lead in found}
        found += _rows(connection, _LEADS_BY_ID, sorted(set(connection.execute(left).scalars()) - there))
    return [
        lead
        for lead in _as_they_stood(connection, found, as_of, moves)
        if lead["account_id"] in accounts and (lead["objected_at"] is None or lead["objected_at"] >= as_of)
    ]


def _has_moves_since(connection: Connection, as_of: int) -> bool:
    """Return whether any lead moved after a moment; moves are numbered as they are told."""
    recorded = connection.execute(_LAST_MOVE).scalar_one_or_none()
    return recorded is not None and recorded >= as_of


def _lead(row: Mapping[Any, Any]) -> Row:
    return {**row, "attributes": json.loads(row["attributes"])}


def _as_they_stood(connection: Connection, leads: Sequence[Row], as_of: int, moves: bool) -> list[Row]:
    """Return leads that were not merged yet at a moment, with the account and the owner that they had then.

    ``moves``: whether any lead moved since.
    """
    # merged ones are left out here: asked for in SQL, SQLite would look through all that are not
    there = [lead for lead in leads if lead["merged_into"] is None or lead["merged_at"] >= as_of]
    if moves:
        by_id = {lead["lead_id"]: lead for lead in there}
        for part in parts(sorted(by_id)):
            for move in connection.execute(_MOVES_SINCE, {"values": part, "as_of": as_of}).mappings():
                by_id[move["lead_id"]][move["field"]] = move["before"]
    return there


def ahead_of(connection: Connection, lead_ids: Sequence[str], as_of: int) -> dict[str, int]:
    """Return leads of which something is told that a moment does not know yet, each with when the first of it is.

    A caller's clock may be a little ahead of ours.
    """
    found: dict[str, int] = {}
    for part in parts(lead_ids):
        for asked in _AHEAD:
            for lead_id, when in connection.execute(asked, {"values": part, "as_of": as_of}):
                found[lead_id] = min(when, found.get(lead_id, when))
    return found


def _events(connection: Connection, table: Table, lead_ids: Sequence[str], as_of: int) -> list[Row]:
    found: list[Row] = []
    for part in parts(lead_ids):
        found += row_dicts(connection.execute(_EVENTS[table.name], {"values": part, "as_of": as_of}))
    return found
