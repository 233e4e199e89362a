"""The outbox over HTTP: what was sent, what waits, what was given up, and trying it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal, TypeVar

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from leadlight.core.errors import Problem
from leadlight.serving.api.answers import json_response
from leadlight.serving.api.problems import MEDIA_TYPE, NotNow, Refusal
from leadlight.serving.outbox.outbox import Outbox
from leadlight.serving.outbox.payload import as_dict
from leadlight.serving.store.ids import is_message_id
from leadlight.serving.store.outbox_table import DELIVERED, STATES, WAITING
from leadlight.serving.words import language_of, say

__all__ = ["ANSWERS", "OutboxAnswer", "OutboxRetryAnswer", "install"]

_Found = TypeVar("_Found")
_MOST: Final = 200
_PAGE: Final = 50
_LARGEST: Final = 2**63 - 1

_MESSAGE_EXAMPLE: Final[dict[str, Any]] = {
    "message_id": "msg_01KB4Z0T5N8QY2M6R3W7X9V1CD",
    "lead_id": "L-1042",
    "state": "dead",
    "created_at": "2026-11-20T08:00:00Z",
    "next_attempt_at": None,
    "attempts": 83,
    "last_error": "HTTP 503 Service Unavailable",
    "delivered_at": None,
    "payload": {"type": "lead.score_changed", "timestamp": "2026-11-20T08:00:00Z", "data": {"lead_id": "L-1042"}},
}


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True)


_Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class OutboxMessage(_Answer):
    """A webhook."""

    message_id: Annotated[str, Field(description="the header webhook-id of every attempt")]
    lead_id: str
    state: Literal["waiting", "delivered", "dead"]
    created_at: _Time
    next_attempt_at: Annotated[_Time | None, Field(description="null unless it waits")]
    attempts: Annotated[int, Field(description="since it was made, or since it was last retried by hand")]
    last_error: Annotated[str | None, Field(description="why the last attempt failed")]
    delivered_at: _Time | None
    payload: Annotated[dict[str, Any], Field(description="the body, as it is sent")]


class OutboxAnswer(_Answer):
    """Webhooks, newest first."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"messages": [_MESSAGE_EXAMPLE], "next_cursor": "917"}]}
    )

    messages: list[OutboxMessage]
    next_cursor: Annotated[str | None, Field(description="give it as cursor for what follows; null at the end")]


class OutboxRetryAnswer(_Answer):
    """A webhook that is due now."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"message_id": _MESSAGE_EXAMPLE["message_id"], "state": "waiting"}]},
    )

    message_id: str
    state: Literal["waiting"]


ANSWERS: Final[tuple[type[BaseModel], ...]] = (OutboxAnswer, OutboxRetryAnswer)
"""What is answered here; the other shapes are within these."""

_PROBLEMS: Final = {
    404: "There is no such webhook",
    409: "It was delivered already",
    422: "A parameter can't be used; every problem is listed",
    503: "The database does not answer",
}
_PARAMETERS: Final = [
    {"name": "state", "in": "query", "description": "only these", "schema": {"type": "string", "enum": list(STATES)}},
    {
        "name": "limit",
        "in": "query",
        "description": "how many at most",
        "schema": {"type": "integer", "minimum": 1, "maximum": _MOST, "default": _PAGE},
    },
    {"name": "cursor", "in": "query", "description": "next_cursor of the page before", "schema": {"type": "string"}},
]
"""Read by hand, so that a wrong one is refused in words that fit it."""


def _refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
    return {status: {"description": _PROBLEMS[status], "content": content} for status in statuses}


def install(routes: APIRouter) -> None:
    """Add the outbox's routes; the app's state holds the `Outbox`."""
    routes.add_api_route(
        "/v1/outbox",
        outbox,
        methods=["GET"],
        tags=["webhooks"],
        response_model=OutboxAnswer,
        responses=_refusals(422, 503),
        openapi_extra={"parameters": _PARAMETERS},
    )
    routes.add_api_route(
        "/v1/outbox/{message_id}/retry",
        retry,
        methods=["POST"],
        tags=["webhooks"],
        response_model=OutboxRetryAnswer,
        responses=_refusals(404, 409, 503),
    )


async def outbox(request: Request) -> Response:
    """List webhooks, newest first: those that wait, were delivered in the last 7 days, or were given up."""
    state, limit, before = _asked(request)
    found = await _ask(lambda: _outbox(request).messages(state, limit + 1, before))
    page = found[:limit]
    following = str(page[-1].number) if len(found) > limit else None
    return json_response({"messages": [as_dict(one) for one in page], "next_cursor": following})


async def retry(
    request: Request,
    message_id: Annotated[str, Path(description="as listed", examples=["msg_01KB4Z0T5N8QY2M6R3W7X9V1CD"])],
) -> Response:
    """Send a webhook once more at once: a dead letter with all its attempts before it, or one that waits for its turn.

    Earlier ones of the same lead that wait are tried first.
    """
    state = None
    if is_message_id(message_id):
        state = await _ask(lambda: _outbox(request).retry(message_id))
    if state is None:
        raise Refusal("no_message", message_id=message_id[:100])
    if state == DELIVERED:
        raise Refusal("message_delivered", message_id=message_id)
    return json_response({"message_id": message_id, "state": WAITING})


def _outbox(request: Request) -> Outbox:
    found: Outbox = request.app.state.outbox
    return found


async def _ask(act: Callable[[], _Found]) -> _Found:
    try:
        return await run_in_threadpool(act)
    except (SQLAlchemyError, OSError):
        raise NotNow("unavailable", "detail.outbox_unavailable") from None


def _asked(request: Request) -> tuple[str | None, int, int | None]:
    """Read the query.

    Raises
    ------
    Refusal
        Listing every parameter that can't be used.
    """
    given, language = request.query_params, language_of(request.headers.get("accept-language"))
    problems = []
    state = given.get("state")
    if state is not None and state not in STATES:
        known = ", ".join(STATES)
        problems.append(Problem("state", "not_one_of", say("rule.not_one_of", language, known=known)))
    limit = _whole(given.get("limit", str(_PAGE)), 1, _MOST)
    if limit is None:
        text = say("rule.not_valid_parameter", language, low=1, high=_MOST)
        problems.append(Problem("limit", "not_valid_parameter", text))
    cursor = given.get("cursor")
    before = None if cursor is None else _whole(cursor, 0, _LARGEST)
    if cursor is not None and before is None:
        problems.append(Problem("cursor", "not_a_cursor", say("rule.not_a_cursor", language)))
    if problems or limit is None:
        raise Refusal("request_refused", problems)
    return state, limit, before


def _whole(text: str, low: int, high: int) -> int | None:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        return None
    value = int(text)
    return value if low <= value <= high else None
