"""Leads of any age, written straight into the tables, and what erases those that were kept long enough."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from leadlight.core.clock import DAY, FixedClock, from_micros, to_micros
from leadlight.core.settings import Settings
from leadlight.serving.retention.forgetting import Forgetting
from leadlight.serving.store.database import Database
from leadlight.serving.store.packed import packed
from leadlight.serving.store.schema import (
    ACTIVITIES,
    ATTRIBUTE_CHANGES,
    DECISIONS,
    IDEMPOTENCY_KEYS,
    LEADS,
    METADATA,
    OUTBOX,
    RECEIPTS,
    SCORES,
    STAGE_CHANGES,
)

__all__ = ["DAYS", "NOW", "add_event", "add_lead", "add_receipt", "clear", "forgetting", "ids", "old_lead", "settings"]

NOW = to_micros(datetime(2026, 11, 23, 9, tzinfo=UTC))
DAYS = 100
SECRET = "5e" * 32


def settings(home: Path, url: str, **more: Any) -> Settings:
    days = {"retain_leads_days": DAYS} | more
    return Settings(home=home, database_url=url, secret=SECRET, _env_file=None, **days)


def forgetting(setting: Settings, database: Database, *, now: int = NOW, wall: int | None = None) -> Forgetting:
    """Return what erases, without pauses, at a moment by the service's clock."""
    clock = FixedClock(from_micros(now))
    machine = FixedClock(from_micros(NOW + 10_000 * DAY if wall is None else wall))
    return Forgetting(setting, database, clock, wall=machine, version=lambda: 3, rest=lambda _seconds: False)


def clear(connection: Connection) -> None:
    for table in METADATA.sorted_tables:
        connection.execute(delete(table))


def add_lead(connection: Connection, lead_id: str, at: int, **more: Any) -> None:
    times = dict.fromkeys(("created_at", "recorded_at", "attributes_at", "touched_at"), at)
    connection.execute(insert(LEADS).values({"lead_id": lead_id, "attributes": "{}", **times, **more}))


def add_event(connection: Connection, table: Any, lead_id: str, number: int, at: int, **more: Any) -> None:
    what = {"activities": {"type": "call"}, "stage_changes": {"stage": "mql"}}.get(
        table.name, {"attribute": "x", "value": "1"}
    )
    row = {"lead_id": lead_id, "identity": f"{table.name}-{number}", "occurred_at": at, "recorded_at": at}
    connection.execute(insert(table).values({**row, **what, **more}))


def add_receipt(connection: Connection, receipt_id: str, lead_id: str, at: int, **more: Any) -> None:
    numbers = {"as_of": at, "made_at": at, "model_version": 3, "schema_version": 1, "score": 42}
    row = {
        "receipt_id": receipt_id,
        "lead_id": lead_id,
        "agreement_version": "v",
        "packed": packed(b'{"a": 1}'),
        **numbers,
    }
    connection.execute(insert(RECEIPTS).values({**row, **more}))


def old_lead(connection: Connection, number: int, mark: str = "", *, at: int = NOW - 2 * DAYS * DAY) -> str:
    """Add a lead of which something stands in every table that may tell of one; each text holds the mark."""
    lead_id = f"L-{number}{mark}"
    add_lead(connection, lead_id, at, attributes=json.dumps({"x": mark}), account_id="A", owner_id=mark)
    add_event(connection, ACTIVITIES, lead_id, number, at, campaign=mark, channel=mark, actor=mark)
    add_event(connection, STAGE_CHANGES, lead_id, number, at, reason=mark, actor=mark)
    add_event(connection, ATTRIBUTE_CHANGES, lead_id, number, at, attribute="x", value=json.dumps(mark))
    decided = {"decision_id": f"D-{number}{mark}", "lead_id": lead_id, "decision": "dispute", "reason": mark}
    connection.execute(insert(DECISIONS).values({**decided, "decided_at": at}))
    unpacked = json.dumps({"lead_id": lead_id, "why": mark * 4_000}).encode()  # so that the mark can be looked for
    add_receipt(connection, f"R-{number:024}", lead_id, at, packed=unpacked)
    scored: dict[str, Any] = {"lead_id": lead_id, "as_of": at, "is_open": True, "log_odds": 0.0, "score": 42}
    scored |= {"band": "cold", "model_version": 3, "features": mark.encode(), "receipt_id": f"R-{number:024}"}
    connection.execute(insert(SCORES).values({**scored, "stage": mark}))
    message = dict.fromkeys(("created_at", "next_attempt_at", "attempts", "claimed_until"), at)
    message |= {"attempts": 1, "message_id": f"M-{number}{mark}", "lead_id": lead_id, "payload": mark, "state": "dead"}
    connection.execute(insert(OUTBOX).values({**message, "last_error": mark}))
    answer = {"key": f"K-{number}", "body_digest": "", "status": 200, "answer": json.dumps({"lead_id": lead_id})}
    connection.execute(insert(IDEMPOTENCY_KEYS).values({**answer, "created_at": NOW}))
    return lead_id


def ids(database: Database, table: Any = LEADS) -> set[str]:
    with database.reading() as connection:
        return set(connection.execute(select(table.c.lead_id)).scalars())
