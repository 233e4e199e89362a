from __future__ import annotations

import json
import random
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import select

from leadlight.serving.store import outbox_table as table
from leadlight.serving.store.database import Database
from leadlight.serving.store.ids import is_message_id
from leadlight.serving.store.outbox_table import DEAD, DELIVERED, WAITING, Claim, Failure
from leadlight.serving.store.schema import OUTBOX

SECOND = 1_000_000
NOW = 1_800_000_000 * SECOND
LEASE = 30 * SECOND


class Box:
    """The table, one transaction a call."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def put(self, lead_id: str, now: int = NOW, **payload: Any) -> str:
        with self.database.writing() as connection:
            return table.enqueue(connection, lead_id, payload, now)

    def claim(self, now: int = NOW, limit: int = 100) -> list[Claim]:
        with self.database.writing() as connection:
            return table.claim(connection, now, LEASE, limit)

    def delivered(self, claims: list[Claim], now: int = NOW) -> None:
        with self.database.writing() as connection:
            table.delivered(connection, claims, now)

    def failed(self, claim: Claim, at: int | None, now: int = NOW) -> None:
        with self.database.writing() as connection:
            table.failed(connection, [Failure(claim, "HTTP 503", at)], now)

    def release(self, claims: list[Claim]) -> None:
        with self.database.writing() as connection:
            table.release(connection, claims)

    def retry(self, message_id: str, now: int = NOW) -> str | None:
        with self.database.writing() as connection:
            return table.retry(connection, message_id, now)

    def of(self, message_id: str) -> Any:
        with self.database.reading() as connection:
            return connection.execute(select(OUTBOX).where(OUTBOX.c.message_id == message_id)).one()


@pytest.fixture
def box(database: Database) -> Box:
    return Box(database)


def ids(claims: list[Claim]) -> list[str]:
    return [one.message_id for one in claims]


def test_a_message_is_kept_as_it_will_be_sent(box: Box) -> None:
    made = box.put("L-1", score=91, why=["Pidió una demo"], share=0.1)
    assert is_message_id(made)
    (claim,) = box.claim()
    assert (claim.message_id, claim.lead_id, claim.attempts, claim.created_at) == (made, "L-1", 0, NOW)
    assert claim.payload == '{"score":91,"why":["Pidió una demo"],"share":0.1}'


def test_a_message_is_there_only_if_the_callers_transaction_is_committed(box: Box) -> None:
    def put_and_fail() -> None:
        with box.database.writing() as connection:
            table.enqueue(connection, "L-1", {}, NOW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        put_and_fail()
    assert box.claim() == []


def test_what_is_claimed_is_claimed_by_nobody_else_until_the_lease_ends(box: Box) -> None:
    made = box.put("L-1")
    assert ids(box.claim()) == [made]
    assert box.claim(NOW + LEASE - 1) == []
    assert ids(box.claim(NOW + LEASE)) == [made]


def test_messages_of_a_lead_go_one_after_the_other(box: Box) -> None:
    first, second, other = box.put("L-1"), box.put("L-1"), box.put("L-2")
    claimed = box.claim()
    assert ids(claimed) == [first, other]
    assert box.claim() == []
    box.delivered(claimed)
    assert ids(box.claim()) == [second]


def test_a_later_one_waits_as_long_as_an_earlier_one_is_tried_again(box: Box) -> None:
    first, second = box.put("L-1"), box.put("L-1")
    box.failed(box.claim()[0], NOW + 60 * SECOND)
    assert box.claim(NOW + 59 * SECOND) == []
    assert box.of(second).next_attempt_at == NOW + 60 * SECOND  # it is not looked at in vain
    third = box.put("L-1", NOW + SECOND)
    assert box.of(third).next_attempt_at == NOW + 60 * SECOND
    assert ids(box.claim(NOW + 60 * SECOND)) == [first]
    assert box.of(first).attempts == 1
    assert box.of(first).last_error == "HTTP 503"


def test_a_dead_one_lets_the_later_ones_pass(box: Box) -> None:
    first, second = box.put("L-1"), box.put("L-1")
    box.failed(box.claim()[0], None)
    assert box.of(first).state == DEAD
    assert ids(box.claim()) == [second]
    with box.database.reading() as connection:
        assert [one.message_id for one in table.dead_letters(connection)] == [first]


def test_who_lost_the_lease_decides_nothing(box: Box) -> None:
    made = box.put("L-1")
    late = box.claim()
    again = box.claim(NOW + LEASE)
    box.delivered(late)
    box.failed(late[0], None)
    box.release(late)
    row = box.of(made)
    assert (row.state, row.attempts, row.claimed_until) == (WAITING, 0, again[0].claimed_until)
    box.delivered(again, NOW + LEASE)
    assert (box.of(made).state, box.of(made).delivered_at) == (DELIVERED, NOW + LEASE)


def test_what_was_not_sent_is_given_back(box: Box) -> None:
    made = box.put("L-1")
    box.release(box.claim())
    assert ids(box.claim()) == [made]
    assert box.of(made).attempts == 0


def test_the_longest_due_goes_first(box: Box) -> None:
    late, early = box.put("L-1", NOW), box.put("L-2", NOW - SECOND)
    assert ids(box.claim(limit=1)) == [early]
    assert ids(box.claim(limit=1)) == [late]


def test_leads_with_much_to_tell_hold_up_nobody(box: Box) -> None:
    for _ in range(500):
        box.put("L-1", NOW)
    last = box.put("L-2", NOW + 1)
    assert [one.lead_id for one in box.claim(NOW + 1)] == ["L-1", "L-2"]
    assert box.of(last).claimed_until == NOW + 1 + LEASE


def test_two_that_claim_at_the_same_time_get_different_messages(url: str) -> None:
    """Whoever finds a row locked passes over it, so a look may find less than there is, but never the same."""
    first, second = Database(url), Database(url)
    boxes = Box(first), Box(second)
    made = [boxes[0].put(f"L-{i}") for i in range(60)]
    with ThreadPoolExecutor(2) as pool:
        parts = list(pool.map(lambda box: [ids(box.claim(limit=3)) for _ in range(8)], boxes))
    claimed = [one for part in parts for group in part for one in group]
    rest = ids(boxes[0].claim())
    for database in (first, second):
        database.close()
    assert all(any(part) for part in parts)
    assert sorted(claimed + rest) == sorted(made)


def test_a_dead_letter_is_tried_again_with_all_its_attempts(box: Box) -> None:
    made = box.put("L-1")
    box.failed(box.claim()[0], None)
    assert box.retry(made, NOW + 5) == DEAD
    (claim,) = box.claim(NOW + 5)
    assert (claim.message_id, claim.attempts) == (made, 0)


def test_a_retried_one_is_not_sent_beside_a_later_one_of_its_lead(box: Box) -> None:
    first, second = box.put("L-1"), box.put("L-1")
    box.failed(box.claim()[0], None)
    sending = box.claim()
    assert ids(sending) == [second]
    box.retry(first)
    assert box.claim() == []
    box.delivered(sending)
    assert ids(box.claim(NOW + LEASE)) == [first]


def test_a_waiting_one_is_tried_at_once_with_those_that_it_waits_for(box: Box) -> None:
    first, second = box.put("L-1"), box.put("L-1")
    box.failed(box.claim()[0], NOW + 3600 * SECOND)
    assert box.retry(second) == WAITING
    claimed = box.claim()
    assert (ids(claimed), claimed[0].attempts) == ([first], 1)
    box.delivered(claimed)
    assert ids(box.claim()) == [second]


def test_a_retry_leaves_alone_what_is_being_sent(box: Box) -> None:
    made = box.put("L-1")
    box.claim()
    assert box.retry(made) == WAITING
    assert box.claim() == []


def test_what_arrived_or_is_unknown_is_not_tried_again(box: Box) -> None:
    made = box.put("L-1")
    box.delivered(box.claim())
    assert box.retry(made) == DELIVERED
    assert box.retry("msg_01KB4Z0T5N8QY2M6R3W7X9V1CD") is None
    assert box.of(made).state == DELIVERED


def test_all_dead_letters_are_tried_again_together(box: Box) -> None:
    made = [box.put(f"L-{i}") for i in range(3)]
    for claim in box.claim():
        box.failed(claim, None)
    with box.database.writing() as connection:
        assert table.retry_dead(connection, NOW) == 3
        assert table.retry_dead(connection, NOW) == 0
    assert ids(box.claim()) == made


def test_messages_are_listed_newest_first_page_by_page(box: Box) -> None:
    made = [box.put(f"L-{i}", n=i) for i in range(5)]
    box.delivered(box.claim(limit=2))
    with box.database.reading() as connection:
        page = table.messages(connection, limit=3)
        rest = table.messages(connection, limit=3, before=page[-1].number)
        waiting = table.messages(connection, state=WAITING)
    assert [one.message_id for one in [*page, *rest]] == made[::-1]
    assert [one.message_id for one in waiting] == made[:1:-1]
    assert json.loads(page[0].payload) == {"n": 4}


def test_the_backlog_is_counted_with_its_age(box: Box) -> None:
    with box.database.reading() as connection:
        assert table.backlog(connection) == (0, None)
        assert table.oldest_waiting_age(connection, NOW) is None
    box.put("L-1", NOW - 7)
    box.put("L-2")
    with box.database.reading() as connection:
        assert table.backlog(connection) == (2, NOW - 7)
        assert table.oldest_waiting_age(connection, NOW) == 7


def test_only_what_was_delivered_long_ago_is_deleted(box: Box) -> None:
    old, new, waiting, dead = (box.put(f"L-{i}", NOW - 10) for i in range(4))
    first, second, third, fourth = box.claim()
    box.delivered([first], NOW - 1)
    box.delivered([second], NOW)
    box.failed(third, NOW - 5)
    box.failed(fourth, None, NOW - 5)
    with box.database.writing() as connection:
        assert table.purge(connection, NOW, 10) == 1
        assert table.purge(connection, NOW, 10) == 0
        left = {one.message_id for one in table.messages(connection)}
    assert left == {new, waiting, dead}
    assert old not in left


@pytest.mark.parametrize("seed", range(5))
def test_whatever_happens_each_lead_is_told_in_order(box: Box, seed: int) -> None:
    """Beside an obvious slow version: of each lead only the first that waits may be claimed, and by one alone."""
    chance, now = random.Random(seed), NOW
    expected: dict[str, list[str]] = {}
    held: dict[str, Claim] = {}
    arrived: dict[str, list[str]] = {}
    for _ in range(150):
        now += chance.randrange(3) * SECOND
        what = chance.choice(["put", "put", "claim", "deliver", "fail", "die", "lose"])
        if what == "put":
            lead = f"L-{chance.randrange(4)}"
            expected.setdefault(lead, []).append(box.put(lead, now))
        elif what == "claim":
            for one in box.claim(now, limit=chance.randrange(1, 4)):
                assert one.lead_id not in held or held[one.lead_id].claimed_until <= now
                waiting = [m for m in expected[one.lead_id] if m not in arrived.get(one.lead_id, ())]
                assert one.message_id == waiting[0]
                held[one.lead_id] = one
        elif held:
            lead, one = chance.choice(sorted(held.items()))
            del held[lead]
            if one.claimed_until <= now or what == "lose":
                held[lead] = one  # nobody hears of it again until the lease ends
            elif what == "deliver":
                box.delivered([one], now)
                arrived.setdefault(lead, []).append(one.message_id)
            elif what == "die":
                box.failed(one, None, now)
                arrived.setdefault(lead, []).append(one.message_id)
            else:
                box.failed(one, now + chance.randrange(5) * SECOND, now)
    assert sum(map(len, arrived.values())) > 5
    for lead, told in arrived.items():
        assert told == expected[lead][: len(told)]
        assert all(a != b for a, b in pairwise(told))
