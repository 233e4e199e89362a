"""Keys as texts, in the database, and as a process knows them."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from leadlight.core.clock import DAY
from leadlight.core.errors import Unavailable
from leadlight.serving.access.key_text import digest, key_id_in, new_key
from leadlight.serving.access.known_keys import KnownKeys
from leadlight.serving.store.database import Database
from leadlight.serving.store.key_table import ApiKey, KeyTable
from waiting import wait_for

KEY = ApiKey("0123456789ab", "d" * 64, "rep", "Ana Peña", "Ana's laptop", 5, 5 + DAY)


def test_keys_are_long_and_never_the_same() -> None:
    drawn = [new_key() for _ in range(200)]
    assert len({key.key_id for key in drawn}) == len({key.text[-64:] for key in drawn}) == 200
    for key in drawn:
        assert key_id_in(key.text) == key.key_id
        assert digest(key.text) == hashlib.sha256(key.text.encode()).hexdigest()


@pytest.mark.parametrize(
    "odd", ["", "ll_", "ll_0123456789ab_", "LL_0123456789ab_" + "0" * 64, "ll_0123456789ab_" + "0" * 63]
)
def test_what_is_no_key_names_none(odd: str) -> None:
    assert key_id_in(odd) is None
    assert key_id_in("ll_0123456789ab_" + "0" * 64 + "\n") is None


def test_a_key_comes_back_as_it_was_put(keys: KeyTable) -> None:
    plain = ApiKey("ffffffffffff", "e" * 64, "admin", None, None, 4)
    keys.add(KEY)
    keys.add(plain)
    assert keys.all() == [plain, KEY]


def test_the_first_revocation_counts(keys: KeyTable) -> None:
    keys.add(KEY)
    assert keys.revoke(KEY.key_id, 7) == replace(KEY, revoked_at=7)
    assert keys.revoke(KEY.key_id, 9) == replace(KEY, revoked_at=7)
    assert keys.revoke("ffffffffffff", 9) is None


def test_a_replaced_key_is_revoked_and_others_are_not(keys: KeyTable) -> None:
    other = ApiKey("ffffffffffff", "e" * 64, "admin", None, "else", 4)
    new = replace(KEY, key_id="aaaaaaaaaaaa", created_at=9)
    for key in (KEY, other):
        keys.add(key)
    keys.replace_labelled(new)
    assert keys.all() == [other, replace(KEY, revoked_at=9), new]


def test_nothing_that_opens_lies_in_the_database(give: Callable[..., str], database: Database) -> None:
    given = give("admin", label="mine")
    with database.reading() as reader:
        rows = reader.execute(text("SELECT * FROM api_keys")).all()
    assert given not in str(rows)
    assert given.split("_")[2] not in str(rows)


@pytest.mark.parametrize(
    ("changes", "now", "valid"),
    [
        ({}, 6, True),
        ({}, 4 + DAY, True),
        ({}, 5 + DAY, False),
        ({"revoked_at": 5}, 5, False),
        ({"expires_at": None}, 2**62, True),
    ],
)
def test_a_key_is_valid_until_its_end(changes: dict[str, Any], now: int, valid: bool) -> None:
    assert replace(KEY, **changes).is_valid(now) is valid


class Table:
    """A table whose answers a test holds back, or spoils."""

    def __init__(self) -> None:
        self.keys: list[ApiKey] = [KEY]
        self.error: Exception | None = None
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.asked = 0
        self.threads: set[int] = set()

    def all(self) -> list[ApiKey]:
        self.asked += 1
        self.threads.add(threading.get_ident())
        found = list(self.keys)
        self.may_answer.wait(30)
        if self.error is not None:
            raise self.error
        return found


class Seconds:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_young_keys_are_gone_by_old_ones_waited_for() -> None:
    table, seconds = Table(), Seconds()
    known = KnownKeys(table, seconds=seconds)  # type: ignore[arg-type] # it answers as a table does

    async def walk() -> None:
        assert known.at_hand is None
        assert set(await known.newest()) == {KEY.key_id}
        asked = table.asked
        seconds.now += 0.49
        assert known.at_hand is not None
        assert table.asked == asked  # not more than needed
        table.may_answer.clear()
        seconds.now += 0.2
        assert known.at_hand is not None  # read anew beside this request
        wait_for(lambda: table.asked == asked + 1)
        assert known.at_hand is not None
        assert table.asked == asked + 1  # one reading at a time
        seconds.now += 0.5
        assert known.at_hand is None  # too old by now
        table.may_answer.set()
        assert set(await known.newest()) == {KEY.key_id}

    asyncio.run(walk())
    known.close()
    assert threading.get_ident() not in table.threads


def test_a_revocation_is_seen_by_the_first_request_after_a_second() -> None:
    table, seconds = Table(), Seconds()
    known = KnownKeys(table, seconds=seconds)  # type: ignore[arg-type]

    async def walk() -> None:
        assert known.at_hand is None
        await known.newest()
        table.keys = [replace(KEY, revoked_at=1)]
        seconds.now += 1.0
        found = known.at_hand
        assert found is None
        assert (await known.newest())[KEY.key_id].revoked_at == 1

    asyncio.run(walk())
    known.close()


def test_a_silent_table_holds_requests_up_once_and_what_is_known_counts_on() -> None:
    table, seconds = Table(), Seconds()
    known = KnownKeys(table, seconds=seconds)  # type: ignore[arg-type]

    async def walk() -> None:
        assert known.at_hand is None
        await known.newest()
        table.may_answer.clear()
        seconds.now += 5.0
        assert known.at_hand is None
        assert set(await known.newest()) == {KEY.key_id}  # after a second of patience
        for _ in range(5):
            seconds.now += 5.0
            assert known.at_hand is not None  # no request waits any more
        table.keys = []
        table.may_answer.set()
        wait_for(lambda: (seconds.__setattr__("now", seconds.now + 0.6), known.at_hand == {})[1])  # type: ignore[func-returns-value]

    asyncio.run(walk())
    known.close()


def test_what_was_never_read_opens_nothing() -> None:
    table, seconds = Table(), Seconds()
    table.error = OSError("away")
    known = KnownKeys(table, seconds=seconds)  # type: ignore[arg-type]

    async def walk() -> None:
        for _ in range(3):
            assert known.at_hand is None
            with pytest.raises(Unavailable):
                await known.newest()
        assert table.asked == 1  # a failing database is left alone for a while
        table.error = None
        seconds.now += 0.5
        assert known.at_hand is None
        assert set(await known.newest()) == {KEY.key_id}

    asyncio.run(walk())
    known.close()
