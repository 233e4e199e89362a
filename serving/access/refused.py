"""A request that is refused before any handler sees it."""

from __future__ import annotations

import math
from collections.abc import Mapping

from starlette.types import Scope

from leadlight.serving.access.door import Door
from leadlight.serving.access.limits import WRONG_KEYS
from leadlight.serving.api.problems import NotNow, Refusal

__all__ = ["Refused", "client_of", "wrong_key"]


class Refused(Exception):
    """A request that goes no further.

    Attributes
    ----------
    why : Refusal or NotNow
    headers : dict
    """

    def __init__(self, why: Refusal | NotNow, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(why.kind)
        self.why = why
        self.headers = dict(headers or {})


def wrong_key(door: Door, address: str) -> Refused:
    """Count a wrong key against an address, and return the refusal that is due."""
    seconds = door.wrong_keys.wait_for(address)
    if seconds == 0.0:
        return Refused(Refusal("wrong_key"), {"WWW-Authenticate": 'Bearer error="invalid_token"'})
    wait = max(1, math.ceil(seconds))
    return Refused(Refusal("too_many_wrong_keys", limit=WRONG_KEYS, seconds=wait), {"Retry-After": str(wait)})


def client_of(scope: Scope) -> str:
    """Return the address that a request came from."""
    client = scope.get("client")
    return "" if client is None else str(client[0])
