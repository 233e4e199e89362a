"""Killed at random instants, again and again: what was acknowledged is there, once, and every receipt is whole.

The service is killed; on a PostgreSQL that the test alone started, the database too, or both.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from sqlalchemy import func, select

from leadlight.core.artifact import TrainedModel
from leadlight.serving.replay import replay
from leadlight.serving.store.database import Database
from leadlight.serving.store.receipts import Receipt
from leadlight.serving.store.schema import ACTIVITIES, LEADS, RECEIPTS, RESCORING, SCORES, STAGE_CHANGES
from leadlight.serving.store.spool import SPOOL_FILE, Spool
from models import save_champion
from own_postgres import OwnPostgres, free_port, own_postgres
from waiting import wait_for

_SERVE = """
import sys
from pathlib import Path
from leadlight.core.settings import Settings
from leadlight.serving.run import serve

serve(Settings(home=Path(sys.argv[1]), database_url=sys.argv[2], _env_file=None), port=int(sys.argv[3]))
"""


@dataclass
class Crm:
    """Sends without pause, and notes what was acknowledged; what was not it sends again, as CRMs do."""

    port: int
    leads: set[str] = field(default_factory=set)
    activities: set[str] = field(default_factory=set)
    stages: set[str] = field(default_factory=set)
    degraded: int = 0
    receipts: dict[str, int] = field(default_factory=dict)
    refused: Counter[int] = field(default_factory=Counter)
    number: int = 0
    broken: int = 0

    def run(self, stop: Event) -> None:
        while not stop.is_set():
            self.number += 1
            for act in (self._lead, self._activities, self._stage, self._score):
                while not stop.is_set():
                    try:
                        act(self.number)
                        break
                    except urllib.error.HTTPError as error:
                        self.refused[error.code] += 1
                        time.sleep(0.02)
                    except (OSError, HTTPException, json.JSONDecodeError):
                        self.broken += 1
                        time.sleep(0.02)

    def _call(self, method: str, path: str, body: dict[str, Any]) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json", "Idempotency-Key": f"{method}{path}{self.number}"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())

    def _lead(self, number: int) -> None:
        self._call(
            "PUT", f"/v1/leads/L-{number}", {"created_at": "2026-01-01T00:00:00Z", "account_id": f"A-{number % 9}"}
        )
        self.leads.add(f"L-{number}")

    def _activities(self, number: int) -> None:
        ids = [f"{number}-{place}" for place in range(10)]
        told = [
            {"lead_id": f"L-{number}", "type": "call", "occurred_at": "2026-01-02T00:00:00Z", "activity_id": name}
            for name in ids
        ]
        answer = self._call("POST", "/v1/activities", {"activities": told})
        assert answer["accepted"] + answer["duplicates"] == 10
        self.activities.update(ids)

    def _stage(self, number: int) -> None:
        told = {"lead_id": f"L-{number}", "stage": "mql", "occurred_at": "2026-01-03T00:00:00Z"}
        self._call("POST", "/v1/stage-changes", {"stage_changes": [{**told, "change_id": f"S-{number}"}]})
        self.stages.add(f"S-{number}")

    def _score(self, number: int) -> None:
        try:
            lead = {"lead_id": f"L-{number}", "created_at": "2026-01-01T00:00:00Z"}
            answer = self._call("POST", "/v1/score", {"lead": lead})
        except urllib.error.HTTPError as error:
            if error.code != 503:  # the model is still being loaded
                raise
            return
        self.receipts[answer["receipt_id"]] = answer["score"]
        self.degraded += bool(answer["degraded"])


class Server:
    """The service as a process of its own."""

    def __init__(self, home: Path, url: str, port: int) -> None:
        self._command = [sys.executable, "-c", _SERVE, str(home), url, str(port)]
        self._port = port
        self._written = home / "written.txt"

    def start(self) -> None:
        with self._written.open("ab") as written:
            self._process = subprocess.Popen(self._command, stdout=written, stderr=written)
        wait_for(self._answers)

    def _answers(self) -> bool:
        assert self._process.poll() is None, self._written.read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0

    def kill(self) -> None:
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait(60)


@dataclass
class Round:
    """One death, or two at nearly the same moment."""

    rng: random.Random
    server: Server
    own: OwnPostgres | None
    crm: Crm
    deaths: Counter[str] = field(default_factory=Counter)

    def run(self) -> None:
        if self.rng.random() < 0.5:  # else it might die each time before it has its model, on a slow machine
            so_far = len(self.crm.receipts)
            wait_for(lambda: len(self.crm.receipts) > so_far)
        time.sleep(self.rng.uniform(0.05, 2.5))
        victims: list[Server | OwnPostgres] = [self.server]
        if self.own is not None:
            victims = self.rng.choice([[self.server], [self.own], [self.server, self.own]])
        self.deaths.update(type(one).__name__ for one in victims)
        self.rng.shuffle(victims)
        for one in victims:
            one.kill()
            time.sleep(self.rng.choice([0.0, self.rng.uniform(0.0, 0.5)]))
        self.rng.shuffle(victims)
        for one in victims:
            one.start()


def killed_again_and_again(
    home: Path, url: str, model: TrainedModel, rounds: int, *, settle: bool, own: OwnPostgres | None = None
) -> Crm:
    save_champion(model, home)
    port = free_port()
    server, crm, stop = Server(home, url, port), Crm(port), Event()
    client = Thread(target=crm.run, args=(stop,))
    rounds_ = Round(random.Random(7), server, own, crm)
    server.start()
    client.start()
    try:
        for _ in range(rounds):
            rounds_.run()
        wait_for(lambda: len(crm.receipts) > 0)
        stop.set()
        client.join()
        wait_for(lambda: not Spool(home / SPOOL_FILE).waiting)  # with nobody who calls any more
        if settle:
            _settle(url)
    finally:
        stop.set()
        client.join()
        server.kill()
    print(  # noqa: T201
        f"killed {dict(rounds_.deaths)}: {len(crm.leads)} leads, {len(crm.activities)} activities, "
        f"{len(crm.stages)} stages, {len(crm.receipts)} receipts ({crm.degraded} by the spool), "
        f"{crm.broken} broken, refused {dict(crm.refused)}"
    )
    assert set(crm.refused) <= {503}
    return crm


def _settle(url: str) -> None:
    database = Database(url)
    wait_for(lambda: _count(database, RESCORING) == 0, 90)  # claims of the killed end with their lease
    database.close()


def _count(database: Database, table: Any) -> int:
    with database.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def check(crm: Crm, url: str, model: TrainedModel) -> None:
    database = Database(url)
    with database.reading() as connection:

        def all_of(column: Any) -> list[str]:
            return list(connection.execute(select(column)).scalars())

        for sent, column in (
            (crm.leads, LEADS.c.lead_id),
            (crm.activities, ACTIVITIES.c.activity_id),
            (crm.stages, STAGE_CHANGES.c.change_id),
            (set(crm.receipts), RECEIPTS.c.receipt_id),
        ):
            kept = all_of(column)
            assert sent <= set(kept), "something acknowledged is lost"
            assert len(kept) == len(set(kept)), "something is there twice"
        receipts = [Receipt.from_packed(stored) for stored in all_of(RECEIPTS.c.packed)]
        assert {*all_of(SCORES.c.lead_id), *all_of(RESCORING.c.lead_id)} == set(all_of(LEADS.c.lead_id))
    database.close()
    for receipt in receipts:
        assert replay(receipt, model).same_bits
        assert crm.receipts.get(receipt.receipt_id, receipt.score) == receipt.score


def test_nothing_acknowledged_is_lost_or_doubled(tmp_path: Path, model: TrainedModel) -> None:
    """On PostgreSQL the short form kills the database too, further down."""
    url = f"sqlite:///{tmp_path / 'leadlight.db'}"
    crm = killed_again_and_again(tmp_path, url, model, 3, settle=False)
    assert crm.broken > 0
    check(crm, url, model)


@pytest.mark.proof
def test_nothing_acknowledged_is_lost_or_doubled_in_a_hundred_rounds(
    url: str, tmp_path: Path, model: TrainedModel
) -> None:
    crm = killed_again_and_again(tmp_path, url, model, 100, settle=True)
    check(crm, url, model)


@pytest.mark.parametrize("rounds", [2, pytest.param(100, marks=pytest.mark.proof)])
def test_nor_where_the_database_is_killed_too(tmp_path: Path, model: TrainedModel, rounds: int) -> None:
    with own_postgres() as own:
        crm = killed_again_and_again(tmp_path, own.url, model, rounds, settle=rounds > 10, own=own)
        check(crm, own.url, model)
