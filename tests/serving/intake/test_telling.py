"""What a CRM tells: kept once, kept whole, and past moments stay as they were."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from crm import START, Clock, activity, count, known_at, rows, settle, tell
from leadlight.core.artifact import TrainedModel, encode_values
from leadlight.core.clock import to_micros
from leadlight.core.settings import Settings
from leadlight.serving.ledger.barred import Barred
from leadlight.serving.store.database import Database
from leadlight.serving.store.packed import NOTHING
from leadlight.serving.store.receipt_table import ReceiptTable
from leadlight.serving.store.receipts import Slip
from leadlight.serving.store.schema import ACTIVITIES, DECISIONS, ERASURES, LEADS, RECEIPTS, STAGE_CHANGES
from leadlight.serving.store.spool import SPOOL_FILE, Spool
from waiting import wait_for


def test_a_lead_is_told_once_however_often_it_is_sent(crm: TestClient) -> None:
    told = {"created_at": "2026-11-01T08:00:00Z", "account_id": "A-1", "attributes": {"source": "webinar"}}
    answers = [crm.put("/v1/leads/L-1", json=told).json() for _ in range(3)]
    assert answers == [{"lead_id": "L-1", "outcome": word} for word in ("created", "unchanged", "unchanged")]
    assert count(crm, LEADS) == 1
    assert crm.put("/v1/leads/L-1", json={"attributes": {"source": "referral"}}).json()["outcome"] == "changed"


def created_at(crm: TestClient) -> str:
    return str(crm.get("/v1/leads/L-1").json()["created_at"])


@pytest.mark.parametrize("first", ["a lead without its date", "an objection, of a lead known by its events"])
def test_when_a_lead_was_created_may_be_told_later_and_then_it_stays(crm: TestClient, clock: Clock, first: str) -> None:
    if first.startswith("an objection"):
        tell(crm, activity())
        crm.put("/v1/leads/L-1/objection")
    else:
        crm.put("/v1/leads/L-1", json={"attributes": {"source": "webinar"}})
    assert created_at(crm) == "2026-11-23T09:00:00Z"
    clock.later(days=1)
    assert crm.put("/v1/leads/L-1", json={"created_at": "2026-11-24T08:00:00Z"}).json()["outcome"] == "unchanged"
    assert created_at(crm) == "2026-11-23T09:00:00Z"  # it was there by then
    for told in ("2026-11-01T00:00:00Z", "2026-10-01T00:00:00Z", "2026-11-02T00:00:00Z"):
        crm.put("/v1/leads/L-1", json={"created_at": told})
        assert created_at(crm) == "2026-11-01T00:00:00Z"


def test_what_is_not_named_stays_and_null_clears(crm: TestClient, clock: Clock) -> None:
    crm.put("/v1/leads/L-1", json={"account_id": "A-1", "owner_id": "O-1", "attributes": {"a": "x", "b": 2}})
    clock.later(hours=1)
    crm.put("/v1/leads/L-1", json={"owner_id": None, "attributes": {"b": None}})
    [lead] = known_at(crm, "L-1", clock.later(hours=1)).leads
    assert (lead["account_id"], lead["owner_id"]) == ("A-1", None)
    changes = known_at(crm, "L-1", clock.later(hours=1)).attribute_changes
    assert [(row["attribute"], row["value"]) for row in changes] == [("b", None)]


def test_of_two_values_the_later_occurrence_wins_not_the_later_arrival(crm: TestClient, clock: Clock) -> None:
    crm.put("/v1/leads/L-1", json={"created_at": "2026-11-01T00:00:00Z", "attributes": {"size": 1}})
    clock.later(hours=1)
    for when, size in (("2026-11-20T00:00:00Z", 3), ("2026-11-10T00:00:00Z", 2)):
        told = {"occurred_at": when, "attributes": {"size": size}}
        assert crm.put("/v1/leads/L-1", json=told).json()["outcome"] == "changed"
        assert crm.put("/v1/leads/L-1", json=told).json()["outcome"] == "unchanged"
    changes = known_at(crm, "L-1", clock.later(hours=1)).attribute_changes
    assert max(changes, key=lambda row: row["occurred_at"])["value"] == 3


def test_events_are_kept_once_with_an_id_and_without(crm: TestClient) -> None:
    crm.put("/v1/leads/L-1", json={})
    events = [activity(), activity(activity_id="A-1"), activity()]
    first, again = tell(crm, *events).json(), tell(crm, *events).json()
    assert first == {"accepted": 2, "duplicates": 1, "errors": [], "unknown_leads": []}
    assert again == {"accepted": 0, "duplicates": 3, "errors": [], "unknown_leads": []}
    assert count(crm, ACTIVITIES) == 2


def test_bad_items_are_named_one_by_one_and_the_others_are_kept(crm: TestClient) -> None:
    crm.put("/v1/leads/L-1", json={})
    bad = [{"lead_id": "L-1"}, activity(occurred_at="2026-11-20"), activity(colour="red"), 5]
    bad.append(activity(occurred_at="2026-11-23T09:10:00Z"))
    answer = tell(crm, bad[0], activity(), *bad[1:])
    assert answer.status_code == 200
    found = answer.json()
    assert found["accepted"] == 1
    assert {(one["index"], one["field"], one["rule"]) for one in found["errors"]} == {
        (0, "type", "missing"),
        (0, "occurred_at", "missing"),
        (2, "occurred_at", "not_a_time"),
        (3, "colour", "unknown_key"),
        (4, "body", "not_an_object"),
        (5, "occurred_at", "ahead"),
    }


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"activities": 5}', b"nothing", b'{"activities": [], "more": 1}'])
def test_only_what_can_t_be_read_at_all_is_refused_whole(crm: TestClient, body: bytes) -> None:
    assert crm.post("/v1/activities", content=body).status_code == 422
    assert crm.post("/v1/stage-changes", content=body).status_code == 422


def test_a_thousand_is_the_most(crm: TestClient) -> None:
    crm.put("/v1/leads/L-1", json={})
    events = [activity(activity_id=f"A-{number}") for number in range(1_001)]
    assert tell(crm, *events).status_code == 422
    assert tell(crm, *events[:1_000]).json()["accepted"] == 1_000


def test_events_wait_for_a_lead_that_is_told_later(crm: TestClient, clock: Clock) -> None:
    assert tell(crm, activity()).json() == {
        "accepted": 1,
        "duplicates": 0,
        "errors": [],
        "unknown_leads": ["L-1"],
    }
    crm.put("/v1/leads/L-1", json={"created_at": "2026-11-01T00:00:00Z"})
    assert len(known_at(crm, "L-1", clock.later(hours=1)).activities) == 1


def test_a_correction_changes_no_past_moment(crm: TestClient, clock: Clock) -> None:
    crm.put("/v1/leads/L-1", json={"created_at": "2026-11-01T00:00:00Z"})
    change = {"lead_id": "L-1", "stage": "opportunity", "occurred_at": "2026-11-20T00:00:00Z", "change_id": "S-1"}
    crm.post("/v1/stage-changes", json={"stage_changes": [{**change, "amount": 100}]})
    before = clock.later(hours=1)
    answer = crm.post("/v1/stage-changes", json={"stage_changes": [{**change, "amount": 250}]}).json()
    assert (answer["accepted"], answer["duplicates"]) == (1, 0)
    after = clock.later(hours=1)
    assert [row["amount"] for row in known_at(crm, "L-1", before).stage_changes] == [100]
    assert [row["amount"] for row in known_at(crm, "L-1", after).stage_changes] == [250]


def test_what_is_taken_back_stays_for_past_moments_and_does_not_return(crm: TestClient, clock: Clock) -> None:
    crm.put("/v1/leads/L-1", json={"created_at": "2026-11-01T00:00:00Z"})
    tell(crm, activity(activity_id="A-1"))
    before = clock.later(hours=1)
    assert crm.delete("/v1/activities/A-1").json() == {"removed": "A-1"}
    assert crm.delete("/v1/activities/A-1").status_code == 404
    assert tell(crm, activity(activity_id="A-1")).json()["duplicates"] == 1  # a late retry
    after = clock.later(hours=1)
    assert len(known_at(crm, "L-1", before).activities) == 1
    assert known_at(crm, "L-1", after).activities == []


def test_a_moved_account_and_owner_change_no_past_moment(crm: TestClient, clock: Clock) -> None:
    for account, owner in (("A-1", "O-1"), ("A-2", "O-1"), ("A-2", "O-2")):
        crm.put("/v1/leads/L-1", json={"account_id": account, "owner_id": owner})
        clock.later(hours=1)
    seen = [known_at(crm, "L-1", to_micros(START + timedelta(minutes=minutes))).leads[0] for minutes in (30, 90, 150)]
    assert [(one["account_id"], one["owner_id"]) for one in seen] == [("A-1", "O-1"), ("A-2", "O-1"), ("A-2", "O-2")]


def test_merged_leads_are_one_from_then_on(crm: TestClient, clock: Clock) -> None:
    for lead_id in ("L-1", "L-2"):
        crm.put(f"/v1/leads/{lead_id}", json={"created_at": "2026-11-01T00:00:00Z"})
    tell(crm, activity("L-1", activity_id="A-1"), activity("L-1"), activity("L-2"))
    before = clock.later(hours=1)
    assert crm.post("/v1/leads/L-1/merge", json={"into": "L-2"}).json() == {"lead_id": "L-2", "merged": "L-1"}
    assert crm.post("/v1/leads/L-1/merge", json={"into": "L-2"}).status_code == 200  # a retry
    assert crm.post("/v1/leads/L-2/merge", json={"into": "L-2"}).status_code == 409
    assert tell(crm, activity("L-1", type="meeting")).json()["accepted"] == 1
    after = clock.later(hours=1)
    assert len(known_at(crm, "L-2", before).activities) == 1
    # the two words alike of both leads are one event now
    assert sorted(row["type"] for row in known_at(crm, "L-2", after).activities) == ["call", "call", "meeting"]
    assert crm.put("/v1/leads/L-1", json={"owner_id": "O-1"}).json() == {"lead_id": "L-2", "outcome": "changed"}


def test_a_decision_writes_its_stage(crm: TestClient, clock: Clock) -> None:
    crm.put("/v1/leads/L-1", json={"created_at": "2026-11-01T00:00:00Z"})
    told = {"accept": "sal", "recycle": "recycled", "reject": "disqualified", "dispute": None}
    for decision, stage in told.items():
        answer = crm.post("/v1/leads/L-1/decisions", json={"decision": decision, "decision_id": decision}).json()
        assert answer == {"decision_id": decision, "lead_id": "L-1", "stage": stage}
        crm.post("/v1/leads/L-1/decisions", json={"decision": decision, "decision_id": decision})
        clock.later(minutes=1)
    stages = [row["stage"] for row in known_at(crm, "L-1", clock.later(hours=1)).stage_changes]
    assert stages == ["sal", "recycled", "disqualified"]
    assert crm.post("/v1/leads/L-1/decisions", json={"decision": "perhaps"}).status_code == 422
    assert crm.post("/v1/leads/L-9/decisions", json={"decision": "accept"}).status_code == 404


def test_the_same_call_twice_is_done_once(crm: TestClient, clock: Clock) -> None:
    crm.put("/v1/leads/L-1", json={})
    key = {"Idempotency-Key": "k-1"}
    first = tell(crm, activity(), headers=key)
    again = tell(crm, activity(), headers=key)
    assert first.json()["accepted"] == 1
    assert again.json() == first.json()  # not a duplicate: the answer of the first
    other = tell(crm, activity(type="email"), headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    clock.later(hours=25)
    assert tell(crm, activity(), headers=key).json()["duplicates"] == 1
    assert tell(crm, activity(), headers={"Idempotency-Key": " "}).status_code == 422


def test_a_refused_call_may_be_sent_again_under_its_key(crm: TestClient) -> None:
    key = {"Idempotency-Key": "k-1"}
    assert crm.post("/v1/leads/L-1/merge", json={"into": "L-2"}, headers=key).status_code == 404
    for lead_id in ("L-1", "L-2"):
        crm.put(f"/v1/leads/{lead_id}", json={})
    assert crm.post("/v1/leads/L-1/merge", json={"into": "L-2"}, headers=key).status_code == 200


def test_an_erased_lead_is_gone_and_can_t_come_back(crm: TestClient, tmp_path: Path) -> None:
    for lead_id in ("L-1", "L-2", "L-3"):
        crm.put(f"/v1/leads/{lead_id}", json={"created_at": "2026-11-01T00:00:00Z", "attributes": {"x": lead_id}})
    tell(crm, *(activity(lead_id) for lead_id in ("L-1", "L-2", "L-3")), headers={"Idempotency-Key": "k"})
    crm.post("/v1/leads/L-1/merge", json={"into": "L-2"})
    scored = crm.post("/v1/score", json={"lead": {"lead_id": "L-2", "created_at": "2026-11-01T00:00:00Z"}}).json()
    answer = crm.delete("/v1/leads/L-1").json()  # by its old id, too
    assert answer["receipts"] == 1
    assert answer["models_trained_before"] == list(range(1, 8))
    for lead_id in ("L-1", "L-2"):
        assert crm.put(f"/v1/leads/{lead_id}", json={}).status_code == 410
        assert crm.delete(f"/v1/leads/{lead_id}").status_code == 410
        told = tell(crm, activity(lead_id, type="late"), activity("L-3", type=f"late-{lead_id}")).json()
        assert (told["accepted"], [(e["index"], e["rule"]) for e in told["errors"]]) == (1, [(0, "erased")])
    assert [row.lead_id for row in rows(crm, select(LEADS.c.lead_id))] == ["L-3"]
    left = rows(crm, select(RECEIPTS.c.packed, RECEIPTS.c.score, RECEIPTS.c.lead_id))
    assert [(row.packed, row.score) for row in left] == [(NOTHING, scored["score"])]
    assert count(crm, ERASURES) == 2
    assert len((tmp_path / "erasures.jsonl").read_text().splitlines()) == 2


def test_an_objection_ends_scoring_until_it_is_withdrawn(crm: TestClient) -> None:
    crm.put("/v1/leads/L-1", json={"created_at": "2026-11-01T00:00:00Z"})
    settle(crm)
    shown = crm.get("/v1/leads/L-1").json()
    assert shown["score"]["reasons"]
    assert crm.put("/v1/leads/L-1/objection").json() == {"lead_id": "L-1", "objected": True}
    tell(crm, activity())
    settle(crm)
    record = crm.get("/v1/leads/L-1").json()
    assert (record["objected"], record["score"], record["activities"]) == (True, None, 1)
    assert crm.get("/v1/leads").json()["items"] == []
    assert [row.packed for row in rows(crm, select(RECEIPTS.c.packed))] == [NOTHING]
    assert crm.delete("/v1/leads/L-1/objection").json() == {"lead_id": "L-1", "objected": False}
    settle(crm)
    assert crm.get("/v1/leads/L-1").json()["score"]["score"] >= 0
    assert crm.put("/v1/leads/L-9/objection").status_code == 404


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/v1/leads/L-1"), ("POST", "/v1/activities"), ("DELETE", "/v1/activities/A-1")]
)
def test_without_the_database_nothing_is_accepted(
    serve: Callable[..., TestClient], settings: Settings, model: TrainedModel, method: str, path: str
) -> None:
    (settings.home_path / "leadlight.db").mkdir(parents=True)  # no file can be made there
    client = serve(model=model, version=7)
    body = {} if method == "PUT" else {"activities": [activity()]} if method == "POST" else None
    answer = client.request(method, path, json=body)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


def test_stage_changes_that_differ_only_in_the_moment_of_telling_are_one(crm: TestClient, clock: Clock) -> None:
    crm.put("/v1/leads/L-1", json={})
    change = {"lead_id": "L-1", "stage": "mql", "occurred_at": "2026-11-20T00:00:00Z"}
    for _ in range(2):
        crm.post("/v1/stage-changes", json={"stage_changes": [change]})
        clock.later(hours=1)
    assert count(crm, STAGE_CHANGES) == 1


def test_nobody_who_was_erased_or_objects_is_scored_from_a_request_either(crm: TestClient) -> None:
    for lead_id in ("L-1", "L-2", "L-3"):
        crm.put(f"/v1/leads/{lead_id}", json={"created_at": "2026-11-01T00:00:00Z"})
    asked = {name: {"lead": {"lead_id": name, "created_at": "2026-11-01T00:00:00Z"}} for name in ("L-1", "L-2", "L-3")}
    crm.delete("/v1/leads/L-1")
    crm.put("/v1/leads/L-2/objection")
    codes = [crm.post("/v1/score", json=one).json().get("code") for one in asked.values()]
    assert codes == ["erased", "objected", None]
    items = crm.post("/v1/score/batch", json={"items": list(asked.values())}).json()["items"]
    assert [item.get("error", {}).get("code") for item in items] == codes
    crm.delete("/v1/leads/L-2/objection")
    assert crm.post("/v1/score", json=asked["L-2"]).status_code == 200


def test_an_erasure_in_another_process_is_known_soon(crm: TestClient, url: str, tmp_path: Path) -> None:
    crm.put("/v1/leads/L-1", json={"created_at": "2026-11-01T00:00:00Z"})
    other = Database(url)
    with other.writing() as connection:
        crm.app.state.desk.memory.ledger.erase(connection, "L-1", 1, 7)
    other.close()
    asked = {"lead": {"lead_id": "L-1", "created_at": "2026-11-01T00:00:00Z"}}
    wait_for(lambda: crm.post("/v1/score", json=asked).status_code == 410)


def test_an_objection_is_the_person_s_whatever_ids_are_joined(crm: TestClient) -> None:
    for one, other, says in (("A", "B", "A"), ("C", "D", "D")):
        for lead_id in (one, other):
            crm.put(f"/v1/leads/{lead_id}", json={"created_at": "2026-11-01T00:00:00Z"})
        crm.put(f"/v1/leads/{says}/objection")
        crm.post(f"/v1/leads/{one}/merge", json={"into": other})
        settle(crm)
        record = crm.get(f"/v1/leads/{one}").json()
        assert (record["lead_id"], record["objected"], record["score"]) == (other, True, None)
        for lead_id in (one, other):
            asked = {"lead": {"lead_id": lead_id, "created_at": "2026-11-01T00:00:00Z"}}
            assert crm.post("/v1/score", json=asked).status_code == 409
        crm.delete(f"/v1/leads/{one}/objection")
        settle(crm)
        assert crm.get(f"/v1/leads/{other}").json()["score"] is not None


def test_events_that_wait_for_a_lead_can_be_shown_and_erased_too(crm: TestClient) -> None:
    tell(crm, activity("never-told", campaign="mark"))
    assert "mark" in crm.get("/v1/leads/never-told/export").text
    assert crm.delete("/v1/leads/never-told").json()["rows"] == 1
    assert count(crm, ACTIVITIES) == 0
    assert tell(crm, activity("never-told")).json()["errors"][0]["rule"] == "erased"
    assert crm.delete("/v1/leads/nobody").status_code == 404


def test_of_two_words_on_one_instant_the_later_counts(crm: TestClient, clock: Clock) -> None:
    crm.put("/v1/leads/L-1", json={"created_at": "2026-11-01T00:00:00Z"})
    for size in (1, 2, 1):
        told = {"occurred_at": "2026-11-20T00:00:00Z", "attributes": {"size": size}}
        assert crm.put("/v1/leads/L-1", json=told).json()["outcome"] == "changed"
        clock.later(minutes=1)
    assert crm.get("/v1/leads/L-1").json()["attributes"] == {"size": 1.0}


def test_a_stage_told_again_after_a_merge_is_not_doubled(crm: TestClient, clock: Clock) -> None:
    crm.put("/v1/leads/old", json={"created_at": "2026-09-01T00:00:00Z"})
    crm.put("/v1/leads/new", json={"created_at": "2026-11-01T00:00:00Z"})
    stages = [
        {"lead_id": "old", "stage": "mql", "occurred_at": "2026-10-01T00:00:00Z"},
        {"lead_id": "old", "stage": "engaged", "occurred_at": "2026-09-20T00:00:00Z", "change_id": "S-1"},
    ]
    crm.post("/v1/stage-changes", json={"stage_changes": stages})
    crm.post("/v1/leads/old/merge", json={"into": "new"})
    again = crm.post("/v1/stage-changes", json={"stage_changes": stages}).json()
    assert (again["accepted"], again["duplicates"]) == (0, 2)
    assert len(known_at(crm, "new", clock.later(hours=1)).stage_changes) == 2


def test_past_moments_keep_their_colleagues(crm: TestClient, clock: Clock) -> None:
    for lead_id in ("stays", "moves", "gone", "objects"):
        crm.put(f"/v1/leads/{lead_id}", json={"created_at": "2026-11-01T00:00:00Z", "account_id": "A"})
    before = clock.later(hours=1)
    crm.put("/v1/leads/moves", json={"account_id": "B"})
    crm.post("/v1/leads/gone/merge", json={"into": "moves"})
    crm.put("/v1/leads/objects/objection")
    after = clock.later(hours=1)
    seen = [sorted(lead["lead_id"] for lead in known_at(crm, "stays", when).leads) for when in (before, after)]
    assert seen == [["gone", "moves", "objects", "stays"], ["stays"]]


def test_who_was_scored_from_a_request_alone_can_be_forgotten_and_object(crm: TestClient) -> None:
    for lead_id in ("L-1", "L-2"):
        crm.post("/v1/score", json={"lead": {"lead_id": lead_id, "created_at": "2026-11-01T00:00:00Z"}})
    assert crm.delete("/v1/leads/L-1").json()["receipts"] == 1
    assert crm.put("/v1/leads/L-2/objection").json() == {"lead_id": "L-2", "objected": True}
    assert [row.packed for row in rows(crm, select(RECEIPTS.c.packed))] == [NOTHING] * 2
    for lead_id, status in (("L-1", 410), ("L-2", 409)):
        asked = {"lead": {"lead_id": lead_id, "created_at": "2026-11-01T00:00:00Z"}}
        assert crm.post("/v1/score", json=asked).status_code == status


def test_a_score_that_was_under_way_when_a_person_was_erased_keeps_nothing(crm: TestClient, url: str) -> None:
    """Its receipt is written after the erasure: by this process, by another, or from a spool."""
    for lead_id in ("L-1", "L-2"):
        crm.put(f"/v1/leads/{lead_id}", json={"created_at": "2026-11-01T00:00:00Z"})
    desk = crm.app.state.desk
    scorer = desk.champion.scorer
    slips = {}
    for lead_id in ("L-1", "L-2"):
        row = encode_values(scorer.model.catalog, {})
        slips[lead_id] = scorer.slip(scorer.explain(row, lead_id, 1), desk.ids.next(), 1)
    crm.delete("/v1/leads/L-1")
    crm.put("/v1/leads/L-2/objection")
    table = ReceiptTable(desk.memory.database, desk.memory.barred)
    table.add([slips["L-1"]])
    table.add_missing([slips["L-2"]])
    kept = rows(crm, select(RECEIPTS.c.receipt_id, RECEIPTS.c.packed, RECEIPTS.c.lead_id))
    assert {row.receipt_id for row in kept} == {slip.receipt_id for slip in slips.values()}
    assert [row.packed for row in kept] == [NOTHING] * 2
    assert "L-1" not in {row.lead_id for row in kept}
    for slip in slips.values():
        assert crm.get(f"/v1/receipts/{slip.receipt_id}").status_code == 410


@pytest.mark.parametrize("knows", ["nothing", "what was", "what is"])
def test_a_receipt_of_who_is_barred_is_emptied_whatever_the_process_knows(crm: TestClient, knows: str) -> None:
    """Written in one go where nobody of a group is barred, and with a look at each where somebody may be."""
    ids = ["L-1", "L-2", "L-3"]
    for lead_id in ids:
        crm.put(f"/v1/leads/{lead_id}", json={"created_at": "2026-11-01T00:00:00Z"})
    desk = crm.app.state.desk
    scorer, database = desk.champion.scorer, desk.memory.database
    barred = Barred(database, lambda: desk.memory.ledger.secret)
    if knows == "what was":
        barred.refresh()
    crm.delete("/v1/leads/L-1")
    crm.put("/v1/leads/L-2/objection")
    if knows == "what is":
        barred.refresh()
    row = encode_values(scorer.model.catalog, {})
    for others in ([], ["L-4"]):  # of one person alone, and in a group
        slips = [scorer.slip(scorer.explain(row, one, 1), desk.ids.next(), 1) for one in [*ids, *others]]
        if others:
            ReceiptTable(database, barred).add(slips)
        else:
            for slip in slips:
                ReceiptTable(database, barred).add([slip])
        asked = select(RECEIPTS.c.receipt_id, RECEIPTS.c.packed).where(RECEIPTS.c.receipt_id >= slips[0].receipt_id)
        kept = dict(rows(crm, asked))
        assert kept == {slip.receipt_id: NOTHING if slip.lead_id in ("L-1", "L-2") else slip.packed for slip in slips}


def test_receipts_of_who_may_be_scored_are_written_in_one_go_or_not_at_all(
    crm: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = crm.app.state.desk
    scorer, database, barred = desk.champion.scorer, desk.memory.database, desk.memory.barred
    barred.refresh()
    table = ReceiptTable(database, barred)
    row = encode_values(scorer.model.catalog, {})
    slips = [scorer.slip(scorer.explain(row, f"L-{i}", 1), desk.ids.next(), 1) for i in range(100)]
    with monkeypatch.context() as patch:
        patch.setattr(database, "writing", None)  # one statement, no transaction around it
        table.add(slips)
    assert count(crm, RECEIPTS) == 100
    again = scorer.slip(scorer.explain(row, "L-1", 1), desk.ids.next(), 1)
    with pytest.raises(SQLAlchemyError):
        table.add([again, slips[0]])
    assert count(crm, RECEIPTS) == 100
    table.add([again])
    assert count(crm, RECEIPTS) == 101


def test_an_erasure_and_the_loading_of_the_spool_do_not_wait_for_each_other(
    crm: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for lead_id in ("L-1", "L-2"):
        crm.put(f"/v1/leads/{lead_id}", json={"created_at": "2026-11-01T00:00:00Z"})
    desk = crm.app.state.desk
    scorer = desk.champion.scorer
    slips = [
        scorer.slip(scorer.explain(encode_values(scorer.model.catalog, {}), lead_id, 1), desk.ids.next(), 1)
        for lead_id in ("L-1", "L-2")
    ]
    spool = Spool(tmp_path / SPOOL_FILE)
    spool.add(slips)
    reached, go_on = Event(), Event()

    def slowly(found: list[Slip]) -> None:
        reached.set()
        assert go_on.wait(30)
        ReceiptTable(desk.memory.database, desk.memory.barred).add_missing(found)

    loading = Thread(target=spool.empty_into, args=(slowly,))
    erasing = Thread(target=crm.delete, args=("/v1/leads/L-1",))
    loading.start()
    assert reached.wait(30)
    erasing.start()
    wait_for(lambda: count(crm, ERASURES) == 1)
    go_on.set()
    for thread in (loading, erasing):
        thread.join(30)
        assert not thread.is_alive()
    stored = {row.receipt_id: row.packed for row in rows(crm, select(RECEIPTS.c.receipt_id, RECEIPTS.c.packed))}
    assert stored == {slips[0].receipt_id: NOTHING, slips[1].receipt_id: slips[1].packed}


def test_an_objection_counts_since_it_was_first_said(crm: TestClient, clock: Clock) -> None:
    crm.put("/v1/leads/L-1", json={})
    since = clock.later(hours=1)
    for _ in range(2):
        crm.put("/v1/leads/L-1/objection")
        clock.later(hours=1)
    crm.put("/v1/leads/L-2", json={})
    crm.post("/v1/leads/L-2/merge", json={"into": "L-1"})
    assert rows(crm, select(LEADS.c.objected_at).where(LEADS.c.lead_id == "L-1")) == [(since,)]


def test_an_erasure_leaves_the_answers_of_ids_that_differ_in_case(crm: TestClient) -> None:
    for lead_id in ("L-1", "l-1"):
        crm.put(f"/v1/leads/{lead_id}", json={})
    told = {"json": {"decision": "accept"}, "headers": {"Idempotency-Key": "k"}}
    first = crm.post("/v1/leads/l-1/decisions", **told).json()
    crm.delete("/v1/leads/L-1")
    assert crm.post("/v1/leads/l-1/decisions", **told).json() == first
    assert count(crm, DECISIONS) == 1


def test_a_stage_told_again_after_two_merges_is_not_doubled(crm: TestClient, clock: Clock) -> None:
    for lead_id, day in (("first", "01"), ("second", "20"), ("third", "10")):
        crm.put(f"/v1/leads/{lead_id}", json={"created_at": f"2026-10-{day}T00:00:00Z"})
    stage = {"lead_id": "first", "stage": "mql", "occurred_at": "2026-10-05T00:00:00Z"}
    crm.post("/v1/stage-changes", json={"stage_changes": [stage]})
    crm.post("/v1/leads/first/merge", json={"into": "second"})
    crm.post("/v1/leads/second/merge", json={"into": "third"})
    again = crm.post("/v1/stage-changes", json={"stage_changes": [stage]}).json()
    assert (again["accepted"], again["duplicates"]) == (0, 1)
    assert len(known_at(crm, "third", clock.later(hours=1)).stage_changes) == 1
