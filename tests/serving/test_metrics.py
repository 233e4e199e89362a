from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from leadlight.core.artifact import TrainedModel
from leadlight.core.contributions import Additive
from leadlight.serving.store.keeper import KeepsNothing
from models import request_body


def samples(client: TestClient) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def requests(client: TestClient, route: str, status: int) -> float:
    return samples(client).get(("leadlight_request_seconds_count", (("route", route), ("status", str(status)))), 0.0)


def test_requests_are_counted_and_timed_by_route_and_status(serve: Any, model: TrainedModel) -> None:
    client = serve(model=model, version=7)
    for body in (request_body(), request_body(), {}):
        client.post("/v1/score?reasons=3", json=body)
    client.get("/v1/receipts/nonsense")
    client.get("/nothing")
    client.get("/nothing/else")
    assert requests(client, "/v1/score", 200) == 2
    assert requests(client, "/v1/score", 422) == 1
    assert requests(client, "/v1/receipts/{receipt_id}", 404) == 1
    assert requests(client, "none", 404) == 2
    found = samples(client)
    labels = (("route", "/v1/score"), ("status", "200"))
    assert found["leadlight_request_seconds_bucket", (("le", "+Inf"), *labels)] == 2
    assert 0 < found["leadlight_request_seconds_sum", labels] < 60


def test_scores_are_counted_one_by_one_and_in_batches(serve: Any, model: TrainedModel) -> None:
    client = serve(model=model)
    client.post("/v1/score", json=request_body())
    client.post("/v1/score/batch", json={"items": [request_body(), {}, request_body()]})
    assert samples(client)["leadlight_score_count", ()] == 3


def test_the_model_is_told_once_there_is_one(serve: Any, model: TrainedModel) -> None:
    client = serve(model=model, version=7)
    assert samples(client)["leadlight_model_info", (("kind", "logistic"), ("name", "leadlight"), ("version", "7"))] == 1
    without = serve(ready=False)
    assert not any(name == "leadlight_model_info" for name, _ in samples(without))


def test_two_apps_count_apart(serve: Any, model: TrainedModel) -> None:
    one, other = serve(model=model), serve(model=model)
    one.post("/v1/score", json=request_body())
    assert requests(one, "/v1/score", 200) == 1
    assert requests(other, "/v1/score", 200) == 0


@dataclass(frozen=True)
class Refusing(Additive):
    """A ranker that the fast explanation refused."""

    @property
    def refused(self) -> str | None:
        return "linear trees"


@pytest.mark.parametrize("refuses", [True, False])
def test_scores_that_lightgbm_had_to_explain_are_counted_with_the_reason(
    serve: Any, model: TrainedModel, refuses: bool
) -> None:
    assert isinstance(model.ranker, Additive)
    ranker = Refusing(model.ranker.intercept, model.ranker.terms) if refuses else model.ranker
    client = serve(model=replace(model, ranker=ranker))
    client.post("/v1/score/batch", json={"items": [request_body()] * 3})
    counted = samples(client).get(("leadlight_explanations_fallback_total", (("reason", "linear trees"),)))
    assert counted == (3 if refuses else None)


def test_a_failure_of_ours_counts_as_one(serve: Any, model: TrainedModel) -> None:
    class Broken(KeepsNothing):
        keeps = True

        def keep(self, receipts: object) -> tuple[str, ...]:
            raise RuntimeError("broken")

    client = serve(model=model, store=Broken())
    assert client.post("/v1/score", json=request_body()).status_code == 500
    assert requests(client, "/v1/score", 500) == 1


def test_without_a_keeper_no_receipt_is_made(serve: Any, model: TrainedModel) -> None:
    client = serve(model=model, store=KeepsNothing())
    answer = client.post("/v1/score", json=request_body()).json()
    assert (answer["receipt_id"], answer["degraded"]) == (None, [])
    batch = client.post("/v1/score/batch", json={"items": [request_body()]}).json()
    assert batch["items"][0]["result"]["receipt_id"] is None
    assert client.get(f"/v1/receipts/{'0' * 26}").status_code == 404
