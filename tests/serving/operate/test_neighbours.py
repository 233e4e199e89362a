"""The state of what the service leans on is known at once, whatever state that is in."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import insert, text, update

from leadlight.core.artifact import TrainedModel
from leadlight.core.clock import FixedClock, to_micros
from leadlight.core.settings import Settings
from leadlight.serving.api import answer_schemas
from leadlight.serving.app import create_app
from leadlight.serving.operate.checks import database_check, outbox_check, spool_check
from leadlight.serving.operate.neighbours import OK, Check, Found, Neighbours
from leadlight.serving.store.database import Database
from leadlight.serving.store.schema import OUTBOX
from models import save_champion
from outboxes import SECRET
from waiting import wait_for

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.instant = NOW

    def now(self) -> datetime:
        return self.instant


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def neighbours(clock: Clock) -> Iterator[Neighbours]:
    made = Neighbours(clock, seconds=0.01)
    yield made
    made.stop()


def state(neighbours: Neighbours, name: str = "one") -> str:
    return neighbours.told()[name].state


def test_it_is_started_once_and_again_after_its_stop(neighbours: Neighbours) -> None:
    """A second start would leave threads of the first that look for ever, at a database that was closed too."""
    neighbours.add("one", lambda: OK)
    neighbours.start()
    with pytest.raises(RuntimeError, match="already"):
        neighbours.start()
    neighbours.stop()
    neighbours.start()
    wait_for(lambda: state(neighbours) == "ok")


def test_an_app_that_runs_can_t_be_started_again_and_runs_on(settings: Settings, model: TrainedModel) -> None:
    app = create_app(settings, clock=FixedClock(NOW), model=model, version=7)
    with TestClient(app) as client:
        with pytest.raises(RuntimeError, match="already"), TestClient(app):
            pass
        wait_for(lambda: client.get("/readyz").status_code == 200)
    assert not [thread.name for thread in threading.enumerate() if thread in app.state.neighbours._threads]


def test_a_state_is_since_it_was_first_seen(neighbours: Neighbours, clock: Clock) -> None:
    found = [OK]
    neighbours.add("one", lambda: found[-1])
    assert state(neighbours) == "degraded"
    neighbours.start()
    wait_for(lambda: state(neighbours) == "ok")
    since = neighbours.told()["one"].since
    clock.instant += timedelta(hours=1)
    found.append(Found("down", "gone"))
    wait_for(lambda: state(neighbours) == "down")
    told = neighbours.told()["one"]
    assert (told.reason, since, told.since) == ("gone", to_micros(NOW), to_micros(NOW) + 3_600_000_000)


def test_a_check_that_fails_says_down_and_quotes_nothing(neighbours: Neighbours) -> None:
    def fail() -> Found:
        raise ValueError("ann@example.com")

    neighbours.add("one", fail)
    neighbours.start()
    wait_for(lambda: state(neighbours) == "down")
    assert neighbours.told()["one"].reason == "does not answer: ValueError"


def test_a_check_that_hangs_is_named_and_holds_up_no_other(neighbours: Neighbours) -> None:
    go_on, looks = threading.Event(), []

    def hang() -> Found:
        go_on.wait(60)
        return OK

    neighbours.add("one", hang)
    neighbours.add("two", lambda: looks.append(1) or OK)  # type: ignore[func-returns-value]
    neighbours.start()
    wait_for(lambda: neighbours.told()["one"].reason == "the check does not come back" and len(looks) > 3)
    assert state(neighbours, "two") == "ok"
    go_on.set()
    wait_for(lambda: state(neighbours) == "ok")


def test_the_database(database: Database, tmp_path: Path) -> None:
    database.open()
    look = database_check(database)
    assert look() == OK
    with database.writing() as connection:
        connection.execute(text("DROP TABLE meta"))
    assert told_by(look).state == "down"


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "leadlight.db").write_bytes(b"garbage " * 1000)
    told = told_by(database_check(Database(f"sqlite:///{tmp_path / 'leadlight.db'}")))
    assert (told.state, told.reason) == ("down", "does not answer: DatabaseError: file is not a database")


def told_by(check: Check) -> Any:
    neighbours = Neighbours(FixedClock(NOW), seconds=0.01)
    neighbours.add("one", check)
    neighbours.start()
    wait_for(lambda: neighbours.told()["one"].reason != "not looked at yet")
    neighbours.stop()
    return neighbours.told()["one"]


def test_the_spool(tmp_path: Path) -> None:
    path = tmp_path / "spool"
    assert spool_check(path)() == OK
    path.write_text("{}\n")
    assert spool_check(path)().state == "degraded"
    path.unlink()
    path.mkdir()
    assert spool_check(path)().state == "down"
    assert spool_check(tmp_path / "no" / "spool")().state == "down"


def test_the_outbox(database: Database) -> None:
    now, minute = to_micros(NOW), 60_000_000
    look = outbox_check(database, FixedClock(NOW))
    assert look() == OK
    values = {"lead_id": "L", "payload": "{}", "created_at": 0, "attempts": 0, "claimed_until": 0}
    with database.writing() as connection:
        connection.execute(
            insert(OUTBOX).values(message_id="m", state="waiting", next_attempt_at=now - 4 * minute, **values)
        )
    assert look() == OK
    with database.writing() as connection:
        connection.execute(update(OUTBOX).values(next_attempt_at=now - 6 * minute))
    assert look() == Found("degraded", "messages are late")
    with database.writing() as connection:
        connection.execute(update(OUTBOX).values(state="dead"))
    assert look() == Found("degraded", "1 messages were given up")
    database.close()


def test_readyz_names_each(serve: Any, settings: Settings, model: Any) -> None:
    save_champion(model, settings.home_path)
    client = serve()

    def told() -> Any:
        answer = answer_schemas.Readiness.model_validate(client.get("/readyz").json())
        return {name: (found.state, found.reason) for name, found in answer.neighbours.items()}

    well = dict.fromkeys(("database", "receipt_spool", "champion"), ("ok", None))
    wait_for(lambda: told() == well)


def test_readyz_names_the_outbox_only_where_something_is_sent(serve: Any, settings: Settings, model: Any) -> None:
    assert "outbox" not in serve(model=model).get("/readyz").json()["neighbours"]
    told = settings.model_copy(update={"webhook_url": "http://127.0.0.1:9/", "webhook_secret": SecretStr(SECRET)})
    client = serve(model=model, settings=told)
    wait_for(lambda: client.get("/readyz").json()["neighbours"]["outbox"]["state"] == "ok")


def test_readyz_names_each_where_the_service_can_not_score(serve: Any, settings: Settings) -> None:
    client = serve(ready=False)
    wait_for(lambda: client.get("/readyz").json()["neighbours"]["champion"]["state"] == "down")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    found = answer_schemas.NotReadyProblem.model_validate(answer.json())
    assert (found.code, found.neighbours["receipt_spool"].state) == ("no_champion", "ok")
    declared = client.get("/openapi.json").json()["paths"]["/readyz"]["get"]["responses"]["503"]["content"]
    assert declared["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/NotReadyProblem"}


def test_readyz_says_that_the_database_is_down(serve: Any, settings: Settings, model: Any) -> None:
    (settings.home_path / "leadlight.db").mkdir()
    client = serve(model=model)
    wait_for(lambda: client.get("/readyz").json()["neighbours"]["database"]["state"] == "down")
    assert client.get("/readyz").status_code == 200
