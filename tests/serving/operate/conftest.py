"""A home that holds something, and an empty one, on each kind of database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backups import settings_of
from databases import KINDS, database_url
from filled import fill
from leadlight.core.settings import Settings
from leadlight.serving.store.database import Database


@pytest.fixture
def old(tmp_path: Path, url: str) -> Settings:
    """A home with a database that holds something everywhere."""
    settings = settings_of(tmp_path / "old", url)
    settings.home_path.mkdir()
    database = Database(url)
    with database.writing() as connection:
        fill(connection)
    database.close()
    return settings


@pytest.fixture(params=KINDS)
def new(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """An empty home with an empty database of each kind."""
    (tmp_path / "new").mkdir()
    with database_url(request.param, tmp_path / "new") as made:
        yield settings_of(tmp_path / "new", made)
