"""The addresses of the API, version 1."""

from __future__ import annotations

import logging
import secrets
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Path, Query, Request
from fastapi.responses import HTMLResponse, Response
from starlette.concurrency import run_in_threadpool

from leadlight.core.errors import Unavailable
from leadlight.serving.api import answer_schemas, schemas
from leadlight.serving.api.answers import json_response, model_document, model_name, score_document
from leadlight.serving.api.body import parse, read_body
from leadlight.serving.api.problems import MEDIA_TYPE, NotNow, Refusal, body_of
from leadlight.serving.api.reading import Reader
from leadlight.serving.api.reference import reference_page
from leadlight.serving.desk import Desk
from leadlight.serving.scorer import DEFAULT_REASONS, Answer, Scorer
from leadlight.serving.store.ids import is_receipt_id
from leadlight.serving.words import language_of

__all__ = ["router"]

_log = logging.getLogger("leadlight.serving")

Language = Annotated[str | None, Header(alias="Accept-Language", description="en (default) or es", examples=["es"])]
Reasons = Annotated[int, Query(ge=0, le=100, description="how many reasons to list; the rest is summed")]

_INLINE: Final = 65_536
"""Bytes of a body that is read and scored between two other answers; what takes longer does so beside them."""

_PROBLEMS: Final = {
    404: "Nothing there",
    408: "The body did not arrive in time",
    413: "The body is too large",
    415: "The body is not plain JSON",
    422: "The request can't be answered as it stands; every problem is listed",
    503: "What answering takes is not there: no model is ready, or the database does not answer",
}
_REFERENCE_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


def _refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
    return {status: {"description": _PROBLEMS[status], "content": content} for status in statuses}


def _body(schema: str) -> dict[str, Any]:
    reference = {"schema": {"$ref": f"#/components/schemas/{schema}"}}
    return {"requestBody": {"required": True, "content": {"application/json": reference}}}


def router() -> APIRouter:
    """Return the API's routes."""
    routes = APIRouter()
    add = routes.add_api_route
    add(
        "/v1/score",
        score,
        methods=["POST"],
        tags=["scoring"],
        response_model=answer_schemas.ScoreAnswer,
        responses=_refusals(408, 413, 415, 422, 503),
        openapi_extra=_body("ScoreRequest"),
    )
    add(
        "/v1/score/batch",
        score_batch,
        methods=["POST"],
        tags=["scoring"],
        response_model=answer_schemas.BatchAnswer,
        response_model_exclude_none=True,
        responses=_refusals(408, 413, 415, 422, 503),
        openapi_extra=_body("BatchRequest"),
    )
    add(
        "/v1/receipts/{receipt_id}",
        receipt,
        methods=["GET"],
        tags=["scoring"],
        response_model=answer_schemas.ReceiptAnswer,
        responses=_refusals(404, 503),
    )
    add(
        "/v1/model",
        model,
        methods=["GET"],
        tags=["service"],
        response_model=answer_schemas.ModelAnswer,
        responses=_refusals(503),
    )
    add("/healthz", healthz, methods=["GET"], tags=["service"], response_model=answer_schemas.Health)
    add(
        "/readyz",
        readyz,
        methods=["GET"],
        tags=["service"],
        response_model=answer_schemas.Readiness,
        responses=_refusals(503),
    )
    add("/docs", docs, methods=["GET"], include_in_schema=False)
    return routes


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def _scorer(desk: Desk) -> Scorer:
    try:
        return desk.champion.scorer
    except Exception as error:
        raise NotNow.of(error) from None


async def score(request: Request, reasons: Reasons = DEFAULT_REASONS, accept_language: Language = None) -> Response:
    """Score one lead, with reasons.

    The answer is sent once its receipt is on the disk. `base_log_odds` and all reasons, listed or not, add up to
    `log_odds`.
    """
    desk, language = _desk(request), language_of(accept_language)
    scorer = _scorer(desk)
    body = await read_body(request, desk.settings.max_body_bytes, language)
    work = partial(_score_one, desk, scorer, body, language, reasons)
    answer = work() if len(body) <= _INLINE else await run_in_threadpool(work)
    kept = await run_in_threadpool(desk.keep, scorer, [answer])
    return json_response(score_document(scorer, answer, kept.receipt_ids[0], kept.degraded), language)


def _score_one(desk: Desk, scorer: Scorer, body: bytes, language: str, reasons: int) -> Answer:
    record = Reader(scorer.model.catalog, desk.now(), language).read(parse(body, language))
    return scorer.answer(record, language=language, reasons=reasons)


async def score_batch(
    request: Request, reasons: Reasons = DEFAULT_REASONS, accept_language: Language = None
) -> Response:
    """Score up to 1,000 leads; each is answered or refused on its own.

    The status is 200 whenever the list itself could be read; each entry holds a `result` or an `error`. All receipts
    are written in one transaction.
    """
    desk, language = _desk(request), language_of(accept_language)
    scorer = _scorer(desk)
    body = await read_body(request, desk.settings.max_batch_body_bytes, language)
    return await run_in_threadpool(_score_all, desk, scorer, body, language, reasons)


def _score_all(desk: Desk, scorer: Scorer, body: bytes, language: str, reasons: int) -> Response:
    reader = Reader(scorer.model.catalog, desk.now(), language)
    items = reader.items(parse(body, language), schemas.MOST_ITEMS)
    outcomes = [_score_item(scorer, reader, item, reasons) for item in items]
    answers = [outcome for outcome in outcomes if isinstance(outcome, Answer)]
    kept = desk.keep(scorer, answers)
    receipt_ids = iter(kept.receipt_ids)
    entries = []
    for index, (item, outcome) in enumerate(zip(items, outcomes, strict=True)):
        entry: dict[str, Any] = {"index": index, "lead_id": _lead_id(item)}
        if isinstance(outcome, Answer):
            entry["result"] = score_document(scorer, outcome, next(receipt_ids), kept.degraded)
        else:
            entry["error"] = body_of(outcome, language)
        entries.append(entry)
    return json_response({"items": entries}, language)


def _score_item(scorer: Scorer, reader: Reader, item: object, reasons: int) -> Answer | Refusal:
    try:
        return scorer.answer(reader.read(item), language=reader.language, reasons=reasons)
    except Refusal as refusal:
        return refusal
    except Exception:
        error_id = secrets.token_hex(8)
        _log.exception("%s: an item of a batch failed", error_id)
        return Refusal("internal", error_id=error_id)


def _lead_id(item: object) -> str | None:
    lead = item.get("lead") if isinstance(item, dict) else None
    lead_id = lead.get("lead_id") if isinstance(lead, dict) else None
    return lead_id if isinstance(lead_id, str) and len(lead_id) <= 200 else None


async def receipt(
    request: Request,
    receipt_id: Annotated[str, Path(description="as answered with the score", examples=["01KB4Z0T5N8QY2M6R3W7X9V1CD"])],
) -> Response:
    """Return one receipt: what was scored, with what, and what came out."""
    if not is_receipt_id(receipt_id):
        raise Refusal("no_receipt", receipt_id=receipt_id[:100])
    try:
        found = await run_in_threadpool(_desk(request).keeper.get, receipt_id)
    except Unavailable:
        raise NotNow("unavailable", "detail.receipts_unavailable") from None
    if found is None:
        raise Refusal("no_receipt", receipt_id=receipt_id)
    return json_response(found.as_dict(), found.language)


async def model(request: Request) -> Response:
    """Return what serves: the model, its agreement, and which attributes, activities and stages it knows."""
    return json_response(model_document(_scorer(_desk(request))))


async def healthz() -> Response:
    """Say that the process is alive."""
    return json_response({"status": "ok"})


async def readyz(request: Request) -> Response:
    """Say whether the service can score, and if not, why. Receipts that go to the spool are named in `degraded`."""
    desk = _desk(request)
    await run_in_threadpool(desk.champion.look_again)
    scorer = _scorer(desk)
    return json_response({"status": "ready", "model": model_name(scorer), "degraded": list(desk.keeper.degraded)})


async def docs(request: Request) -> Response:
    """Return the reference of the API as a page; it loads nothing from anywhere."""
    return HTMLResponse(reference_page(request.app.openapi()), headers=_REFERENCE_HEADERS)
