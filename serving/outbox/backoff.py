"""When a message is tried again, and when it is given up.

Which message an attempt failed for tells nothing; what the receiver answered does. One that is down or asks to wait is
tried with pauses that double from a second to an hour. One that refuses the message itself is tried too, for an
operator may be mending it (a route, a secret), but from a minute on.
"""

from __future__ import annotations

import random
from email.utils import parsedate_to_datetime
from typing import Final

from leadlight.core.clock import to_micros

__all__ = ["LEAST_ATTEMPTS", "next_attempt", "pause", "retry_after"]

_SECOND: Final = 1_000_000
_FIRST: Final = 1
_FIRST_REFUSED: Final = 60
_LONGEST: Final = 3_600
"""Seconds."""

_MOST_ASKED: Final = 86_400
"""Seconds of ``Retry-After`` that are heeded: whoever asks for a year means something else."""

LEAST_ATTEMPTS: Final = 10
"""How often even a message that is too old is tried: one that lay here while we were down, or was retried by hand."""

_GONE: Final = 410
_PASSING: Final = frozenset((408, 409, 425, 429))


def _may_pass(status: int | None) -> bool:
    """Return whether a failure is one that passes by itself: no answer, 5xx, and the few 4xx that mean "later".

    Parameters
    ----------
    status : int or None
        None where there was no answer.
    """
    return status is None or status >= 500 or status in _PASSING


def pause(status: int | None, attempts: int, chance: random.Random) -> int:
    """Return how long to wait, in microseconds: anything up to a bound that doubles ("full jitter").

    Parameters
    ----------
    status : int or None
        What the last attempt was answered.
    attempts : int
        How many there were, the last one included.
    chance : Random
    """
    first = _FIRST if _may_pass(status) else _FIRST_REFUSED
    bound = min(_LONGEST, first * 2 ** min(attempts - 1, 12))
    return int(chance.random() * bound * _SECOND)


def next_attempt(
    status: int | None,
    *,
    attempts: int,
    created_at: int,
    now: int,
    keep_trying: int,
    asked: int = 0,
    chance: random.Random,
) -> int | None:
    """Return when a message is tried again, or None where it is given up.

    Parameters
    ----------
    status : int or None
        What the receiver answered; None if it did not.
    attempts : int
        How many there were, the last one included.
    created_at, now : int
        Microseconds since 1970 UTC.
    keep_trying : int
        Microseconds from its creation on.
    asked : int
        Microseconds for which the receiver asked to be left alone: not a moment less.
    chance : Random
    """
    if status == _GONE or (attempts >= LEAST_ATTEMPTS and now - created_at >= keep_trying):
        return None
    return now + asked + pause(status, attempts, chance)


def retry_after(header: str | None, now: int) -> int:
    """Return for how many microseconds a receiver asks to be left alone, at most a day; 0 where it does not ask.

    Parameters
    ----------
    header : str or None
        Seconds, or a date of HTTP.
    now : int
        Microseconds since 1970 UTC.

    Examples
    --------
    >>> retry_after("120", 0), retry_after("Thu, 01 Jan 1970 00:00:30 GMT", 10_000_000), retry_after("soon", 0)
    (120000000, 20000000, 0)
    """
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        wanted = min(int(text[:9]), _MOST_ASKED) * _SECOND
    else:
        try:
            wanted = to_micros(parsedate_to_datetime(text)) - now
        except (ValueError, OverflowError):
            return 0
    return min(max(0, wanted), _MOST_ASKED * _SECOND)
