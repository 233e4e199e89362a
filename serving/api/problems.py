"""How the service says no: RFC 9457 problem details, in the caller's language, every problem at once.

The only place that knows HTTP's status codes. ``type`` is an address below ``/docs`` where each kind is listed.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from leadlight.core.errors import ModelContractError, NoChampion, Problem, RequestRefused, Unavailable
from leadlight.serving.access.headers import SAFE
from leadlight.serving.champion import Starting
from leadlight.serving.operate.request_log import route_of
from leadlight.serving.words import language_of, say

__all__ = ["MEDIA_TYPE", "MOST_LISTED", "STATUS", "NotNow", "Refusal", "body_of", "install", "respond"]

MEDIA_TYPE: Final = "application/problem+json"

MOST_LISTED: Final = 100
"""Problems that are listed one by one; ``count`` tells how many there are."""

STATUS: Final[Mapping[str, int]] = {
    "request_refused": 422,
    "not_json": 422,
    "too_slow": 408,
    "too_large": 413,
    "wrong_media_type": 415,
    "wrong_encoding": 415,
    "no_key": 401,
    "wrong_key": 401,
    "not_allowed": 403,
    "no_csrf_token": 403,
    "cross_site": 403,
    "not_found": 404,
    "no_receipt": 404,
    "no_lead": 404,
    "no_event": 404,
    "erased": 410,
    "erased_receipt": 410,
    "objected": 409,
    "merged_already": 409,
    "other_decision": 409,
    "not_separable": 409,
    "still_running": 409,
    "key_reused": 422,
    "no_message": 404,
    "message_delivered": 409,
    "method_not_allowed": 405,
    "wrong_host": 421,
    "too_many_requests": 429,
    "too_many_wrong_keys": 429,
    "unavailable": 503,
    "no_champion": 503,
    "model_contract": 503,
    "damaged_receipt": 500,
    "internal": 500,
}
"""Status of each kind of refusal; its title is the text ``title.<kind>``."""

_TITLES: Final[Mapping[str, str]] = {"model_contract": "title.unavailable"}
_RETRY_AFTER: Final = {"Retry-After": "5"}
_HANG_UP: Final = {"Connection": "close"}
_PATH_CHARACTERS: Final = 200
_log = logging.getLogger("leadlight.serving")


class Refusal(RequestRefused):
    """A request that is answered with a problem.

    Attributes
    ----------
    kind : str
        Key of `STATUS`.
    problems : tuple of Problem
        Each with its field, in the request's language.
    values : dict
        What the detail's braces are filled with.
    members : mapping
        Further members of the document.
    """

    members: Mapping[str, object] = MappingProxyType({})

    def __init__(self, kind: str, problems: Sequence[Problem] = (), **values: object) -> None:
        super().__init__(kind, problems)
        self.kind = kind
        self.values = values


class NotNow(Unavailable):
    """The service can't answer yet or any more.

    Attributes
    ----------
    kind : str
        ``unavailable``, ``no_champion`` or ``model_contract``.
    detail : str
        Key of the text that says why.
    members : mapping
        Further members of the document.
    """

    members: Mapping[str, object] = MappingProxyType({})

    def __init__(self, kind: str, detail: str, **values: object) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.values = values

    @classmethod
    def of(cls, error: Exception) -> NotNow:
        """Put a failure to load the champion in words that a caller may read."""
        if isinstance(error, Starting):
            return cls("unavailable", "detail.starting")
        if isinstance(error, NoChampion):
            return cls("no_champion", "detail.no_champion")
        if isinstance(error, ModelContractError):
            return cls("model_contract", "detail.model_contract", why=str(error))
        return cls("unavailable", "detail.load_failed")


def body_of(refusal: Refusal | NotNow, language: str) -> dict[str, Any]:
    """Return the members of a problem document."""
    if isinstance(refusal, NotNow):
        told = _members(refusal.kind, say(refusal.detail, language, **refusal.values), language)
        return {**told, **refusal.members}
    found = refusal.problems
    key = ("detail.problem" if len(found) == 1 else "detail.problems") if found else f"detail.{refusal.kind}"
    members = _members(refusal.kind, say(key, language, count=len(found), **refusal.values), language)
    members.update(refusal.members)
    if found:
        members["count"] = len(found)
        members["errors"] = [problem.as_dict() for problem in found[:MOST_LISTED]]
    return members


def _members(kind: str, detail: str, language: str) -> dict[str, Any]:
    return {
        "type": f"/docs#problem-{kind}",
        "title": say(_TITLES.get(kind, f"title.{kind}"), language),
        "status": STATUS[kind],
        "detail": detail,
        "code": kind,
    }


def respond(members: Mapping[str, Any], language: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return a problem document as an answer."""
    text = json.dumps(members, ensure_ascii=False, allow_nan=False)
    known = {**SAFE, "Content-Language": language, "Vary": "Accept-Language", "Cache-Control": "no-store"}
    return Response(text, members["status"], {**known, **(headers or {})}, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Make every failure of an app a problem document."""
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(NotNow, _not_now)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _parameters)
    app.add_exception_handler(Exception, _internal)


def _language(request: Request) -> str:
    return language_of(request.headers.get("accept-language"))


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)  # registered for this class
    language = _language(request)
    return respond(body_of(error, language), language, _HANG_UP if error.kind == "too_slow" else None)


async def _gone(_: Request, __: Exception) -> Response:
    """Nobody waits for an answer any more, and nothing failed here."""
    return Response(status_code=HTTPStatus.BAD_REQUEST)


async def _not_now(request: Request, error: Exception) -> Response:
    assert isinstance(error, NotNow)  # registered for this class
    language = _language(request)
    return respond(body_of(error, language), language, _RETRY_AFTER)


async def _http(request: Request, error: Exception) -> Response:
    """Answer what the framework refuses by itself: addresses and methods that it does not know."""
    assert isinstance(error, HTTPException)  # registered for this class
    language, headers = _language(request), dict(error.headers or {})
    path, method = request.url.path[:_PATH_CHARACTERS], request.method
    if error.status_code == HTTPStatus.NOT_FOUND:
        return respond(body_of(Refusal("not_found", path=path), language), language, headers)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = headers.get("Allow") or headers.get("allow", "")
        refusal = Refusal("method_not_allowed", path=path, method=method, allowed=allowed)
        return respond(body_of(refusal, language), language, headers)
    members = {
        "type": "about:blank",
        "title": say("title.http", language),
        "status": error.status_code,
        "detail": HTTPStatus(error.status_code).phrase,
        "code": "http",
    }
    return respond(members, language, headers)


async def _parameters(request: Request, error: Exception) -> Response:
    """Query and path parameters, which the framework reads."""
    assert isinstance(error, RequestValidationError)  # registered for this class
    language = _language(request)
    problems = [
        Problem(
            str(found["loc"][-1]),
            _rule(found),
            say(f"rule.{_rule(found)}", language, low=0, high=_highest(found)),
        )
        for found in error.errors()
    ]
    return respond(body_of(Refusal("request_refused", problems), language), language)


def _rule(found: Mapping[str, Any]) -> str:
    return "missing" if found["type"] == "missing" else "not_valid_parameter"


def _highest(found: Mapping[str, Any]) -> int:
    return int(found.get("ctx", {}).get("le", 100))


async def _internal(request: Request, error: Exception) -> Response:
    """Answer for a mistake of ours: the caller learns an id, the log learns the rest."""
    error_id = secrets.token_hex(8)
    _log.error("%s: %s %s failed", error_id, request.method, route_of(request.scope), exc_info=error)
    language = _language(request)
    return respond(body_of(Refusal("internal", error_id=error_id), language), language)
