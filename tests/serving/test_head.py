from __future__ import annotations

import pytest
from fastapi.testclient import TestClient


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/v1/model", "/docs", "/openapi.json", "/static/mark.svg"])
def test_head_answers_as_get_without_the_body(client: TestClient, path: str) -> None:
    asked, told = client.get(path), client.head(path)
    assert told.status_code == asked.status_code == 200
    assert told.headers["content-type"] == asked.headers["content-type"]
    assert told.headers["content-length"] == str(len(asked.content))
    assert told.content == b""


def test_head_of_what_has_no_get_is_refused(client: TestClient) -> None:
    answer = client.head("/v1/score")
    assert (answer.status_code, answer.headers["allow"], answer.content) == (405, "POST", b"")
    assert client.head("/nothing").status_code == 404
