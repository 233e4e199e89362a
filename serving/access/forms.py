"""Reading the small forms of our own pages: bounded, each field once."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qs

from fastapi import Request
from starlette.types import Message, Receive

from leadlight.serving.access.asked import Asked
from leadlight.serving.access.refused import Refused
from leadlight.serving.api.body import read_bytes
from leadlight.serving.api.problems import Refusal

__all__ = ["again", "field", "is_form", "read_form"]

_FORM: Final = "application/x-www-form-urlencoded"
_MOST_FIELDS: Final = 1000


def is_form(asked: Asked) -> bool:
    """Return whether a request says that its body is a form as browsers send it."""
    return (asked.text(b"content-type") or "").partition(";")[0].strip().lower() == _FORM


async def read_form(request: Request, limit: int) -> bytes:
    """Return a form's bytes.

    Raises
    ------
    Refused
        If it is too large, or does not arrive in time.
    ClientDisconnect
    """
    try:
        return await read_bytes(request, limit)
    except Refusal as refusal:
        raise Refused(refusal, {"Connection": "close"}) from None


def field(form: bytes, name: str) -> str | None:
    """Return a field of a form; None where it is not there, or twice.

    Examples
    --------
    >>> field(b"a=1&b=%20x", "b"), field(b"a=1&a=2", "a")
    (' x', None)
    """
    try:
        values = parse_qs(form.decode("latin-1"), keep_blank_values=True, max_num_fields=_MOST_FIELDS).get(name, [])
    except ValueError:
        return None
    return values[0] if len(values) == 1 else None


def again(body: bytes, receive: Receive) -> Receive:
    """Give a body that was read already to whoever reads next."""
    is_given = False

    async def replay() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
