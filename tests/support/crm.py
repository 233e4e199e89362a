"""A CRM for tests: a service on a store of its own, whose clock goes on when it is told to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import func, select

from leadlight.core.clock import to_micros
from leadlight.serving.ledger.reading import read_known
from leadlight.serving.store.schema import RESCORING, RESCORING_ACCOUNTS
from waiting import wait_for

__all__ = ["START", "Clock", "activity", "count", "known_at", "rows", "settle", "tell"]

START = datetime(2026, 11, 23, 9, tzinfo=UTC)


@dataclass
class Clock:
    """A clock that goes on when it is told to."""

    time: datetime = field(default=START)

    def now(self) -> datetime:
        return self.time

    def later(self, **parts: float) -> int:
        self.time += timedelta(**parts)
        return to_micros(self.time)


def rows(crm: TestClient, query: Any) -> list[Any]:
    with crm.app.state.desk.memory.database.reading() as connection:
        return list(connection.execute(query).all())


def count(crm: TestClient, table: Any) -> int:
    return int(rows(crm, select(func.count()).select_from(table))[0][0])


def known_at(crm: TestClient, lead_id: str, as_of: int) -> Any:
    with crm.app.state.desk.memory.database.reading() as connection:
        return read_known(connection, [lead_id], as_of)


def activity(lead_id: str = "L-1", **more: Any) -> dict[str, Any]:
    return {"lead_id": lead_id, "type": "call", "occurred_at": "2026-11-20T10:00:00Z", **more}


def tell(crm: TestClient, *activities: dict[str, Any], **more: Any) -> Any:
    return crm.post("/v1/activities", json={"activities": list(activities)}, **more)


def settle(crm: TestClient) -> None:
    """Wait until every score is up to date."""
    wait_for(lambda: count(crm, RESCORING) + count(crm, RESCORING_ACCOUNTS) == 0)
