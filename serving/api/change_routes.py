"""Why a score changed since an earlier one of the same lead."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from leadlight.core.clock import time_text
from leadlight.core.errors import Problem
from leadlight.serving.api.answer_schemas import ModelName
from leadlight.serving.api.answers import json_response, model_name
from leadlight.serving.api.found import find_receipt
from leadlight.serving.api.own import owner_of
from leadlight.serving.api.problems import NotNow, Refusal
from leadlight.serving.api.spec import erased_receipt, refusals
from leadlight.serving.changes import Split, statement
from leadlight.serving.desk import Desk
from leadlight.serving.ledger.persons import find_persons
from leadlight.serving.ledger.reading import Known, read_known
from leadlight.serving.scorer import DEFAULT_REASONS
from leadlight.serving.store.receipts import Receipt
from leadlight.serving.told_apart import NotSeparable, Side, ToldApart, in_order, tell
from leadlight.serving.words import language_of, say

__all__ = ["CHANGE_ANSWERS", "install"]

Language = Annotated[str | None, Header(alias="Accept-Language", description="en (default) or es", examples=["es"])]
Reasons = Annotated[int, Query(ge=0, le=100, description="how many reasons to list; the rest is summed")]
ReceiptId = Annotated[str, Path(description="as answered with the score", examples=["01KB4Z0T5N8QY2M6R3W7X9V1CD"])]
Since = Annotated[str, Query(description="another receipt of the lead", examples=["01KAQ2S7Z3C4V5B6N7M8K9J0HG"])]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True)


class ScoreThen(_Answer):
    """One side of a change."""

    receipt_id: str
    as_of: Annotated[str, Field(description="ISO 8601, UTC")]
    score: int
    log_odds: float
    model: ModelName


class LogOddsChange(_Answer):
    """`data` + `model` is `change`, but for rounding."""

    change: float
    data: Annotated[float, Field(description="what happened to the lead, the passing of time included")]
    model: Annotated[float, Field(description="another model; 0 where one model made both scores")]


class PointsChange(_Answer):
    """Points of the score; `data` + `model` is `change`, exactly."""

    change: int
    data: int
    model: int


class ChangeReason(_Answer):
    """A reason group's part of `log_odds.data`."""

    code: str
    impact: Annotated[float, Field(description="log-odds, the mean over both models")]
    holds: Annotated[bool, Field(description="whether the text says what is so now, not what no longer is")]
    text: str


class ChangeAnswer(_Answer):
    """Why a score changed."""

    lead_id: str
    old: Annotated[ScoreThen, Field(description="the earlier moment, whichever receipt the address names")]
    new: ScoreThen
    same_model: bool
    points: PointsChange
    log_odds: LogOddsChange
    reasons: Annotated[list[ChangeReason], Field(description="strongest first")]
    other_reasons_impact: Annotated[float, Field(description="with the listed ones it makes log_odds.data")]
    statement: Annotated[str, Field(examples=["72 to 58: what happened −12 (No reply for 14 days), new model −2"])]


CHANGE_ANSWERS: Final[tuple[type[BaseModel], ...]] = (ChangeAnswer,)


def install(routes: APIRouter) -> None:
    """Add the route."""
    cannot = refusals(409)[409] | {"description": "What happened can't be told from what the model did; it says why"}
    routes.add_api_route(
        "/v1/receipts/{receipt_id}/changes",
        changes,
        methods=["GET"],
        tags=["scoring"],
        response_model=ChangeAnswer,
        responses={**refusals(404, 422, 500, 503), **erased_receipt(), 409: cannot},
    )


async def changes(
    request: Request,
    receipt_id: ReceiptId,
    since: Since,
    reasons: Reasons = DEFAULT_REASONS,
    accept_language: Language = None,
) -> Response:
    """Say why a lead's score changed since another receipt: what happened, and what is another model.

    Each part is the mean over both orders of change, so that the parts add up to the difference. The earlier moment is
    `old`, whichever of the two the address names.
    """
    desk: Desk = request.app.state.desk
    language = language_of(accept_language)
    document = await run_in_threadpool(_changes, desk, receipt_id, since, reasons, language, owner_of(request))
    return json_response(document, language)


def _changes(desk: Desk, receipt_id: str, since: str, reasons: int, language: str, own: str | None) -> dict[str, Any]:
    asked, other = find_receipt(desk, receipt_id, own), find_receipt(desk, since, own)
    _refuse_other_lead(desk, asked, other, language)
    old, new = (_side(desk, receipt, language) for receipt in in_order(asked, other))

    def read(lead_id: str, as_of: int) -> Known:
        known: Known = _read(desk, lambda connection: read_known(connection, [lead_id], as_of))
        return known

    try:
        told = tell(old, new, read, language)
    except NotSeparable as error:
        why = say("apart.not_rebuilt", language, receipt_id=error.receipt.receipt_id)
        raise Refusal("not_separable", why=why) from None
    return _document(asked.lead_id, old, new, told, reasons, language)


def _read(desk: Desk, act: Any) -> Any:
    try:
        return desk.memory.read(act)
    except (SQLAlchemyError, OSError):
        raise NotNow("unavailable", "detail.store_unavailable") from None


def _refuse_other_lead(desk: Desk, asked: Receipt, other: Receipt, language: str) -> None:
    ids = [asked.lead_id, other.lead_id]
    if ids[0] == ids[1]:
        return
    secret = desk.memory.ledger.secret
    current = _read(desk, lambda connection: find_persons(connection, secret, ids)).current
    if current[ids[0]] != current[ids[1]]:
        raise Refusal("request_refused", [Problem("since", "other_lead", say("rule.other_lead", language))])


def _side(desk: Desk, receipt: Receipt, language: str) -> Side:
    scorer = desk.past_models.of(receipt)
    if scorer is None:
        named = {"version": receipt.model_version, "receipt_id": receipt.receipt_id}
        raise Refusal("not_separable", why=say("apart.no_model", language, **named))
    return Side(receipt, scorer)


def _document(lead_id: str, old: Side, new: Side, told: ToldApart, reasons: int, language: str) -> dict[str, Any]:
    change = told.change
    listed = change.shares[:reasons]
    return {
        "lead_id": lead_id,
        "old": _then(old),
        "new": _then(new),
        "same_model": told.same_model,
        "points": _parts(change.points),
        "log_odds": _parts(change.log_odds),
        "reasons": [
            {"code": code, "impact": impact, "holds": told.holds[code], "text": told.texts[code]}
            for code, impact in listed
        ],
        "other_reasons_impact": change.rest(reasons),
        "statement": statement(change, told.texts, language, same_model=told.same_model),
    }


def _then(side: Side) -> dict[str, Any]:
    receipt = side.receipt
    return {
        "receipt_id": receipt.receipt_id,
        "as_of": time_text(receipt.as_of),
        "score": receipt.score,
        "log_odds": receipt.log_odds,
        "model": model_name(side.scorer),
    }


def _parts(split: Split[Any]) -> dict[str, Any]:
    return {"change": split.change, "data": split.data, "model": split.model}
