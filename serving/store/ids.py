"""Ids that sort by the time they were made: a ULID (github.com/ulid/spec)."""

from __future__ import annotations

import secrets
from threading import Lock
from typing import Final

from leadlight.core.clock import Clock, to_micros

__all__ = ["ReceiptIds", "first_id", "is_message_id", "is_receipt_id", "message_id"]

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RANDOM_BITS: Final = 80
_LENGTH: Final = 26
_MESSAGE: Final = "msg_"


class ReceiptIds:
    """Makes ids: 48 bits of milliseconds, then 80 random ones, as 26 letters of Crockford's base 32.

    Within one millisecond of one process each id is the one before plus one, so that even the receipts of a batch,
    or of a clock that stands still, sort in the order in which they were made.

    Parameters
    ----------
    clock : Clock
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._last = 0

    def next(self) -> str:
        """Return a new id."""
        millis = to_micros(self._clock.now()) // 1000
        with self._lock:
            if millis == self._last >> _RANDOM_BITS:
                self._last += 1
            else:
                self._last = millis << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS - 1)
            return _spell(self._last)


_PAIRS: Final = tuple(one + other for one in _ALPHABET for other in _ALPHABET)
_SHIFTS: Final = tuple(range(5 * (_LENGTH - 2), -1, -10))


def _spell(value: int) -> str:
    """Write a number letter by letter, two at a time."""
    return "".join([_PAIRS[value >> shift & 1023] for shift in _SHIFTS])


def first_id(at: int) -> str:
    """Return the lowest id of the millisecond of a time (microseconds since 1970 UTC).

    Examples
    --------
    >>> first_id(0), first_id(1_764_000_000_000_000)
    ('00000000000000000000000000', '01KAV9FT000000000000000000')
    """
    return _spell(max(at, 0) // 1000 << _RANDOM_BITS)


def is_receipt_id(text: str) -> bool:
    """Return whether a text has the form of an id."""
    return len(text) == _LENGTH and all(letter in _ALPHABET for letter in text)


def message_id(now: int) -> str:
    """Return a new id of a message: ``msg_`` and a ULID. Two of one millisecond sort by chance.

    Parameters
    ----------
    now : int
        Microseconds since 1970 UTC.
    """
    return _MESSAGE + _spell(now // 1000 << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS))


def is_message_id(text: str) -> bool:
    """Return whether a text has the form of a message's id."""
    return text.startswith(_MESSAGE) and is_receipt_id(text.removeprefix(_MESSAGE))
