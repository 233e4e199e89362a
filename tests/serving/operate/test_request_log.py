"""Each request has an id, and a line that says what became of it and names nobody."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from fastapi.testclient import TestClient

from leadlight.serving.operate.request_log import RequestLog
from models import request_body

LOGGER = "leadlight.serving.requests"


def lines(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name == LOGGER]


@pytest.mark.parametrize("sent", ["a", "9f3c-2.b_C", "x" * 64])
def test_a_plain_id_of_the_callers_is_sent_back(client: TestClient, sent: str) -> None:
    assert client.get("/healthz", headers={"X-Request-Id": sent}).headers["X-Request-Id"] == sent


@pytest.mark.parametrize("sent", ["", "x" * 65, "ann@example.com", "two words", 'quo"te', "línea".encode(), b"a\tb"])
def test_any_other_id_is_not_taken_over(client: TestClient, sent: Any) -> None:
    made = client.get("/healthz", headers={"X-Request-Id": sent}).headers.get_list("X-Request-Id")
    assert len(made) == 1
    assert made[0] not in (sent, "")


def test_ids_differ(client: TestClient) -> None:
    assert len({client.get("/healthz").headers["X-Request-Id"] for _ in range(50)}) == 50


@pytest.mark.parametrize(
    ("method", "path", "route", "status", "level"),
    [
        ("GET", "/healthz?who=ann", "/healthz", 200, logging.DEBUG),
        ("HEAD", "/v1/receipts/ann", "/v1/receipts/{receipt_id}", 404, logging.INFO),
        ("GET", "/v1/receipts/ann", "/v1/receipts/{receipt_id}", 404, logging.INFO),
        ("GET", "/ann", "none", 404, logging.INFO),
        ("ANN", "/ann", "none", 404, logging.INFO),
        ("DELETE", "/v1/score", "/v1/score", 405, logging.INFO),
    ],
)
def test_a_line_has_the_pattern_and_never_the_address(
    client: TestClient, caplog: pytest.LogCaptureFixture, method: str, path: str, route: str, status: int, level: int
) -> None:
    caplog.set_level(logging.DEBUG, LOGGER)
    answer = client.request(method, path)
    (line,) = lines(caplog)
    told = vars(line)
    assert answer.status_code == status
    assert (told["route"], told["status"], line.levelno) == (route, status, level)
    assert told["method"] == ("other" if method == "ANN" else method)
    assert told["milliseconds"] > 0
    assert "ann" not in str(told).lower().replace("channel", "")


def test_what_went_well_is_not_written_unless_asked_for(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    assert client.post("/v1/score", json=request_body()).status_code == 200
    assert lines(caplog) == []


def test_a_failure_has_the_id_too(serve: Any, model: Any, caplog: pytest.LogCaptureFixture) -> None:
    client = serve(model=model)

    async def fail() -> None:
        raise RuntimeError

    client.app.add_api_route("/fails", fail)
    answer = client.get("/fails", headers={"X-Request-Id": "mine"})
    assert (answer.status_code, answer.headers["X-Request-Id"]) == (500, "mine")
    (line,) = [line for line in lines(caplog) if vars(line)["route"] == "/fails"]
    assert (vars(line)["status"], line.levelno) == (500, logging.WARNING)


def test_the_callers_key_is_named_where_there_is_one(caplog: pytest.LogCaptureFixture) -> None:
    class Caller:
        key_id = "k-7"

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["state"]["caller"] = Caller()
        await send({"type": "http.response.start", "status": 403, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    caplog.set_level(logging.INFO, LOGGER)
    TestClient(RequestLog(app)).get("/")
    (line,) = lines(caplog)
    assert vars(line)["key_id"] == "k-7"
