"""Each neighbour is stopped hard under load: scoring goes on, all else says no in time, and everything catches up."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from leadlight.core.artifact import TrainedModel
from leadlight.serving.store.database import Database
from models import save_champion
from outboxes import SECRET
from own_postgres import own_postgres
from receivers import Receiver, receiving
from settled import check_settled, settle
from under_load import Load, Service, promote, serving
from waiting import wait_for

BOUND = 30.0
"""Seconds: far above what any call takes by design (5 s for a lock, 3 s to connect), far below hanging."""

_INTAKE = ("POST /v1/activities", "PUT /v1/leads")
_READING = ("GET /v1/leads", "GET /v1/outbox")


@contextmanager
def story(
    home: Path, url: str, model: TrainedModel
) -> Iterator[tuple[Service, Load, Receiver, ExitStack, Callable[[], int]]]:
    """Run the service with a receiver under load; at the end everything must have caught up."""
    save_champion(model, home, 7)
    settings = {"database_url": url, "webhook_step": "1", "webhook_secret": SECRET}
    with ExitStack() as at_end:
        open_door = ExitStack()
        receiver = open_door.enter_context(receiving())
        at_end.callback(lambda: open_door.close())
        service = at_end.enter_context(serving(home, webhook_url=receiver.url, **settings))
        load = Load([service.port])
        with load.at_work():
            load.wait_for_more()
            wait_for(lambda: len(receiver.arrivals) > 5)
            wait_for(lambda: service.neighbour("database") == "ok")
            yield service, load, receiver, open_door, lambda: int(load.scores[-1].body["model"]["version"])
        database = Database(url)
        settle(database)
        wait_for(lambda: service.neighbour("receipt_spool") == "ok")
        told = check_settled(database, [load], receiver, {7: model, 8: model})
        database.close()
    assert load.broken == []
    assert {one.status for one in load.scores} == {200}
    assert len({one.body["log_odds"] for one in load.scores}) == 1
    assert max(one.seconds for one in load.scores) < BOUND
    assert set(load.statuses()) <= {200, 404, 503}
    assert load.slowest() < BOUND
    assert all(one.headers["retry-after"] for _, one in load.calls if one.status == 503)
    slowest = max(one.seconds for one in load.scores)
    print(  # noqa: T201
        f"{len(load.scores)} scores, {load.degraded} by the spool, slowest {slowest:.2f} s; "
        f"{dict(load.statuses())} other calls, slowest {load.slowest():.2f} s; {told} messages, "
        f"{len(receiver.arrivals)} arrivals"
    )


def refuses(load: Load, *kinds: tuple[str, ...]) -> bool:
    """Return whether a call of each kind was answered with 503."""
    refused = load.refused()
    return all(any(call.startswith(kind) for call in refused) for kind in kinds)


@pytest.mark.parametrize("receiver_too", [False, pytest.param(True, marks=pytest.mark.proof)])
def test_the_database_is_stopped_under_load_and_then_the_receiver(
    tmp_path: Path, model: TrainedModel, receiver_too: bool
) -> None:
    with own_postgres() as own, story(tmp_path, own.url, model) as (service, load, receiver, door, version):
        own.kill()
        wait_for(lambda: load.degraded > 20)
        wait_for(lambda: refuses(load, _INTAKE, _READING))
        wait_for(lambda: service.neighbour("database") == "down")
        assert service.neighbour("receipt_spool") in ("ok", "degraded")
        promote(model, tmp_path, 8)
        wait_for(lambda: version() == 8)
        own.start()
        wait_for(lambda: service.neighbour("database") == "ok")
        load.wait_for_more()
        if not receiver_too:
            return

        receiver.always(hang_up=True)  # connections that it had kept open end too
        door.close()
        waiting = "/v1/outbox?state=waiting&limit=200"
        wait_for(lambda: any(one["last_error"] for one in service.ask("GET", waiting).body["messages"]))
        load.wait_for_more()
        receiver.always()
        door.enter_context(receiving(receiver))
        arrived = len(receiver.arrivals)
        wait_for(lambda: len(receiver.arrivals) > arrived)


@pytest.mark.proof
def test_the_database_hangs_under_load(tmp_path: Path, model: TrainedModel) -> None:
    with own_postgres() as own, story(tmp_path, own.url, model) as (service, load, _receiver, _door, version):
        own.freeze()  # connections stay open, new ones are taken, and nothing is ever answered
        wait_for(lambda: load.degraded > 20)
        wait_for(lambda: refuses(load, _INTAKE, _READING))
        wait_for(lambda: service.neighbour("database") == "down")
        promote(model, tmp_path, 8)
        wait_for(lambda: version() == 8)
        load.wait_for_more(500)
        own.thaw()
        wait_for(lambda: service.neighbour("database") == "ok")
        load.wait_for_more()


@pytest.mark.proof
def test_somebody_else_holds_the_sqlite_file_under_load(tmp_path: Path, model: TrainedModel) -> None:
    with story(tmp_path, f"sqlite:///{tmp_path / 'leadlight.db'}", model) as (_, load, _receiver, _door, version):
        with closing(sqlite3.connect(tmp_path / "leadlight.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            wait_for(lambda: load.degraded > 20)
            wait_for(lambda: refuses(load, _INTAKE))  # who reads need not write where all was shown before
            promote(model, tmp_path, 8)
            wait_for(lambda: version() == 8)
            load.wait_for_more(500)
            other.execute("ROLLBACK")
        taken = len(load.activities)
        wait_for(lambda: len(load.activities) > taken + 5)
