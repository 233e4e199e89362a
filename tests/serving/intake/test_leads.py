"""The ranked queue, a lead's record, its scores, and all that is held on a person."""

from __future__ import annotations

import json
from itertools import pairwise, product
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from crm import Clock, activity, fill, rows, settle, tell
from damaged import damage
from leadlight.serving.store.packed import NOTHING
from leadlight.serving.store.schema import RECEIPTS, SCORES

BANDS = ("hot", "warm", "cold")


@pytest.fixture
def full(crm: TestClient) -> TestClient:
    """A store of 300 scored leads, of which every tenth has left the queue."""
    fill(crm, 300)
    return crm


def all_pages(crm: TestClient, **filters: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        asked = {**filters, "limit": 37} | ({"cursor": cursor} if cursor else {})
        answer = crm.get("/v1/leads", params=asked)
        assert answer.status_code == 200
        page = answer.json()
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def in_order(crm: TestClient) -> list[Any]:
    found = [row for row in rows(crm, select(SCORES)) if row.is_open]
    return sorted(found, key=lambda row: (row.score, row.log_odds, row.lead_id), reverse=True)


def test_pages_join_to_the_whole_queue_in_order(full: TestClient) -> None:
    found = all_pages(full)
    assert [item["lead_id"] for item in found] == [row.lead_id for row in in_order(full)]
    assert all(one["score"] >= other["score"] for one, other in pairwise(found))


def test_filters_are_what_they_say(full: TestClient) -> None:
    for owner, stage, band, minimum in product((None, "O-1", "nobody"), (None, "mql"), (None, *BANDS), (0, 40)):
        asked = {"owner": owner, "stage": stage, "band": band, "minimum_score": minimum, "limit": 200}
        found = full.get("/v1/leads", params={name: value for name, value in asked.items() if value is not None})
        expected = [
            row.lead_id
            for row in in_order(full)
            if owner in (None, row.owner_id)
            and stage in (None, row.stage)
            and band in (None, row.band)
            and row.score >= minimum
        ]
        assert [item["lead_id"] for item in found.json()["items"]] == expected[:200]


def test_a_cursor_of_another_list_is_refused(crm: TestClient) -> None:
    for cursor in ("nonsense", "W10", "é", "WyJhIiwxLDJd"):
        answer = crm.get("/v1/leads", params={"cursor": cursor})
        assert (answer.status_code, answer.json()["errors"][0]["rule"]) == (422, "not_a_cursor")
        answer = crm.get("/v1/leads/L-1/scores", params={"cursor": cursor})
        assert answer.status_code in (404, 422)


def test_a_filter_that_means_nothing_is_refused(crm: TestClient) -> None:
    for asked in ({"band": "tepid"}, {"limit": 0}, {"limit": 201}, {"minimum_score": 101}):
        assert crm.get("/v1/leads", params=asked).status_code == 422


def test_a_record_holds_what_is_known_now(crm: TestClient, clock: Clock) -> None:
    crm.put("/v1/leads/L-1", json={"created_at": "2026-11-01T00:00:00Z", "attributes": {"source": "ads", "size": 3}})
    crm.put("/v1/leads/L-0", json={"created_at": "2026-11-01T00:00:00Z"})
    crm.post("/v1/leads/L-0/merge", json={"into": "L-1"})
    clock.later(hours=1)
    crm.put("/v1/leads/L-1", json={"owner_id": "O-1", "attributes": {"size": 5, "source": None}})
    tell(crm, activity("L-0"), activity("L-1", type="email"))
    crm.post("/v1/leads/L-1/decisions", json={"decision": "accept", "reason": "budget is there"})
    settle(crm)
    found = crm.get("/v1/leads/L-0").json()
    score = found.pop("score")
    assert score["receipt_id"]
    stage = found.pop("stage_changes")
    assert [(one["stage"], one["reason"]) for one in stage] == [("sal", "budget is there")]
    assert found == {
        "lead_id": "L-1",
        "created_at": "2026-11-01T00:00:00Z",
        "account_id": None,
        "owner_id": "O-1",
        "attributes": {"size": 5.0},
        "stage": "sal",
        "activities": 2,
        "merged": ["L-0"],
        "objected": False,
    }
    assert crm.get("/v1/leads/L-9").status_code == 404


def test_the_scores_of_a_lead_are_what_was_shown_of_it(crm: TestClient, clock: Clock) -> None:
    crm.put("/v1/leads/L-1", json={"created_at": "2026-11-01T00:00:00Z"})
    shown = []
    for size in range(5):
        crm.put("/v1/leads/L-1", json={"attributes": {"employees": size * 100}})
        settle(crm)
        shown.append(crm.get("/v1/leads/L-1").json()["score"]["receipt_id"])
        clock.later(hours=1)
    first = crm.get("/v1/leads/L-1/scores", params={"limit": 3}).json()
    rest = crm.get("/v1/leads/L-1/scores", params={"limit": 3, "cursor": first["next_cursor"]}).json()
    assert [one["receipt_id"] for one in [*first["items"], *rest["items"]]] == shown[::-1]
    assert rest["next_cursor"] is None
    assert crm.get("/v1/leads/L-1/scores", params={"cursor": "%%"}).status_code == 422


def test_an_export_holds_everything_and_an_erasure_leaves_nothing_of_it(crm: TestClient) -> None:
    marks = {name: f"mark-{name}" for name in ("id", "old", "attribute", "campaign", "reason", "owner", "account")}
    lead_id, old = marks["id"], marks["old"]
    for name in (lead_id, old):
        told = {"owner_id": marks["owner"], "account_id": marks["account"], "attributes": {"x": marks["attribute"]}}
        crm.put(f"/v1/leads/{name}", json=told, headers={"Idempotency-Key": name})
    tell(crm, activity(lead_id, campaign=marks["campaign"]), activity(old), headers={"Idempotency-Key": "k"})
    crm.post(f"/v1/leads/{old}/merge", json={"into": lead_id})
    crm.post(f"/v1/leads/{lead_id}/decisions", json={"decision": "dispute", "reason": marks["reason"]})
    settle(crm)
    crm.get("/v1/leads")
    told_twice = activity(f"waits-{lead_id}", campaign=marks["campaign"])
    tell(crm, told_twice)
    text = crm.get(f"/v1/leads/{old}/export").text
    assert all(mark in text for mark in marks.values())
    (receipt,) = json.loads(text)["tables"]["receipts"]
    assert receipt["receipt"] == crm.get(f"/v1/receipts/{receipt['receipt_id']}").json()
    damage(crm.app, receipt["receipt_id"])  # type: ignore[arg-type] # Starlette's app
    tables = crm.get(f"/v1/leads/{old}/export").json()["tables"]
    assert tables["receipts"][0]["receipt"] is None
    assert tables["activities"]  # the rest is shown all the same
    assert "damaged" in tables["receipts"][0]["damaged"]
    assert crm.delete(f"/v1/leads/{lead_id}").status_code == 200
    settle(crm)  # until then the account waits for its other leads to be scored
    for table in crm_tables(crm):
        for row in rows(crm, select(table)):
            held = repr(tuple(row)).replace(f"waits-{lead_id}", "").replace(repr(marks["campaign"]), "")
            assert not any(mark in held for mark in marks.values()), table.name
    assert crm.get(f"/v1/leads/{lead_id}").status_code == 410
    assert [row.packed for row in rows(crm, select(RECEIPTS.c.packed))] == [NOTHING]


def crm_tables(crm: TestClient) -> list[Any]:
    return list(SCORES.metadata.sorted_tables)


def test_of_stages_at_one_instant_record_and_queue_show_the_later_step(crm: TestClient) -> None:
    for number, stages in enumerate((("mql", "engaged"), ("engaged", "mql"))):
        crm.put(f"/v1/leads/L-{number}", json={"created_at": "2026-11-01T00:00:00Z"})
        told = [{"lead_id": f"L-{number}", "stage": stage, "occurred_at": "2026-11-20T00:00:00Z"} for stage in stages]
        crm.post("/v1/stage-changes", json={"stage_changes": told})
    settle(crm)
    assert [item["stage"] for item in crm.get("/v1/leads").json()["items"]] == ["mql", "mql"]
    for number in range(2):
        record = crm.get(f"/v1/leads/L-{number}").json()
        assert (record["stage"], [one["stage"] for one in record["stage_changes"]]) == ("mql", ["mql", "engaged"])
