from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadlight.core.clock import DAY, NEVER, FixedClock, SystemClock, from_micros, to_micros

zones = st.timezones() | st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
instants = st.datetimes(datetime(1902, 1, 1), datetime(2200, 1, 1), timezones=zones)  # noqa: DTZ001 - bounds are local


@given(instants)
def test_no_microsecond_is_lost(instant: datetime) -> None:
    assert from_micros(to_micros(instant)) == instant.astimezone(UTC)


@given(st.integers(-(2**52), 2**52))
def test_micros_come_back(micros: int) -> None:
    assert to_micros(from_micros(micros)) == micros


@given(instants, instants)
def test_order_is_kept(one: datetime, other: datetime) -> None:
    assert (to_micros(one) < to_micros(other)) == (one.astimezone(UTC) < other.astimezone(UTC))


def test_a_day() -> None:
    assert to_micros(datetime(1970, 1, 2, tzinfo=UTC)) == DAY
    assert to_micros(datetime(2000, 1, 1, tzinfo=UTC)) > NEVER


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        to_micros(datetime(2024, 1, 1))  # noqa: DTZ001 - the point of the test


def test_a_fixed_clock_stands_and_speaks_utc() -> None:
    clock = FixedClock(datetime(2024, 1, 1, 12, tzinfo=timezone(timedelta(hours=2))))
    assert clock.now() == clock.now() == datetime(2024, 1, 1, 10, tzinfo=UTC)
    assert clock.now().tzinfo is UTC


def test_the_system_clock_runs_in_utc() -> None:
    before = datetime.now(UTC)
    now = SystemClock().now()
    assert before <= now <= datetime.now(UTC)
    assert now.utcoffset() == timedelta(0)
