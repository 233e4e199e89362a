"""The clock, always passed in, so that a demo or a test can stand still in time.

Times are UTC. Inside the compiled loops a time is an ``int64`` number of microseconds since 1970-01-01 UTC;
this module holds the only conversions between the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

__all__ = ["DAY", "NEVER", "Clock", "FixedClock", "SystemClock", "from_micros", "time_text", "to_micros"]

DAY: Final = 86_400_000_000
"""Microseconds in a day."""

NEVER: Final = -(2**63)
"""The time of what did not happen or is not known (numpy's NaT has the same bits)."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Clock(Protocol):
    """Tells the time; the only source of "now"."""

    def now(self) -> datetime:
        """Return the current instant, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the current instant, aware, in UTC."""
        return datetime.now(UTC)


@dataclass(frozen=True)
class FixedClock:
    """A clock that stands at one instant: demos run at the end of their history.

    Attributes
    ----------
    instant : datetime
        Aware.
    """

    instant: datetime

    def now(self) -> datetime:
        """Return the fixed instant in UTC."""
        return self.instant.astimezone(UTC)


def to_micros(instant: datetime) -> int:
    """Return microseconds since 1970-01-01 UTC; exact, no floating point.

    Raises
    ------
    ValueError
        If ``instant`` has no time zone: assuming one would move events in silence.

    Examples
    --------
    >>> to_micros(datetime(1970, 1, 2, tzinfo=UTC)) == DAY
    True
    """
    if instant.tzinfo is None:
        raise ValueError(f"{instant.isoformat()} has no time zone; add one, for example a Z at the end for UTC")
    return (instant - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return the instant of a number of microseconds since 1970-01-01 UTC.

    Examples
    --------
    >>> from_micros(DAY).isoformat()
    '1970-01-02T00:00:00+00:00'
    """
    return _EPOCH + timedelta(microseconds=micros)


def time_text(micros: int, timespec: str = "auto") -> str:
    """Return a number of microseconds since 1970-01-01 UTC as the API writes a time.

    Parameters
    ----------
    micros : int
    timespec : str
        As `datetime.isoformat` takes it.

    Examples
    --------
    >>> time_text(1_500_000), time_text(1_500_000, "seconds")
    ('1970-01-01T00:00:01.500000Z', '1970-01-01T00:00:01Z')
    """
    return from_micros(micros).isoformat(timespec=timespec).replace("+00:00", "Z")
