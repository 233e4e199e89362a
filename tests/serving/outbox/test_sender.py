"""Delivery over real HTTP to a receiver that does as it likes."""

from __future__ import annotations

import random
import threading
from collections import defaultdict
from contextlib import contextmanager
from itertools import groupby
from typing import Any

import psycopg
import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy.engine import make_url

from databases import postgres_server
from leadlight.core.clock import to_micros
from leadlight.serving.outbox import sender as sender_module
from leadlight.serving.outbox.signing import verify
from leadlight.serving.store import database as database_module
from leadlight.serving.store import outbox_table
from leadlight.serving.store.outbox_table import DEAD, DELIVERED, WAITING
from outboxes import SECRET, Office, is_signed
from receivers import Reply, receiving
from waiting import wait_for

SECOND = 1_000_000


def test_a_message_arrives_as_it_was_put_signed_by_the_standard(office: Office) -> None:
    made = office.put("L-1", type="lead.score_changed", data={"why": ["Pidió una demo"], "score": 91})
    office.send()
    row = office.waits_for(made, state=DELIVERED)
    (arrival,) = office.receiver.arrivals
    assert arrival.payload == {"type": "lead.score_changed", "data": {"why": ["Pidió una demo"], "score": 91}}
    assert arrival.message_id == made
    assert arrival.path == "/hooks?tenant=7"
    assert arrival.headers["content-type"] == "application/json"
    assert arrival.headers["user-agent"].startswith("Leadlight/")
    assert arrival.headers["host"] == f"127.0.0.1:{office.receiver.port}"
    assert int(arrival.headers["webhook-timestamp"]) == office.now // SECOND
    assert is_signed(arrival)
    assert verify(SECRET, arrival.headers, arrival.body, office.now)
    assert (row.attempts, row.delivered_at, row.last_error) == (1, office.now, None)


def test_a_new_message_is_sent_at_once(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender_module, "_POLL_SECONDS", 3600.0)
    first = office.put()
    sender = office.send()
    office.waits_for(first, state=DELIVERED)  # what waited before it began
    second = office.put()
    sender.notify()
    office.waits_for(second, state=DELIVERED)


def test_a_message_of_another_process_is_found_by_looking(office: Office) -> None:
    office.send()
    office.waits_for(office.put(), state=DELIVERED)
    office.waits_for(office.put(), state=DELIVERED)


def test_connections_are_kept_open(office: Office) -> None:
    made = [office.put(f"L-{i}") for i in range(200)]
    office.send()
    for one in made:
        office.waits_for(one, state=DELIVERED)
    assert sorted(office.receiver.ids) == sorted(made)
    assert len({one.peer for one in office.receiver.arrivals}) <= 8


@pytest.mark.parametrize("seed", range(3))
def test_each_lead_is_told_in_order_whatever_the_receiver_does(office: Office, seed: int) -> None:
    chance = random.Random(seed)
    replies = [Reply(), Reply(), Reply(503), Reply(500), Reply(hang_up=True), Reply(404), Reply(302)]
    office.receiver.decide = lambda _: chance.choice(replies)
    expected: dict[str, list[str]] = defaultdict(list)
    sender = office.send()
    for _ in range(60):
        lead = f"L-{chance.randrange(6)}"
        expected[lead].append(office.put(lead, lead=lead))
        if chance.random() < 0.3:
            sender.notify()
            office.clock.move(seconds=1)
    last = [told[-1] for told in expected.values()]
    office.until(lambda: all(office.row(one).state == DELIVERED for one in last), minutes=5)
    arrived: dict[str, list[str]] = defaultdict(list)
    for arrival in office.receiver.arrivals:
        arrived[arrival.payload["lead"]].append(arrival.message_id)
    assert {lead: [one for one, _ in groupby(told)] for lead, told in arrived.items()} == expected
    assert len(office.receiver.arrivals) > 60
    assert all(map(is_signed, office.receiver.arrivals))


def test_a_receiver_that_is_down_for_a_day_loses_nothing(office: Office) -> None:
    office.receiver.always(status=503)
    sender = office.send()
    made = []
    for _ in range(24):
        made += [office.put("L-1"), office.put("L-2")]
        office.clock.move(hours=1)
        sender.notify()
        wait_for(lambda: sender.idle)
    assert len(office.receiver.arrivals) >= 40
    assert {office.row(one).state for one in made} == {WAITING}
    office.receiver.arrivals.clear()
    office.receiver.always()
    office.until(lambda: office.row(made[-1]).state == office.row(made[-2]).state == DELIVERED, minutes=1)
    assert [one for one in office.receiver.ids if one in made[::2]] == made[::2]
    assert [one for one in office.receiver.ids if one in made[1::2]] == made[1::2]


def test_a_receiver_that_is_not_there_is_waited_for(office: Office) -> None:
    with receiving() as other:
        pass
    office.receiver = other  # its port is free now
    made = office.put()
    office.send()
    row = office.waits_for(made, attempts=1)
    assert row.last_error == "the connection was refused"
    with receiving(other):
        office.until(lambda: office.row(made).state == DELIVERED, seconds=1)


def test_what_is_given_up_is_a_dead_letter_and_lets_the_next_pass(office: Office) -> None:
    first, second = office.put(n=1), office.put(n=2)
    office.receiver.decide = lambda one: Reply(500 if one.message_id == first else 200)
    office.send()
    office.until(lambda: office.row(first).state == DEAD, hours=1)
    row = office.row(first)
    assert row.attempts >= 10
    assert row.last_error == "HTTP 500 Internal Server Error"
    assert office.now - row.created_at >= 72 * 3600 * SECOND
    office.waits_for(second, state=DELIVERED)
    office.receiver.always()
    with office.database.writing() as connection:
        assert outbox_table.retry(connection, first, office.now) == DEAD
    office.waits_for(first, state=DELIVERED, last_error=None)


def test_the_hours_are_the_operators(office: Office) -> None:
    made = office.put()
    office.receiver.always(status=500)
    office.send(webhook_keep_trying_hours=0.01)
    office.until(lambda: office.row(made).state == DEAD, minutes=10)
    assert office.row(made).attempts == 10


def test_a_receiver_that_is_gone_is_not_tried_again(office: Office) -> None:
    made = office.put()
    office.receiver.always(status=410)
    office.send()
    row = office.waits_for(made, state=DEAD)
    assert (row.attempts, row.last_error) == (1, "HTTP 410 Gone")


@pytest.mark.parametrize("status", [429, 503])
def test_a_receiver_that_asks_for_time_gets_it(office: Office, status: int) -> None:
    made = office.put("L-1")
    office.receiver.always(status=status, headers={"Retry-After": "120"})
    sender = office.send()
    row = office.waits_for(made, attempts=1)
    assert 120 * SECOND <= row.next_attempt_at - row.created_at <= 121 * SECOND
    other = office.put("L-2")
    office.clock.move(seconds=119)
    assert sender._may_send() is False  # no other lead's either
    office.receiver.always()
    office.clock.move(seconds=2)
    office.waits_for(made, state=DELIVERED)
    office.waits_for(other, state=DELIVERED)
    assert office.receiver.ids.count(other) == 1


def test_a_redirect_is_not_followed(office: Office) -> None:
    made = office.put()
    with receiving() as elsewhere:
        office.receiver.always(status=307, headers={"Location": elsewhere.url})
        office.send()
        row = office.waits_for(made, attempts=1)
        assert elsewhere.arrivals == []
    assert row.last_error == "HTTP 307 Temporary Redirect; redirects are not followed"


def test_nothing_of_the_lead_or_the_answer_stands_in_the_error(office: Office) -> None:
    made = office.put("ada@example.com", name="Ada")

    def echo(wfile: Any) -> None:
        wfile.write(b"HTTP/1.1 400 no Ada here\r\nX-Ada: Ada\r\nContent-Length: 3\r\n\r\nAda")

    office.receiver.always(raw=echo)
    office.send()
    assert office.waits_for(made, attempts=1).last_error == "HTTP 400 Bad Request"


def test_a_slow_receiver_holds_up_only_what_it_holds(office: Office) -> None:
    free = threading.Event()
    slow = office.put("L-slow")
    office.receiver.decide = lambda one: Reply(wait=free.wait) if one.message_id == slow else Reply()
    made = [office.put(f"L-{i}") for i in range(100)]
    later = office.put("L-slow")
    office.send()
    for one in made:
        office.waits_for(one, state=DELIVERED)
    assert (office.row(slow).state, office.row(later).state) == (WAITING, WAITING)
    free.set()
    office.waits_for(later, state=DELIVERED)
    assert office.receiver.ids.count(slow) == 1


def test_stopping_lets_what_is_being_sent_come_to_its_end(office: Office) -> None:
    free = threading.Event()
    made = [office.put(f"L-{i}") for i in range(200)]
    office.receiver.decide = lambda _: Reply(wait=free.wait if len(office.receiver.arrivals) > 60 else None)
    sender = office.send()
    wait_for(lambda: len(office.receiver.arrivals) == 68)  # as many as there are threads are being sent
    stopping = threading.Thread(target=sender.stop)
    stopping.start()
    wait_for(lambda: sender._stopping)
    assert stopping.is_alive()
    free.set()
    stopping.join()
    rows = [office.row(one) for one in made]
    assert {one.message_id for one in rows if one.state == DELIVERED} == set(office.receiver.ids)
    assert len(office.receiver.arrivals) == 68
    assert all(one.claimed_until == 0 for one in rows)
    sender.stop()  # once more does no harm


def test_what_a_killed_sender_held_is_sent_when_its_lease_ends(office: Office) -> None:
    made = office.put()
    with office.database.writing() as connection:
        assert len(outbox_table.claim(connection, office.now, 30 * SECOND, 1)) == 1
    office.send()
    office.waits_for(office.put("L-2"), state=DELIVERED)
    assert office.row(made).state == WAITING
    office.clock.move(seconds=30)
    office.waits_for(made, state=DELIVERED)


@contextmanager
def out_of_order(url: str) -> Any:
    """Let a database answer nobody."""
    if url.startswith("sqlite"):
        import sqlite3

        other = sqlite3.connect(make_url(url).database or "", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")  # whoever writes waits for a while, in vain
        yield
        other.execute("ROLLBACK")
        other.close()
        return
    name = make_url(url).database
    with psycopg.connect(postgres_server(), autocommit=True) as server:
        server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")  # type: ignore[arg-type]
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        yield
        server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")  # type: ignore[arg-type]


def test_while_the_database_is_down_the_sender_waits(
    office: Office, url: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "_BUSY_MILLISECONDS", 500)
    free = threading.Event()
    first, second = office.put("L-1"), office.put("L-1")
    office.receiver.always(wait=free.wait)
    office.send()
    wait_for(lambda: office.receiver.ids == [first])
    with out_of_order(url):
        free.set()  # what became of it can't be written down
        wait_for(lambda: "can't be read or written" in caplog.text)
    office.waits_for(second, state=DELIVERED)
    assert office.receiver.ids == [first, second]  # it was remembered meanwhile


def test_what_the_database_refuses_is_logged_without_what_it_quotes(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    """PostgreSQL quotes the whole row that fails a check: the lead's id, and what was to be told of it."""
    made = office.put("L-marked", why="marked")
    with office.database.writing() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER refuse BEFORE UPDATE ON outbox WHEN new.attempts > 0 BEGIN SELECT RAISE(ABORT, 'no'); END"
            if office.database.is_sqlite
            else "ALTER TABLE outbox ADD CONSTRAINT refuse CHECK (attempts = 0)"
        )
    office.receiver.always(status=503)
    office.send()
    wait_for(lambda: "can't be read or written" in caplog.text)
    assert "IntegrityError: no" in caplog.text or "CheckViolation: SQLSTATE 23514 outbox refuse" in caplog.text
    assert "marked" not in caplog.text
    assert office.row(made).attempts == 0


def test_what_was_delivered_a_week_ago_is_deleted(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender_module, "_PURGE_SECONDS", 0.0)
    monkeypatch.setattr(sender_module, "_PURGE_AT_ONCE", 2)
    made = [office.put(f"L-{i}") for i in range(5)]
    office.send()
    for one in made:
        office.waits_for(one, state=DELIVERED)
    office.clock.move(days=7, seconds=1)

    def left() -> int:
        with office.database.reading() as connection:
            return len(outbox_table.messages(connection))

    wait_for(lambda: left() == 0)


def test_prometheus_is_told(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender_module, "_BACKLOG_SECONDS", 0.0)
    good, bad, gone = office.put("L-1"), office.put("L-2"), office.put("L-3")
    status = {good: 200, bad: 500, gone: 410}
    office.receiver.decide = lambda one: Reply(status[one.message_id])
    sender = office.send()
    registry = CollectorRegistry(auto_describe=True)
    registry.register(sender.metrics)
    registry.register(sender.metrics.counts)

    def told(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, labels)

    wait_for(lambda: told("leadlight_outbox_waiting") == 1)
    wait_for(lambda: told("leadlight_outbox_sent_total", outcome="dead") == 1)
    wait_for(lambda: (told("leadlight_outbox_sent_total", outcome="failed") or 0) >= 1)
    assert told("leadlight_outbox_sent_total", outcome="delivered") == 1
    before = office.row(bad).created_at
    office.clock.move(minutes=1)
    age = told("leadlight_outbox_oldest_seconds")
    assert age is not None
    assert age == (to_micros(office.clock.now()) - before) / SECOND
