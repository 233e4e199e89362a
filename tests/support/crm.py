"""A CRM for tests: a service on a store of its own, whose clock goes on when it is told to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from fastapi.testclient import TestClient
from sqlalchemy import func, insert, select

from leadlight.core.clock import to_micros
from leadlight.serving.ledger.reading import read_known
from leadlight.serving.store.schema import LEADS, RESCORING, RESCORING_ACCOUNTS, SCORES
from waiting import wait_for

__all__ = ["START", "Clock", "activity", "count", "fill", "known_at", "rows", "settle", "tell"]

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
    # accounts first: what leaves their list is on that of leads by then
    wait_for(lambda: count(crm, RESCORING_ACCOUNTS) + count(crm, RESCORING) == 0)


def fill(crm: TestClient, leads: int) -> None:
    """Put scored leads into the store, of which every tenth has left the queue."""
    scorer = crm.app.state.desk.champion.scorer
    rng = np.random.default_rng(3)
    now = to_micros(START)
    matrix = np.where(rng.random((leads, len(scorer.model.catalog.features))) < 0.5, 0.0, 1.0)
    scored = scorer.model.score(matrix)
    lead_rows, score_rows = [], []
    for number, (row, log_odds, score) in enumerate(
        zip(matrix, scored.log_odds.tolist(), scored.score.tolist(), strict=True)
    ):
        both = {"lead_id": f"L-{number:03}", "account_id": f"A-{number % 7}", "owner_id": f"O-{number % 3}"}
        lead_rows.append(
            {
                **both,
                "created_at": now - 1,
                "recorded_at": now - 1,
                "attributes": "{}",
                "attributes_at": now - 1,
                "touched_at": now - 1,
            }
        )
        score_rows.append(
            {
                **both,
                "as_of": now,
                "is_open": number % 10 != 0,
                "log_odds": log_odds,
                "score": score,
                "band": scorer.model.band(score),
                "stage": ("mql", None)[number % 2],
                "model_version": 7,
                "features": row.astype("<f8").tobytes(),
            }
        )
    with crm.app.state.desk.memory.database.writing() as connection:
        connection.execute(insert(LEADS), lead_rows)
        connection.execute(insert(SCORES), score_rows)
