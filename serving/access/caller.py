"""Who calls: what the gate found out, as handlers read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fastapi import Request

__all__ = ["CALLER", "CSRF", "Caller", "caller_of", "csrf_token"]

CALLER: Final = "caller"
CSRF: Final = "csrf_token"
"""Names within the state of an ASGI scope."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls.

    Attributes
    ----------
    key_id : str or None
        None while the service has no key at all and answers this machine only.
    role : str
        One of `leadlight.serving.access.table.ROLES`.
    owner_id : str or None
        The owner whose leads alone a rep may see; None: all leads.
    """

    key_id: str | None
    role: str
    owner_id: str | None


def caller_of(request: Request) -> Caller:
    """Return who makes a request.

    Raises
    ------
    LookupError
        If the gate let the request in without asking who it is: what is open to all must not depend on it.
    """
    found: Caller | None = request.scope.get("state", {}).get(CALLER)
    if found is None:
        raise LookupError(f"nobody asked who calls {request.scope['path']}: it is open to all, or there is no gate")
    return found


def csrf_token(request: Request) -> str:
    """Return what a form must send back as its field ``csrf``; empty where the caller has no session, hence no need.

    Examples
    --------
    >>> csrf_token(Request({"type": "http", "state": {CSRF: "abc"}}))
    'abc'
    """
    found: str = request.scope.get("state", {}).get(CSRF, "")
    return found
