"""Several senders at one outbox, one of them killed."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from threading import Event

from leadlight.core.clock import to_micros
from leadlight.serving.store import outbox_table
from leadlight.serving.store.database import Database
from outboxes import SECRET, is_signed
from receivers import Receiver, Reply, receiving
from sending import FastClock
from waiting import wait_for

LEADS, EACH = 40, 8


@contextmanager
def sending(url: str, receiver: Receiver) -> Iterator[subprocess.Popen[str]]:
    program = Path(__file__).parents[2] / "support" / "sending.py"
    process = subprocess.Popen(
        [sys.executable, str(program), url, receiver.url, SECRET],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        assert process.stdout.readline() == "sending\n"
        yield process
    finally:
        process.stdin.close()
        process.wait(60)
        process.stdout.close()


def put_all(database: Database) -> dict[str, list[str]]:
    """Put messages of many leads, one after the other."""
    made: dict[str, list[str]] = defaultdict(list)
    for _ in range(EACH):
        with database.writing() as connection:
            for number in range(LEADS):
                lead = f"L-{number}"
                now = to_micros(FastClock().now())
                made[lead].append(outbox_table.enqueue(connection, lead, {"lead": lead}, now))
    return made


def test_a_killed_sender_loses_nothing_and_mixes_up_nothing(database: Database, url: str) -> None:
    chance, held = random.Random(5), Event()
    replies = [*[Reply()] * 8, Reply(503), Reply(hang_up=True), Reply(wait=lambda: Event().wait(0.02))]
    with receiving() as receiver:
        receiver.decide = lambda _: Reply(wait=held.wait) if not held.is_set() else chance.choice(replies)
        database.open()
        made = put_all(database)
        with sending(url, receiver) as first, sending(url, receiver) as second, sending(url, receiver):
            wait_for(lambda: len(receiver.arrivals) >= 20)  # each is in the middle of sending what it holds
            first.kill()
            held.set()

            def told(message_id: str) -> bool:
                with database.reading() as connection:
                    waiting = outbox_table.backlog(connection).waiting
                return waiting == 0 and message_id in receiver.ids

            wait_for(lambda: told(made["L-0"][-1]), seconds=120)
            assert second.poll() is None
        arrivals = list(receiver.arrivals)
    arrived: dict[str, list[str]] = defaultdict(list)
    for one in arrivals:
        arrived[one.payload["lead"]].append(one.message_id)
    assert {lead: [one for one, _ in groupby(ids)] for lead, ids in arrived.items()} == made
    assert all(map(is_signed, arrivals))
    with database.reading() as connection:
        left = outbox_table.messages(connection, limit=LEADS * EACH)
    assert {one.state for one in left} == {"delivered"}
    assert len(left) == LEADS * EACH
