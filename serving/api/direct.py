"""A route that stands in the reference like any other, but is called without FastAPI's reading of its parameters.

Reading one query parameter and one header with FastAPI costs as much as working out a lead's features. What such a
call says is plain nearly always; whatever is not goes FastAPI's way and is refused in its words.
"""

from __future__ import annotations

import re
from typing import Final

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

__all__ = ["DirectRoute"]

_PLAIN: Final = re.compile(rb"(?:reasons=(\d{1,2}|100))?")
_LANGUAGE: Final = b"accept-language"


class DirectRoute(APIRoute):
    """Calls ``endpoint(request, reasons, accept_language)`` for POST; without ``reasons`` where the query has none."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        plain = _PLAIN.fullmatch(scope["query_string"])
        if plain is None or scope["method"] != "POST":
            await super().handle(scope, receive, send)
            return
        asked = {} if plain[1] is None else {"reasons": int(plain[1])}
        response = await self.endpoint(Request(scope, receive, send), accept_language=_language(scope), **asked)
        await response(scope, receive, send)


def _language(scope: Scope) -> str | None:
    """Return what the first such header asks for, as FastAPI reads it."""
    found = next((value for name, value in scope["headers"] if name == _LANGUAGE), None)
    return None if found is None else found.decode("latin-1")
