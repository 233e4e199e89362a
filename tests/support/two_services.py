"""Two services on one store, as two processes see it: emptied, restarted and rescored when a test says so."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import select

from crm import Clock
from leadlight.core.artifact import TrainedModel
from leadlight.core.settings import Settings
from leadlight.serving.app import create_app
from leadlight.serving.rescoring.rescorer import Rescorer
from leadlight.serving.store.database import Database
from leadlight.serving.store.erasure_journal import JOURNAL_FILE
from leadlight.serving.store.schema import METADATA
from waiting import wait_for

__all__ = ["TwoServices"]


class TwoServices:
    """Two services with one clock.

    Parameters
    ----------
    url : str
    home : Path
    model : TrainedModel
    """

    def __init__(self, url: str, home: Path, model: TrainedModel) -> None:
        self._settings = Settings(home=home, database_url=url, requests_per_second=0, _env_file=None)
        self._model = model
        self.clock = Clock()
        self._database = Database(url)
        self.clients: list[TestClient] = []

    def __enter__(self) -> TwoServices:
        self.clients = [self._start(), self._start()]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self.clients:
            client.__exit__(kind, error, trace)
        self._database.close()

    def _start(self) -> TestClient:
        app = create_app(self._settings, clock=self.clock, model=self._model, version=7)
        client = TestClient(app, raise_server_exceptions=False)
        client.__enter__()
        wait_for(lambda: client.app.state.desk.champion.is_ready)
        return client

    def restart(self, which: int) -> None:
        """End one of them and start it anew: what it had in memory is gone."""
        self.clients[which].__exit__(None, None, None)
        self.clients[which] = self._start()

    def empty(self) -> None:
        """Leave a store in which nothing was ever told."""
        with self._database.writing() as connection:
            for table in METADATA.sorted_tables:
                connection.execute(table.delete())
        (self._settings.home_path / JOURNAL_FILE).unlink(missing_ok=True)
        self.clock.time = Clock().time
        self.look()

    def look(self) -> None:
        """Let each learn what the other did about erasures and objections, as it does within a second by itself."""
        for client in self.clients:
            client.app.state.desk.memory.barred.refresh()

    def settle(self, which: int) -> None:
        """Let one of them score whatever is out of date."""
        desk = self.clients[which].app.state.desk
        rescorer = Rescorer(desk.memory.database, desk.champion, self.clock)
        while rescorer.turn():
            pass

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """Return all rows of all tables, in the order of their primary keys."""
        with self._database.reading() as connection:
            return {
                table.name: [
                    dict(row)
                    for row in connection.execute(select(table).order_by(*table.primary_key.columns)).mappings()
                ]
                for table in METADATA.sorted_tables
            }
