"""The addresses of the API, version 1."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Header, Path, Query, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, Response
from starlette.concurrency import run_in_threadpool

from leadlight.serving.api import answer_schemas, schemas
from leadlight.serving.api.answers import (
    JsonAnswer,
    json_response,
    model_document,
    model_name,
    neighbours_document,
    score_json,
)
from leadlight.serving.api.body import parse, read_body
from leadlight.serving.api.direct import DirectRoute
from leadlight.serving.api.found import find_receipt
from leadlight.serving.api.own import owner_of
from leadlight.serving.api.problems import NotNow, Refusal, body_of
from leadlight.serving.api.reading import Reader
from leadlight.serving.api.reference import reference_page
from leadlight.serving.api.spec import body_spec, erased_receipt, not_ready, refusals
from leadlight.serving.desk import Desk
from leadlight.serving.json_text import members, written
from leadlight.serving.metrics import CONTENT_TYPE_LATEST
from leadlight.serving.scorer import DEFAULT_REASONS, Answer, Question, Record, Scorer
from leadlight.serving.threads import computed
from leadlight.serving.words import language_of

__all__ = ["Reasons", "install", "scorer_of"]

_log = logging.getLogger("leadlight.serving")

Language = Annotated[str | None, Header(alias="Accept-Language", description="en (default) or es", examples=["es"])]
Reasons = Annotated[int, Query(ge=0, le=100, description="how many reasons to list; the rest is summed")]

_INLINE: Final = 65_536
"""Bytes of a body that is read and scored between two other answers; what takes longer does so beside them."""

_REFERENCE_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


def install(routes: APIRouter) -> None:
    """Add the API's routes."""
    add = routes.add_api_route
    add(
        "/v1/score",
        score,
        methods=["POST"],
        tags=["scoring"],
        response_model=answer_schemas.ScoreAnswer,
        responses=refusals(408, 409, 410, 413, 415, 422, 503),
        openapi_extra=body_spec("ScoreRequest"),
        route_class_override=DirectRoute,
    )
    add(
        "/v1/score/batch",
        score_batch,
        methods=["POST"],
        tags=["scoring"],
        response_model=answer_schemas.BatchAnswer,
        response_model_exclude_none=True,
        responses=refusals(408, 413, 415, 422, 503),
        openapi_extra=body_spec("BatchRequest"),
    )
    add(
        "/v1/receipts/{receipt_id}",
        receipt,
        methods=["GET"],
        tags=["scoring"],
        response_model=answer_schemas.ReceiptAnswer,
        responses={**refusals(404, 500, 503), **erased_receipt()},
    )
    add(
        "/v1/model",
        model,
        methods=["GET"],
        tags=["service"],
        response_model=answer_schemas.ModelAnswer,
        responses=refusals(503),
    )
    add("/healthz", healthz, methods=["GET"], tags=["service"], response_model=answer_schemas.Health)
    add(
        "/readyz",
        readyz,
        methods=["GET"],
        tags=["service"],
        response_model=answer_schemas.Readiness,
        responses=not_ready(),
    )
    add(
        "/metrics",
        metrics,
        methods=["GET"],
        tags=["service"],
        response_class=PlainTextResponse,
    )
    add("/docs", docs, methods=["GET"], include_in_schema=False)


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def scorer_of(desk: Desk) -> Scorer:
    """Return the scorer.

    Raises
    ------
    NotNow
        While none is ready.
    """
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
    scorer = scorer_of(desk)
    body = await read_body(request, desk.settings.max_body_bytes, language)
    if len(body) <= _INLINE:
        answer = await desk.answering.answer(scorer, partial(_question, desk, scorer, body, language, reasons))
    else:
        answer = await computed(_score_large, desk, scorer, body, language, reasons)
    desk.metrics.asked.add(scorer, [answer], desk.now())
    kept = await desk.keep_soon(scorer, [answer])
    return JsonAnswer(score_json(scorer, answer, kept.receipt_ids[0], kept.degraded), language)


def _question(desk: Desk, scorer: Scorer, body: bytes, language: str, reasons: int) -> Question:
    record = Reader(scorer.model.catalog, desk.now(), language).read(parse(body, language))
    _refuse_barred(desk, record)
    return Question(record, language, reasons)


def _refuse_barred(desk: Desk, record: Record) -> None:
    """Refuse to score who was erased or objects, whatever the caller knows of them."""
    lead_id = str(record.lead["lead_id"])
    why = desk.memory.barred.why(lead_id)
    if why is not None:
        raise Refusal(why, lead_id=lead_id)


def _score_large(desk: Desk, scorer: Scorer, body: bytes, language: str, reasons: int) -> Answer:
    return scorer.answer_all([_question(desk, scorer, body, language, reasons)])[0]


async def score_batch(
    request: Request, reasons: Reasons = DEFAULT_REASONS, accept_language: Language = None
) -> Response:
    """Score up to 1,000 leads; each is answered or refused on its own.

    The status is 200 whenever the list itself could be read; each entry holds a `result` or an `error`. All receipts
    are written in one transaction.
    """
    desk, language = _desk(request), language_of(accept_language)
    scorer = scorer_of(desk)
    body = await read_body(request, desk.settings.max_batch_body_bytes, language)
    return await computed(_score_all, desk, scorer, body, language, reasons)


def _score_all(desk: Desk, scorer: Scorer, body: bytes, language: str, reasons: int) -> Response:
    reader = Reader(scorer.model.catalog, desk.now(), language)
    items = reader.items(parse(body, language), schemas.MOST_ITEMS)
    read = [_read_item(desk, reader, item) for item in items]
    outcomes = _answered(scorer, read, language, reasons)
    answers = [outcome for outcome in outcomes if isinstance(outcome, Answer)]
    desk.metrics.asked.add(scorer, answers, desk.now())
    kept = desk.keep(scorer, answers)
    receipt_ids = iter(kept.receipt_ids)
    entries = []
    for index, (item, outcome) in enumerate(zip(items, outcomes, strict=True)):
        if isinstance(outcome, Answer):
            name, text = "result", score_json(scorer, outcome, next(receipt_ids), kept.degraded)
        else:
            name, text = "error", written(body_of(outcome, language))
        entries.append(b'{%b,"%b":%b}' % (members({"index": index, "lead_id": _lead_id(item)}), name.encode(), text))
    return JsonAnswer(b'{"items":[%b]}' % b",".join(entries), language)


def _read_item(desk: Desk, reader: Reader, item: object) -> Record | Refusal:
    try:
        record = reader.read(item)
        _refuse_barred(desk, record)
        return record
    except Refusal as refusal:
        return refusal
    except Exception:
        return _failed()


def _answered(scorer: Scorer, read: Sequence[Record | Refusal], language: str, reasons: int) -> list[Answer | Refusal]:
    """Score all that could be read, together; one by one if that fails, so that one lead's failure is its own."""
    records = [one for one in read if isinstance(one, Record)]
    try:
        questions = [Question(record, language, reasons) for record in records]
        answers: Iterator[Answer | Refusal] = iter(scorer.answer_all(questions))
    except Exception:
        answers = (_answer_alone(scorer, record, language, reasons) for record in records)
    return [next(answers) if isinstance(one, Record) else one for one in read]


def _answer_alone(scorer: Scorer, record: Record, language: str, reasons: int) -> Answer | Refusal:
    try:
        return scorer.answer(record, language=language, reasons=reasons)
    except Exception:
        return _failed()


def _failed() -> Refusal:
    """Log a mistake of ours under an id that the caller learns."""
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
    """Return one receipt: what was scored, with what, and what came out. Of an erased one id, time, model and score."""
    found = await run_in_threadpool(find_receipt, _desk(request), receipt_id, owner_of(request))
    return json_response(found.as_dict(), found.language)


async def model(request: Request) -> Response:
    """Return what serves: the model, its agreement, and which attributes, activities and stages it knows."""
    return json_response(model_document(scorer_of(_desk(request))))


async def healthz() -> Response:
    """Say that the process is alive."""
    return json_response({"status": "ok"})


async def readyz(request: Request) -> Response:
    """Say whether the service can score, and if not, why.

    Receipts that go to the spool are named in `degraded`; `neighbours`, also where it is refused, has the last state of
    all that it leans on.
    """
    desk = _desk(request)
    if not desk.champion.is_ready:
        await computed(desk.champion.look_again)
    neighbours = neighbours_document(request.app.state.neighbours)
    try:
        scorer = scorer_of(desk)
    except NotNow as refusal:
        refusal.members = {"neighbours": neighbours}
        raise
    degraded = list(desk.keeper.degraded)
    return json_response(
        {"status": "ready", "model": model_name(scorer), "degraded": degraded, "neighbours": neighbours}
    )


async def metrics(request: Request) -> Response:
    """Return counts and times of this service in Prometheus's text format."""
    # beside those that compute: there a batch may wait for a database that hangs, and then this is asked most
    text = await asyncio.to_thread(_desk(request).metrics.text)
    return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})


async def docs(request: Request) -> Response:
    """Return the reference of the API as a page; it loads nothing from anywhere."""
    return HTMLResponse(reference_page(request.app.openapi()), headers=_REFERENCE_HEADERS)
