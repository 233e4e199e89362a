"""Another version is promoted, or rolled back to, while the service runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp
from threading import Event, Thread

import pytest
from fastapi.testclient import TestClient

from leadlight.core.artifact import TrainedModel
from leadlight.core.clock import FixedClock
from leadlight.core.settings import Settings
from leadlight.serving.app import create_app
from models import request_body, save_champion
from waiting import wait_for


@pytest.fixture
def home(tmp_path: Path, model: TrainedModel) -> Path:
    save_champion(model, tmp_path, 1)
    return tmp_path


@pytest.fixture
def client(home: Path) -> Iterator[TestClient]:
    app = create_app(Settings(home=home, _env_file=None), clock=FixedClock(datetime(2026, 11, 23, 9, tzinfo=UTC)))
    with TestClient(app, raise_server_exceptions=False) as client:
        wait_for(lambda: client.get("/readyz").status_code == 200)
        yield client


def promote(model: TrainedModel, home: Path, version: int) -> None:
    """Replace the champion in one rename, as `leadlight models promote` does."""
    fresh, old, cache = Path(mkdtemp(dir=home)), Path(mkdtemp(dir=home)), home / "champion"
    save_champion(model, fresh, version)
    cache.rename(old / "champion")
    (fresh / "champion").rename(cache)


def served(client: TestClient) -> int:
    return int(client.get("/v1/model").json()["version"])


def test_promotion_and_rollback_are_taken_up_without_a_failed_request(
    client: TestClient, home: Path, model: TrainedModel
) -> None:
    statuses: list[int] = []
    stop = Event()

    def hammer() -> None:
        while not stop.is_set():
            statuses.append(client.post("/v1/score", json=request_body()).status_code)

    thread = Thread(target=hammer)
    thread.start()
    for version in (2, 3, 2):
        promote(model, home, version)
        wait_for(lambda wanted=version: served(client) == wanted, 10)
    stop.set()
    thread.join()
    assert len(statuses) > 10
    assert set(statuses) == {200}


def test_a_version_that_can_t_be_loaded_replaces_none(client: TestClient, home: Path, model: TrainedModel) -> None:
    promote(model, home, 2)
    wait_for(lambda: served(client) == 2, 10)
    (home / "champion" / "model.json").write_text("{}")
    (home / "champion" / "version.json").write_text('{"name": "leadlight", "version": 3}')
    wait_for(lambda: client.app.state.desk.champion._unfit == 3, 10)
    assert served(client) == 2
    assert client.post("/v1/score", json=request_body()).status_code == 200
