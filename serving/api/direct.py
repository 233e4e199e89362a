"""Routes that stand in the reference like any other, but are called without FastAPI's reading of their parameters.

Reading one query parameter and one header with FastAPI costs as much as working out a lead's features. What such a
call says is plain nearly always; whatever is not goes FastAPI's way and is refused in its words.
"""

from __future__ import annotations

import re
from typing import Final

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

__all__ = ["DirectRoute", "DirectTold"]

_PLAIN: Final = re.compile(rb"(?:reasons=(\d{1,2}|100))?")
_PLAIN_ID: Final = re.compile(r"[\x21-\x7e]{1,200}")


class DirectRoute(APIRoute):
    """Calls ``endpoint(request, reasons, accept_language)`` for POST; without ``reasons`` where the query has none."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        plain = _PLAIN.fullmatch(scope["query_string"])
        if plain is None or scope["method"] != "POST":
            await super().handle(scope, receive, send)
            return
        asked = {} if plain[1] is None else {"reasons": int(plain[1])}
        language = _header(scope, b"accept-language")
        response = await self.endpoint(Request(scope, receive, send), accept_language=language, **asked)
        await response(scope, receive, send)


class DirectTold(APIRoute):
    """Calls ``endpoint(request, accept_language, key, **ids)``, with the ids that stand in the path."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        ids = scope["path_params"]
        if scope["method"] not in (self.methods or ()) or not all(map(_PLAIN_ID.fullmatch, ids.values())):
            await super().handle(scope, receive, send)
            return
        language, key = _header(scope, b"accept-language"), _header(scope, b"idempotency-key")
        response = await self.endpoint(Request(scope, receive, send), accept_language=language, key=key, **ids)
        await response(scope, receive, send)


def _header(scope: Scope, name: bytes) -> str | None:
    """Return what the first header of a name says, as FastAPI reads it."""
    found = next((value for given, value in scope["headers"] if given == name), None)
    return None if found is None else found.decode("latin-1")
