"""The service as a process of its own: what it imports, and what survives when it is killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from leadlight.core.artifact import TrainedModel
from leadlight.core.errors import Unavailable
from leadlight.core.settings import Settings
from leadlight.serving.replay import replay
from leadlight.serving.run import serve
from leadlight.serving.store.receipts import Receipt
from models import request_body, save_champion
from waiting import wait_for

_SERVE = """
import sys
from datetime import datetime, UTC
from pathlib import Path
from leadlight.core.clock import FixedClock
from leadlight.core.settings import Settings
from leadlight.serving.run import serve

settings = Settings(home=Path(sys.argv[1]), _env_file=None)
serve(settings, clock=FixedClock(datetime(2026, 11, 23, 9, tzinfo=UTC)), port=int(sys.argv[2]))
"""

_FIRST_ANSWER = """
import json, sys
from datetime import datetime, UTC
from pathlib import Path
from leadlight.core.clock import FixedClock
from leadlight.core.settings import Settings
from leadlight.serving.app import create_app

app = create_app(
    Settings(home=Path(sys.argv[1]), _env_file=None), clock=FixedClock(datetime(2026, 11, 23, 9, tzinfo=UTC))
)
import asyncio


async def call(method, path, body=b""):
    sent = []

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": [(b"host", b"x")], "http_version": "1.1", "scheme": "http", "server": ("x", 80), "client": ("x", 1),
        "root_path": "",
    }
    await app(scope, receive, send)
    return sent[0]["status"]


async def main():
    async with app.router.lifespan_context(app):
        while await call("GET", "/readyz") != 200:
            await asyncio.sleep(0.05)
        return await call("POST", "/v1/score", sys.argv[2].encode())


print(json.dumps([asyncio.run(main()), sorted(m for m in sys.modules if "." not in m)]))
"""


def test_the_first_answer_needs_no_heavy_library(model: TrainedModel, tmp_path: Path) -> None:
    save_champion(model, tmp_path)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _FIRST_ANSWER, str(tmp_path), json.dumps(request_body())],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    status, modules = json.loads(done.stdout)
    assert status == 200
    # scipy's bare package is there: numba looks at its version when it starts
    heavy = {"mlflow", "shap", "pandas", "lightgbm", "sklearn", "pyarrow", "dask", "altair", "matplotlib"}
    assert sorted(heavy & set(modules)) == []


class Service:
    def __init__(self, home: Path) -> None:
        self.home = home
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process = subprocess.Popen([sys.executable, "-c", _SERVE, str(home), str(self.port)])
        wait_for(self._ready, seconds=120)

    def _ready(self) -> bool:
        assert self.process.poll() is None, "the service ended"
        try:
            return self.call("/readyz")[0] == 200
        except OSError:
            time.sleep(0.1)
            return False

    def call(self, path: str, body: Any = None) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data)
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def end(self, how: signal.Signals) -> None:
        os.kill(self.process.pid, how)
        self.process.wait(30)


@pytest.fixture
def home(model: TrainedModel, tmp_path: Path) -> Path:
    save_champion(model, tmp_path)
    return tmp_path


def test_what_was_answered_survives_kill_nine(home: Path, model: TrainedModel) -> None:
    service = Service(home)
    try:
        answered = []
        for employees in range(20):
            body = request_body()
            body["lead"]["attributes"]["employees"] = employees
            status, scored = service.call("/v1/score", body)
            assert status == 200
            answered.append(scored)
    finally:
        service.end(signal.SIGKILL)
    with sqlite3.connect(home / "leadlight.db") as plain:
        rows = dict(plain.execute("SELECT receipt_id, packed FROM receipts").fetchall())
    plain.close()
    for scored in answered:
        receipt = Receipt.from_packed(rows[scored["receipt_id"]])
        assert receipt.log_odds == scored["log_odds"]
        assert replay(receipt, model).same_bits


def test_a_taken_port_is_said_in_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(Unavailable, match="--port"):
        serve(Settings(home=tmp_path, _env_file=None), port=taken.getsockname()[1])


def test_it_starts_on_this_machine_only_and_ends_when_told(home: Path) -> None:
    service = Service(home)
    try:
        assert service.call("/healthz") == (200, {"status": "ok"})
        assert service.call("/v1/nothing")[1]["code"] == "not_found"
        assert service.call("/v1/score/batch", {"items": [request_body()] * 3})[0] == 200
    finally:
        service.end(signal.SIGINT)
    assert service.process.returncode in (0, 130, -signal.SIGINT)
