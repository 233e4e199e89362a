"""What people meet at the gate: the way to sign in, signing in and out, and refusals as pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Scope

from leadlight.core.errors import Unavailable
from leadlight.serving.access.asked import Asked
from leadlight.serving.access.door import Door
from leadlight.serving.access.forms import field, is_form, read_form
from leadlight.serving.access.refused import Refused, client_of, wrong_key
from leadlight.serving.access.sessions import COOKIE, SESSION_SECONDS
from leadlight.serving.api.problems import STATUS, NotNow, Refusal
from leadlight.serving.store.key_table import ApiKey
from leadlight.serving.web.render import LoginPage, ProblemPage, render_login, render_problem
from leadlight.serving.web.routes import html_answer, language_asked, links_of

__all__ = ["mount", "refusal_page", "same_site"]

_START: Final = "/leads"
_LONGEST_ADDRESS: Final = 2_000
_LARGEST_FORM: Final = 8_192
_UNKEPT: Final = {"Cache-Control": "no-store"}
_PAGES: Final = {
    "not_allowed": "not_allowed",
    "too_many_requests": "too_many",
    "too_many_wrong_keys": "too_many",
    "wrong_key": "wrong_key",
    "no_csrf_token": "no_csrf_token",
    "cross_site": "no_csrf_token",
    "too_large": "no_csrf_token",
    "too_slow": "no_csrf_token",
    "request_refused": "bad_filter",
}
"""Of each kind of refusal the page that says it; the others are not met on the pages, or say "not now"."""


def mount(app: FastAPI) -> None:
    """Add ``/login`` and ``/logout`` to an app that keeps its `Door` at ``app.state.door``."""
    routes = APIRouter(include_in_schema=False)
    routes.add_api_route("/login", _show, methods=["GET"], response_class=HTMLResponse)
    routes.add_api_route("/login", _sign_in, methods=["POST"], response_class=HTMLResponse)
    routes.add_api_route("/logout", _sign_out, methods=["POST"], response_class=RedirectResponse)
    app.include_router(routes)


async def _show(request: Request) -> Response:
    return await _login_page(request, request.query_params.get("next"))


async def _sign_in(request: Request) -> Response:
    """Exchange a key for a session; whatever is wrong is said on the same page."""
    door, wanted = _door(request), None
    try:
        asked = Asked(request.scope["headers"])
        if not asked.is_from_us:
            raise Refused(Refusal("cross_site"))
        form = await read_form(request, _LARGEST_FORM) if is_form(asked) else b""
        wanted = field(form, "next")
        caller = door.by_key((field(form, "key") or "").strip(), await _keys(door))
        if caller is None or caller.key_id is None:
            raise wrong_key(door, client_of(request.scope))
    except Refused as refused:
        return await _login_page(request, wanted, refused)
    root = links_of(request).root
    answer = RedirectResponse(same_site(wanted, root), 303, headers=_UNKEPT)
    answer.set_cookie(
        COOKIE,
        door.sessions.token(caller.key_id, door.now()),
        max_age=SESSION_SECONDS,
        path=root or "/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return answer


async def _sign_out(request: Request) -> Response:
    """End a session in this browser; a session that is still good ends only by a form of ours."""
    door, asked = _door(request), Asked(request.scope["headers"])
    session = asked.session
    try:
        if not asked.is_from_us:
            raise Refused(Refusal("cross_site"))
        if session is not None and door.by_session(session, await _keys(door)) is not None:
            sent = asked.text(b"x-csrf-token")
            if sent is None and is_form(asked):
                sent = field(await read_form(request, _LARGEST_FORM), "csrf")
            if sent is None or not door.sessions.is_csrf(session, sent):
                raise Refused(Refusal("no_csrf_token"))
    except Refused as refused:
        return refusal_page(request.scope, refused)
    root = links_of(request).root
    answer = RedirectResponse(f"{root}/login", 303, headers=_UNKEPT)
    answer.delete_cookie(
        COOKIE, path=root or "/", secure=request.url.scheme == "https", httponly=True, samesite="strict"
    )
    return answer


async def _login_page(request: Request, wanted: str | None, refused: Refused | None = None) -> Response:
    links, language, door = links_of(request), language_asked(request), _door(request)
    try:
        is_needed = bool(await _keys(door))
    except Refused:
        is_needed = True
    kind = None if refused is None else refused.why.kind
    lost = "not_kept" if "lost" in request.query_params else None
    page = LoginPage(same_site(wanted, links.root), kind or lost, is_needed)
    answer = html_answer(render_login(page, language, links), 200 if kind is None else STATUS[kind], language)
    answer.headers.update({} if refused is None else refused.headers)
    return answer


async def _keys(door: Door) -> Mapping[str, ApiKey]:
    found = door.known.at_hand
    try:
        return await door.known.newest() if found is None else found
    except Unavailable:
        raise Refused(NotNow("unavailable", "detail.keys_unavailable"), {"Retry-After": "5"}) from None


def _door(request: Request) -> Door:
    door: Door = request.app.state.door
    return door


def refusal_page(scope: Scope, refused: Refused) -> Response:
    """Return the way to ``/login`` for who has no session, else a page that says why."""
    request, kind = Request(scope), refused.why.kind
    links, language = links_of(request), language_asked(request)
    if kind == "no_key":
        query = scope["query_string"].decode("latin-1")
        wanted = f"{links.root}{links.here}" + (f"?{query}" if query else "")
        lost = "" if scope["method"] in ("GET", "HEAD") else "&lost=1"  # what was sent can't be sent again from there
        return RedirectResponse(f"{links.root}/login?next={quote(wanted, safe='')}{lost}", 303, headers=_UNKEPT)
    problem = ProblemPage(STATUS[kind], _PAGES.get(kind, "unavailable"))
    page = html_answer(render_problem(problem, language, links), problem.status, language)
    page.headers.update(refused.headers)
    return page


def same_site(address: str | None, root: str = "") -> str:
    r"""Return an address to go on to, if it is a path of ours, else the queue's.

    Examples
    --------
    >>> same_site("/leads/L-1?lang=es"), same_site("//evil.example"), same_site("/\\evil.example")
    ('/leads/L-1?lang=es', '/leads', '/leads')
    """
    start = root + _START
    if not address or not address.startswith("/") or len(address) > _LONGEST_ADDRESS:
        return start
    if address[1:2] == "/" or any(letter == "\\" or not letter.isprintable() or letter == " " for letter in address):
        return start
    if address.partition("?")[0].rstrip("/") in (f"{root}/login", f"{root}/logout"):
        return start
    return quote(address, safe="/?&=%+:@,;!$'()*~-._[]")
