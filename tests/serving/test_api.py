from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from leadlight.core.artifact import TrainedModel
from leadlight.serving.api import answer_schemas, schemas
from leadlight.serving.replay import replay
from leadlight.serving.store.receipts import Receipt
from models import boosted, request_body, save_champion, trained
from waiting import wait_for

ES = {"Accept-Language": "es"}


def post(client: TestClient, body: Any, **options: Any) -> Any:
    return client.post("/v1/score", json=body, **options)


def test_a_lead_is_scored_with_reasons_and_a_receipt(client: TestClient) -> None:
    answer = post(client, request_body())
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-language"] == "en"
    scored = answer_schemas.ScoreAnswer.model_validate(answer.json())
    assert scored.lead_id == "L-1042"
    assert scored.as_of == "2026-11-23T08:00:00Z"
    assert sorted(scored.missing) == ["account", "title"]
    assert scored.model.version == 7
    assert scored.degraded == []
    assert len(scored.reasons) == 6
    total = scored.base_log_odds + sum(r.impact for r in scored.reasons) + scored.other_reasons_impact
    assert total == pytest.approx(scored.log_odds, abs=1e-6)
    receipt = client.get(f"/v1/receipts/{scored.receipt_id}")
    assert answer_schemas.ReceiptAnswer.model_validate(receipt.json()).log_odds == scored.log_odds


def test_the_contracts_example_is_answered(client: TestClient) -> None:
    assert post(client, schemas.REQUEST_EXAMPLE).status_code == 200
    answer_schemas.ScoreAnswer.model_validate(answer_schemas.ANSWER_EXAMPLE)


@pytest.mark.parametrize("make", [trained, lambda: trained(dated=False), boosted], ids=["dated", "flat", "trees"])
def test_replaying_a_receipt_gives_the_same_bits(serve: Any, make: Any) -> None:
    model = make()
    client = serve(model=model, version=3)
    for employees in (None, 0.1, 250, 1 / 3):
        body = request_body()
        body["lead"]["attributes"] = {"employees": employees, "source": "never seen", "industry": "software"}
        receipt_id = post(client, body).json()["receipt_id"]
        receipt = Receipt(**client.get(f"/v1/receipts/{receipt_id}").json())
        assert replay(receipt, model).same_bits


@pytest.mark.parametrize("count", [0, 1, 3, 100])
def test_reasons_asked_for_are_listed_and_the_rest_is_summed(client: TestClient, count: int) -> None:
    scored = client.post(f"/v1/score?reasons={count}", json=request_body()).json()
    assert len(scored["reasons"]) <= count
    total = scored["base_log_odds"] + sum(r["impact"] for r in scored["reasons"]) + scored["other_reasons_impact"]
    assert total == pytest.approx(scored["log_odds"], abs=1e-6)


def test_spanish_is_answered_in_spanish_with_the_same_numbers(client: TestClient) -> None:
    english, spanish = post(client, request_body()), post(client, request_body(), headers=ES)
    assert spanish.headers["content-language"] == "es"
    one, other = english.json(), spanish.json()
    for mine, theirs in zip(one.pop("reasons"), other.pop("reasons"), strict=True):
        assert mine["impact"] == theirs["impact"]
        for key in ("text", "evidence_text", "direction_text"):
            assert mine[key] != theirs[key]
    assert one.pop("receipt_id") != other.pop("receipt_id")
    assert one == other


@pytest.mark.parametrize("status", ["rank_only", "points_only"])
def test_a_probability_that_is_not_calibrated_is_kept_but_not_shown(serve: Any, status: Any) -> None:
    client = serve(model=trained(status=status))
    scored = post(client, request_body()).json()
    assert scored["probability"] is None
    assert scored["probability_status"] == status
    receipt = client.get(f"/v1/receipts/{scored['receipt_id']}").json()
    assert receipt["probability"] == pytest.approx(1 / (1 + np.exp(-scored["log_odds"])))


def test_a_flat_model_needs_no_date_and_names_no_horizon(serve: Any) -> None:
    client = serve(model=trained(dated=False))
    scored = post(client, {"lead": {"lead_id": "x", "attributes": {"source": "webinar"}}}).json()
    assert scored["horizon_days"] is None
    assert scored["scorecard_points"] is None
    assert scored["ignored"]["other_activity_types"] == []


def test_points_stand_beside_the_score(client: TestClient) -> None:
    asked, never = request_body(), request_body(activities=[])
    assert post(client, asked).json()["scorecard_points"] == 25.0
    assert post(client, never).json()["scorecard_points"] == 0.0


def test_a_batch_answers_each_as_if_alone(client: TestClient) -> None:
    good, bad = request_body(), request_body(as_of="2026-11-24T08:00:00Z")
    other = copy.deepcopy(good)
    other["lead"]["attributes"]["employees"] = 3
    answer = client.post("/v1/score/batch", json={"items": [good, bad, other, 17]})
    assert answer.status_code == 200
    answer_schemas.BatchAnswer.model_validate(answer.json())
    first, second, third, fourth = answer.json()["items"]
    for item, body in ((first, good), (third, other)):
        alone = post(client, body).json()
        assert {k: v for k, v in item["result"].items() if k != "receipt_id"} == {
            k: v for k, v in alone.items() if k != "receipt_id"
        }
        assert client.get(f"/v1/receipts/{item['result']['receipt_id']}").status_code == 200
    assert second["error"] == post(client, bad).json()
    assert second["lead_id"] == "L-1042"
    assert fourth["lead_id"] is None
    assert fourth["error"]["errors"][0]["rule"] == "not_an_object"


@pytest.mark.parametrize(
    ("body", "rule"),
    [([], "not_an_object"), ({}, "missing"), ({"items": 3}, "not_a_list"), ({"items": [], "leads": []}, "unknown_key")],
)
def test_a_batch_without_a_list_is_refused(client: TestClient, body: Any, rule: str) -> None:
    answer = client.post("/v1/score/batch", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["rule"] == rule


def test_a_thousand_leads_are_a_batch_and_one_more_is_not(client: TestClient) -> None:
    assert len(client.post("/v1/score/batch", json={"items": [{}] * 1000}).json()["items"]) == 1000
    refused = client.post("/v1/score/batch", json={"items": [{}] * 1001})
    assert refused.json()["errors"][0]["rule"] == "too_many_items"
    assert client.post("/v1/score/batch", json={"items": []}).json() == {"items": []}


def test_the_model_says_what_it_knows(client: TestClient) -> None:
    model = answer_schemas.ModelAnswer.model_validate(client.get("/v1/model").json())
    assert model.dated
    assert {a.name for a in model.attributes} == {"source", "industry", "employees", "title"}
    assert model.agreement.goal_stage == "sql"


def test_the_champion_in_the_home_serves(serve: Any, settings: Any, model: TrainedModel) -> None:
    save_champion(model, settings.home_path, version=12)
    assert post(serve(), request_body()).json()["model"]["version"] == 12


def test_without_a_champion_the_service_lives_says_why_and_finds_one_later(
    serve: Any, settings: Any, model: TrainedModel
) -> None:
    client = serve(ready=False)
    assert client.get("/healthz").json() == {"status": "ok"}
    wait_for(lambda: client.get("/readyz").json()["code"] == "no_champion")
    for answer in (client.get("/readyz"), post(client, request_body()), client.get("/v1/model")):
        assert answer.status_code == 503
        assert "leadlight models promote" in answer.json()["detail"]
        assert answer.headers["retry-after"] == "5"
    save_champion(model, settings.home_path)
    assert client.get("/readyz").status_code == 200


def test_a_model_that_needs_what_this_code_cannot_compute_is_refused_by_name(
    serve: Any, settings: Any, model: TrainedModel
) -> None:
    save_champion(model, settings.home_path)
    path = Path(settings.home_path / "champion" / "model.json")
    data = json.loads(path.read_text())
    data["catalog"]["features"][0]["version"] = 99
    path.write_text(json.dumps(data))
    client = serve(ready=False)
    wait_for(lambda: client.get("/readyz").json()["code"] != "unavailable")
    assert "version 99" in client.get("/readyz").json()["detail"]


def test_a_broken_model_folder_is_no_crash(serve: Any, settings: Any, model: TrainedModel) -> None:
    save_champion(model, settings.home_path)
    (settings.home_path / "champion" / "reference.npy").unlink()
    client = serve(ready=False)
    wait_for(lambda: client.get("/readyz").json()["code"] == "model_contract")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None, max_examples=60)
@given(
    st.one_of(
        _JSON,
        st.fixed_dictionaries({"lead": _JSON, "activities": _JSON, "as_of": _JSON}),
        st.dictionaries(st.text(max_size=5), _JSON, max_size=3).map(
            lambda a: request_body(lead={"lead_id": "x", "created_at": "2026-01-01T00:00:00Z", "attributes": a})
        ),
    )
)
def test_whatever_json_is_sent_is_answered_or_refused(client: TestClient, body: Any) -> None:
    answer = post(client, body)
    assert answer.status_code in (200, 422), answer.text
    if answer.status_code == 422:
        problem = answer_schemas.ProblemDetails.model_validate(answer.json())
        assert problem.errors
