from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from callers import TODAY, Hand
from leadlight.core.artifact import TrainedModel
from leadlight.core.clock import DAY, to_micros
from leadlight.core.settings import Settings
from leadlight.serving.access.key_text import digest, new_key
from leadlight.serving.store.database import Database
from leadlight.serving.store.key_table import ApiKey, KeyTable


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def guarded_settings(settings: Settings, url: str) -> Settings:
    return settings.model_copy(update={"database_url": url})


@pytest.fixture
def keys(database: Database) -> KeyTable:
    return KeyTable(database)


@pytest.fixture
def give(keys: KeyTable) -> Callable[..., str]:
    """Put a key into the store and return it."""

    def give_key(role: str, **changes: Any) -> str:
        new, now = new_key(), to_micros(TODAY) - 10 * DAY
        keys.add(replace(ApiKey(new.key_id, digest(new.text), role, None, None, now), **changes))
        return new.text

    return give_key


@pytest.fixture
def guarded(serve: Any, guarded_settings: Settings, model: TrainedModel, hand: Hand) -> Callable[..., TestClient]:
    """Start a service on the store of `give`; keys given before are known at once."""

    def start(**changes: Any) -> TestClient:
        setting = guarded_settings.model_copy(update=changes)
        client: TestClient = serve(settings=setting, model=model, version=7, wall=hand)
        client.follow_redirects = False
        return client

    return start
