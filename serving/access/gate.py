"""The gate: every request passes here before any route, and each refusal is made here.

In this order: is the service called by a name of its own; which route is meant, and is it open to all; who calls; not
too often; may this role; and, of a browser's session, did our own page send it. While the keys are young that costs
some tens of microseconds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from fastapi import Request
from fastapi.responses import Response
from starlette._utils import get_route_path
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from leadlight.core.errors import Problem, Unavailable
from leadlight.serving.access.addresses import Addresses, Found
from leadlight.serving.access.asked import FORWARDED, Asked
from leadlight.serving.access.caller import CALLER, CSRF, Caller
from leadlight.serving.access.door import HERE, Door
from leadlight.serving.access.forms import again, field, is_form, read_form
from leadlight.serving.access.hosts import is_address, is_loopback
from leadlight.serving.access.pages import refusal_page
from leadlight.serving.access.refused import Refused, client_of, wrong_key
from leadlight.serving.access.table import ADMIN
from leadlight.serving.api.problems import NotNow, Refusal, body_of, respond
from leadlight.serving.store.key_table import ApiKey
from leadlight.serving.words import language_of, say

__all__ = ["Gate"]

_CHALLENGE: Final = {"WWW-Authenticate": "Bearer"}
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_LARGEST_FORM: Final = 65_536
_SHOWN: Final = 200


class Gate:
    """Lets through who may.

    Parameters
    ----------
    app : ASGI application
    door : Door
    """

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app = app
        self._door = door
        self._addresses = Addresses(())
        self._routes: tuple[object, ...] = ()  # kept, so that none is taken for another

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._without_request(scope, receive, send)
            return
        found = None
        try:
            asked = Asked(scope["headers"])
            self._check_host(scope, asked)
            _check_text(scope)
            found = self._find(scope)
            if found.rule is None or not found.rule.is_open:
                receive = await self._let_in(scope, receive, asked, found)
        except Refused as refused:
            await self._refuse(scope, found, refused)(scope, receive, send)
            return
        except ClientDisconnect:
            return
        await self._app(scope, receive, send)

    async def _without_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the app start and stop; there is no web socket that anybody may open."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    def _check_host(self, scope: Scope, asked: Asked) -> None:
        header = asked.one(b"host")
        if header is None and not asked.sent(b"host") and scope["http_version"] == "1.0":
            return  # simple health checks; no browser speaks so
        if header is None or not self._door.hosts.allow(header, _server(scope)):
            raise Refused(Refusal("wrong_host", host=_shown(header)))

    def _find(self, scope: Scope) -> Found:
        routes = scope["app"].router.routes
        if len(routes) != len(self._routes):  # what was added since the last request is guarded too
            self._addresses, self._routes = Addresses(routes), tuple(routes)
        return self._addresses.find(scope["method"], get_route_path(scope))

    async def _let_in(self, scope: Scope, receive: Receive, asked: Asked, found: Found) -> Receive:
        """Refuse, or put the caller into the scope and return what the rest of the app receives."""
        if found.rule is None and found.is_open:
            raise _no_such_method(scope, found)
        keys = self._door.known.at_hand
        if keys is None:
            try:
                keys = await self._door.known.newest()
            except Unavailable:
                raise Refused(NotNow("unavailable", "detail.keys_unavailable"), {"Retry-After": "5"}) from None
        caller, session = self._identify(scope, asked, keys)
        state = scope.setdefault("state", {})
        state[CALLER] = caller
        if session is not None:  # before any refusal: its page holds the way to sign out
            state[CSRF] = self._door.sessions.csrf(session)
        self._check_rate(caller)
        _check_rule(scope, found, caller)
        if scope["method"] in _SAFE_METHODS or (session is None and caller is not HERE):
            return receive
        if not asked.is_from_us:
            raise _cross_site(asked)
        return receive if session is None else await self._check_csrf(scope, receive, asked, session)

    def _identify(self, scope: Scope, asked: Asked, keys: Mapping[str, ApiKey]) -> tuple[Caller, str | None]:
        """Return who calls, and the session's cookie where that is what tells."""
        if not keys and _is_within(scope, asked):
            return HERE, None
        if asked.sent(b"authorization"):
            caller = self._door.by_key(asked.bearer, keys)
            if caller is None:
                raise wrong_key(self._door, client_of(scope))
            return caller, None
        session = asked.session
        caller = self._door.by_session(session, keys)
        if caller is None:
            raise Refused(Refusal("no_key"), _CHALLENGE)
        return caller, session

    def _check_rate(self, caller: Caller) -> None:
        if caller.key_id is None:
            return
        seconds = self._door.buckets.wait_for(caller.key_id)
        if seconds > 0.0:
            wait = max(1, math.ceil(seconds))
            limit = f"{self._door.buckets.rate:g}"
            raise Refused(Refusal("too_many_requests", limit=limit, seconds=wait), {"Retry-After": str(wait)})

    async def _check_csrf(self, scope: Scope, receive: Receive, asked: Asked, session: str) -> Receive:
        sent = asked.text(b"x-csrf-token")
        if sent is None and is_form(asked):
            body = await read_form(Request(scope, receive), _LARGEST_FORM)
            sent, receive = field(body, "csrf"), again(body, receive)
        if sent is None or not self._door.sessions.is_csrf(session, sent):
            raise Refused(Refusal("no_csrf_token"))
        return receive

    def _refuse(self, scope: Scope, found: Found | None, refused: Refused) -> Response:
        """Return a problem document; to people a page, or the way to it."""
        language = language_of(_language(scope))
        if found is not None and found.rule is not None and found.rule.is_page:
            return refusal_page(scope, refused)
        return respond(body_of(refused.why, language), language, refused.headers)


def _check_text(scope: Scope) -> None:
    """Refuse NUL, which no database takes for text and no id or filter holds."""
    if "\0" in scope["path"] or b"%00" in scope["query_string"]:
        said = say("rule.bad_character", language_of(_language(scope)))
        raise Refused(Refusal("request_refused", [Problem("address", "bad_character", said)]))


def _language(scope: Scope) -> str:
    header = next((value for name, value in scope["headers"] if name == b"accept-language"), b"")
    return str(header.decode("latin-1"))


def _check_rule(scope: Scope, found: Found, caller: Caller) -> None:
    """Only an admin goes on to where no rule leads: to a route that nobody listed, or to none."""
    if caller.role == ADMIN:
        return
    if found.rule is None:
        raise _no_such_method(scope, found) if found.path else Refused(Refusal("not_found", path=_path(scope)))
    if caller.role not in found.rule.roles:
        named = ", ".join(sorted(found.rule.roles))
        raise Refused(Refusal("not_allowed", role=caller.role, method=scope["method"], path=_path(scope), roles=named))


def _no_such_method(scope: Scope, found: Found) -> Refused:
    allowed = ", ".join(found.methods)
    refusal = Refusal("method_not_allowed", path=_path(scope), method=scope["method"], allowed=allowed)
    return Refused(refusal, {"Allow": allowed})


def _cross_site(asked: Asked) -> Refused:
    return Refused(Refusal("cross_site", origin=_shown(asked.one(b"origin")), host=_shown(asked.one(b"host"))))


def _server(scope: Scope) -> str:
    server = scope.get("server")
    return "" if server is None else str(server[0])


def _is_within(scope: Scope, asked: Asked) -> bool:
    """Return whether both ends of a connection are this machine; a proxy here speaks for clients elsewhere."""
    if any(asked.sent(name) for name in FORWARDED):
        return False
    server, client = _server(scope), client_of(scope)
    return is_loopback(server) and is_loopback(client) and (is_address(client) or not is_address(server))


def _path(scope: Scope) -> str:
    return str(scope["path"])[:_SHOWN]


def _shown(header: bytes | None) -> str:
    return "-" if header is None else header.decode("latin-1")[:_SHOWN]
