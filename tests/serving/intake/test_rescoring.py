"""Stored scores keep up: with what happens to a lead, to its account, with time, and with the model."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, update

from crm import START, Clock, activity, count, rows, settle, tell
from leadlight.core.artifact import TrainedModel
from leadlight.core.clock import DAY, FixedClock, to_micros
from leadlight.core.settings import Settings
from leadlight.serving.app import create_app
from leadlight.serving.champion import Champion
from leadlight.serving.ledger.reading import read_known
from leadlight.serving.ledger.stale import TIME_PASSED, mark_leads
from leadlight.serving.rescoring import claims
from leadlight.serving.rescoring.rescorer import Rescorer
from leadlight.serving.rescoring.scoring import score_known, unpacked
from leadlight.serving.rescoring.writing import write_scores
from leadlight.serving.scorer import Scorer
from leadlight.serving.store.database import Database
from leadlight.serving.store.schema import LEADS, RECEIPTS, RESCORING, RESCORING_ACCOUNTS, SCORES
from putting import put_lead
from waiting import wait_for

NOW = to_micros(START)


def scores_of(crm: TestClient) -> dict[str, Any]:
    return {row.lead_id: row for row in rows(crm, select(SCORES))}


def a_small_company(crm: TestClient) -> list[dict[str, Any]]:
    """Tell twelve leads of four accounts, with a few events each; return the same as requests to score."""
    rng = random.Random(5)
    leads = []
    for number in range(12):
        lead = {
            "lead_id": f"L-{number}",
            "created_at": f"2026-09-{1 + number:02d}T08:00:00Z",
            "attributes": {"source": rng.choice(["webinar", "ads", "referral"]), "employees": rng.randint(5, 900)},
        } | ({"account_id": f"A-{number % 4}"} if number % 4 else {})
        acts = [
            {
                "type": rng.choice(["web_visit", "demo_request"]),
                "occurred_at": f"2026-11-{rng.randint(1, 22):02d}T10:00:00Z",
            }
            for _ in range(rng.randint(0, 5))
        ]
        steps = [{"stage": "engaged", "occurred_at": "2026-10-20T10:00:00Z"}][: number % 2]
        leads.append({"lead": lead, "activities": acts, "stage_changes": steps})
        crm.put(f"/v1/leads/L-{number}", json={k: v for k, v in lead.items() if k != "lead_id"})
        crm.post("/v1/activities", json={"activities": [{**act, "lead_id": f"L-{number}"} for act in acts]})
        crm.post("/v1/stage-changes", json={"stage_changes": [{**one, "lead_id": f"L-{number}"} for one in steps]})
    return leads


def with_account(request: dict[str, Any], everybody: list[dict[str, Any]]) -> dict[str, Any]:
    account = request["lead"].get("account_id")
    if account is None:
        return request
    mates = [one for one in everybody if one["lead"].get("account_id") == account and one is not request]
    return request | {
        "account": {
            "leads": [{"lead_id": one["lead"]["lead_id"], "created_at": one["lead"]["created_at"]} for one in mates],
            "activities": [{**act, "lead_id": one["lead"]["lead_id"]} for one in mates for act in one["activities"]],
            "stage_changes": [
                {**act, "lead_id": one["lead"]["lead_id"]} for one in mates for act in one["stage_changes"]
            ],
        }
    }


def test_a_stored_lead_has_the_bits_of_a_request_with_the_same_record(crm: TestClient, clock: Clock) -> None:
    leads = a_small_company(crm)
    settle(crm)
    clock.later(hours=2)  # so that all that was told is known
    for lead in leads:
        crm.put(f"/v1/leads/{lead['lead']['lead_id']}", json={"owner_id": "O-1"})
    settle(crm)
    stored = scores_of(crm)
    assert len(stored) == 12
    for lead in leads:
        lead_id = lead["lead"]["lead_id"]
        as_of = stored[lead_id].as_of
        when = (START + timedelta(microseconds=as_of - to_micros(START))).isoformat()
        answer = crm.post("/v1/score", json=with_account(lead, leads) | {"as_of": when}).json()
        shown = crm.get(f"/v1/leads/{lead_id}").json()["score"]
        assert shown["log_odds"] == answer["log_odds"] == stored[lead_id].log_odds
        assert shown["reasons"] == answer["reasons"]
        receipts = [crm.get(f"/v1/receipts/{one['receipt_id']}").json() for one in (shown, answer)]
        assert receipts[0]["values"] == receipts[1]["values"]


def test_a_change_is_scored_and_the_whole_account_with_it(crm: TestClient, clock: Clock) -> None:
    for lead_id in ("L-1", "L-2"):
        crm.put(f"/v1/leads/{lead_id}", json={"created_at": "2026-11-01T00:00:00Z", "account_id": "A-1"})
    settle(crm)
    before = scores_of(crm)
    clock.later(hours=1)
    tell(crm, activity("L-1", type="demo_request"))
    settle(crm)
    after = scores_of(crm)
    for lead_id in ("L-1", "L-2"):
        assert after[lead_id].as_of > before[lead_id].as_of
        assert not np.array_equal(unpacked(after[lead_id].features), unpacked(before[lead_id].features), equal_nan=True)


def test_who_converted_or_was_closed_leaves_the_queue_and_may_come_back(crm: TestClient, clock: Clock) -> None:
    crm.put("/v1/leads/L-1", json={"created_at": "2026-11-01T00:00:00Z"})
    listed = []
    for stage in ("mql", "disqualified", "mql", "sql", "recycled", "mql"):
        now = clock.later(minutes=1)
        told = {"lead_id": "L-1", "stage": stage, "occurred_at": clock.time.isoformat()}
        crm.post("/v1/stage-changes", json={"stage_changes": [told]})
        clock.later(minutes=1)
        crm.put("/v1/leads/L-1", json={"attributes": {"employees": now % 1_000}})
        settle(crm)
        listed.append(len(crm.get("/v1/leads").json()["items"]))
    assert listed == [1, 0, 1, 0, 0, 1]


def test_a_day_later_every_open_lead_is_scored_again(crm: TestClient, clock: Clock) -> None:
    crm.put("/v1/leads/L-1", json={"created_at": "2026-11-01T00:00:00Z"})
    settle(crm)
    before = scores_of(crm)["L-1"].as_of
    now = clock.later(hours=25)
    wait_for(lambda: scores_of(crm)["L-1"].as_of > now)
    assert before < now - DAY


def test_what_another_model_scored_is_scored_again(crm: TestClient) -> None:
    crm.put("/v1/leads/L-1", json={"created_at": "2026-11-01T00:00:00Z"})
    settle(crm)
    with crm.app.state.desk.memory.database.writing() as connection:
        connection.execute(update(SCORES).values(model_version=6, log_odds=99.0))
    wait_for(lambda: scores_of(crm)["L-1"].model_version == 7)
    assert scores_of(crm)["L-1"].log_odds < 99


def rescorer(database: Any, model: TrainedModel, clock: Clock, *, at: float = 1.0) -> Rescorer:
    champion = Champion(lambda: (model, 7))
    champion.load()
    return Rescorer(database, champion, clock, seconds=lambda: at)


@pytest.fixture
def told(database: Any, tmp_path: Path, model: TrainedModel, clock: Clock) -> Any:
    """Three leads told, none scored."""
    from leadlight.core.secret import secret_of
    from leadlight.serving.ledger.ledger import Ledger

    ledger = Ledger(secret_of(Settings(home=tmp_path, _env_file=None)))
    with database.writing() as connection:
        for number in range(3):
            put_lead(ledger, connection, {"lead_id": f"L-{number}", "account_id": "A"}, to_micros(clock.now()))
    return ledger


def test_a_killed_process_delays_its_leads_and_drops_none(
    database: Any, told: Any, model: TrainedModel, clock: Clock
) -> None:
    with database.writing() as connection:
        assert len(claims.claim_leads(connection, 10, NOW, 1).names) == 3  # and then it is killed
    early, late = rescorer(database, model, clock, at=20), rescorer(database, model, clock, at=40)
    early.turn()
    with database.reading() as connection:
        assert connection.execute(select(SCORES)).all() == []
    while late.turn():
        pass
    with database.reading() as connection:
        assert len(connection.execute(select(SCORES)).all()) == 3
        assert connection.execute(select(RESCORING)).all() == []


def test_two_never_score_the_same_lead_at_once(database: Any, told: Any) -> None:
    with database.writing() as connection:
        first = claims.claim_leads(connection, 2, NOW, 1)
    with database.writing() as connection:
        second = claims.claim_leads(connection, 2, NOW, 1)
    assert len(first.names) == 2
    assert len(second.names) == 1
    assert not set(first.names) & set(second.names)


def test_what_changes_while_it_is_scored_is_scored_again(database: Any, told: Any, clock: Clock) -> None:
    with database.writing() as connection:
        claimed = claims.claim_leads(connection, 10, NOW, 1)
        put_lead(told, connection, {"lead_id": "L-1", "owner_id": "O"}, to_micros(clock.now()))
        claims.finish_leads(connection, claimed, {})
        assert connection.execute(select(RESCORING.c.lead_id)).scalars().all() == ["L-1"]
        assert claims.claim_leads(connection, 10, NOW, 1).names == ["L-1"]  # and at once


def test_nothing_is_written_of_who_was_erased_meanwhile(
    database: Any, told: Any, model: TrainedModel, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = rescorer(database, model, clock)
    real, reached, go_on = worker._scored, Event(), Event()

    def slowly(*parts: Any) -> Any:
        found = real(*parts)
        reached.set()
        assert go_on.wait(30)
        return found

    monkeypatch.setattr(worker, "_scored", slowly)
    thread = Thread(target=worker.turn)
    thread.start()
    assert reached.wait(30)
    with database.writing() as connection:
        told.erase(connection, "L-1", to_micros(clock.now()), 7)
        told.object_to_profiling(connection, "L-2", to_micros(clock.now()))
    go_on.set()
    thread.join()
    with database.reading() as connection:
        assert connection.execute(select(SCORES.c.lead_id)).scalars().all() == ["L-0"]


def test_one_change_in_a_large_account_delays_no_other_lead(
    database: Any, told: Any, model: TrainedModel, clock: Clock
) -> None:
    worker, now = rescorer(database, model, clock), to_micros(clock.now())
    with database.writing() as connection:
        for number in range(1_000):
            put_lead(told, connection, {"lead_id": f"M-{number}", "account_id": "large"}, now)
    while worker.turn():
        pass
    clock.later(hours=1)
    now = to_micros(clock.now())
    with database.writing() as connection:
        for number in range(5):  # five changes, gone through once
            event = {"lead_id": f"M-{number}", "type": "call", "occurred_at": now - 1}
            told.add_events(connection, "activities", [event], now)
    worker.turn()  # the five themselves; the account's others are listed
    with database.writing() as connection:
        assert connection.execute(select(RESCORING_ACCOUNTS)).all() == []
        listed = connection.execute(select(RESCORING.c.lead_id, RESCORING.c.urgency)).all()
        assert {row.urgency for row in listed} == {1}
        assert 990 <= len(listed) <= 1_000
        put_lead(told, connection, {"lead_id": "L-0", "owner_id": "O-9"}, now)
    worker.turn()
    with database.reading() as connection:
        scored = connection.execute(select(SCORES.c.owner_id).where(SCORES.c.lead_id == "L-0")).scalar_one()
        assert scored == "O-9"
        assert len(connection.execute(select(RESCORING)).all()) > 500


def test_a_sweep_takes_a_few_at_a_time(database: Any, told: Any, model: TrainedModel, clock: Clock) -> None:
    worker = rescorer(database, model, clock)
    while worker.turn():
        pass
    now = clock.later(hours=30)
    with database.writing() as connection:
        assert claims.sweep(connection, 7, now - DAY, 2, now) == 2
        assert claims.sweep(connection, 7, now - DAY, 2, now) == 1
        assert claims.sweep(connection, 7, now - DAY, 2, now) == 0
        urgencies = connection.execute(select(RESCORING.c.urgency)).scalars().all()
    assert urgencies == [TIME_PASSED] * 3


def test_a_demo_s_clock_stands_still_and_scores_keep_up_all_the_same(
    url: str, tmp_path: Path, model: TrainedModel
) -> None:
    settings = Settings(home=tmp_path, database_url=url, _env_file=None)
    app = create_app(settings, clock=FixedClock(START), model=model, version=7)
    with TestClient(app, raise_server_exceptions=False) as crm:
        crm.put("/v1/leads/L-1", json={"created_at": "2026-11-01T00:00:00Z"})
        wait_for(lambda: len(scores_of(crm)) == 1)
        settle(crm)
        before = scores_of(crm)["L-1"].log_odds
        tell(crm, activity("L-1", type="demo_request", occurred_at="2026-11-22T00:00:00Z"))
        settle(crm)
        assert scores_of(crm)["L-1"].log_odds != before


def test_one_lead_that_can_t_be_scored_holds_up_no_other(
    database: Any, told: Any, model: TrainedModel, clock: Clock
) -> None:
    now = to_micros(clock.now())
    with database.writing() as connection:
        connection.execute(update(LEADS).where(LEADS.c.lead_id == "L-1").values(attributes='["no", "mapping"]'))
    worker = rescorer(database, model, clock)
    while worker.turn():
        pass
    with database.reading() as connection:
        assert connection.execute(select(SCORES.c.lead_id).order_by(SCORES.c.lead_id)).scalars().all() == ["L-0", "L-2"]
        known = read_known(connection, ["L-0"], now + 1)
    assert known.asked == 1
    assert isinstance(worker._champion.scorer, Scorer)


def test_receipts_are_made_when_scores_are_shown_and_once(crm: TestClient) -> None:
    a_small_company(crm)
    settle(crm)
    assert count(crm, RECEIPTS) == 0
    first = crm.get("/v1/leads").json()["items"]
    assert count(crm, RECEIPTS) == len(first) > 0
    assert crm.get("/v1/leads").json()["items"] == first
    assert count(crm, RECEIPTS) == len(first)
    for item in first:
        receipt = crm.get(f"/v1/receipts/{item['receipt_id']}").json()
        assert (receipt["lead_id"], receipt["score"]) == (item["lead_id"], item["score"])


def test_a_claim_that_ran_out_writes_nothing_and_takes_nothing_off_the_list(database: Any, told: Any) -> None:
    """A process was held up; meanwhile another scored the leads, and one of them changed again."""
    lease = claims.LEASE
    with database.writing() as connection:
        late = claims.claim_leads(connection, 10, NOW, 1)
    with database.writing() as connection:
        claims.finish_leads(connection, claims.claim_leads(connection, 10, NOW, 2 + lease), {})
        put_lead(told, connection, {"lead_id": "L-1", "owner_id": "O"}, NOW)
    with database.writing() as connection:
        assert claims.held(connection, late) == set()
        claims.finish_leads(connection, late, {})
        assert connection.execute(select(RESCORING.c.lead_id)).scalars().all() == ["L-1"]


def test_older_facts_never_take_the_place_of_newer_ones(
    database: Any, told: Any, model: TrainedModel, clock: Clock
) -> None:
    scorer = Scorer(model, 7)
    with database.writing() as connection:
        newer = score_known(scorer, read_known(connection, ["L-0"], NOW + 9), NOW + 9)
        older = score_known(scorer, read_known(connection, ["L-0"], NOW + 5), NOW + 5)
        for fresh in (newer, older):
            write_scores(connection, scorer, fresh)
        assert connection.execute(select(SCORES.c.as_of)).scalars().all() == [NOW + 9]


def test_what_a_clock_ahead_of_ours_tells_is_scored_when_its_time_has_come(
    database: Any, told: Any, model: TrainedModel, clock: Clock
) -> None:
    soon = NOW + 60_000_000
    with database.writing() as connection:
        put_lead(told, connection, {"lead_id": "new", "created_at": soon}, NOW)
        event = {"lead_id": "L-1", "type": "demo_request", "occurred_at": soon}
        told.add_events(connection, "activities", [event], NOW)
    worker = rescorer(database, model, clock)

    def scores() -> dict[str, int]:
        while worker.turn():
            pass
        with database.reading() as connection:
            return {row.lead_id: row.as_of for row in connection.execute(select(SCORES))}

    before = scores()
    assert set(before) == {"L-0", "L-1", "L-2"}
    clock.later(minutes=2)
    after = scores()
    assert after["new"] > soon
    assert after["L-1"] > soon > before["L-1"]
    with database.reading() as connection:
        assert connection.execute(select(RESCORING)).all() == []


def test_two_versions_at_one_store_do_not_score_for_ever(
    database: Any, told: Any, model: TrainedModel, clock: Clock
) -> None:
    workers = []
    for version in (7, 8):
        champion = Champion(lambda version=version: (model, version))
        champion.load()
        workers.append(Rescorer(database, champion, clock, seconds=lambda: 1.0))
    for worker in workers:
        while worker.turn():
            pass
    assert not any(worker.turn() for _ in range(3) for worker in workers)
    with database.reading() as connection:
        assert set(connection.execute(select(SCORES.c.model_version)).scalars()) == {8}


def test_a_lead_that_can_t_be_scored_is_left_alone_for_a_while(
    database: Any, told: Any, model: TrainedModel, clock: Clock
) -> None:
    now = [1.0]
    champion = Champion(lambda: (model, 7))
    champion.load()
    worker = Rescorer(database, champion, clock, seconds=lambda: now[0])
    while worker.turn():
        pass
    with database.writing() as connection:
        connection.execute(update(LEADS).where(LEADS.c.lead_id == "L-1").values(attributes='["no", "mapping"]'))
        connection.execute(update(SCORES).values(model_version=6))
    turns = 0
    while worker.turn():
        turns += 1
        assert turns < 10
    with database.writing() as connection:
        connection.execute(update(LEADS).where(LEADS.c.lead_id == "L-1").values(attributes="{}"))
    now[0] += 700.0
    while worker.turn():
        pass
    with database.reading() as connection:
        assert set(connection.execute(select(SCORES.c.model_version)).scalars()) == {7}


def test_a_correction_to_another_lead_scores_both(crm: TestClient, clock: Clock) -> None:
    for lead_id in ("L-1", "L-2"):
        crm.put(f"/v1/leads/{lead_id}", json={"created_at": "2026-11-01T00:00:00Z"})
    change = {"stage": "disqualified", "occurred_at": "2026-11-20T00:00:00Z", "change_id": "S-1"}
    for lead_id, left in (("L-1", "L-2"), ("L-2", "L-1")):
        crm.post("/v1/stage-changes", json={"stage_changes": [{"lead_id": lead_id, **change}]})
        settle(crm)
        assert [item["lead_id"] for item in crm.get("/v1/leads").json()["items"]] == [left]
        clock.later(hours=1)


def test_colleagues_are_scored_without_who_objects_and_with_them_again(crm: TestClient, clock: Clock) -> None:
    for lead_id in ("L-1", "L-2"):
        crm.put(f"/v1/leads/{lead_id}", json={"created_at": "2026-11-01T00:00:00Z", "account_id": "A-1"})
    settle(crm)
    alone = scores_of(crm)["L-2"].log_odds
    clock.later(minutes=1)
    tell(crm, *(activity(type="demo_request", occurred_at=f"2026-11-2{day}T10:00:00Z") for day in range(3)))
    settle(crm)
    together = scores_of(crm)["L-2"].log_odds
    assert together != alone
    for method, objects in (("PUT", True), ("DELETE", False)):
        clock.later(minutes=1)
        crm.request(method, "/v1/leads/L-1/objection")
        settle(crm)
        at = scores_of(crm)["L-2"].as_of
        assert at == to_micros(clock.now()) + 1
        assert (scores_of(crm)["L-2"].log_odds == pytest.approx(together, abs=1e-3)) != objects


def test_a_lead_that_waits_for_what_lies_ahead_is_scored_before_that_too(crm: TestClient, clock: Clock) -> None:
    for lead_id in ("L-1", "L-2"):
        crm.put(f"/v1/leads/{lead_id}", json={"created_at": "2026-11-01T00:00:00Z", "account_id": "A-1"})
        tell(crm, activity(lead_id, occurred_at="2026-11-23T09:04:00Z"))
    wait_for(
        lambda: (
            not rows(crm, select(RESCORING_ACCOUNTS))  # first: it lists its leads once more
            and all(row.since > NOW + 60_000_000 for row in rows(crm, select(RESCORING.c.since)))
        )
    )
    now = clock.later(minutes=1)
    change = {"lead_id": "L-1", "stage": "mql", "occurred_at": "2026-11-20T00:00:00Z"}
    crm.post("/v1/stage-changes", json={"stage_changes": [change]})
    wait_for(lambda: all(row.as_of == now + 1 for row in scores_of(crm).values()))
    assert scores_of(crm)["L-1"].stage == "mql"


def test_what_changes_while_a_lead_is_scored_does_not_wait_for_what_lies_ahead(database: Database) -> None:
    with database.writing() as connection:
        mark_leads(connection, ["L-1"], 1)
        claimed = claims.claim_leads(connection, 1, 1, 1)
        mark_leads(connection, ["L-1"], 2)
        claims.finish_leads(connection, claimed, {"L-1": 1_000})
        assert claims.claim_leads(connection, 1, 2, 1).names == ["L-1"]


def test_who_objects_is_nobody_s_colleague_in_the_round_that_looks_at_both(crm: TestClient) -> None:
    for lead_id in ("L-1", "L-2"):
        crm.put(f"/v1/leads/{lead_id}", json={"created_at": "2026-11-01T00:00:00Z", "account_id": "A-1"})
    crm.put("/v1/leads/L-1/objection")
    desk = crm.app.state.desk
    with desk.memory.database.reading() as connection:
        together, alone = (
            score_known(desk.champion.scorer, read_known(connection, names, NOW + 1), NOW + 1)
            for names in (["L-1", "L-2"], ["L-2"])
        )
    assert [one.lead_id for one in together] == ["L-2"]
    assert together[0].row.tolist() == pytest.approx(alone[0].row.tolist(), abs=0, nan_ok=True)
