"""Headers that every answer bears, whoever made it; what an answer says itself goes before.

No answer says that other sites may read it (CORS): browsers then keep it from them.
"""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["SAFE", "SafeHeaders"]

SAFE: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "base-uri 'none'; frame-ancestors 'none'",
}

_RAW: Final = [(name.lower().encode(), value.encode()) for name, value in SAFE.items()]
_NAMES: Final = frozenset(name for name, _ in _RAW)
_NO_STORE: Final = (b"cache-control", b"no-store")


class SafeHeaders:
    """Adds `SAFE` to each answer, and to those below ``/v1`` that nobody may keep them.

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
        is_api = scope["path"].startswith("/v1")

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _with_ours(message.get("headers", ()), is_api)
            await send(message)

        await self._app(scope, receive, with_headers)


def _with_ours(headers: object, is_api: bool) -> list[tuple[bytes, bytes]]:
    found: list[tuple[bytes, bytes]] = list(headers)  # type: ignore[call-overload] # any iterable of pairs
    there = {name for name, _ in found}
    found += _RAW if not there & _NAMES else [pair for pair in _RAW if pair[0] not in there]
    if is_api and b"cache-control" not in there:
        found.append(_NO_STORE)
    return found
