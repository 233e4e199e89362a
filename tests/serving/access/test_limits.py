"""Buckets and patience, by a clock that the test moves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from leadlight.serving.access.limits import WRONG_KEYS, Buckets, WrongKeys


class Seconds:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@given(st.floats(0.1, 50.0), st.lists(st.floats(0.0, 2.0), min_size=1, max_size=80))
def test_a_bucket_lets_through_what_a_slow_account_of_it_does(rate: float, pauses: list[float]) -> None:
    seconds = Seconds()
    buckets, let_through = Buckets(rate, seconds=seconds), []
    for pause in pauses:
        seconds.now += pause
        if buckets.wait_for("a") == 0.0:
            let_through.append(seconds.now)
    size = max(1.0, rate)
    for i, first in enumerate(let_through):  # never more in any stretch than a full bucket and what ran in meanwhile
        for j in range(i, len(let_through)):
            assert j - i + 1 <= size + (let_through[j] - first) * rate + 1e-6


def test_a_bucket_fills_again_and_says_when() -> None:
    seconds = Seconds()
    buckets = Buckets(2.0, seconds=seconds)
    assert [buckets.wait_for("a") for _ in range(2)] == [0.0, 0.0]
    assert buckets.wait_for("a") == 0.5
    assert buckets.wait_for("b") == 0.0
    seconds.now += 0.5
    assert buckets.wait_for("a") == 0.0
    seconds.now += 1_000.0
    assert [buckets.wait_for("a") > 0.0 for _ in range(3)] == [False, False, True]


def test_no_limit_is_no_limit() -> None:
    buckets = Buckets(0.0, seconds=Seconds())
    assert {buckets.wait_for("a") for _ in range(10_000)} == {0.0}


def test_patience_is_counted_by_the_minute_and_address() -> None:
    seconds = Seconds()
    wrong = WrongKeys(seconds=seconds)
    assert {wrong.wait_for("192.0.2.1") for _ in range(WRONG_KEYS)} == {0.0}
    seconds.now += 20.0
    assert wrong.wait_for("192.0.2.1") == 40.0
    assert wrong.wait_for("192.0.2.2") == 0.0
    seconds.now += 40.0
    assert wrong.wait_for("192.0.2.1") == 0.0


def test_a_customers_ipv6_addresses_are_one_and_mapped_ones_are_ipv4() -> None:
    wrong = WrongKeys(seconds=Seconds())
    for i in range(WRONG_KEYS):
        wrong.wait_for(f"2001:db8:1:2:{i:x}::1")
        wrong.wait_for("192.0.2.1")
    assert wrong.wait_for("2001:db8:1:2:ffff::9") > 0.0
    assert wrong.wait_for("2001:db8:1:3::1") == 0.0
    assert wrong.wait_for("::ffff:192.0.2.1") > 0.0
    assert wrong.wait_for("::ffff:192.0.2.2") == 0.0


def test_many_addresses_take_no_endless_memory() -> None:
    wrong = WrongKeys(seconds=Seconds())
    for i in range(20_000):
        wrong.wait_for(f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}")
    assert len(wrong._seen) <= 10_000
