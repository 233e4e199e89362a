"""Whatever is sent, the answer is one that `/openapi.json` declares."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator
from typing import Any

from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from models import request_body

_TIMES = st.sampled_from(
    [
        "2026-11-01T10:00:00Z", "2026-11-23T09:04:00+14:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00",
        "2026-11-01", "2026-11-01T10:00", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "2026-06-30T23:59:60Z",
    ]
)  # fmt: skip
_PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.sampled_from(["x" * 201, "x" * 2001, "\u0000", "\ud800", "", " ", "L-1042", "webinar", "mql"]),
    _TIMES,
)
_ANY = st.recursive(
    _PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_KEYS = st.sampled_from(
    ["lead", "lead_id", "created_at", "recorded_at", "account_id", "attributes", "activities", "type", "occurred_at",
     "value", "stage", "as_of", "account", "leads", "attribute", "items", "employees", "speed"]
)  # fmt: skip


def _whole() -> dict[str, Any]:
    change = {"attribute": "employees", "value": 3, "occurred_at": "2026-10-01T00:00:00Z"}
    colleague = {"lead_id": "b", "type": "web_visit", "occurred_at": "2026-10-01T00:00:00Z", "value": 1.5}
    account = {"leads": [{"lead_id": "b", "created_at": "2026-01-01T00:00:00Z"}], "activities": [colleague]}
    return copy.deepcopy(request_body(attribute_changes=[change], account=account))


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every container with each of its keys or positions."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield value, key
        yield from _places(inner)


@st.composite
def bodies(draw: st.DrawFn) -> Any:
    """A good request in which one to three things are changed, taken out or added; now and then anything at all."""
    if draw(st.integers(0, 9)) == 0:
        return draw(_ANY)
    body = _whole()
    for _ in range(draw(st.integers(1, 3))):
        holder, key = draw(st.sampled_from(list(_places(body)) or [(body, "lead")]))
        what = draw(st.sampled_from(["change", "change", "remove", "add"]))
        if what == "change":
            holder[key] = draw(_ANY)
        elif what == "remove":
            del holder[key]
        elif isinstance(holder, dict):
            holder[draw(_KEYS)] = draw(_ANY)
        else:
            holder.append(draw(_ANY))
    return body


def _check(client: TestClient, method: str, path: str, answer: Any) -> None:
    document = client.get("/openapi.json").json()
    declared = document["paths"][path][method]["responses"]
    assert str(answer.status_code) in declared, (answer.status_code, answer.text[:500])
    content = declared[str(answer.status_code)]["content"]
    media_type = answer.headers["content-type"].partition(";")[0]
    schema = {**content[media_type]["schema"], "components": document["components"]}
    Draft202012Validator(schema).validate(answer.json())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    bodies(), st.sampled_from(["", "?reasons=0", "?reasons=100", "?reasons=x"]), st.sampled_from(["en", "es", "\xff"])
)
def test_any_request_gets_a_declared_answer(client: TestClient, body: Any, query: str, language: str) -> None:
    headers = {"Content-Type": "application/json", "Accept-Language": language.encode("latin-1")}
    text = json.dumps(body)
    answer = client.post(f"/v1/score{query}", content=text, headers=headers)  # type: ignore[arg-type] # bytes are fine
    _check(client, "post", "/v1/score", answer)
    batch = client.post("/v1/score/batch", content=f'{{"items": [{text}, {text}]}}', headers=headers)  # type: ignore[arg-type]
    _check(client, "post", "/v1/score/batch", batch)
    if query:
        return
    if answer.status_code == 200:
        scored = answer.json()
        told = math.fsum(reason["impact"] for reason in scored["reasons"]) + scored["other_reasons_impact"]
        assert math.isclose(scored["base_log_odds"] + told, scored["log_odds"], abs_tol=1e-6)
    elif answer.json()["code"] == "request_refused":
        errors = [item["error"] for item in batch.json()["items"]]
        assert [error["errors"] for error in errors] == [answer.json()["errors"]] * 2


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_get_a_declared_answer(client: TestClient, body: bytes) -> None:
    for path in ("/v1/score", "/v1/score/batch"):
        answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
        _check(client, "post", path, answer)


def test_every_get_answers_as_declared(client: TestClient) -> None:
    receipt_id = client.post("/v1/score", json=_whole()).json()["receipt_id"]
    for path in ("/v1/model", "/healthz", "/readyz"):
        _check(client, "get", path, client.get(path))
    for one in (receipt_id, "nonsense", "0" * 26):
        _check(client, "get", "/v1/receipts/{receipt_id}", client.get(f"/v1/receipts/{one}"))
