"""How often: a bucket of tokens for each key, and patience with wrong keys from one address."""

from __future__ import annotations

import time
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from typing import Final

__all__ = ["WRONG_KEYS", "Buckets", "WrongKeys"]

WRONG_KEYS: Final = 20
"""Wrong keys a minute from one address that are refused in the usual words."""

_WINDOW_SECONDS: Final = 60.0
_MOST_ADDRESSES: Final = 10_000

Seconds = Callable[[], float]


class Buckets:
    """Each key has a bucket of as many tokens as it may make requests in a second; it fills at that rate.

    Parameters
    ----------
    per_second : float
        0: without limit.
    seconds : callable
        A clock that only runs forward, in seconds.
    """

    def __init__(self, per_second: float, *, seconds: Seconds = time.monotonic) -> None:
        self.rate = per_second
        self._size = max(1.0, per_second)
        self._seconds = seconds
        self._left: dict[str, tuple[float, float]] = {}

    def wait_for(self, key_id: str) -> float:
        """Take a token; return 0, or where there is none the seconds until there is."""
        if self.rate <= 0.0:
            return 0.0
        now = self._seconds()
        left, since = self._left.get(key_id, (self._size, now))
        left = min(self._size, left + (now - since) * self.rate)
        taken = left >= 1.0
        self._left[key_id] = (left - 1.0 if taken else left, now)
        return 0.0 if taken else (1.0 - left) / self.rate


class WrongKeys:
    """Counts wrong keys by the client's address, a minute at a time.

    Only answers to wrong keys change: a right key from the same address, as behind one company's router, gets in.
    Addresses of IPv6 count by their first 64 bits, for one customer has all those that share them.

    Parameters
    ----------
    seconds : callable
        A clock that only runs forward, in seconds.
    """

    def __init__(self, *, seconds: Seconds = time.monotonic) -> None:
        self._seconds = seconds
        self._seen: dict[str, tuple[float, int]] = {}

    def wait_for(self, address: str) -> float:
        """Count a wrong key; return 0, or where there were too many the seconds until the count begins anew."""
        now, place = self._seconds(), _network(address)
        began, count = self._seen.pop(place, (now, 0))
        if now - began >= _WINDOW_SECONDS:
            began, count = now, 0
        while len(self._seen) >= _MOST_ADDRESSES:  # whoever has that many addresses is not slowed by counting
            del self._seen[next(iter(self._seen))]
        self._seen[place] = (began, count + 1)
        return 0.0 if count < WRONG_KEYS else began + _WINDOW_SECONDS - now


def _network(address: str) -> str:
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        return found.exploded[:19] if found.ipv4_mapped is None else str(found.ipv4_mapped)
    return str(found)
