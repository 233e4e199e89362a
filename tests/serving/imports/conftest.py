"""A simulated company's folder, read once, and a store to take it in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, select

from leadlight.core.clock import to_micros
from leadlight.core.history import History
from leadlight.core.source import read_history
from leadlight.serving.ledger.importing import Counts, import_history
from leadlight.serving.store.database import Database
from leadlight.training import simulate

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
SECRET = b"s" * 32


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("company") / "history"
    simulate.write(simulate.simulate(leads=600, seed=5), out)
    return out


@pytest.fixture(scope="session")
def told(folder: Path) -> History:
    """The history as its folder tells it."""
    return read_history(folder, now=NOW)


@pytest.fixture
def take(database: Database) -> Callable[..., Counts]:
    def act(history: History, **more: Any) -> Counts:
        arguments = {"now": to_micros(NOW), "progress": lambda *_: None, **more}
        return import_history(database, SECRET, history, **arguments)

    return act


@pytest.fixture
def contents(database: Database) -> Callable[..., list[tuple[Any, ...]]]:
    """Return a table's rows in an order of their own, without the numbers of rows."""

    def read(table: Table) -> list[tuple[Any, ...]]:
        columns = [column for column in table.c if column.name != "row_id"]
        with database.reading() as connection:
            return sorted((tuple(row) for row in connection.execute(select(*columns))), key=repr)

    return read
