"""The running service keeps to the settings by itself: who goes can't come back, and who is in use stays."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from crm import Clock, activity, settle, tell
from leadlight.core.artifact import TrainedModel
from leadlight.core.clock import to_micros
from leadlight.core.settings import Settings
from leadlight.serving.app import create_app
from leadlight.serving.retention import retention
from leadlight.serving.store.database import Database
from retained import DAYS, SECRET
from waiting import wait_for

Start = Callable[..., TestClient]


@pytest.fixture
def start(url: str, tmp_path: Path, model: TrainedModel, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Start a service on the store; a second one takes the place of the first."""
    monkeypatch.setattr(retention, "_FIRST", 0.01)
    monkeypatch.setattr(retention, "_PAUSE", 0.05)
    running: list[TestClient] = []

    def begin(clock: Clock, **days: int) -> TestClient:
        if running:
            running.pop().__exit__()
        settings = Settings(home=tmp_path, database_url=url, secret=SECRET, _env_file=None, **days)
        client = TestClient(
            create_app(settings, clock=clock, wall=clock, model=model, version=7), raise_server_exceptions=False
        )
        running.append(client.__enter__())
        wait_for(lambda: client.get("/readyz").status_code == 200)
        return client

    yield begin
    running.pop().__exit__()


def told(client: TestClient, name: str) -> dict[str, float]:
    """Return a metric by its label's value."""
    return {
        next(iter(sample.labels.values()), ""): sample.value
        for family in text_string_to_metric_families(client.get("/metrics").text)
        for sample in family.samples
        if sample.name == name
    }


def done(client: TestClient) -> float:
    return told(client, "leadlight_retention_done_timestamp_seconds").get("", 0.0)


def test_the_service_erases_at_its_start_and_daily(start: Start) -> None:
    clock = Clock()
    crm = start(clock)
    for lead_id in ("L-1", "L-2", "L-3", "L-4", "L-5"):
        crm.put(f"/v1/leads/{lead_id}", json={"created_at": "2026-11-01T00:00:00Z", "account_id": "A"})
    crm.post("/v1/leads/L-5/merge", json={"into": "L-1"})
    settle(crm)
    receipt = crm.get("/v1/leads/L-1").json()["score"]["receipt_id"]
    clock.later(days=DAYS - 1)
    assert tell(crm, activity("L-2")).json()["accepted"] == 1
    decided = crm.post("/v1/leads/L-3/decisions", json={"decision": "dispute", "reason": "no"})
    assert decided.status_code == 200
    crm.put("/v1/leads/L-4/objection")
    assert crm.put("/v1/leads/L-1", json={}).json()["outcome"] == "unchanged"  # as a full sync tells it: no news
    clock.later(days=2)
    assert "leadlight_retention" not in crm.get("/metrics").text
    crm = start(clock, retain_leads_days=DAYS)
    wait_for(lambda: crm.put("/v1/leads/L-1", json={}).status_code == 410)
    wait_for(lambda: done(crm) > 0)
    assert told(crm, "leadlight_retention_erased_total") == {"leads": 1, "untold": 0, "receipts": 0, "messages": 0}
    assert crm.put("/v1/leads/L-5", json={}).status_code == 410
    assert crm.get(f"/v1/receipts/{receipt}").status_code == 410
    assert [crm.get(f"/v1/leads/{one}").status_code for one in ("L-2", "L-3", "L-4")] == [200, 200, 200]
    scored = {"lead": {"lead_id": "L-1", "created_at": "2026-11-01T00:00:00Z"}}
    wait_for(lambda: crm.post("/v1/score", json=scored).status_code == 410)
    clock.later(days=DAYS)
    wait_for(lambda: told(crm, "leadlight_retention_erased_total")["leads"] == 4)
    assert [crm.get(f"/v1/leads/{one}").status_code for one in ("L-2", "L-3", "L-4")] == [410, 410, 410]
    wait_for(lambda: done(crm) == to_micros(clock.now()) / 1e6)


def test_an_old_receipt_of_somebody_in_no_table_says_what_is_left(start: Start) -> None:
    clock = Clock()
    crm = start(clock, retain_receipts_days=30)
    answer = crm.post("/v1/score", json={"lead": {"lead_id": "S-1", "created_at": "2026-11-01T00:00:00Z"}}).json()
    clock.later(days=29)
    wait_for(lambda: done(crm) == to_micros(clock.now()) / 1e6)
    assert crm.get(f"/v1/receipts/{answer['receipt_id']}").status_code == 200
    clock.later(days=2)
    wait_for(lambda: crm.get(f"/v1/receipts/{answer['receipt_id']}").status_code == 410)
    left = crm.get(f"/v1/receipts/{answer['receipt_id']}").json()
    assert (left["code"], left["score"], left["model_version"]) == ("erased_receipt", answer["score"], 7)
    again = crm.post("/v1/score", json={"lead": {"lead_id": "S-1", "created_at": "2026-11-01T00:00:00Z"}})
    assert again.status_code == 200  # the person is not barred


def test_a_database_that_fails_is_waited_for(start: Start, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    clock = Clock()
    crm = start(clock)
    crm.put("/v1/leads/L-1", json={"created_at": "2026-11-01T00:00:00Z"})
    clock.later(days=DAYS + 1)
    failed: list[int] = []
    write = Database.writing

    def failing(database: Database) -> object:
        if len(failed) < 3:
            failed.append(1)
            raise OSError("the disk is full")
        return write(database)

    monkeypatch.setattr(Database, "writing", failing)
    crm = start(clock, retain_leads_days=DAYS)
    wait_for(lambda: crm.get("/v1/leads/L-1").status_code == 410)
    assert len(failed) == 3


@pytest.mark.proof
@pytest.mark.parametrize("url", ["sqlite", "postgresql"], indirect=True)
def test_a_million_old_events_hold_nobody_up(start: Start, url: str) -> None:
    """They go while a CRM tells, and none of its calls waits as long as SQLite lets anybody wait."""
    from sqlalchemy import func, select

    from leadlight.serving.store.schema import ACTIVITIES, LEADS
    from leadlight.serving.store.sql import insert_many, parts

    leads, clock = 20_000, Clock()
    past = to_micros(clock.now())
    database = Database(url)
    times = dict.fromkeys(("created_at", "recorded_at", "attributes_at", "touched_at"), past)
    for part in parts(range(leads), 1_000):
        with database.writing() as connection:
            insert_many(connection, LEADS, [{"lead_id": f"H-{n}", "attributes": "{}", **times} for n in part])
            told_ = [
                {"lead_id": f"H-{n}", "identity": f"{n}-{k}", "type": "call", "occurred_at": past, "recorded_at": past}
                for n in part
                for k in range(50)
            ]
            insert_many(connection, ACTIVITIES, told_)
    clock.later(days=DAYS + 1)
    crm = start(clock, retain_leads_days=DAYS)
    slowest, calls, began = 0.0, 0, time.monotonic()
    while told(crm, "leadlight_retention_erased_total")["leads"] < leads and time.monotonic() - began < 1_800:
        asked = time.perf_counter()
        assert crm.put(f"/v1/leads/N-{calls}", json={"attributes": {"x": calls}}).status_code == 200
        slowest, calls = max(slowest, time.perf_counter() - asked), calls + 1
        time.sleep(0.02)
    print(f"{leads} leads in {time.monotonic() - began:.0f} s; {calls} calls, slowest {slowest:.3f} s")  # noqa: T201
    with database.reading() as connection:
        assert connection.execute(select(func.count()).select_from(ACTIVITIES)).scalar_one() == 0
    database.close()
    assert slowest < 5.0
