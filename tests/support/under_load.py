"""The real service as a process, and clients that call it without a pause while its neighbours come and go."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from threading import Event, Thread
from typing import Any

from leadlight.core.artifact import TrainedModel
from models import request_body, save_champion
from waiting import wait_for

__all__ = ["LEADLIGHT", "Answer", "Load", "Service", "ask", "environment", "promote", "serving"]

LEADLIGHT = str(Path(sys.executable).with_name("leadlight"))


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return an environment with these settings and no others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LEADLIGHT_")}
    return {**kept, "LEADLIGHT_HOME": str(home), **{f"LEADLIGHT_{name.upper()}": text for name, text in more.items()}}


class Service:
    """``leadlight serve``, by the machine's clock."""

    def __init__(self, home: Path, *options: str, written: str = "written.txt", **settings: str) -> None:
        self._written = home / written
        with self._written.open("wb") as out:
            self.process = subprocess.Popen(
                [LEADLIGHT, "serve", "--port", "0", *options],
                stdout=out,
                stderr=out,
                cwd=home,
                env=environment(home, **settings),
            )
        wait_for(lambda: "Serving http" in self.written() or self.process.poll() is not None, 120)
        assert self.process.poll() is None, self.written()
        self.port = int(self.written().partition("Serving http://127.0.0.1:")[2].split()[0])

    def written(self) -> str:
        return " ".join(self._written.read_text().split())

    def ask(self, method: str, path: str, body: Any = None, timeout: float = 60) -> Answer:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)) as connection:
            return ask(connection, method, path, body)

    def is_ready(self) -> bool:
        assert self.process.poll() is None, self.written()
        try:
            return self.ask("GET", "/readyz").status == 200
        except (OSError, http.client.HTTPException):
            return False

    def neighbour(self, name: str) -> str:
        return str(self.ask("GET", "/readyz").body["neighbours"][name]["state"])

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(60)


@contextmanager
def serving(home: Path, *options: str, written: str = "written.txt", **settings: str) -> Iterator[Service]:
    """Run the service; with several workers, `Service.is_ready` tells of one of them."""
    service = Service(home, *options, written=written, **settings)
    try:
        wait_for(service.is_ready, 120)
        yield service
    finally:
        if service.process.poll() is None:
            service.process.terminate()
            service.process.wait(90)


@dataclass(frozen=True)
class Answer:
    """What came back, and how long that took in seconds."""

    status: int
    headers: Mapping[str, str]
    body: Any
    seconds: float


def ask(connection: http.client.HTTPConnection, method: str, path: str, body: Any = None) -> Answer:
    began = time.monotonic()
    text = None if body is None else json.dumps(body).encode()
    connection.request(method, path, text, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    read = answer.read()
    headers = {name.lower(): value for name, value in answer.headers.items()}
    told = json.loads(read) if "json" in headers.get("content-type", "") else read
    return Answer(answer.status, headers, told, time.monotonic() - began)


def promote(model: TrainedModel, home: Path, version: int) -> None:
    """Replace the champion in one rename, as ``leadlight models promote`` does."""
    fresh, old, cache = Path(mkdtemp(dir=home)), Path(mkdtemp(dir=home)), home / "champion"
    save_champion(model, fresh, version)
    cache.rename(old / "champion")
    (fresh / "champion").rename(cache)


_EACH = 4
"""Activities before the next lead; every other one is of an earlier lead, so that its score changes again."""


class _Stopped(Exception):
    """It was not taken before the end."""


@dataclass
class Load:
    """Steady calls of three kinds, and what came of them.

    Attributes
    ----------
    scores : list of Answer
        Of stateless scoring, always the same question.
    calls : list of (str, Answer)
        Of all other calls, each with its method and address.
    broken : list of str
        Calls without an answer.
    leads, activities : set of str
        What was acknowledged; each is told again until it is.
    """

    ports: list[int]
    prefix: str = "L"
    pause: float = 0.01
    scores: list[Answer] = field(default_factory=list)
    calls: list[tuple[str, Answer]] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    leads: set[str] = field(default_factory=set)
    activities: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._stop = Event()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        threads = [
            Thread(target=self._again, args=(job, port, place))
            for place, port in enumerate(self.ports)
            for job in (self._score, self._tell, self._look)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join(120)

    def _again(self, job: Any, port: int, place: int) -> None:
        number = 0
        while not self._stop.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            with closing(connection):
                try:
                    while not self._stop.is_set():
                        job(connection, place, number)
                        number += 1
                        time.sleep(self.pause)
                except _Stopped:
                    return
                except (OSError, http.client.HTTPException) as error:
                    self.broken.append(f"{job.__name__}: {error!r}")
                    time.sleep(0.05)

    def _score(self, connection: http.client.HTTPConnection, _place: int, _number: int) -> None:
        self.scores.append(ask(connection, "POST", "/v1/score", request_body()))

    def _tell(self, connection: http.client.HTTPConnection, place: int, number: int) -> None:
        newest = number // _EACH
        lead_id = f"{self.prefix}-{place}-{newest // 2 if number % 2 else newest}"
        if lead_id not in self.leads:
            told = {"created_at": "2026-09-01T00:00:00Z", "account_id": f"A-{number % 7}"}
            self._until_taken(connection, "PUT", f"/v1/leads/{lead_id}", told)
            self.leads.add(lead_id)
        named = {"activity_id": f"{self.prefix}-{place}-{number}", "lead_id": lead_id}
        kind = ("web_visit", "demo_request", "email_sent")[number % 3]
        told = {**named, "type": kind, "occurred_at": f"2026-11-{1 + number % 20:02d}T10:00:00Z"}
        self._until_taken(connection, "POST", "/v1/activities", {"activities": [told]})
        self.activities.add(named["activity_id"])

    def _until_taken(self, connection: http.client.HTTPConnection, method: str, path: str, body: Any) -> None:
        while not self._stop.is_set():
            answer = self._called(connection, method, path, body)
            if answer.status == 200:
                return
            time.sleep(self.pause)
        raise _Stopped

    def _look(self, connection: http.client.HTTPConnection, place: int, number: int) -> None:
        lead = f"/v1/leads/{self.prefix}-{place}-0"
        kept = [one.body["receipt_id"] for one in self.scores[-1:] if one.status == 200]
        paths = ["/v1/leads?limit=5", lead, f"{lead}/scores", f"{lead}/export", "/v1/outbox", "/leads"]
        paths += [f"/v1/receipts/{one}" for one in kept]
        self._called(connection, "GET", paths[number % len(paths)])

    def _called(self, connection: http.client.HTTPConnection, method: str, path: str, body: Any = None) -> Answer:
        answer = ask(connection, method, path, body)
        self.calls.append((f"{method} {path}", answer))
        return answer

    def wait_for_more(self, scores: int = 20) -> None:
        """Wait until so many more scores were answered."""
        so_far = len(self.scores)
        wait_for(lambda: len(self.scores) >= so_far + scores, 120)

    @property
    def degraded(self) -> int:
        """How many scores were answered with a receipt that lies in the spool."""
        return sum(bool(one.body.get("degraded")) for one in list(self.scores))

    def refused(self) -> set[str]:
        """Return which calls were answered with 503, ids left away."""
        return {call.split("?")[0] for call, answer in list(self.calls) if answer.status == 503}

    def statuses(self) -> Counter[int]:
        return Counter(answer.status for _, answer in self.calls)

    def slowest(self) -> float:
        """Return the longest that any call but scoring took, in seconds."""
        return max(answer.seconds for _, answer in self.calls)
