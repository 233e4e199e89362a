"""The two pages of the store's leads, and the form by which a rep decides, on both databases."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from sqlalchemy import select
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware

from crm import Clock, activity, count, fill, rows, settle, tell
from leadlight.core.artifact import TrainedModel
from leadlight.core.errors import NoChampion
from leadlight.core.settings import Settings
from leadlight.serving.access.caller import CSRF
from leadlight.serving.app import create_app
from leadlight.serving.pages_data import LeadPage, LeadUnscored
from leadlight.serving.replay import replay
from leadlight.serving.store.database import Database
from leadlight.serving.store.receipt_table import ReceiptTable
from leadlight.serving.store.schema import DECISIONS, LEADS, RECEIPTS, SCORES
from models import trained
from putting import put_lead
from waiting import wait_for

OURS = {"sec-fetch-site": "same-origin"}


def put(crm: TestClient, lead_id: str = "L-1", **told: Any) -> None:
    answer = crm.put(f"/v1/leads/{lead_id}", json={"created_at": "2026-11-01T00:00:00Z", **told})
    assert answer.status_code == 200


def ids_of(page: str) -> list[str]:
    return re.findall(r'<a href="/leads/([^"?]+)">', page)


def fields(page: str) -> dict[str, str]:
    return {name: html.unescape(value) for name, value in re.findall(r'type="hidden" name="(\w+)" value="(.*?)"', page)}


def decide(crm: TestClient, decision: str, lead_id: str = "L-1", headers: Any = OURS, **more: str) -> Any:
    form = {**fields(crm.get(f"/leads/{lead_id}").text), "decision": decision, **more}
    return crm.post(f"/leads/{lead_id}/decisions", data=form, headers=headers, follow_redirects=False)


def in_order(crm: TestClient, **wanted: Any) -> list[Any]:
    found = [
        row
        for row in rows(crm, select(SCORES))
        if row.is_open and all(getattr(row, name) == value for name, value in wanted.items())
    ]
    return sorted(found, key=lambda row: (row.score, row.log_odds, row.lead_id), reverse=True)


# --- the queue


def test_what_was_shown_before_is_shown_while_somebody_else_writes(crm: TestClient, url: str) -> None:
    put(crm)
    settle(crm)
    addresses = ("/leads", "/leads/L-1", "/v1/leads", "/v1/leads/L-1")
    before = [crm.get(address).status_code for address in addresses]
    receipts = count(crm, RECEIPTS)
    other = Database(url)
    with other.writing() as connection:
        connection.execute(select(SCORES).with_for_update()).all()
        assert [crm.get(address).status_code for address in addresses] == before == [200] * 4
    other.close()
    assert count(crm, RECEIPTS) == receipts == 1


@pytest.mark.parametrize("language", ["en", "es"])
def test_an_empty_store_says_how_to_fill_it(crm: TestClient, language: str) -> None:
    page = crm.get("/leads", params={"lang": language})
    assert page.status_code == 200
    assert "leadlight import --data DIR" in page.text
    assert "PUT /v1/leads/ID" in page.text
    assert {"en": "No lead has been told yet", "es": "Todavía no se ha comunicado"}[language] in page.text
    put(crm)
    settle(crm)
    assert ids_of(crm.get("/leads").text) == ["L-1"]


def test_a_store_whose_leads_have_all_left_is_not_called_empty(crm: TestClient) -> None:
    put(crm)
    crm.post("/v1/leads/L-1/decisions", json={"decision": "reject"})
    settle(crm)
    page = crm.get("/leads").text
    assert "No open leads yet" in page
    assert "leadlight import" not in page


def test_pages_join_to_the_whole_queue_in_order(crm: TestClient) -> None:
    fill(crm, 130)
    found: list[str] = []
    for number in (1, 2, 3):
        page = crm.get("/leads", params={"page": number})
        assert "117 leads" in page.text
        found += ids_of(page.text)
    assert found == [row.lead_id for row in in_order(crm)]
    assert "The queue ends before this page" in crm.get("/leads?page=4").text


def test_filters_counts_and_ranks_are_those_of_the_list(crm: TestClient) -> None:
    fill(crm, 130)
    pages = crm.app.state.pages
    everybody = pages.queue(language="en", limit=1000)
    assert sum(everybody.counts.values()) == everybody.total == 117
    assert everybody.owners == ("O-0", "O-1", "O-2")
    for asked in ({}, {"owner": "O-1"}, {"band": "warm"}, {"band": "cold", "owner": "O-2"}, {"minimum_score": 40}):
        page = pages.queue(language="en", limit=1000, **asked)
        expected = [
            row
            for row in everybody.rows
            if asked.get("owner") in (None, row.owner_id)
            and asked.get("band") in (None, row.band)
            and row.score >= asked.get("minimum_score", 0)
        ]
        assert [row.lead_id for row in page.rows] == [row.lead_id for row in expected]
        assert [row.rank for row in page.rows] == list(range(1, page.total + 1))
        assert page.counts == everybody.counts
        later = pages.queue(language="en", offset=3, limit=4, **asked)
        assert later.rows == page.rows[3:7]
    for band, leads in everybody.counts.items():
        assert sum(row.band == band for row in everybody.rows) == leads


def test_counts_never_contradict_the_list(crm: TestClient) -> None:
    assert crm.app.state.pages.queue(language="en").total == 0
    for number in range(3):
        put(crm, f"L-{number}")
        settle(crm)
        page = crm.app.state.pages.queue(language="en")
        assert sum(page.counts.values()) == page.total == number + 1
        assert not page.nothing_told


def test_only_what_is_shown_gets_a_receipt_and_only_once(crm: TestClient, url: str, model: TrainedModel) -> None:
    fill(crm, 130)
    crm.get("/leads")
    crm.get("/leads?lang=es")
    assert count(crm, RECEIPTS) == 50
    for row in crm.app.state.pages.queue(language="en", limit=50).rows:
        crm.get(f"/leads/{row.lead_id}")
        database = Database(url)
        receipt = ReceiptTable(database).get(str(row.receipt_id))
        database.close()
        assert receipt is not None
        assert replay(receipt, model).same_bits
        assert (receipt.score, receipt.probability) == (row.score, row.probability)
    assert count(crm, RECEIPTS) == 50


# --- a lead


def test_a_stored_lead_shows_what_the_api_and_the_receipt_say(crm: TestClient, clock: Clock) -> None:
    put(crm, owner_id="O-1", account_id="A-1", attributes={"source": "webinar", "employees": 250})
    tell(crm, activity("L-1", campaign="autumn", value=3.5), activity("L-1", type="email_open", channel="email"))
    clock.later(hours=2)
    crm.put("/v1/leads/L-1", json={"attributes": {"employees": 900}})
    settle(crm)
    for language in ("en", "es"):
        page = crm.app.state.pages.lead("L-1", language=language)
        assert isinstance(page, LeadPage)
        told = crm.get("/v1/leads/L-1", params={"reasons": 50}, headers={"accept-language": language}).json()
        score = told["score"]
        receipt = crm.get(f"/v1/receipts/{page.row.receipt_id}").json()
        assert page.row.receipt_id == score["receipt_id"] == receipt["receipt_id"]
        assert (page.row.score, page.row.probability) == (score["score"], score["probability"])
        assert page.log_odds == score["log_odds"] == receipt["log_odds"]
        assert page.base_log_odds == score["base_log_odds"] == receipt["base_log_odds"]
        assert {part.component: part.impact for part in page.components} == score["components"] == receipt["components"]
        by_code = {reason["code"]: reason for reason in score["reasons"]}
        bars = [bar for part in page.components for bar in part.bars if not bar.folded]
        assert bars
        for bar in bars:
            assert (bar.text, bar.impact) == (by_code[bar.code]["text"], by_code[bar.code]["impact"])
        shown = html.unescape(crm.get("/leads/L-1", headers={"accept-language": language}).text)
        assert all(bar.text in shown.replace("\N{NO-BREAK SPACE}", " ") for bar in bars)
        assert page.row.owner_id == told["owner_id"]
        assert page.row.scorecard_points == score["scorecard_points"]
        assert len(page.missing) == len(score["missing"])


def test_the_timeline_holds_what_counts_newest_first(crm: TestClient) -> None:
    put(crm)
    tell(
        crm,
        activity("L-1", activity_id="a", campaign="autumn", channel="email", value=3.5),
        activity("L-1", activity_id="b", type="demo_request", occurred_at="2026-11-21T10:00:00Z"),
    )
    change = {"lead_id": "L-1", "stage": "mql", "occurred_at": "2026-11-21T10:00:00Z", "reason": "score"}
    crm.post("/v1/stage-changes", json={"stage_changes": [change]})
    crm.delete("/v1/activities/a")
    settle(crm)
    page = crm.app.state.pages.lead("L-1", language="en")
    assert isinstance(page, LeadPage)
    assert [(entry.kind, entry.name) for entry in page.timeline] == [
        ("stage", "mql"),
        ("activity", "demo_request"),
        ("created", ""),
    ]
    assert page.row.stage == "mql"


def test_a_merged_id_leads_to_the_lead_that_stayed(crm: TestClient) -> None:
    put(crm, "L-0")
    put(crm, "L-1")
    crm.post("/v1/leads/L-0/merge", json={"into": "L-1"})
    settle(crm)
    answer = crm.get("/leads/L-0?lang=es", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, "/leads/L-1?lang=es")
    assert "Lead L-1" in crm.get("/leads/L-0").text


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_erased_the_objecting_and_the_unknown_have_plain_pages(crm: TestClient, language: str) -> None:
    for lead_id in ("L-1", "L-2"):
        put(crm, lead_id)
    settle(crm)
    crm.delete("/v1/leads/L-1")
    crm.put("/v1/leads/L-2/objection")
    said = {
        "L-1": (410, {"en": "This lead was erased", "es": "Este lead fue borrado"}),
        "L-2": (200, {"en": "This person objects to profiling", "es": "Esta persona se opone al perfilado"}),
        "L-3": (404, {"en": "There is no such lead", "es": "Ese lead no existe"}),
    }
    for lead_id, (status, texts) in said.items():
        page = crm.get(f"/leads/{lead_id}", params={"lang": language})
        assert (page.status_code, page.headers["content-language"]) == (status, language)
        assert texts[language] in page.text
        assert 'class="waterfall"' not in page.text
        assert "<form" not in page.text
    crm.delete("/v1/leads/L-2/objection")
    settle(crm)
    assert 'class="waterfall"' in crm.get("/leads/L-2").text


def test_a_lead_without_a_score_says_that_it_is_being_scored(crm: TestClient) -> None:
    put(crm)
    settle(crm)
    with crm.app.state.desk.memory.database.writing() as connection:
        connection.execute(SCORES.delete())
    assert crm.app.state.pages.lead("L-1", language="en") == LeadUnscored("unscored")
    page = crm.get("/leads/L-1")
    assert page.status_code == 200
    assert "This lead is being scored" in page.text
    assert 'http-equiv="refresh"' in page.text


def test_a_lead_that_left_the_queue_has_a_page_without_a_rank(crm: TestClient) -> None:
    put(crm, "L-1")
    put(crm, "L-2")
    assert decide_ready(crm, "reject").status_code == 303
    settle(crm)
    page = crm.app.state.pages.lead("L-1", language="en")
    assert isinstance(page, LeadPage)
    assert (page.row.rank, page.row.stage, page.open_leads) == (None, "disqualified", 1)
    text = crm.get("/leads/L-1").text
    assert "Not in the queue" in text
    assert 'class="waterfall"' in text
    assert ids_of(crm.get("/leads").text) == ["L-2"]


def test_ranks_on_the_leads_pages_are_those_of_the_list(crm: TestClient) -> None:
    fill(crm, 60)
    for place, row in enumerate(in_order(crm), 1):
        page = crm.app.state.pages.lead(row.lead_id, language="en")
        assert isinstance(page, LeadPage)
        assert (page.row.rank, page.open_leads) == (place, 54)


# --- deciding


def decide_ready(crm: TestClient, decision: str, **more: Any) -> Any:
    settle(crm)
    return decide(crm, decision, **more)


@pytest.mark.parametrize(
    ("decision", "stage"), [("accept", "sal"), ("recycle", "recycled"), ("reject", "disqualified"), ("dispute", None)]
)
def test_a_decision_is_kept_with_its_reason_and_its_score(crm: TestClient, decision: str, stage: str | None) -> None:
    put(crm)
    answer = decide_ready(crm, decision, reason="  budget is there  ")
    assert (answer.status_code, answer.headers["location"]) == (303, "/leads/L-1")
    [kept] = rows(crm, select(DECISIONS))
    [receipt] = rows(crm, select(RECEIPTS.c.receipt_id))
    assert (kept.decision, kept.reason, kept.actor) == (decision, "budget is there", None)
    assert kept.receipt_id == receipt.receipt_id
    settle(crm)
    assert crm.get("/v1/leads/L-1").json()["stage"] == stage
    page = crm.get("/leads/L-1").text
    assert "Decided so far" in page
    assert "budget is there" in page


def test_a_form_that_is_sent_twice_is_one_decision(crm: TestClient) -> None:
    put(crm)
    settle(crm)
    form = {**fields(crm.get("/leads/L-1").text), "decision": "dispute"}
    for _ in range(2):
        assert crm.post("/leads/L-1/decisions", data=form, headers=OURS, follow_redirects=False).status_code == 303
    assert count(crm, DECISIONS) == 1
    assert decide(crm, "dispute").status_code == 303
    assert count(crm, DECISIONS) == 2


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site", "origin": "http://testserver"},
        {"origin": "https://elsewhere.example"},
        {"origin": "null"},
        {"origin": "http://["},
    ],
)
def test_a_form_from_elsewhere_is_refused(crm: TestClient, headers: dict[str, str]) -> None:
    put(crm)
    answer = decide_ready(crm, "reject", headers=headers)
    assert answer.status_code == 403
    assert count(crm, DECISIONS) == 0


def test_an_older_browser_says_where_a_form_comes_from_in_its_origin(crm: TestClient) -> None:
    put(crm)
    assert decide_ready(crm, "accept", headers={"origin": "http://testserver"}).status_code == 303


@pytest.mark.parametrize(
    "change",
    [
        {"decision": "promote"},
        {"decision": ""},
        {"decision_id": "x"},
        {"reason": "x" * 2001},
        {"reason": "a\0b"},
        {"reason": "x" * 70_000},
    ],
)
def test_a_form_that_makes_no_sense_is_refused(crm: TestClient, change: dict[str, str]) -> None:
    put(crm)
    answer = decide_ready(crm, **{"decision": "accept", **change})
    assert answer.status_code == 422
    assert "This form can&#39;t be read" in answer.text
    assert count(crm, DECISIONS) == 0


def test_a_form_is_refused_in_another_media_type(crm: TestClient) -> None:
    put(crm)
    answer = crm.post("/leads/L-1/decisions", json={"decision": "accept"}, headers=OURS)
    assert answer.status_code == 422
    assert answer.headers["content-type"].startswith("text/html")


def test_deciding_on_a_lead_that_is_not_there_says_so(crm: TestClient) -> None:
    put(crm)
    settle(crm)
    form = {**fields(crm.get("/leads/L-1").text), "decision": "accept"}
    assert crm.post("/leads/L-9/decisions", data=form, headers=OURS).status_code == 404
    crm.delete("/v1/leads/L-1")
    assert crm.post("/leads/L-1/decisions", data=form, headers=OURS).status_code == 410
    assert count(crm, DECISIONS) == 0


@pytest.mark.parametrize("lead_id", ["a%2Fb%20c", "x%2Fdecisions", "decisions", "50%25"])
def test_any_lead_id_can_be_decided_on(crm: TestClient, lead_id: str) -> None:
    told = {"lead_id": unquote(lead_id), "created_at": 1}  # an import takes any id, the API none with a slash
    with crm.app.state.desk.memory.database.writing() as connection:
        put_lead(crm.app.state.desk.memory.ledger, connection, told, 1)
    crm.app.state.desk.memory._changed()
    settle(crm)
    page = crm.get(f"/leads/{lead_id}").text
    [action] = re.findall(r'method="post" action="([^"]+)"', page)
    assert action == f"/leads/{lead_id}/decisions"
    answer = decide(crm, "accept", lead_id)
    assert answer.headers["location"] == f"/leads/{lead_id}"
    assert count(crm, DECISIONS) == 1


# --- who may see what


@dataclass(frozen=True)
class Rep:
    key_id: str = "k-1"
    role: str = "rep"
    owner_id: str | None = "O-1"


def bound(app: FastAPI, token: str) -> None:
    """Let every request be a rep's, as the gate will say."""

    async def gate(request: Request, following: Any) -> Any:
        request.state.caller = Rep()
        request.scope["state"][CSRF] = token
        return await following(request)

    app.user_middleware.append(Middleware(BaseHTTPMiddleware, dispatch=gate))  # innermost: behind the real gate


@pytest.fixture
def rep(url: str, tmp_path: Path, model: TrainedModel, clock: Clock) -> Any:
    app = create_app(Settings(home=tmp_path, database_url=url, _env_file=None), clock=clock, model=model, version=7)
    bound(app, "secret")
    with TestClient(app, raise_server_exceptions=False) as client:
        wait_for(lambda: client.get("/readyz").status_code == 200)
        yield client


def test_a_rep_sees_their_own_leads_and_no_others_exist_for_them(rep: TestClient) -> None:
    fill(rep, 130)
    mine = [row.lead_id for row in in_order(rep, owner_id="O-1")]
    others = next(row.lead_id for row in in_order(rep, owner_id="O-2"))
    for query in ("", "?owner=O-2"):
        page = rep.get(f"/leads{query}").text
        assert ids_of(page) == mine[:50]
        assert f"{len(mine)} leads" in page
        assert "O-2" not in page.replace(f"/leads{query}&amp;lang=es", "")
    counted = rep.app.state.pages.queue(language="en", own="O-1")
    assert sum(counted.counts.values()) == counted.total == len(mine)
    own = rep.app.state.pages.lead(mine[4], language="en", own="O-1")
    assert isinstance(own, LeadPage)
    assert (own.row.rank, own.open_leads) == (5, len(mine))
    assert rep.get(f"/leads/{mine[0]}").status_code == 200
    answer = rep.get(f"/leads/{others}")
    assert (answer.status_code, "There is no such lead" in answer.text) == (404, True)
    form = {**fields(rep.get(f"/leads/{mine[0]}").text), "decision": "accept"}
    assert rep.post(f"/leads/{others}/decisions", data=form, headers=OURS).status_code == 404
    assert count(rep, DECISIONS) == 0


def test_a_merged_id_of_anothers_lead_is_not_told(rep: TestClient) -> None:
    put(rep, "L-0", owner_id="O-2")
    put(rep, "L-1", owner_id="O-2")
    rep.post("/v1/leads/L-0/merge", json={"into": "L-1"})
    with rep.app.state.desk.memory.database.reading() as connection:
        assert connection.execute(select(LEADS.c.lead_id).where(LEADS.c.merged_into.is_not(None))).scalar_one() == "L-0"
    assert rep.get("/leads/L-0", follow_redirects=False).status_code == 404


def test_who_decides_is_kept(rep: TestClient) -> None:
    put(rep, owner_id="O-1")
    settle(rep)
    assert decide(rep, "accept").status_code == 303
    assert rows(rep, select(DECISIONS.c.actor))[0].actor == "k-1"


# --- what may be missing


def test_a_database_that_does_not_answer_is_said_on_a_page(crm: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    put(crm)
    settle(crm)
    form = {**fields(crm.get("/leads/L-1").text), "decision": "accept"}
    database = crm.app.state.desk.memory.database
    broken = Database("postgresql://nobody@127.0.0.1:1/none")
    monkeypatch.setattr(database, "reading", broken.reading)
    monkeypatch.setattr(database, "writing", broken.writing)
    for path in ("/leads", "/leads/L-1"):
        answer = crm.get(path)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "This can&#39;t be shown right now" in answer.text
    answer = crm.post("/leads/L-1/decisions", data=form, headers=OURS)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "The decision was not kept" in answer.text


def test_what_another_model_scored_is_shown_by_the_one_that_serves(
    url: str, tmp_path: Path, model: TrainedModel, clock: Clock
) -> None:
    settings = Settings(home=tmp_path, database_url=url, _env_file=None)
    with TestClient(create_app(settings, clock=clock, model=model, version=7)) as before:
        wait_for(lambda: before.get("/readyz").status_code == 200)
        put(before)
        settle(before)
        before.get("/leads")
    with TestClient(create_app(settings, clock=clock, model=trained(status="rank_only"), version=8)) as after:
        wait_for(lambda: after.get("/readyz").status_code == 200)
        page = after.app.state.pages.lead("L-1", language="en")
        assert isinstance(page, LeadPage)
        assert (page.model.version, page.row.probability, page.base_probability) == (8, None, None)
        assert after.get(f"/v1/receipts/{page.row.receipt_id}").json()["model_version"] == 8


def test_pages_come_once_a_model_is_promoted(
    url: str, tmp_path: Path, model: TrainedModel, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[TrainedModel] = []

    def find(_: Settings) -> tuple[TrainedModel, int]:
        if not found:
            raise NoChampion.at("the home")
        return found[0], 1

    monkeypatch.setattr("leadlight.serving.app.cached_champion", find)
    app = create_app(Settings(home=tmp_path, database_url=url, _env_file=None), clock=clock)
    with TestClient(app, raise_server_exceptions=False) as client:
        wait_for(lambda: "leadlight models promote challenger" in client.get("/leads").text)
        found.append(model)
        assert client.get("/leads").status_code == 200
