"""The outbox over HTTP, on a whole app that sends to a real receiver."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from leadlight.core.clock import FixedClock
from leadlight.core.errors import UsageError
from leadlight.core.settings import Settings
from leadlight.serving.api.outbox_routes import OutboxAnswer, OutboxRetryAnswer
from leadlight.serving.api.problems import MEDIA_TYPE
from leadlight.serving.app import create_app
from leadlight.serving.outbox.payload import score_changed
from leadlight.serving.store import outbox_table
from leadlight.serving.store.database import Database
from leadlight.serving.store.outbox_table import Failure
from outboxes import SECRET, MovingClock, is_signed
from receivers import Receiver, receiving
from waiting import wait_for

MICROS = 1_795_424_400_000_000  # 2026-11-23T09:00:00Z


def payload(lead_id: str, score: int = 91) -> dict[str, Any]:
    return score_changed(
        at=MICROS,
        lead_id=lead_id,
        score=score,
        band="hot",
        grade="A",
        previous_score=None,
        previous_band=None,
        receipt_id="01KB4Z0T5N8QY2M6R3W7X9V1CD",
        why=["Requested a demo 3 days ago"],
        model_version=7,
    )


@pytest.fixture
def put(database: Database) -> Callable[..., str]:
    """Put a message into the outbox, in the state that is asked for."""

    def put(lead_id: str, state: str = "waiting") -> str:
        with database.writing() as connection:
            made = outbox_table.enqueue(connection, lead_id, payload(lead_id), MICROS)
            if state != "waiting":
                claims = outbox_table.claim(connection, MICROS, 1_000_000, 100)
                mine = [one for one in claims if one.message_id == made]
                outbox_table.release(connection, [one for one in claims if one.message_id != made])
                if state == "delivered":
                    outbox_table.delivered(connection, mine, MICROS)
                else:
                    outbox_table.failed(connection, [Failure(mine[0], "HTTP 410 Gone", None)], MICROS)
            return made

    return put


@pytest.fixture
def client(url: str, tmp_path: Path) -> Iterator[TestClient]:
    """A service that sends nothing."""
    app = create_app(Settings(home=tmp_path, database_url=url, _env_file=None), clock=MovingClock())
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


@pytest.fixture
def sending(url: str, tmp_path: Path, receiver: Receiver) -> Iterator[TestClient]:
    settings = Settings(
        home=tmp_path, database_url=url, webhook_url=receiver.url, webhook_secret=SECRET, _env_file=None
    )
    with TestClient(create_app(settings, clock=MovingClock()), raise_server_exceptions=False) as client:
        yield client


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [one.message_id for one in OutboxAnswer.model_validate(answer.json()).messages]


def test_the_running_service_sends_and_tells(sending: TestClient, receiver: Receiver, put: Callable[..., str]) -> None:
    made = put("L-1")
    wait_for(lambda: ids(sending.get("/v1/outbox?state=delivered")) == [made])
    (arrival,) = receiver.arrivals
    assert is_signed(arrival)
    assert arrival.payload == {
        "type": "lead.score_changed",
        "timestamp": "2026-11-23T09:00:00Z",
        "data": {
            "lead_id": "L-1",
            "score": 91,
            "band": "hot",
            "grade": "A",
            "previous": None,
            "receipt_id": "01KB4Z0T5N8QY2M6R3W7X9V1CD",
            "why": ["Requested a demo 3 days ago"],
            "model_version": 7,
        },
    }
    (message,) = sending.get("/v1/outbox").json()["messages"]
    assert message == {
        "message_id": made,
        "lead_id": "L-1",
        "state": "delivered",
        "created_at": "2026-11-23T09:00:00Z",
        "next_attempt_at": None,
        "attempts": 1,
        "last_error": None,
        "delivered_at": "2026-11-23T09:00:00Z",
        "payload": arrival.payload,
    }
    families = {one.name: one for one in text_string_to_metric_families(sending.get("/metrics").text)}
    sent = {sample.labels["outcome"]: sample.value for sample in families["leadlight_outbox_sent"].samples}
    assert sent == {"delivered": 1, "failed": 0, "dead": 0}
    assert {"leadlight_outbox_waiting", "leadlight_outbox_oldest_seconds"} <= set(families)


def test_without_a_receiver_nothing_is_sent_or_counted(client: TestClient, put: Callable[..., str]) -> None:
    made = put("L-1")
    assert ids(client.get("/v1/outbox")) == [made]
    assert "leadlight_outbox" not in client.get("/metrics").text
    assert not client.app.state.outbox.sends  # type: ignore[attr-defined]


def test_messages_are_listed_by_state_page_by_page(client: TestClient, put: Callable[..., str]) -> None:
    delivered, dead = put("L-1", "delivered"), put("L-2", "dead")
    waiting = [put(f"L-{i}") for i in range(3, 8)]
    assert ids(client.get("/v1/outbox?state=delivered")) == [delivered]
    assert ids(client.get("/v1/outbox?state=dead")) == [dead]
    seen: list[str] = []
    cursor = ""
    for _ in range(3):
        answer = client.get(f"/v1/outbox?state=waiting&limit=2{cursor}")
        seen += ids(answer)
        following = answer.json()["next_cursor"]
        cursor = f"&cursor={following}"
    assert following is None
    assert seen == waiting[::-1]
    assert len(ids(client.get("/v1/outbox?limit=7"))) == 7
    assert client.get("/v1/outbox?limit=7").json()["next_cursor"] is None


def test_a_dead_letter_is_sent_again(sending: TestClient, receiver: Receiver, put: Callable[..., str]) -> None:
    receiver.always(status=410)
    made = put("L-1")
    wait_for(lambda: ids(sending.get("/v1/outbox?state=dead")) == [made])
    receiver.always()
    answer = sending.post(f"/v1/outbox/{made}/retry")
    assert answer.status_code == 200
    assert OutboxRetryAnswer.model_validate(answer.json()) == OutboxRetryAnswer(message_id=made, state="waiting")
    wait_for(lambda: ids(sending.get("/v1/outbox?state=delivered")) == [made])
    assert receiver.ids == [made, made]


def problem(answer: Any, status: int, code: str) -> Any:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.json()["code"] == code
    return answer.json()


@pytest.mark.parametrize("language", ["en", "es"])
def test_what_can_not_be_sent_again_is_refused(client: TestClient, put: Callable[..., str], language: str) -> None:
    told = {"Accept-Language": language}
    made = put("L-1", "delivered")
    assert made in problem(client.post(f"/v1/outbox/{made}/retry", headers=told), 409, "message_delivered")["detail"]
    for unknown in ("msg_01KB4Z0T5N8QY2M6R3W7X9V1CD", "nonsense", "x" * 500):
        detail = problem(client.post(f"/v1/outbox/{unknown}/retry", headers=told), 404, "no_message")["detail"]
        assert unknown[:100] in detail
    assert client.get(f"/v1/outbox/{made}/retry").status_code == 405


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=lost", [("state", "not_one_of")]),
        ("state=", [("state", "not_one_of")]),
        ("limit=0", [("limit", "not_valid_parameter")]),
        ("limit=201", [("limit", "not_valid_parameter")]),
        ("limit=many", [("limit", "not_valid_parameter")]),
        ("cursor=-1", [("cursor", "not_a_cursor")]),
        ("cursor=9999999999999999999", [("cursor", "not_a_cursor")]),
        ("cursor=", [("cursor", "not_a_cursor")]),
        ("state=x&cursor=x", [("state", "not_one_of"), ("cursor", "not_a_cursor")]),
    ],
)  # fmt: skip
def test_every_wrong_parameter_is_named(client: TestClient, query: str, found: list[tuple[str, str]]) -> None:
    errors = problem(client.get(f"/v1/outbox?{query}"), 422, "request_refused")["errors"]
    assert [(one["where"], one["rule"]) for one in errors] == found
    if found[0][0] == "limit":
        assert errors[0]["message"] == "must be a whole number from 1 to 200"


def test_the_largest_cursor_is_one(client: TestClient) -> None:
    assert ids(client.get(f"/v1/outbox?cursor={2**63 - 1}")) == []


def test_while_the_database_is_down_the_caller_learns_it(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, database_url="postgresql://127.0.0.1:1/none", _env_file=None)
    with TestClient(create_app(settings, clock=MovingClock()), raise_server_exceptions=False) as client:
        problem(client.get("/v1/outbox"), 503, "unavailable")
        problem(client.post("/v1/outbox/msg_01KB4Z0T5N8QY2M6R3W7X9V1CD/retry"), 503, "unavailable")


@pytest.mark.parametrize(
    "given",
    [
        {"webhook_url": "https://crm.example/x"},
        {"webhook_secret": SECRET},
        {"webhook_url": "crm.example", "webhook_secret": SECRET},
        {"webhook_url": "https://crm.example/x", "webhook_secret": "hunter2"},
    ],
)
def test_settings_that_can_not_be_followed_stop_the_start(tmp_path: Path, given: dict[str, str]) -> None:
    settings = Settings(home=tmp_path, _env_file=None, **given)
    with pytest.raises(UsageError, match="LEADLIGHT_WEBHOOK_") as caught:
        create_app(settings, clock=FixedClock(MovingClock().now()))
    assert "hunter2" not in str(caught.value)


def test_the_document_describes_both_calls(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    listing = document["paths"]["/v1/outbox"]["get"]
    assert [one["name"] for one in listing["parameters"]] == ["state", "limit", "cursor"]
    gate = {"401", "403", "429"}  # of every call that needs a key
    assert set(listing["responses"]) == {"200", "422", "503"} | gate
    again = document["paths"]["/v1/outbox/{message_id}/retry"]["post"]
    assert set(again["responses"]) == {"200", "404", "409", "503"} | gate
    assert "OutboxMessage" in document["components"]["schemas"]
