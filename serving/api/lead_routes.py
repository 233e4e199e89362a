"""What the service tells of stored leads: the ranked queue, one lead, its scores, and all that is held on a person."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, TypeVar

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from sqlalchemy import Connection, select
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from leadlight.core.clock import time_text
from leadlight.core.errors import Problem
from leadlight.serving.api import lead_schemas
from leadlight.serving.api.answers import JsonAnswer, score_json
from leadlight.serving.api.intake import Language, LeadId
from leadlight.serving.api.own import owner_of
from leadlight.serving.api.problems import NotNow, Refusal
from leadlight.serving.api.routes import Reasons, scorer_of
from leadlight.serving.api.spec import refusals
from leadlight.serving.desk import Desk
from leadlight.serving.json_text import members, written
from leadlight.serving.ledger.ledger import ErasedLead, UnknownLead
from leadlight.serving.ledger.persons import names_of
from leadlight.serving.ledger.reading import attributes_of, read_known, stages_in_order
from leadlight.serving.pages_data import Band
from leadlight.serving.reasons import why_of
from leadlight.serving.scorer import DEFAULT_REASONS, Scorer
from leadlight.serving.showing import BadCursor, Filters, Shown, find_page, give_receipts, read_scores, shown_before
from leadlight.serving.store.ids import is_receipt_id
from leadlight.serving.store.packed import DamagedReceipt, unpacked
from leadlight.serving.store.plain_error import plain
from leadlight.serving.store.schema import (
    ACTIVITIES,
    ATTRIBUTE_CHANGES,
    DECISIONS,
    LEAD_MOVES,
    LEADS,
    OUTBOX,
    RECEIPTS,
    SCORES,
    STAGE_CHANGES,
)
from leadlight.serving.words import language_of, say

__all__ = ["install"]

_log = logging.getLogger("leadlight.serving")

_BANDS: Final[dict[str, Band]] = {"hot": "hot", "warm": "warm", "cold": "cold"}
_MOST_STAGES: Final = 100
_HELD: Final = (
    LEADS,
    LEAD_MOVES,
    ACTIVITIES,
    STAGE_CHANGES,
    ATTRIBUTE_CHANGES,
    DECISIONS,
    SCORES,
    RECEIPTS,
    OUTBOX,
)

Filter = Annotated[str | None, Query(max_length=200)]
Cursor = Annotated[str | None, Query(max_length=1_000, description="next_cursor of the page before")]
Limit = Annotated[int, Query(ge=1, le=200, description="leads on a page")]

_Found = TypeVar("_Found")


def install(routes: APIRouter) -> None:
    """Add the routes."""
    told: tuple[tuple[str, Any, Any, tuple[int, ...]], ...] = (
        ("/v1/leads", queue, lead_schemas.QueueAnswer, (422, 503)),
        ("/v1/leads/{lead_id}", record, lead_schemas.RecordAnswer, (404, 410, 422, 503)),
        ("/v1/leads/{lead_id}/scores", scores, lead_schemas.ScoresAnswer, (404, 410, 422, 503)),
        ("/v1/leads/{lead_id}/export", export, lead_schemas.ExportAnswer, (404, 410, 422, 503)),
    )
    for path, call, answer, statuses in told:
        routes.add_api_route(
            path, call, methods=["GET"], tags=["leads"], response_model=answer, responses=refusals(*statuses)
        )


async def queue(
    request: Request,
    owner: Filter = None,
    stage: Filter = None,
    account: Filter = None,
    band: Annotated[str | None, Query(description="hot, warm or cold")] = None,
    minimum_score: Annotated[int, Query(ge=0, le=100)] = 0,
    limit: Limit = 50,
    cursor: Cursor = None,
    accept_language: Language = None,
) -> Response:
    """List open leads, the strongest first, by their last scores; each that is listed has a receipt."""
    desk, language = _desk(request), language_of(accept_language)
    scorer = scorer_of(desk)
    if band is not None and band not in _BANDS:
        problem = Problem("band", "not_one_of", say("rule.not_one_of", language, known=", ".join(_BANDS)))
        raise Refusal("request_refused", [problem])
    own = owner_of(request)
    if own is not None and owner not in (None, own):
        return JsonAnswer(_queue_text([], None, scorer.version), language)  # others' leads are nobody's business
    filters = Filters(own or owner, stage, account, _BANDS.get(band or ""), minimum_score)

    def page(connection: Connection) -> tuple[list[Mapping[str, Any]], str | None, list[Shown] | None]:
        rows, following = find_page(connection, scorer, filters, limit, cursor)
        return rows, following, shown_before(scorer, rows, language=language, reasons=DEFAULT_REASONS)

    try:
        rows, following, before = await _reading(desk, page)
    except BadCursor:
        raise _bad_cursor(language) from None
    shown = await _show(desk, scorer, rows, before, language, DEFAULT_REASONS)
    items = [_item(scorer.shown_probability(one.answer), one) for one in shown]
    return JsonAnswer(_queue_text(items, following, scorer.version), language)


def _queue_text(items: list[Mapping[str, Any]], following: str | None, version: int) -> bytes:
    return written({"items": items, "next_cursor": following, "model_version": version})


def _item(probability: float | None, shown: Shown) -> Mapping[str, Any]:
    row, answer = shown.row, shown.answer
    return {
        "lead_id": answer.lead_id,
        "score": answer.score,
        "grade": answer.grade,
        "band": answer.band,
        "probability": probability,
        "why": [reason.text for reason in why_of(answer.reasons)],
        "stage": row["stage"],
        "account_id": row["account_id"],
        "owner_id": row["owner_id"],
        "as_of": time_text(answer.as_of),
        "receipt_id": shown.receipt_id,
    }


async def record(
    request: Request, lead_id: LeadId, reasons: Reasons = DEFAULT_REASONS, accept_language: Language = None
) -> Response:
    """Return a lead as it is known now, with its last score."""
    desk, language = _desk(request), language_of(accept_language)
    own = owner_of(request)
    scorer = scorer_of(desk) if desk.champion.is_ready else None

    def read(connection: Connection) -> tuple[dict[str, Any], list[Mapping[str, Any]], list[Shown] | None]:
        found, row = _record(connection, desk, lead_id, own)
        if scorer is None or row is None or found["objected"]:
            return found, [], []
        return found, [row], shown_before(scorer, [row], language=language, reasons=reasons)

    found, rows, before = await _reading(desk, read)
    text = b"null"
    if scorer is not None:
        for one in await _show(desk, scorer, rows, before, language, reasons):
            text = score_json(scorer, one.answer, one.receipt_id, desk.keeper.degraded)
    return JsonAnswer(b'{%b,"score":%b}' % (members(found), text), language)


def _record(
    connection: Connection, desk: Desk, asked: str, own: str | None
) -> tuple[dict[str, Any], Mapping[str, Any] | None]:
    lead_id = desk.memory.ledger.known_to(connection, asked, own)
    known = read_known(connection, [lead_id], desk.now() + 1, colleagues=False)
    lead = known.leads[0]
    stages = stages_in_order(known.stage_changes)[::-1]
    score = read_scores(connection, [lead_id]).get(lead_id)
    facts = {
        "lead_id": lead_id,
        "created_at": time_text(lead["created_at"]),
        "account_id": lead["account_id"],
        "owner_id": lead["owner_id"],
        "attributes": attributes_of(lead, known.attribute_changes),
        "stage": stages[0]["stage"] if stages else None,
        "stage_changes": [_stage(row) for row in stages[:_MOST_STAGES]],
        "activities": len(known.activities),
        "merged": names_of(connection, lead_id)[1:],
        "objected": lead["objected_at"] is not None,
    }
    return facts, score


def _stage(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "stage": row["stage"],
        "occurred_at": time_text(row["occurred_at"]),
        **{name: row[name] for name in ("reason", "amount", "actor")},
    }


async def scores(
    request: Request, lead_id: LeadId, limit: Limit = 50, cursor: Cursor = None, accept_language: Language = None
) -> Response:
    """Return which scores of a lead were shown or sent, and when; the cursor is the last receipt's id."""
    desk = _desk(request)
    if cursor is not None and not is_receipt_id(cursor):
        raise _bad_cursor(language_of(accept_language))
    own = owner_of(request)
    found = await _reading(desk, lambda c: _scores(c, desk, lead_id, own, limit, cursor))
    return JsonAnswer(written(found), "en")


def _bad_cursor(language: str) -> Refusal:
    return Refusal("request_refused", [Problem("cursor", "not_a_cursor", say("rule.not_a_cursor", language))])


def _scores(
    connection: Connection, desk: Desk, asked: str, own: str | None, limit: int, before: str | None
) -> dict[str, Any]:
    lead_id = desk.memory.ledger.known_to(connection, asked, own)
    receipts = RECEIPTS.c
    asked_for = select(
        receipts.receipt_id, receipts.as_of, receipts.made_at, receipts.score, receipts.model_version
    ).where(receipts.lead_id.in_(names_of(connection, lead_id)))
    if before is not None:
        asked_for = asked_for.where(receipts.receipt_id < before)
    rows = connection.execute(asked_for.order_by(receipts.receipt_id.desc()).limit(limit + 1)).mappings().all()
    items = [{**row, "as_of": time_text(row["as_of"]), "made_at": time_text(row["made_at"])} for row in rows[:limit]]
    cursor = items[-1]["receipt_id"] if len(rows) > limit else None
    return {"lead_id": lead_id, "items": items, "next_cursor": cursor}


async def export(request: Request, lead_id: LeadId) -> Response:
    """Return all that is held on a person, under all ids, versions that no longer count included."""
    desk = _desk(request)
    return JsonAnswer(written(await _reading(desk, lambda c: _export(c, desk, lead_id))), "en")


def _export(connection: Connection, desk: Desk, asked: str) -> dict[str, Any]:
    lead_id = desk.memory.ledger.held(connection, asked)
    names = names_of(connection, lead_id)
    tables = {}
    for table in _HELD:
        columns = [column for column in table.c if column.name not in ("row_id", "identity", "features")]
        rows = connection.execute(select(*columns).where(table.c.lead_id.in_(names))).mappings()
        tables[table.name] = [_readable(row) for row in rows]
    return {"lead_id": lead_id, "tables": tables}


def _readable(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a row of the export; a receipt's as what it says, None where it was emptied or nobody can read it."""
    found = dict(row)
    if "packed" in found:
        stored = found.pop("packed")
        try:
            found["receipt"] = json.loads(unpacked(stored)) if stored else None
        except DamagedReceipt as error:  # all else is held on the person all the same
            found |= {"receipt": None, "damaged": str(error)}
    return found


async def _show(
    desk: Desk,
    scorer: Scorer,
    rows: list[Mapping[str, Any]],
    before: list[Shown] | None,
    language: str,
    reasons: int,
) -> list[Shown]:
    """Return scores as they are shown: those shown before as they are, else each gets its receipt first."""
    if before is not None:
        desk.metrics.scored(scorer, [one.answer for one in before])
        return before

    def job(connection: Connection) -> list[Shown]:
        return give_receipts(connection, scorer, rows, desk.ids, desk.now(), language=language, reasons=reasons)

    try:
        shown: list[Shown] = await desk.memory.write(job, changes=False)
    except (SQLAlchemyError, OSError) as error:
        raise _unavailable(error) from None
    desk.metrics.scored(scorer, [one.answer for one in shown])
    return shown


async def _reading(desk: Desk, act: Callable[[Connection], _Found]) -> _Found:
    try:
        found: _Found = await run_in_threadpool(desk.memory.read, act)
    except UnknownLead as error:
        raise Refusal("no_lead", lead_id=error.context["lead_id"]) from None
    except ErasedLead:
        raise Refusal("erased") from None
    except (SQLAlchemyError, OSError) as error:
        raise _unavailable(error) from None
    return found


def _unavailable(error: Exception) -> NotNow:
    _log.warning("the store does not answer: %s", plain(error))
    return NotNow("unavailable", "detail.store_unavailable")


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk
