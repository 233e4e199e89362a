"""The pages' addresses: ``/`` and ``/leads`` (the queue), ``/leads/{id}`` (a lead), ``/static``.

A lead of the store has a form that posts to ``/leads/{id}/decisions``.

Every answer forbids anything from outside and any script; nothing here needs one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from leadlight.core.catalog import LANGUAGES
from leadlight.core.errors import LeadlightError, NoChampion
from leadlight.serving.access.caller import caller_of, csrf_token
from leadlight.serving.access.table import RULES
from leadlight.serving.api.own import owner_of
from leadlight.serving.champion import Starting
from leadlight.serving.desk import Desk
from leadlight.serving.ledger.ledger import ErasedLead, OtherDecision, UnknownLead
from leadlight.serving.pages_data import Band, LeadMoved, LeadPage, LeadUnscored, Pages, QueuePage
from leadlight.serving.store.plain_error import plain
from leadlight.serving.web.forms import NotAForm, read_decision
from leadlight.serving.web.links import Filters, Links
from leadlight.serving.web.render import FOLDER, ProblemPage, render_lead, render_problem, render_queue
from leadlight.serving.words import language_of

__all__ = ["HEADERS", "PAGE_SIZE", "html_answer", "language_asked", "links_of", "mount", "router"]

PAGE_SIZE: Final = 50

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Vary": "Accept-Language",
}
"""Of every page; leads' pages are nothing for a shared cache."""

_LATER: Final = {"Retry-After": "5"}
_BANDS: Final[dict[str, Band]] = {"hot": "hot", "warm": "warm", "cold": "cold"}
_LAST_PAGE: Final = 1_000_000
_NO_CHAMPION: Final = ("leadlight train --data DIR", "leadlight models promote challenger")

_DECIDE: Final = ("POST", "/leads/{lead_id}/decisions")
_SECONDS_TO_START: Final = 4
_SECONDS_TO_SCORE: Final = 2
_log = logging.getLogger("leadlight.serving")

Text = Annotated[str, Query()]


def mount(app: FastAPI) -> None:
    """Add the pages and their files to an app that keeps its `Pages` at ``app.state.pages``."""
    app.include_router(router())
    app.mount("/static", StaticFiles(directory=FOLDER / "static"), name="static")


def router() -> APIRouter:
    """Return the pages' routes; they are no part of the API and stand in no OpenAPI document."""
    routes = APIRouter(include_in_schema=False)
    routes.add_api_route("/", _home, response_class=RedirectResponse)
    routes.add_api_route("/leads", _queue, response_class=HTMLResponse)
    routes.add_api_route("/leads/{lead_id:path}", _lead, response_class=HTMLResponse)
    routes.add_api_route("/leads/{lead_id:path}/decisions", _decide, methods=["POST"], response_class=RedirectResponse)
    return routes


async def _home(request: Request) -> Response:
    return RedirectResponse(links_of(request).queue(), headers=HEADERS)


def _queue(request: Request, band: Text = "", min: Text = "", owner: Text = "", page: Text = "") -> Response:
    filters = _filters(band, min, owner, page)
    if filters is None:
        return _problem(request, ProblemPage(422, "bad_filter"))
    return _answer(request, partial(_list, request, filters))


def _list(request: Request, filters: Filters, pages: Pages) -> Response:
    own = owner_of(request)
    if own is not None:
        filters = replace(filters, owner=None)  # it is theirs anyhow
    queue = pages.queue(
        language=language_asked(request),
        offset=PAGE_SIZE * (filters.page - 1),
        limit=PAGE_SIZE,
        band=filters.band,
        minimum_score=filters.minimum_score,
        owner=filters.owner,
        own=own,
    )
    return html_answer(render_queue(queue, filters, links_of(request)), 200, queue.language)


def _lead(request: Request, lead_id: str) -> Response:
    return _answer(request, partial(_one, request, lead_id))


def _one(request: Request, lead_id: str, pages: Pages) -> Response:
    links, own = links_of(request), owner_of(request)
    lead = pages.lead(lead_id, language=language_asked(request), own=own)
    if isinstance(lead, LeadPage):
        may_decide = caller_of(request).role in RULES[_DECIDE].roles
        return html_answer(render_lead(lead, links, may_decide=may_decide), 200, lead.language)
    if isinstance(lead, LeadMoved):
        return RedirectResponse(links.lead(lead.lead_id), headers=HEADERS)
    # only for the clock: no lead shown, no receipt kept
    around = pages.queue(language=language_asked(request), limit=0, own=own)
    return _problem(request, _nothing_to_show(lead, lead_id), around)


def _nothing_to_show(lead: LeadUnscored | None, lead_id: str) -> ProblemPage:
    if lead is None:
        return ProblemPage(404, "not_found", subject=lead_id)
    if lead.reason == "unscored":
        return ProblemPage(200, "unscored", subject=lead_id, again_after=_SECONDS_TO_SCORE)
    return ProblemPage(410 if lead.reason == "erased" else 200, lead.reason, subject=lead_id)


async def _decide(request: Request, lead_id: str) -> Response:
    try:
        told = {**await read_decision(request), "lead_id": lead_id}
    except NotAForm:
        return _problem(request, ProblemPage(422, "bad_form"))
    caller = caller_of(request)
    if caller.key_id is not None:
        told["actor"] = caller.key_id
    desk: Desk = request.app.state.desk
    now = desk.now()

    def act(connection: Connection) -> str:
        return desk.memory.ledger.decide(connection, told, now, caller.owner_id)[0]

    try:
        current: str = await desk.memory.write(act)
    except UnknownLead:
        return _problem(request, ProblemPage(404, "not_found", subject=lead_id))
    except ErasedLead:
        return _problem(request, ProblemPage(410, "erased", subject=lead_id))
    except OtherDecision:
        return _problem(request, ProblemPage(422, "bad_form"))
    except (SQLAlchemyError, OSError) as error:
        _log.warning("the store does not answer: %s", plain(error))
        return _problem(request, ProblemPage(503, "not_decided"))
    return RedirectResponse(links_of(request).lead(current), 303, headers=HEADERS)


def _answer(request: Request, make: Callable[[Pages], Response]) -> Response:
    """Make a page, or the page that says why there is none; a rep never meets a traceback or bare JSON."""
    pages: Pages = request.app.state.pages
    try:
        return make(pages)
    except NoChampion:
        return _problem(request, ProblemPage(503, "no_champion", commands=_NO_CHAMPION))
    except Starting:
        return _problem(request, ProblemPage(503, "starting", again_after=_SECONDS_TO_START))
    except LeadlightError:
        return _problem(request, ProblemPage(503, "unavailable"))
    except Exception:
        _log.exception("a page could not be made")
        return _problem(request, ProblemPage(500, "broken"))


def _problem(request: Request, problem: ProblemPage, around: QueuePage | None = None) -> Response:
    language = language_asked(request)
    return html_answer(render_problem(problem, language, links_of(request), around), problem.status, language)


def html_answer(text: str, status: int, language: str) -> Response:
    """Return a page as an answer."""
    later = _LATER if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    return HTMLResponse(text, status, headers={**HEADERS, "Content-Language": language, **later})


def language_asked(request: Request) -> str:
    """Return the language of an answer: the one that its address names, else the browser's."""
    asked = request.query_params.get("lang")
    return asked if asked in LANGUAGES else language_of(request.headers.get("accept-language"))


def _here(path: str, method: str) -> str:
    """Return the page that an address belongs to: what a form was sent to is no page of its own."""
    return path if method in ("GET", "HEAD") else path.removesuffix("/decisions")


def links_of(request: Request) -> Links:
    """Return what builds the addresses of an answer, and what its forms carry."""
    root = str(request.scope.get("root_path", ""))
    asked = request.query_params.get("lang")
    return Links(
        root=root.rstrip("/"),
        here=quote(_here(request.scope["path"].removeprefix(root), request.method), safe="/"),
        query=tuple((name, value) for name, value in request.query_params.multi_items() if name != "lang"),
        asked=asked if asked in LANGUAGES else None,
        csrf=csrf_token(request),
    )


def _filters(band: str, minimum: str, owner: str, page: str) -> Filters | None:
    """Return what was asked for, None where it can't be read; a form sends empty fields for "any"."""
    score, number = _whole(minimum, 0, 0, 100), _whole(page, 1, 1, _LAST_PAGE)
    if score is None or number is None or (band and band not in _BANDS):
        return None
    return Filters(_BANDS.get(band), score, owner or None, number)


def _whole(text: str, default: int, least: int, most: int) -> int | None:
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        return None
    return int(text) if least <= int(text) <= most else None
