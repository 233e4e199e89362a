from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from leadlight.core.settings import Settings
from leadlight.serving.api import answer_schemas, problems
from leadlight.serving.api.body import MOST_VALUES, read_body
from leadlight.serving.api.problems import MEDIA_TYPE
from models import request_body, trained

JSON = {"Content-Type": "application/json"}


def check(answer: Any, status: int, code: str) -> dict[str, Any]:
    """Every refusal has one shape."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert "Traceback" not in answer.text
    members = answer.json()
    problem = answer_schemas.ProblemDetails.model_validate(members)
    assert (problem.status, problem.code) == (status, code)
    assert problem.type == f"/docs#problem-{code}"
    return members


def rules(answer: Any) -> list[tuple[str, str]]:
    return [(error["where"], error["rule"]) for error in check(answer, 422, "request_refused")["errors"]]


def send(client: TestClient, content: bytes | str | Iterator[bytes], **headers: str) -> Any:
    return client.post("/v1/score", content=content, headers={**JSON, **headers})


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "empty_body"),
        (b" \n ", "empty_body"),
        (b"{", "not_json"),
        (b"{'a': 1}", "not_json"),
        (b'{"a": 1} x', "not_json"),
        (b'{"a": "\xff"}', "not_utf8"),
        (b'{"a": NaN}', "not_a_number"),
        (b'{"a": Infinity}', "not_a_number"),
        (b'{"a": -Infinity}', "not_a_number"),
        (b'{"a": 1e999}', "number_too_large"),
        (b'{"a": -1e999}', "number_too_large"),
        (b'{"a": 1' + b"0" * 400 + b"}", "number_too_large"),
        (b'{"a": 1' + b"0" * 9000 + b"}", "number_too_large"),
        (b'{"lead": {"lead_id": "a", "lead_id": "b"}}', "duplicate_key"),
        (b'{"a": "\\ud800"}', "bad_character"),
        (b'{"\\u0000": 1}', "bad_character"),
        (b"[" * 100_000, "nested_too_deep"),
        (b'{"a":' * 100_000, "nested_too_deep"),
    ],
)
def test_what_is_no_plain_json_is_refused_by_rule(client: TestClient, content: bytes, rule: str) -> None:
    for language in ("en", "es"):
        errors = check(send(client, content, **{"Accept-Language": language}), 422, "not_json")["errors"]
        assert [error["rule"] for error in errors] == [rule]


def test_deep_but_parsable_nesting_is_refused_by_the_schema(client: TestClient) -> None:
    nested = "[" * 300 + "]" * 300
    body = json.dumps(request_body())[:-1] + f', "deep": {nested}}}'
    assert rules(send(client, body)) == [("deep", "unknown_key")]


def test_escapes_of_whole_characters_and_a_byte_order_mark_are_fine(client: TestClient) -> None:
    body = request_body()
    body["lead"]["attributes"]["source"] = "caf\u00e9 \U0001f600 \\ud800"
    answer = send(client, b"\xef\xbb\xbf" + json.dumps(body).encode())
    assert answer.status_code == 200


def test_a_body_over_the_limit_is_refused_before_it_is_read(serve: Any, settings: Settings) -> None:
    small = settings.model_copy(update={"max_body_bytes": 2048, "max_batch_body_bytes": 4096})
    client = serve(settings=small, model=trained())
    check(send(client, b"x" * 2049), 413, "too_large")
    assert "2048" in send(client, b"x" * 2049).json()["detail"]
    check(client.post("/v1/score/batch", content=b"x" * 4097, headers=JSON), 413, "too_large")
    check(send(client, b" ", **{"Content-Length": "9" * 30}), 413, "too_large")
    read = []

    def endless() -> Iterator[bytes]:
        for part in range(10_000):
            read.append(part)
            yield b" " * 1024

    check(send(client, endless()), 413, "too_large")


def test_a_body_of_millions_of_empty_lists_is_refused_unread(client: TestClient) -> None:
    body = b'{"items": [' + b"[]," * MOST_VALUES + b"[]]}"
    answer = client.post("/v1/score/batch", content=body, headers=JSON)
    assert [error["rule"] for error in check(answer, 422, "not_json")["errors"]] == ["too_many_values"]
    fitting = b'{"items": [' + b"[]," * (MOST_VALUES - 3) + b"[]]}"
    answer = client.post("/v1/score/batch", content=fitting, headers=JSON)
    assert rules(answer) == [("items", "too_many_items")]


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip"])
def test_a_packed_body_is_refused_by_name(client: TestClient, encoding: str) -> None:
    packed = gzip.compress(json.dumps(request_body()).encode())
    detail = check(send(client, packed, **{"Content-Encoding": encoding}), 415, "wrong_encoding")["detail"]
    assert "Content-Encoding" in detail
    assert encoding in detail
    assert send(client, json.dumps(request_body()), **{"Content-Encoding": "identity"}).status_code == 200


class _Line:
    """A connection on which a body begins and then nothing comes, or the sender goes away."""

    def __init__(self, *then: dict[str, Any]) -> None:
        self._messages = [{"type": "http.request", "body": b'{"lead', "more_body": True}, *then]
        self.sent: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        if not self._messages:
            await asyncio.sleep(60)
        return self._messages.pop(0)

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)


def _request(line: _Line) -> Request:
    return Request({"type": "http", "method": "POST", "path": "/", "headers": []}, line.receive)


def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    with pytest.raises(problems.Refusal) as refused:
        asyncio.run(read_body(_request(_Line()), 1000, "en", seconds=0.02))
    assert refused.value.kind == "too_slow"
    app = FastAPI()
    problems.install(app)

    @app.post("/slow")
    def slow() -> None:
        raise refused.value

    answer = TestClient(app).post("/slow")
    assert "0.02 seconds" in check(answer, 408, "too_slow")["detail"]
    assert answer.headers["connection"] == "close"


def test_a_sender_who_goes_away_is_no_mistake_of_ours(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    line = _Line({"type": "http.disconnect"})
    scope = {
        "type": "http", "method": "POST", "path": "/v1/score", "raw_path": b"/v1/score", "query_string": b"",
        "headers": [(b"host", b"x")], "http_version": "1.1", "scheme": "http", "server": ("x", 80), "client": ("x", 1),
        "root_path": "",
    }  # fmt: skip
    asyncio.run(client.app(scope, line.receive, line.send))  # type: ignore[arg-type] # an ASGI application
    assert line.sent[0]["status"] == 400
    assert not caplog.records


def test_a_refusal_repeats_only_the_beginning_of_a_long_address(client: TestClient) -> None:
    answer = client.get("/" + "z" * 5000)
    assert len(answer.content) < 1000
    check(answer, 404, "not_found")


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""])
def test_another_media_type_is_refused_with_the_header_to_send(client: TestClient, media_type: str) -> None:
    answer = client.post("/v1/score", content=b"{}", headers={"Content-Type": media_type})
    assert "application/json" in check(answer, 415, "wrong_media_type")["detail"]


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", "application/ld+json", "APPLICATION/JSON"])
def test_json_under_its_other_names_is_read(client: TestClient, media_type: str) -> None:
    answer = client.post("/v1/score", content=json.dumps(request_body()), headers={"Content-Type": media_type})
    assert answer.status_code == 200


def test_unknown_addresses_and_methods_are_problems_too(client: TestClient) -> None:
    check(client.get("/v1/nothing"), 404, "not_found")
    assert client.get("/v1/score").headers["allow"] == "POST"
    assert "POST" in check(client.get("/v1/score"), 405, "method_not_allowed")["detail"]
    check(client.get("/v1/receipts/01KB4Z0T5N8QY2M6R3W7X9V1CD"), 404, "no_receipt")
    check(client.get("/v1/receipts/nonsense"), 404, "no_receipt")


@pytest.mark.parametrize("count", ["-1", "101", "many", "1.5"])
def test_a_parameter_out_of_range_is_a_problem(client: TestClient, count: str) -> None:
    answer = client.post(f"/v1/score?reasons={count}", json=request_body())
    assert rules(answer) == [("reasons", "not_valid_parameter")]


def test_a_mistake_of_ours_tells_an_id_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    app = FastAPI()
    problems.install(app)

    @app.get("/fails")
    def fails() -> None:
        raise RuntimeError("a secret detail")

    members = check(TestClient(app, raise_server_exceptions=False).get("/fails"), 500, "internal")
    assert "secret" not in json.dumps(members)
    assert members["detail"].split("under ")[1].split(";")[0] in caplog.text


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"lead": None}, [("lead", "not_an_object")]),
        ({"lead": {}}, [("lead.lead_id", "missing")]),
        ({"lead": {"lead_id": 7}}, [("lead.lead_id", "not_text")]),
        ({"lead": {"lead_id": ""}}, [("lead.lead_id", "too_short")]),
        ({"lead": {"lead_id": "x" * 201}}, [("lead.lead_id", "too_long")]),
        ({"lead": {"lead_id": "x"}}, [("lead.created_at", "no_created_at")]),
        ({"lead": {"lead_id": "x", "source": "web"}}, [("lead.source", "unknown_key")]),
        ({"speed": 3}, [("speed", "unknown_key")]),
        ({"activities": {}}, [("activities", "not_a_list")]),
        ({"activities": [3]}, [("activities[0]", "not_an_object")]),
        ({"activities": [{"type": "x", "occurred_at": 5}]}, [("activities[0].occurred_at", "not_a_time")]),
        ({"activities": [{"type": "x", "occurred_at": "soon"}]}, [("activities[0].occurred_at", "not_a_time")]),
        (
            {"activities": [{"type": "x", "occurred_at": "2026-11-01T10:00:00"}]},
            [("activities[0].occurred_at", "no_time_zone")],
        ),
        ({"activities": [{"type": "x", "occurred_at": "2026-11-01"}]}, [("activities[0].occurred_at", "not_a_time")]),
        (
            {"activities": [{"type": "x", "occurred_at": "2026-06-30T23:59:60Z"}]},
            [("activities[0].occurred_at", "not_a_time")],
        ),
        (
            {"activities": [{"type": "x", "occurred_at": "1969-12-31T23:59:59Z"}]},
            [("activities[0].occurred_at", "too_early")],
        ),
        ({"lead": {"lead_id": "x", "created_at": "0001-01-01T00:00:00Z"}}, [("lead.created_at", "too_early")]),
        ({"lead": {"lead_id": " \n"}}, [("lead.lead_id", "too_short")]),
        ({"lead": {"lead_id": "x", "attributes": {"": 1}}}, [('lead.attributes.""', "too_short")]),
        (
            {"lead": {"lead_id": "x", "attributes": dict.fromkeys(map(str, range(1001)), 1)}},
            [("lead.attributes", "too_many_attributes")],
        ),
        (
            {"lead": {"lead_id": "x", "created_at": "0001-01-01T00:00:00+14:00"}, "as_of": "0001-01-01T00:00:00+14:00"},
            [("lead.created_at", "too_early"), ("as_of", "too_early")],
        ),
        (
            {"activities": [{"type": "x", "occurred_at": "2026-11-01T10:00:00Z", "value": "12"}]},
            [("activities[0].value", "not_number")],
        ),
        (
            {"activities": [{"type": "x", "occurred_at": "2026-11-01T10:00:00Z", "value": True}]},
            [("activities[0].value", "not_number")],
        ),
        (
            {"activities": [{"type": "x" * 201, "occurred_at": "2026-11-01T10:00:00Z"}] * 2},
            [("activities[0].type", "too_long"), ("activities[1].type", "too_long")],
        ),
        ({"as_of": "2026-11-23T09:05:01Z"}, [("as_of", "as_of_ahead")]),
        ({"as_of": "2026-09-14T08:59:59Z"}, [("as_of", "as_of_before_creation")]),
        (
            {"stage_changes": [{"stage": "new", "occurred_at": "2026-09-14T08:00:00Z"}]},
            [("stage_changes[0].occurred_at", "stage_before_creation")],
        ),
        (
            {"account": {"leads": [{"lead_id": "b"}, {"lead_id": "b"}]}},
            [("account.leads[1].lead_id", "duplicate_lead")],
        ),
        (
            {"account": {"activities": [{"lead_id": "b", "type": "x", "occurred_at": "2026-11-01T10:00:00Z"}]}},
            [("account.activities[0].lead_id", "unknown_lead")],
        ),
        ({"account": {"name": "ACME"}}, [("account.name", "unknown_key")]),
        (
            {"attribute_changes": [{"attribute": "employees", "value": "9", "occurred_at": "2026-11-01T10:00:00Z"}]},
            [("attribute_changes[0].value", "number_expected")],
        ),
    ],
)
def test_each_field_that_is_wrong_is_named_with_its_rule(
    client: TestClient, change: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert rules(client.post("/v1/score", json=request_body(**change))) == expected


@pytest.mark.parametrize("value", ["250", "a lot", True, "", "1,250"])
def test_text_for_a_number_is_refused_not_guessed_at(client: TestClient, value: Any) -> None:
    body = request_body()
    body["lead"]["attributes"]["employees"] = value
    assert rules(client.post("/v1/score", json=body)) == [("lead.attributes.employees", "number_expected")]


@pytest.mark.parametrize("value", [[1], {"a": 1}])
def test_an_attribute_is_one_plain_value(client: TestClient, value: Any) -> None:
    body = request_body()
    body["lead"]["attributes"]["source"] = value
    assert rules(client.post("/v1/score", json=body)) == [("lead.attributes.source", "not_a_value")]


def test_all_problems_come_at_once(client: TestClient) -> None:
    body = request_body(speed=1, as_of="tomorrow")
    body["lead"] = {"created_at": "2026-09-14T09:00", "attributes": {"employees": "many"}}
    body["activities"] = [{"occurred_at": "x"}]
    assert set(rules(client.post("/v1/score", json=body))) == {
        ("speed", "unknown_key"),
        ("as_of", "not_a_time"),
        ("lead.lead_id", "missing"),
        ("lead.created_at", "no_time_zone"),
        ("lead.attributes.employees", "number_expected"),
        ("activities[0].type", "missing"),
        ("activities[0].occurred_at", "not_a_time"),
    }


def test_of_very_many_problems_a_hundred_are_listed_and_all_counted(client: TestClient) -> None:
    members = check(client.post("/v1/score", json=request_body(activities=[{}] * 500)), 422, "request_refused")
    assert members["count"] == 1000
    assert len(members["errors"]) == 100


def test_ten_thousand_activities_are_read_and_one_more_is_not(serve: Any, settings: Settings) -> None:
    client = serve(settings=settings.model_copy(update={"max_body_bytes": 2_000_000}), model=trained())
    activity = {"type": "web_visit", "occurred_at": "2026-11-01T10:00:00Z"}
    assert client.post("/v1/score", json=request_body(activities=[activity] * 10_000)).status_code == 200
    answer = client.post("/v1/score", json=request_body(activities=[activity] * 10_001))
    assert rules(answer) == [("activities", "too_many")]
    assert "10000" in answer.json()["errors"][0]["message"]


def test_refusals_speak_spanish(client: TestClient) -> None:
    body = request_body(speed=1, activities=[{}], as_of="x")
    english = client.post("/v1/score", json=body).json()
    spanish = client.post("/v1/score", json=body, headers={"Accept-Language": "es"}).json()
    for key in ("title", "detail"):
        assert english[key] != spanish[key]
    for one, other in zip(english["errors"], spanish["errors"], strict=True):
        assert (one["where"], one["rule"]) == (other["where"], other["rule"])
        assert one["message"] != other["message"]
