from __future__ import annotations

import random

import pytest

from leadlight.serving.outbox.backoff import LEAST_ATTEMPTS, next_attempt, pause, retry_after

SECOND = 1_000_000
HOUR = 3600 * SECOND


class Highest(random.Random):
    """Always draws the longest pause."""

    def random(self) -> float:
        return 1.0


def seconds(status: int | None) -> list[float]:
    return [pause(status, attempts, Highest()) / SECOND for attempts in range(1, 16)]


@pytest.mark.parametrize("status", [None, 500, 502, 503, 504, 599, 408, 409, 425, 429])
def test_what_passes_by_itself_is_tried_from_a_second_to_an_hour(status: int | None) -> None:
    assert seconds(status) == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600, 3600]


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 403, 404, 413, 422, 451])
def test_what_somebody_must_mend_is_tried_slowly(status: int) -> None:
    assert seconds(status)[:8] == [60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_pauses_are_spread_over_the_whole_of_their_bound() -> None:
    chance = random.Random(1)
    drawn = [pause(500, 4, chance) / SECOND for _ in range(4000)]
    assert 0 <= min(drawn) < 0.1
    assert 7.9 < max(drawn) < 8
    assert 3.8 < sum(drawn) / len(drawn) < 4.2
    assert pause(500, 10**6, Highest()) == HOUR


def after(status: int | None, *, attempts: int, age: int, asked: int = 0) -> int | None:
    return next_attempt(
        status, attempts=attempts, created_at=0, now=age, keep_trying=72 * HOUR, asked=asked, chance=Highest()
    )


def test_a_message_is_given_up_when_it_is_too_old_and_was_tried_often() -> None:
    assert after(500, attempts=50, age=72 * HOUR - 1) == 73 * HOUR - 1
    assert after(500, attempts=50, age=72 * HOUR) is None
    assert after(None, attempts=LEAST_ATTEMPTS, age=72 * HOUR) is None
    assert after(None, attempts=LEAST_ATTEMPTS - 1, age=900 * HOUR) is not None


def test_what_is_gone_is_given_up_at_once() -> None:
    assert after(410, attempts=1, age=0) is None


def test_a_receiver_is_not_asked_before_the_time_it_named() -> None:
    assert after(503, attempts=1, age=5, asked=120 * SECOND) == 5 + 121 * SECOND


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        (None, 0), ("", 0), ("0", 0), ("7", 7), (" 7 ", 7), ("86400", 86_400), ("86401", 86_400), ("9" * 50, 86_400),
        ("-7", 0), ("7.5", 0), ("٧", 0), ("soon", 0), ("\x00", 0),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 90), ("Thu, 01 Jan 1970 00:00:05 GMT", 0),
        ("Thu, 01 Jan 2099 00:00:00 GMT", 86_400), ("Thu, 99 Jan 1970 00:00:05 GMT", 0),
        ("Thu, 01 Jan 1970 00:01:40", 0), ("Thu, 01 Jan 1970 00:01:40 +99999999", 0),
    ],
)  # fmt: skip
def test_the_time_that_a_receiver_names_is_read_both_ways(header: str | None, wanted: int) -> None:
    assert retry_after(header, 10 * SECOND) == wanted * SECOND
