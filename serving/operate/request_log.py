"""One line a request, and an id that all lines of a request share.

Of a request the lines hold its method, the pattern of its address, its status and how long it took; never the address
itself, a query, a header or a body, which may name a lead. What went well (status below 400) is said at level debug
only: writing a line costs as much as a tenth of an answer.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Mapping
from contextvars import ContextVar
from itertools import count
from time import perf_counter
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["REQUEST_ID", "RequestLog", "route_of"]

REQUEST_ID: Final[ContextVar[str | None]] = ContextVar("leadlight_request_id", default=None)
"""Of the request that is being answered in this context."""

_HEADER: Final = b"x-request-id"
_PLAIN: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_NO_ROUTE: Final = "none"
"""What is told of addresses that nothing answers at: whoever tries many must not make a series of metrics each."""

_log = logging.getLogger("leadlight.serving.requests")

_PROCESS: Final = secrets.token_hex(6)
_number = count(1)


def route_of(scope: Mapping[str, Any]) -> str:
    """Return the pattern that a request's address has, such as ``/v1/receipts/{receipt_id}``; ``none`` without one."""
    route = scope.get("route")
    return _NO_ROUTE if route is None else str(getattr(route, "path", _NO_ROUTE))


class RequestLog:
    """Gives each request an id, sends it back as ``X-Request-Id``, and logs the request when it is answered.

    A caller's own id is taken if it is short and plain: letters, digits, dots, underscores and hyphens.

    Parameters
    ----------
    app : ASGI application
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = perf_counter(), 500
        request_id = _id_of(scope)
        REQUEST_ID.set(request_id)  # never taken back: each request runs in a task, hence a context, of its own
        header = (_HEADER, request_id.encode())

        async def with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message.get("headers", ()), header]}
            await send(message)

        try:
            await self._app(scope, receive, with_id)
        finally:
            level = _level(status)
            if _log.isEnabledFor(level):
                _log.log(level, "request", extra=_facts(scope, status, perf_counter() - started))


def _id_of(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == _HEADER and _PLAIN.fullmatch(value):
            return str(value.decode("ascii"))
    return f"{_PROCESS}-{next(_number):x}"


def _level(status: int) -> int:
    if status < 400:
        return logging.DEBUG
    return logging.INFO if status < 500 else logging.WARNING


def _facts(scope: Scope, status: int, seconds: float) -> dict[str, Any]:
    facts = {
        "method": scope["method"] if scope["method"] in _METHODS else "other",
        "route": route_of(scope),
        "status": status,
        "milliseconds": round(seconds * 1_000, 3),
    }
    key_id = getattr((scope.get("state") or {}).get("caller"), "key_id", None)
    return facts if key_id is None else {**facts, "key_id": str(key_id)}


_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Others are whatever a caller writes."""
