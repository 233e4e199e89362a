from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from crm import Clock
from leadlight.core.artifact import TrainedModel
from leadlight.core.settings import Settings
from leadlight.serving.app import create_app
from waiting import wait_for


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def crm(url: str, tmp_path: Path, model: TrainedModel, clock: Clock) -> Iterator[TestClient]:
    settings = Settings(home=tmp_path, database_url=url, _env_file=None)
    app = create_app(settings, clock=clock, model=model, version=7)
    with TestClient(app, raise_server_exceptions=False) as client:
        wait_for(lambda: client.get("/readyz").status_code == 200)
        yield client
