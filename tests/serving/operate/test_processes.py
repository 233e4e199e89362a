"""The service as processes: it ends without a failed request, and several share one address."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path

import pytest

from leadlight.core.artifact import TrainedModel
from leadlight.core.clock import SystemClock
from leadlight.core.errors import Unavailable
from leadlight.core.settings import Settings
from leadlight.serving.operate.workers import serve_with
from models import request_body, save_champion
from processes import all_are_ready, is_running, workers_of
from waiting import wait_for

LEADLIGHT = str(Path(sys.executable).with_name("leadlight"))
CLIENTS = 4
SCORED = 'leadlight_request_seconds_count{route="/v1/score",status="200"} '


class Service:
    """The real command, with everything it wrote in a file."""

    def __init__(self, home: Path, *options: str) -> None:
        self.home = home
        self._written = home / "written.txt"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("LEADLIGHT_")}
        with self._written.open("wb") as out:
            self.process = subprocess.Popen(
                [LEADLIGHT, "serve", "--port", "0", "--as-of", "2026-11-23T09:00:00Z", *options],
                stdout=out,
                stderr=out,
                cwd=home,
                env={**kept, "LEADLIGHT_HOME": str(home)},
            )
        wait_for(lambda: "Serving http" in self.written() or self.process.poll() is not None, seconds=120)
        self.port = int(self.written().partition("Serving http://127.0.0.1:")[2].split()[0])
        wait_for(self._is_ready, seconds=120)

    def written(self) -> str:
        return " ".join(self._written.read_text().split())

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, self.written()
        try:
            return self.get("/readyz") == 200
        except (OSError, http.client.HTTPException):
            return False

    def get(self, path: str) -> int:
        with closing(self.connection()) as connection:
            return ask(connection, "GET", path)[0]

    def counted(self, sample: str) -> float:
        """Return what Prometheus is told of a sample by whichever process answers; 0 where it is not told."""
        with closing(self.connection()) as connection:
            connection.request("GET", "/metrics")
            lines = connection.getresponse().read().decode().splitlines()
        return sum(float(line.removeprefix(sample)) for line in lines if line.startswith(sample))

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def takes_connections(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=10).close()
        except OSError:
            return False
        return True

    def on_record(self) -> set[str]:
        """Return whose receipts are in the database."""
        with closing(sqlite3.connect(self.home / "leadlight.db")) as plain:
            return {lead_id for (lead_id,) in plain.execute("SELECT lead_id FROM receipts")}

    def workers(self) -> set[int]:
        return workers_of(self.process.pid)


def ask(connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None) -> tuple[int, str]:
    connection.request(method, path, body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    answer.read()  # fails where it is only half there
    return answer.status, answer.headers.get("Connection", "")


def body_of(lead_id: str) -> bytes:
    body = request_body()
    body["lead"]["lead_id"] = lead_id
    return json.dumps(body).encode()


class Hammer:
    """Clients that ask without a pause: half of them on connections that they keep, half on new ones."""

    def __init__(self, service: Service) -> None:
        self.answered: set[str] = set()
        self.refused: list[int] = []
        self.broken: list[str] = []
        self.unanswered: list[str] = []
        self._service = service
        self._numbers = count()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(i % 2 == 0,)) for i in range(CLIENTS)]

    def _ask(self, keep: bool) -> None:
        connection = self._service.connection()
        while not self._stop.is_set():
            lead_id = f"H-{next(self._numbers)}"
            try:
                status, then = ask(connection, "POST", "/v1/score", body_of(lead_id))
                if status == 200:
                    self.answered.add(lead_id)
                else:
                    self.refused.append(status)
            except http.client.IncompleteRead:
                self.broken.append(lead_id)
                then = "close"
            except (OSError, http.client.HTTPException):  # no answer at all: was it taken? The database knows
                self.unanswered.append(lead_id)
                then = "close"
                if not self._service.takes_connections():
                    break
            if not keep or then == "close":
                connection.close()
        connection.close()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join(120)


@pytest.fixture
def home(model: TrainedModel, tmp_path: Path) -> Path:
    save_champion(model, tmp_path)
    return tmp_path


@contextmanager
def running(home: Path, *options: str) -> Iterator[Service]:
    service = Service(home, *options)
    try:
        yield service
    finally:
        if service.process.poll() is None:
            service.process.kill()
            service.process.wait(30)


@pytest.mark.parametrize("options", [(), ("--workers", "2")])
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_under_load_leaves_no_request_without_its_whole_answer(
    home: Path, how: signal.Signals, options: tuple[str, ...]
) -> None:
    with running(home, *options) as service:
        all_are_ready(service.port, 2 if options else 1)
        hammer = Hammer(service)
        with hammer.at_work():
            wait_for(lambda: len(hammer.answered) > 100)
            service.process.send_signal(how)
            assert service.process.wait(60) == 0, service.written()
        assert (hammer.broken, hammer.refused) == ([], [])
        assert service.on_record() == hammer.answered
        assert "Traceback" not in service.written()


def test_a_request_that_has_begun_is_answered_after_the_stop_was_asked_for(home: Path) -> None:
    with running(home) as service:
        body = body_of("begun")
        connection = service.connection()
        connection.putrequest("POST", "/v1/score")
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body[:10])
        assert service.get("/healthz") == 200  # by now the first one is read
        service.process.send_signal(signal.SIGTERM)
        wait_for(lambda: not service.takes_connections())
        connection.send(body[10:])
        answer = connection.getresponse()
        assert (answer.status, json.load(answer)["lead_id"]) == (200, "begun")
        connection.close()
        assert service.process.wait(60) == 0


def test_three_workers_share_an_address_and_one_that_is_killed_is_replaced(home: Path) -> None:
    with running(home, "--workers", "3") as service:
        wait_for(lambda: len(service.workers()) == 3)
        before = service.workers()
        all_are_ready(service.port, 3)
        hammer = Hammer(service)
        with hammer.at_work():
            wait_for(lambda: len(hammer.answered) > 50)
            victim = min(before)
            os.kill(victim, signal.SIGKILL)
            wait_for(lambda: len(service.workers() - {victim}) == 3)
            so_far = len(hammer.answered)
            wait_for(lambda: len(hammer.answered) > so_far + 100)
        assert (hammer.refused, hammer.broken) == ([], [])  # the new one takes no request before it has its model
        assert len(hammer.unanswered) <= CLIENTS  # no more than one each was with the victim
        assert hammer.answered <= service.on_record()
        counted = {service.counted(SCORED) for _ in range(12)}  # on new connections: any of them answers
        assert len(counted) == 1
        assert 0 <= counted.pop() - len(hammer.answered) <= len(hammer.unanswered)  # what the victim counted stays
        assert f"worker {victim} ended with -9" in service.written()
        left = service.workers()
        service.process.terminate()
        assert service.process.wait(60) == 0
        assert not any(is_running(pid) for pid in left)
        assert not service.takes_connections()


def test_workers_end_with_a_parent_that_was_killed(home: Path) -> None:
    with running(home, "--workers", "2") as service:
        wait_for(lambda: len(service.workers()) == 2)
        workers = service.workers()
        service.process.kill()
        service.process.wait(30)
        wait_for(lambda: not any(is_running(pid) for pid in workers))


def test_a_service_that_can_not_start_ends_and_says_so(home: Path) -> None:
    with closing(sqlite3.connect(home / "leadlight.db")) as plain:
        plain.execute("CREATE TABLE alembic_version (version_num TEXT)")
        plain.execute("INSERT INTO alembic_version VALUES ('9999')")
        plain.commit()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LEADLIGHT_")}
    done = subprocess.run(
        [LEADLIGHT, "serve", "--port", "0", "--workers", "2"],
        capture_output=True,
        text=True,
        env={**kept, "LEADLIGHT_HOME": str(home)},
        timeout=120,
        check=False,
    )
    assert done.returncode == 3
    assert "can't start" in done.stderr


def test_a_wrong_setting_is_said_before_any_worker_starts(home: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LEADLIGHT_")}
    done = subprocess.run(
        [LEADLIGHT, "serve", "--port", "0", "--workers", "2"],
        capture_output=True,
        text=True,
        env={**kept, "LEADLIGHT_HOME": str(home), "LEADLIGHT_WEBHOOK_URL": "https://crm.example.com/"},
        timeout=120,
        check=False,
    )
    assert done.returncode == 2
    assert "LEADLIGHT_WEBHOOK_SECRET is not" in " ".join(done.stderr.split())
    assert "Serving" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_worker_that_is_refused_what_it_needs_says_so_in_a_line_and_is_not_replaced(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(home=home, webhook_url="https://crm.example.com/", _env_file=None)
    with pytest.raises(Unavailable, match="can't start"):
        serve_with(1, settings, SystemClock(), socket.create_server(("127.0.0.1", 0)))
    said = capfd.readouterr().err
    assert "LEADLIGHT_WEBHOOK_SECRET is not" in said
    assert "Traceback" not in said


def test_workers_list_no_history(home: Path) -> None:
    done = subprocess.run(
        [LEADLIGHT, "serve", "--workers", "2", "--data", str(home)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "--workers and --data don't go together" in done.stderr
