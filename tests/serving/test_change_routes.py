"""Why a score changed, asked of a running service: real models, a real store, the whole way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient
from jsonschema import Draft202012Validator

from damaged import damage
from leadlight.core.artifact import TrainedModel
from leadlight.core.catalog import Catalog
from leadlight.core.clock import to_micros
from leadlight.core.settings import Settings
from leadlight.core.shelf import Shelf
from leadlight.features.build import build
from leadlight.features.catalog import draw_up
from leadlight.features.online import timeline_of_crowd
from leadlight.features.timeline import Moments
from leadlight.serving.access.key_text import digest, new_key
from leadlight.serving.app import create_app
from leadlight.serving.ledger.reading import read_known
from leadlight.serving.scorer import Scorer
from leadlight.serving.store.key_table import ApiKey, KeyTable
from models import boosted, company, request_body, save_champion, trained
from waiting import wait_for

START = datetime(2026, 11, 23, 9, tzinfo=UTC)


@dataclass
class Clock:
    """A clock that goes on when it is told to."""

    time: datetime = field(default=START)

    def now(self) -> datetime:
        return self.time

    def later(self, **parts: float) -> None:
        self.time += timedelta(**parts)


@dataclass
class House:
    """A home in which one version after another serves; what was told and scored stays."""

    settings: Settings
    clock: Clock
    stack: ExitStack
    client: TestClient | None = None

    def serve(self, model: TrainedModel, version: int) -> TestClient:
        """Make a version champion and start the service anew."""
        self.stack.close()
        save_champion(model, self.settings.home_path, version)
        self.client = self.stack.enter_context(
            TestClient(create_app(self.settings, clock=self.clock), raise_server_exceptions=False)
        )
        wait_for(lambda: self.client is not None and self.client.get("/readyz").status_code == 200)
        wait_for(lambda: version in Shelf(self.settings).versions())
        return self.client

    @property
    def desk(self) -> Any:
        assert self.client is not None
        return self.client.app.state.desk  # type: ignore[attr-defined] # Starlette's app

    def score(self, lead_id: str = "L-1") -> str:
        """Score a lead from the store as of now, put it on record, and return the receipt's id."""
        desk, as_of = self.desk, to_micros(self.clock.now())
        scorer: Scorer = desk.champion.scorer
        known = desk.memory.read(lambda connection: read_known(connection, [lead_id], as_of))
        row = row_of(scorer.model.catalog, known, as_of)
        kept = desk.keep(scorer, [scorer.explain(row, lead_id, as_of)])
        return str(kept.receipt_ids[0])

    def changes(self, receipt_id: str, since: str, language: str = "en", **query: Any) -> Any:
        assert self.client is not None
        path = f"/v1/receipts/{receipt_id}/changes"
        answer = self.client.get(path, params={"since": since, **query}, headers={"Accept-Language": language})
        document = self.client.get("/openapi.json").json()
        declared = document["paths"]["/v1/receipts/{receipt_id}/changes"]["get"]["responses"][str(answer.status_code)]
        content = declared["content"][answer.headers["content-type"].partition(";")[0]]
        schema = {**content["schema"], "components": document["components"]}
        Draft202012Validator(schema).validate(answer.json())
        return answer


def row_of(catalog: Catalog, known: Any, as_of: int) -> Any:
    timeline = timeline_of_crowd(catalog.vocabulary, known)
    return build(catalog, timeline, Moments(np.array([0]), np.array([as_of])))[0]


@pytest.fixture
def house(url: str, tmp_path: Path) -> Iterator[House]:
    with ExitStack() as stack:
        yield House(Settings(home=tmp_path, database_url=url, _env_file=None), Clock(), stack)


@pytest.fixture
def sqlite_house(tmp_path: Path) -> Iterator[House]:
    with ExitStack() as stack:
        yield House(Settings(home=tmp_path, _env_file=None), Clock(), stack)


def tell_lead(client: TestClient, lead_id: str = "L-1", **more: Any) -> None:
    told = {
        "created_at": "2026-09-14T09:00:00Z",
        "account_id": "A-1",
        "attributes": {"source": "webinar", "industry": "software", "employees": 250},
        **more,
    }
    assert client.put(f"/v1/leads/{lead_id}", json=told).status_code == 200


def tell(client: TestClient, kind: str, when: str, lead_id: str = "L-1", **more: Any) -> None:
    told = {"lead_id": lead_id, "type": kind, "occurred_at": when, **more}
    answer = client.post("/v1/activities", json={"activities": [told]}).json()
    assert answer["accepted"] == 1


def other_catalog() -> Catalog:
    """Return a catalog of other words: another type of activity, fewer sources, no points."""
    history = company()
    kinds = history.activities["type"].astype("object").replace({"email_sent": "call"})
    leads = history.leads.drop(columns=["title"])
    attributes = tuple(found for found in history.attributes if found.name != "title")
    changed = replace(
        history,
        activities=history.activities.assign(type=pd.Series(kinds, dtype=history.activities["type"].dtype)),
        leads=leads,
        attributes=attributes,
        doers={**history.doers, "call": "rep"},
    )
    return draw_up(changed, rules=[], goal_stage="sql", min_leads=1)


def check_sums(found: dict[str, Any]) -> None:
    points, odds = found["points"], found["log_odds"]
    assert found["old"]["score"] + points["data"] + points["model"] == found["new"]["score"]
    assert points["data"] + points["model"] == points["change"]
    assert odds["data"] + odds["model"] == pytest.approx(odds["change"], abs=1e-9)
    assert found["new"]["log_odds"] - found["old"]["log_odds"] == odds["change"]
    listed = sum(reason["impact"] for reason in found["reasons"])
    assert listed + found["other_reasons_impact"] == pytest.approx(odds["data"], abs=1e-9)


def test_one_model_changes_nothing_and_what_happened_is_named(house: House) -> None:
    client = house.serve(boosted(), 1)
    tell_lead(client)
    tell(client, "demo_request", "2026-11-22T10:00:00Z")
    house.clock.later(seconds=1)
    first = house.score()
    house.clock.later(days=40)
    tell(client, "web_visit", "2026-12-30T10:00:00Z", channel="web")
    house.clock.later(seconds=1)
    second = house.score()
    answer = house.changes(second, first, reasons=100)
    assert answer.status_code == 200
    found = answer.json()
    check_sums(found)
    assert found["same_model"]
    assert (found["points"]["model"], found["log_odds"]["model"]) == (0, 0.0)
    assert (found["old"]["receipt_id"], found["new"]["receipt_id"]) == (first, second)
    assert found["reasons"]
    assert found["other_reasons_impact"] == 0.0
    assert found["statement"].startswith(f"{found['old']['score']} to {found['new']['score']}: what happened ")
    assert "new model" not in found["statement"]
    assert house.changes(first, second, reasons=100).json() == found  # the earlier moment is the old one
    spanish = house.changes(second, first, "es").json()
    assert spanish["statement"].startswith("De ")
    assert answer.headers["content-language"] == "en"
    same = house.changes(second, second).json()
    assert same["statement"].endswith("nothing changed")


def corner(model: TrainedModel, row: Any) -> tuple[int, float, dict[str, float]]:
    scored = model.score(row[None, :])
    impacts: dict[str, float] = {}
    for feature, share in zip(model.catalog.features, scored.contributions[0].tolist(), strict=True):
        impacts[feature.group] = impacts.get(feature.group, 0.0) + share
    return int(scored.score[0]), float(scored.log_odds[0]), impacts


def brute_force(house: House, old: TrainedModel, new: TrainedModel, moments: tuple[int, int]) -> dict[str, Any]:
    """Work the four corners out from the store, and walk both orders."""

    def at(model: TrainedModel, as_of: int) -> tuple[int, float, dict[str, float]]:
        known = house.desk.memory.read(lambda connection: read_known(connection, ["L-1"], as_of))
        return corner(model, row_of(model.catalog, known, as_of))

    (a_a, a_b), (b_a, b_b) = ([at(model, as_of) for as_of in moments] for model in (old, new))
    shares: dict[str, float] = {}
    for before, after in ((a_a, a_b), (b_a, b_b)):
        for code in before[2]:
            shares[code] = shares.get(code, 0.0) + (after[2][code] - before[2][code]) / 2
    return {
        "data": ((a_b[1] - a_a[1]) + (b_b[1] - b_a[1])) / 2,
        "model": ((b_a[1] - a_a[1]) + (b_b[1] - a_b[1])) / 2,
        "data_points": ((a_b[0] - a_a[0]) + (b_b[0] - b_a[0])) / 2,
        "shares": shares,
    }


def two_models(house: House, old: TrainedModel, new: TrainedModel) -> tuple[str, str, tuple[int, int]]:
    """Score a lead with one model, let things happen, and score it with another; return receipts and moments."""
    client = house.serve(old, 1)
    tell_lead(client)
    tell_lead(client, "L-2")
    tell(client, "demo_request", "2026-11-20T10:00:00Z")
    tell(client, "email_sent", "2026-11-21T10:00:00Z", channel="email")
    house.clock.later(seconds=1)
    first, then = house.score(), to_micros(house.clock.now())
    house.clock.later(days=20)
    tell(client, "web_visit", "2026-12-12T10:00:00Z", "L-2")
    client.put("/v1/leads/L-1", json={"attributes": {"employees": 900}})
    client = house.serve(new, 2)
    tell(client, "call", "2026-12-12T12:00:00Z")
    house.clock.later(seconds=1)
    return first, house.score(), (then, to_micros(house.clock.now()))


def test_models_of_other_columns_are_told_apart_from_the_store(house: House) -> None:
    old, new = boosted(), trained(seed=3, drawn=other_catalog())
    assert old.catalog.vocabulary != new.catalog.vocabulary
    assert set(old.catalog.groups) != set(new.catalog.groups)
    first, second, moments = two_models(house, old, new)
    answer = house.changes(second, first, reasons=100)
    assert answer.status_code == 200, answer.text
    found, oracle = answer.json(), brute_force(house, old, new, moments)
    check_sums(found)
    assert found["log_odds"]["data"] == pytest.approx(oracle["data"], abs=1e-9)
    assert found["log_odds"]["model"] == pytest.approx(oracle["model"], abs=1e-9)
    assert abs(found["points"]["data"] - oracle["data_points"]) <= 0.5
    told = {reason["code"]: reason["impact"] for reason in found["reasons"]}
    assert told.keys() <= oracle["shares"].keys()
    assert all(told.get(code, 0.0) == pytest.approx(share, abs=1e-9) for code, share in oracle["shares"].items())
    assert not found["same_model"]
    assert "new model" in found["statement"]
    assert [found[side]["model"]["version"] for side in ("old", "new")] == [1, 2]


def test_told_later_moves_no_past_moment(house: House) -> None:
    first, second, _ = two_models(house, boosted(), trained(seed=3, drawn=other_catalog()))
    before = house.changes(second, first).json()
    assert house.client is not None
    tell(house.client, "demo_request", "2026-11-21T09:00:00Z")
    tell_lead(house.client, account_id="A-9", attributes={"employees": 3})
    assert house.changes(second, first).json() == before


def test_the_same_columns_under_other_groups_need_no_store(sqlite_house: House) -> None:
    """Requests that brought their data with them can be told apart too, as long as both models look at the same."""
    house = sqlite_house
    old, new = trained(seed=1), trained(seed=2, groups={"demo_request": "bundle", "web_visit": "bundle"})
    assert old.catalog.fingerprint != new.catalog.fingerprint
    client = house.serve(old, 1)
    first = client.post("/v1/score", json=request_body(as_of="2026-11-22T08:00:00Z")).json()
    client = house.serve(new, 2)
    second = client.post("/v1/score", json=request_body()).json()
    found = house.changes(second["receipt_id"], first["receipt_id"], reasons=100).json()
    check_sums(found)
    assert (found["old"]["score"], found["new"]["score"]) == (first["score"], second["score"])
    codes = {reason["code"] for reason in found["reasons"]}
    assert codes <= {*old.catalog.groups, *new.catalog.groups}


def test_what_came_with_the_request_is_not_guessed(sqlite_house: House) -> None:
    house = sqlite_house
    client = house.serve(boosted(), 1)
    first = client.post("/v1/score", json=request_body(as_of="2026-11-22T08:00:00Z")).json()["receipt_id"]
    client = house.serve(trained(seed=3, drawn=other_catalog()), 2)
    second = client.post("/v1/score", json=request_body()).json()["receipt_id"]
    answer = house.changes(second, first)
    assert (answer.status_code, answer.json()["code"]) == (409, "not_separable")
    assert second in answer.json()["detail"] or first in answer.json()["detail"]
    tell_lead(client, "L-1042")  # known by now, and not what was scored
    assert house.changes(second, first).status_code == 409
    assert house.changes(second, first, "es").json()["detail"].startswith("Aquí no se adivina")


def test_a_model_that_is_not_kept_is_named(sqlite_house: House) -> None:
    house = sqlite_house
    client = house.serve(trained(seed=1), 1)
    first = client.post("/v1/score", json=request_body()).json()["receipt_id"]
    client = house.serve(trained(seed=2), 2)
    second = client.post("/v1/score", json=request_body()).json()["receipt_id"]
    assert house.changes(second, first).status_code == 200
    house.serve(trained(seed=2), 2)
    for path in (house.settings.model_shelf / "1").iterdir():
        path.unlink()
    answer = house.changes(second, first)
    assert (answer.status_code, answer.json()["code"]) == (409, "not_separable")
    assert f"version 1 of the model, which made receipt {first}" in answer.json()["detail"]


def test_two_models_that_bore_one_number_are_not_taken_for_each_other(sqlite_house: House) -> None:
    house = sqlite_house
    client = house.serve(trained(seed=1), 1)
    first = client.post("/v1/score", json=request_body()).json()["receipt_id"]
    client = house.serve(trained(seed=2), 1)
    wait_for(lambda: len(Shelf(house.settings).folders(1)) == 2)
    second = client.post("/v1/score", json=request_body()).json()["receipt_id"]
    found = house.changes(second, first).json()
    check_sums(found)
    assert not found["same_model"]
    assert found["log_odds"]["model"] != 0.0
    assert found["log_odds"]["data"] == 0.0


def test_refusals(sqlite_house: House) -> None:
    house = sqlite_house
    client = house.serve(trained(), 1)
    mine = client.post("/v1/score", json=request_body()).json()["receipt_id"]
    body = request_body()
    body["lead"]["lead_id"] = "L-7"
    theirs = client.post("/v1/score", json=body).json()["receipt_id"]
    answer = house.changes(mine, theirs)
    assert (answer.status_code, answer.json()["errors"][0]["rule"]) == (422, "other_lead")
    for one, other in ((mine, "0" * 26), ("0" * 26, mine), (mine, "nonsense"), (mine, "")):
        answer = house.changes(one, other)
        assert (answer.status_code, answer.json()["code"]) == (404, "no_receipt")
    answer = client.get(f"/v1/receipts/{mine}/changes")
    assert answer.status_code == 422
    assert [(e["where"], e["rule"]) for e in answer.json()["errors"]] == [("since", "missing")]
    assert client.get(f"/v1/receipts/{mine}/changes?since={mine}&reasons=x").json()["errors"][0]["rule"] == (
        "not_valid_parameter"
    )


def test_a_merged_lead_is_one_lead(sqlite_house: House) -> None:
    house = sqlite_house
    client = house.serve(trained(), 1)
    tell_lead(client, "L-1")
    tell_lead(client, "L-2", attributes={"source": "ads"})
    house.clock.later(seconds=1)
    first = house.score("L-1")
    assert client.post("/v1/leads/L-1/merge", json={"into": "L-2"}).status_code == 200
    house.clock.later(seconds=1)
    second = house.score("L-2")
    found = house.changes(second, first).json()
    check_sums(found)
    assert found["lead_id"] == "L-2"


def erased_of(client: TestClient, receipt_id: str) -> dict[str, Any]:
    answer = client.get(f"/v1/receipts/{receipt_id}")
    assert answer.status_code == 410
    document = client.get("/openapi.json").json()
    content = document["paths"]["/v1/receipts/{receipt_id}"]["get"]["responses"]["410"]["content"]
    schema = {**content["application/problem+json"]["schema"], "components": document["components"]}
    Draft202012Validator(schema).validate(answer.json())
    return dict(answer.json())


@pytest.mark.parametrize("how", ["erased", "objected"])
def test_an_erased_receipt_says_what_is_left_and_can_t_be_compared(house: House, how: str) -> None:
    client = house.serve(trained(), 3)
    tell_lead(client)
    tell_lead(client, "L-2")
    house.clock.later(seconds=1)
    gone, other = house.score(), house.score("L-2")
    made_at, score = to_micros(house.clock.now()), client.get(f"/v1/receipts/{gone}").json()["score"]
    house.clock.later(hours=1)
    answer = client.delete("/v1/leads/L-1") if how == "erased" else client.put("/v1/leads/L-1/objection")
    assert answer.status_code == 200
    found = erased_of(client, gone)
    assert (found["code"], found["status"], found["title"]) == ("erased_receipt", 410, "This receipt was erased")
    left = {name: found[name] for name in ("receipt_id", "made_at", "model_version", "score")}
    assert left == {"receipt_id": gone, "made_at": made_at, "model_version": 3, "score": score}
    for pair in ((gone, other), (other, gone)):
        answer = house.changes(*pair)
        assert (answer.status_code, answer.json()["receipt_id"]) == (410, gone)
    spanish = client.get(f"/v1/receipts/{gone}", headers={"Accept-Language": "es"})
    assert spanish.json()["title"] == "Este recibo fue borrado"
    assert client.get(f"/v1/receipts/{other}").status_code == 200


def test_a_damaged_receipt_is_said_and_logged(house: House, caplog: pytest.LogCaptureFixture) -> None:
    client = house.serve(trained(), 3)
    tell_lead(client)
    tell_lead(client, "L-2")
    house.clock.later(seconds=1)
    damaged, other = house.score(), house.score("L-2")
    damage(client.app, damaged)  # type: ignore[arg-type] # Starlette's app
    answer = client.get(f"/v1/receipts/{damaged}", headers={"Accept-Language": "es"})
    assert (answer.status_code, answer.json()["code"]) == (500, "damaged_receipt")
    assert answer.json()["title"] == "Este recibo está dañado"
    document = client.get("/openapi.json").json()
    for path in ("/v1/receipts/{receipt_id}", "/v1/receipts/{receipt_id}/changes"):
        assert "500" in document["paths"][path]["get"]["responses"]
    for pair in ((damaged, other), (other, damaged)):
        answer = house.changes(*pair)
        assert (answer.status_code, answer.json()["code"]) == (500, "damaged_receipt")
    assert f"receipt {damaged} is damaged" in caplog.text
    assert "Traceback" not in caplog.text
    assert client.get(f"/v1/receipts/{other}").status_code == 200


def test_a_store_that_does_not_answer_is_said(sqlite_house: House) -> None:
    house = sqlite_house
    first, second, _ = two_models(house, boosted(), trained(seed=3, drawn=other_catalog()))
    assert house.client is not None
    path = house.settings.home_path / "leadlight.db"
    path.rename(path.with_name("carried-off.db"))
    path.mkdir()  # what works in the background may still hold the file that was, but nothing new can be opened
    house.client.app.state.desk.memory.database.close()  # type: ignore[attr-defined] # Starlette's app
    answer = house.changes(second, first)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


Serve = Callable[..., TestClient]


def test_a_shelf_that_can_t_be_written_stops_nothing(
    serve: Serve, settings: Settings, model: TrainedModel, caplog: pytest.LogCaptureFixture
) -> None:
    save_champion(model, settings.home_path, 7)
    settings.model_shelf.write_text("a file where the folder should be")
    client = serve()
    assert client.post("/v1/score", json=request_body()).status_code == 200
    wait_for(lambda: "model version 7 is not kept" in caplog.text)


def test_a_rep_learns_nothing_of_other_owners_leads(sqlite_house: House) -> None:
    """Neither side of a change, nor what is left of an erased one, nor that one is damaged."""
    house = sqlite_house
    client = house.serve(trained(), 1)
    tell_lead(client, "L-1", owner_id="ann")
    tell_lead(client, "L-2", owner_id="bob")
    tell_lead(client, "L-3", owner_id="bob")
    house.clock.later(seconds=1)
    own, other, gone = house.score("L-1"), house.score("L-2"), house.score("L-2")
    torn, own_torn = house.score("L-3"), house.score("L-1")
    assert client.get(f"/v1/receipts/{other}").status_code == 200
    for one in (torn, own_torn):
        damage(client.app, one)  # type: ignore[arg-type] # Starlette's app
    new = new_key()
    key = ApiKey(new.key_id, digest(new.text), "rep", "ann", None, to_micros(START))
    KeyTable(house.desk.memory.database).add(key)
    client = house.serve(trained(), 1)
    client.headers["Authorization"] = f"Bearer {new.text}"
    assert client.get(f"/v1/receipts/{own}").status_code == 200
    assert client.get(f"/v1/receipts/{own}/changes", params={"since": own}).status_code == 200
    for one, status in ((torn, 404), (own_torn, 500)):
        assert client.get(f"/v1/receipts/{one}").status_code == status
    for one, since in ((own, other), (other, own), (other, gone), (own, torn)):
        answer = client.get(f"/v1/receipts/{one}/changes", params={"since": since})
        assert (answer.status_code, answer.json()["code"]) == (404, "no_receipt")
    with house.desk.memory.database.writing() as connection:
        house.desk.memory.ledger.erase(connection, "L-2", to_micros(house.clock.now()), 1)
        house.desk.memory.ledger.object_to_profiling(connection, "L-1", to_micros(house.clock.now()))
    assert client.get(f"/v1/receipts/{other}").status_code == 404
    assert client.get(f"/v1/receipts/{own}").status_code == 410
