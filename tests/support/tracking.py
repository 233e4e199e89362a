"""A real MLflow tracking server on this machine, that may be killed and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from own_postgres import free_port
from waiting import wait_for

__all__ = ["Tracking", "tracking_server"]


class Tracking:
    """``mlflow server`` with a database and artifacts in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        mlflow = str(Path(sys.executable).with_name("mlflow"))
        database, artifacts = f"sqlite:///{self._folder / 'mlflow.db'}", str(self._folder / "artifacts")
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(mlflow, "server", "--host", "127.0.0.1", "--port", str(self._port), "--workers", "1"),
                    *("--backend-store-uri", database, "--artifacts-destination", artifacts),
                ],
                stdout=log,
                stderr=log,
                cwd=self._folder,
                env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"},
                start_new_session=True,  # so that all its workers can be killed with it
            )
        wait_for(self._answers, 180)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "log").read_text()
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=10) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def kill(self) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(60)
        self._process = None

    def end(self) -> None:
        if self._process is not None:
            self.kill()


@contextmanager
def tracking_server(folder: Path) -> Iterator[Tracking]:
    folder.mkdir()
    server = Tracking(folder)
    try:
        server.start()
        yield server
    finally:
        server.end()
