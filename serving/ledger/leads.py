"""What is told of a lead itself: its creation, its attributes, its account and its owner."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from sqlalchemy import Connection, select

from leadlight.serving.ledger.versions import EVENT_KINDS, end_versions
from leadlight.serving.store.schema import ATTRIBUTE_CHANGES, LEAD_MOVES, LEADS, SCORES

__all__ = ["MOVABLE", "Outcome", "insert_lead", "put_lead", "value_text"]

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
    recorded = lead.get("recorded_at") or now
    connection.execute(LEADS.insert(), [_row(lead, recorded, now)])


def _row(lead: Mapping[str, Any], recorded: int, now: int) -> dict[str, Any]:
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


def put_lead(connection: Connection, lead: Mapping[str, Any], now: int) -> tuple[Outcome, set[str | None]]:
    """Take in what a CRM says of a lead; what it does not name stays as it was.

    Parameters
    ----------
    connection : Connection
    lead : mapping
        As `insert_lead` takes it; ``occurred_at`` says since when attributes are as told, default now.
    now : int
        Microseconds.

    Returns
    -------
    outcome : {"created", "changed", "unchanged"}
    accounts : set
        Whose other leads are concerned.
    """
    found = connection.execute(select(LEADS).where(LEADS.c.lead_id == lead["lead_id"])).mappings().one_or_none()
    if found is None:
        insert_lead(connection, lead, now)
        return "created", {lead.get("account_id")}
    moved = _move(connection, found, lead, now)
    changed = _change_attributes(connection, found, lead, now)
    dated = _date(found, lead)
    if not moved and not changed and not dated:
        return "unchanged", set()
    accounts = {found["account_id"], moved.get("account_id", found["account_id"])}
    values = {**moved, **dated, "touched_at": now}
    connection.execute(LEADS.update().where(LEADS.c.lead_id == lead["lead_id"]).values(values))
    if moved:  # who sees the lead in the queue must not wait for its next score
        connection.execute(SCORES.update().where(SCORES.c.lead_id == lead["lead_id"]).values(**moved))
    return "changed", accounts if "account_id" in moved or dated else set()


def _date(found: Mapping[Any, Any], lead: Mapping[str, Any]) -> dict[str, int]:
    """Return when the lead was created, if that had not been told: until then its first telling stood for it.

    So it did in a history without ``recorded_at``, and there too an earlier day that the CRM names is taken up, once.
    """
    told = lead.get("created_at")
    was_told = found["created_at"] != found["recorded_at"]
    return {} if told is None or was_told or told >= found["created_at"] else {"created_at": told}


def _move(connection: Connection, found: Mapping[Any, Any], lead: Mapping[str, Any], now: int) -> dict[str, Any]:
    moved = {name: lead[name] for name in MOVABLE if name in lead and lead[name] != found[name]}
    rows = [
        {"lead_id": found["lead_id"], "field": name, "before": found[name], "after": after, "recorded_at": now}
        for name, after in moved.items()
    ]
    if rows:
        connection.execute(LEAD_MOVES.insert(), rows)
    return moved


def _change_attributes(connection: Connection, found: Mapping[Any, Any], lead: Mapping[str, Any], now: int) -> bool:
    """Append the attributes whose value differs from the one that was known for that time."""
    told: Mapping[str, Any] = lead.get("attributes", {})
    if not told:
        return False
    occurred = now if lead.get("occurred_at") is None else lead["occurred_at"]
    standing = _values_at(connection, found, occurred)
    rows = [
        {"lead_id": found["lead_id"], "attribute": name, "value": value_text(value), "occurred_at": occurred}
        for name, value in told.items()
        if value_text(value) != standing.get(name, "null")
    ]
    if rows:
        _end_at(connection, found["lead_id"], [row["attribute"] for row in rows], occurred, now)
    return any(EVENT_KINDS["attribute_changes"].add(connection, rows, now))


def _end_at(connection: Connection, lead_id: str, names: Sequence[str], occurred: int, now: int) -> None:
    """End what was told of attributes for this very instant: of two words on it the later one counts."""
    table = ATTRIBUTE_CHANGES.c
    asked = select(table.row_id).where(
        table.lead_id == lead_id,
        table.attribute.in_(names),
        table.occurred_at == occurred,
        table.superseded_at.is_(None),
    )
    end_versions(connection, ATTRIBUTE_CHANGES, list(connection.execute(asked).scalars()), now)


def _values_at(connection: Connection, found: Mapping[Any, Any], when: int) -> dict[str, str]:
    """Return each attribute's value as of a time, as now known; the later ``occurred_at`` wins."""
    values = {name: value_text(value) for name, value in json.loads(found["attributes"]).items()}
    table = ATTRIBUTE_CHANGES.c
    asked = (
        select(table.attribute, table.value)
        .where(table.lead_id == found["lead_id"], table.occurred_at <= when, table.superseded_at.is_(None))
        .order_by(table.occurred_at, table.recorded_at, table.row_id)
    )
    values.update({row.attribute: row.value for row in connection.execute(asked)})
    return values
