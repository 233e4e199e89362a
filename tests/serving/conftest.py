from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from databases import KINDS, ready_database_url
from leadlight.core.artifact import TrainedModel
from leadlight.core.clock import FixedClock
from leadlight.core.settings import Settings
from leadlight.serving.app import create_app
from leadlight.serving.store.database import Database
from models import trained
from waiting import wait_for

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)

Serve = Callable[..., TestClient]


@pytest.fixture(scope="session")
def model() -> TrainedModel:
    return trained()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, _env_file=None)


@pytest.fixture
def serve(settings: Settings) -> Iterator[Serve]:
    """Start an app and wait until it is ready; ``ready=False`` for one that never will be."""
    with ExitStack() as stack:

        def start(*, ready: bool = True, **parts: Any) -> TestClient:
            app = create_app(parts.pop("settings", settings), clock=FixedClock(NOW), **parts)
            client = stack.enter_context(TestClient(app, raise_server_exceptions=False))
            if ready:
                wait_for(lambda: client.get("/readyz").status_code == 200)
            return client

        yield start


@pytest.fixture(scope="session")
def client(model: TrainedModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A ready service that all tests share: none of them may change it."""
    settings = Settings(home=tmp_path_factory.mktemp("home"), _env_file=None)
    app = create_app(settings, clock=FixedClock(NOW), model=model, version=7)
    with TestClient(app, raise_server_exceptions=False) as shared:
        wait_for(lambda: shared.get("/readyz").status_code == 200)
        yield shared


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of each kind, its tables there and empty."""
    with ready_database_url(request.param, tmp_path) as made:
        yield made


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    made = Database(url)
    yield made
    made.close()
