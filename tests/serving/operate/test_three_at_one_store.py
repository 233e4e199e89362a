"""Three processes at one store: each change is scored once, and what a killed one had claimed is taken over."""

from __future__ import annotations

import http.client
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from leadlight.core.artifact import TrainedModel
from leadlight.serving.store.database import Database
from leadlight.serving.store.schema import OUTBOX, RESCORING
from models import save_champion
from outboxes import SECRET
from processes import all_are_ready, workers_of
from receivers import Receiver, receiving
from settled import check_settled, settle
from under_load import Load, Service, ask, promote, serving
from waiting import wait_for

pytestmark = pytest.mark.proof

AT_ONCE = 600
_NOTE = {
    "sqlite": [
        "CREATE TABLE noted (lead_id TEXT, as_of BIGINT)",
        "CREATE TRIGGER note_new AFTER INSERT ON scores BEGIN INSERT INTO noted VALUES (new.lead_id, new.as_of); END",
        "CREATE TRIGGER note_old AFTER UPDATE OF as_of ON scores "
        "BEGIN INSERT INTO noted VALUES (new.lead_id, new.as_of); END",
    ],
    "postgresql": [
        "CREATE TABLE noted (lead_id TEXT, as_of BIGINT)",
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN INSERT INTO noted VALUES (new.lead_id, new.as_of); RETURN new; END $$",
        "CREATE TRIGGER note AFTER INSERT OR UPDATE OF as_of ON scores FOR EACH ROW EXECUTE FUNCTION note()",
    ],
}
"""Has the database itself write down each time that a score is written."""


class Three:
    """Three processes: of one ``--workers 3``, or each with a port of its own."""

    def __init__(self, services: list[Service], database: Database, receiver: Receiver) -> None:
        self.services = services
        self.ports = [one.port for one in services] * (3 // len(services))
        self.database = database
        self.receiver = receiver

    @property
    def processes(self) -> set[int]:
        if len(self.services) == 1:
            return workers_of(self.services[0].process.pid)
        return {one.process.pid for one in self.services}

    def serve(self, version: int) -> bool:
        """Return whether all serve a version: of workers the system picks one, so a row of answers must do."""
        times = 1 if len(self.services) == 3 else 40
        return all(
            one.ask("GET", "/v1/model").body.get("version") == version for one in self.services for _ in range(times)
        )

    def scored(self, prefix: str) -> Counter[str]:
        with self.database.reading() as connection:
            rows = connection.execute(text("SELECT lead_id FROM noted WHERE lead_id LIKE :p"), {"p": f"{prefix}%"})
            return Counter(rows.scalars())

    def claimed(self) -> tuple[int, int]:
        """Return how many leads are claimed, and how many wait."""
        with self.database.reading() as connection:
            asked = select(func.count()).select_from(RESCORING)
            count = connection.execute(asked.where(RESCORING.c.claimed_until > 0)).scalar_one()
            return count, connection.execute(asked).scalar_one() - count


@pytest.fixture(params=["ports", "workers"])
def three(request: pytest.FixtureRequest, tmp_path: Path, url: str, model: TrainedModel) -> Iterator[Three]:
    save_champion(model, tmp_path, 7)
    database = Database(url)
    database.open()
    with database.writing() as connection:
        for statement in _NOTE["sqlite" if database.is_sqlite else "postgresql"]:
            connection.exec_driver_sql(statement)
    settings = {"database_url": url, "webhook_step": "1", "webhook_secret": SECRET}
    with ExitStack() as stack:
        receiver = stack.enter_context(receiving())
        settings["webhook_url"] = receiver.url
        if request.param == "workers":
            services = [stack.enter_context(serving(tmp_path, "--workers", "3", **settings))]
            wait_for(lambda: len(workers_of(services[0].process.pid)) == 3)
        else:
            services = [
                stack.enter_context(serving(tmp_path, written=f"{place}.txt", **settings)) for place in range(3)
            ]
        made = Three(services, database, receiver)
        for one in services:
            all_are_ready(one.port, 3 // len(services))
        yield made
    database.close()


def test_a_promotion_and_a_rollback_reach_all_under_load_and_nobody_notices(
    three: Three, tmp_path: Path, model: TrainedModel
) -> None:
    load, took = Load(three.ports, pause=0.03), []
    with load.at_work():
        load.wait_for_more(60)
        for version in (8, 7):
            promote(model, tmp_path, version)
            began = time.monotonic()
            wait_for(lambda wanted=version: three.serve(wanted))
            took.append(time.monotonic() - began)
            load.wait_for_more(60)
    settle(three.database)
    told = check_settled(three.database, [load], three.receiver, {7: model, 8: model})
    assert load.broken == []
    assert {one.status for one in load.scores} == {200}
    assert set(load.statuses()) <= {200, 404}
    assert {one.body["model"]["version"] for one in load.scores} == {7, 8}
    assert len({one.body["log_odds"] for one in load.scores}) == 1
    assert max(took) < 10
    print(  # noqa: T201
        f"taken up after {took[0]:.1f} and {took[1]:.1f} s; {len(load.scores)} scores, {len(load.activities)} "
        f"activities of {len(load.leads)} leads, {told} messages, {len(three.receiver.arrivals)} arrivals"
    )


def test_each_change_is_scored_and_told_once_though_one_of_the_three_is_killed(three: Three) -> None:
    rounds, told = 0, 0
    while True:
        rounds += 1
        prefix = f"R{rounds}-"
        with ThreadPoolExecutor(6) as clients:
            telling = [clients.submit(tell, three.ports, f"{prefix}{number}", number) for number in range(AT_ONCE)]
            wait_for(lambda: sum(three.scored(prefix).values()) > AT_ONCE // 4)  # noqa: B023 - waited for at once
            victim = sorted(three.processes)[rounds % 3]
            os.kill(victim, signal.SIGSTOP)
            if held := held_by_the_stopped(three):
                os.kill(victim, signal.SIGKILL)
                died = time.monotonic()
                [one.result() for one in telling]
                break
            os.kill(victim, signal.SIGCONT)  # it held nothing just then
            [one.result() for one in telling]
    settle(three.database)
    took = time.monotonic() - died
    for one in range(1, rounds + 1):
        scored = three.scored(f"R{one}-")
        assert len(scored) == AT_ONCE
        assert set(scored.values()) == {1}
        told += AT_ONCE
    with three.database.reading() as connection:
        messages = connection.execute(select(OUTBOX.c.lead_id)).scalars().all()
    assert len(messages) == len(set(messages)) == told
    assert {one.message_id for one in three.receiver.arrivals} >= set(_ids(three.database))
    print(  # noqa: T201
        f"round {rounds}: {held} claims of the killed taken over {took:.0f} s after its death; "
        f"{told} leads scored once each, {told} messages, {len(three.receiver.arrivals)} arrivals"
    )


def _ids(database: Database) -> list[str]:
    with database.reading() as connection:
        return list(connection.execute(select(OUTBOX.c.message_id)).scalars())


def tell(ports: list[int], lead_id: str, number: int) -> None:
    """Tell a lead until it is taken, by whoever takes it."""
    while True:
        number += 1
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", ports[number % 3], timeout=20)) as connection:
                answer = ask(connection, "PUT", f"/v1/leads/{lead_id}", {})
        except (OSError, http.client.HTTPException):
            continue
        if answer.status == 200:
            return
        assert answer.status == 503
        time.sleep(0.05)


def held_by_the_stopped(three: Three) -> int:
    """Return how many claims stay when the others have nothing more to do."""
    seen: list[tuple[int, int]] = []
    still = 0
    while still < 20:
        seen.append(three.claimed())
        still = still + 1 if seen[-1][0] and seen[-1] == seen[-2:][0] else 0
        if seen[-1] == (0, 0) and seen[-20:] == [(0, 0)] * 20:
            return 0
        if len(seen) > 600:
            return 0
        time.sleep(0.1)
    return seen[-1][0]
