"""What is told is answered as FastAPI would have it, whether it reads the call or not."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from crm import activity, tell
from leadlight.serving.api.direct import DirectTold

LONG = "x" * 200
IDS = ["L-1", "none", "two%20words", "%20", "%C3%A9", "a%2Fb", "%00", "L-1%0A", "~!$&'()*+,;=:@", LONG, LONG + "x"]
HEADERS: list[list[tuple[str, str] | tuple[bytes, bytes]]] = [
    [],
    [("Accept-Language", "es")],
    [("Accept-Language", "es"), ("Accept-Language", "en")],
    [(b"Accept-Language", b"\xe9")],
    [("Idempotency-Key", "")],
    [("Idempotency-Key", "a b")],
    [(b"Idempotency-Key", b"\xe9")],
    [("Idempotency-Key", "x" * 201)],
    [("Idempotency-Key", "a"), ("Idempotency-Key", " ")],
]
CALLS = [
    *(("PUT", f"/v1/leads/{name}", {"attributes": {"x": 1}}, []) for name in IDS),
    *(("DELETE", f"/v1/activities/{name}", None, []) for name in IDS),
    *(("POST", f"/v1/leads/{name}/merge", {"into": "L-1"}, []) for name in IDS),
    *(("POST", "/v1/activities", {"activities": [{"lead_id": "L-1"}]}, headers) for headers in HEADERS),
    *(("PUT", "/v1/leads/L-1?owner=x&owner=y", {"attributes": {"x": 5}}, headers) for headers in HEADERS),
    *((method, "/v1/activities", {}, []) for method in ("PUT", "PATCH", "OPTIONS", "DELETE")),
    ("POST", "/v1/activities?reasons=3", {}, []),
    ("POST", "/v1/activities/", {}, []),
    ("PUT", "/v1/leads/", {}, []),
]


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_it_makes_no_difference_who_reads_a_call(crm: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    crm.put("/v1/leads/L-1", json={"attributes": {"x": 1}})
    tell(crm, activity())

    def answered() -> list[Any]:
        return [said(crm.request(method, path, json=body, headers=headers)) for method, path, body, headers in CALLS]

    answered()  # whatever they change is changed by now
    direct = answered()
    monkeypatch.setattr(DirectTold, "handle", APIRoute.handle)
    assert direct == answered()
    assert {status for status, _, _ in direct} >= {200, 404, 405, 422}


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_fastapi_reads_no_plain_call(crm: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(APIRoute, "handle")  # what is not plain would fail
    assert crm.put("/v1/leads/L-1", json={"attributes": {"x": 1}}, headers={"Idempotency-Key": "k"}).is_success
    assert crm.post("/v1/activities?x=1", json={"activities": [activity()]}).is_success
    assert not crm.put("/v1/leads/%20", json={}).is_success


def said(answer: Any) -> Any:
    names = ("content-type", "content-language", "cache-control", "allow", "vary")
    return answer.status_code, answer.text, {name: answer.headers.get(name) for name in names}
