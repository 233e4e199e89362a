"""The route that reads its own parameters answers and refuses as one whose parameters FastAPI reads."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from models import request_body


@pytest.mark.parametrize(("query", "count"), [("", 6), ("?reasons=0", 0), ("?reasons=3", 3), ("?reasons=03", 3)])
def test_as_many_reasons_as_asked_for(client: TestClient, query: str, count: int) -> None:
    assert len(client.post(f"/v1/score{query}", json=request_body()).json()["reasons"]) == count


def test_what_is_not_plain_is_read_by_fastapi(client: TestClient) -> None:
    asked = [client.post(f"/v1/score?{query}", json=request_body()) for query in ("reasons=%33", "x=1&reasons=3")]
    assert [len(answer.json()["reasons"]) for answer in asked] == [3, 3]


@pytest.mark.parametrize("query", ["reasons=101", "reasons=-1", "reasons=x", "reasons=", "reasons=1.5"])
def test_wrong_parameters_are_refused_with_the_rule(client: TestClient, query: str) -> None:
    answer = client.post(f"/v1/score?{query}", json=request_body())
    assert answer.status_code == 422
    assert [(e["where"], e["rule"]) for e in answer.json()["errors"]] == [("reasons", "not_valid_parameter")]


@pytest.mark.parametrize("query", ["", "?reasons=%33"])
def test_the_first_language_named_counts_on_either_way(client: TestClient, query: str) -> None:
    headers = [("Accept-Language", "es"), ("Accept-Language", "en")]
    assert client.post(f"/v1/score{query}", json=request_body(), headers=headers).headers["content-language"] == "es"
    assert client.post(f"/v1/score{query}", json=request_body()).headers["content-language"] == "en"


def test_another_method_is_refused(client: TestClient) -> None:
    answer = client.get("/v1/score?reasons=3")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
