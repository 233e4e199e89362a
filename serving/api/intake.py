"""What the CRM tells the service: leads, activities, stage changes, corrections, merges, decisions, erasures.

Each call is one transaction, written together with those of the other calls in flight; the answer is sent once it is
on the disk. With an ``Idempotency-Key`` a call is done once, however often it is sent within a day.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Path, Request
from fastapi.responses import Response
from pydantic import BaseModel, ValidationError
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from leadlight.core.errors import Problem
from leadlight.serving.access.caller import caller_of
from leadlight.serving.api import intake_schemas as shapes
from leadlight.serving.api.answers import JsonAnswer
from leadlight.serving.api.body import parse, read_body
from leadlight.serving.api.direct import DirectTold
from leadlight.serving.api.problems import NotNow, Refusal
from leadlight.serving.api.reading import AHEAD
from leadlight.serving.api.schemas import MOST_ITEMS
from leadlight.serving.api.shapes import Shapes
from leadlight.serving.api.spec import body_spec, refusals
from leadlight.serving.desk import Desk
from leadlight.serving.json_text import written
from leadlight.serving.ledger.idempotency import Kept, OtherBody, StillRunning, key_digest, once
from leadlight.serving.ledger.jobs import Job, Shared
from leadlight.serving.ledger.leads import Outcome, ToldLead
from leadlight.serving.ledger.ledger import CannotMerge, ErasedLead, OtherDecision, Taken, Told, UnknownLead
from leadlight.serving.store.plain_error import plain
from leadlight.serving.threads import computed
from leadlight.serving.words import language_of, say

__all__ = ["install"]

_log = logging.getLogger("leadlight.serving")

_INLINE: Final = 16_384
"""Bytes of a body that is read between two other answers; a longer one is read beside them."""

LeadId = Annotated[str, Path(min_length=1, max_length=200, pattern=r"\S", description="the CRM's id")]
EventId = Annotated[str, Path(min_length=1, max_length=200, pattern=r"\S", description="as it was told")]
Language = Annotated[str | None, Header(alias="Accept-Language", description="en (default) or es")]
Key = Annotated[
    str | None,
    Header(alias="Idempotency-Key", description="the call is done once under this key, for 24 hours"),
]
Act = Callable[[Connection], Kept]


def install(routes: APIRouter) -> None:
    """Add the routes."""
    told: tuple[tuple[str, str, Any, type[BaseModel], str | None, tuple[int, ...]], ...] = (
        ("PUT", "/v1/leads/{lead_id}", put_lead, shapes.LeadAnswer, "PutLead", (410,)),
        ("DELETE", "/v1/leads/{lead_id}", erase_lead, shapes.ErasureAnswer, None, (404, 410)),
        ("POST", "/v1/leads/{lead_id}/merge", merge, shapes.MergeAnswer, "MergeRequest", (404, 410)),
        ("POST", "/v1/leads/{lead_id}/decisions", decide, shapes.DecisionAnswer, "DecisionRequest", (404, 410)),
        ("PUT", "/v1/leads/{lead_id}/objection", object_to_profiling, shapes.ObjectionAnswer, None, (404, 410)),
        ("DELETE", "/v1/leads/{lead_id}/objection", withdraw_objection, shapes.ObjectionAnswer, None, (404, 410)),
        ("POST", "/v1/activities", post_activities, shapes.TakenAnswer, "ActivitiesRequest", ()),
        ("DELETE", "/v1/activities/{activity_id}", remove_activity, shapes.RemovedAnswer, None, (404,)),
        ("POST", "/v1/stage-changes", post_stage_changes, shapes.TakenAnswer, "StageChangesRequest", ()),
        ("DELETE", "/v1/stage-changes/{change_id}", remove_stage_change, shapes.RemovedAnswer, None, (404,)),
    )
    for method, path, call, answer, body, more in told:
        statuses = (*more, *((408, 413, 415) if body else ()), 409, 422, 503)
        routes.add_api_route(
            path,
            call,
            methods=[method],
            tags=["intake"],
            response_model=answer,
            responses=refusals(*statuses),
            openapi_extra=body_spec(body) if body else None,
            route_class_override=DirectTold,
        )


async def put_lead(request: Request, lead_id: LeadId, accept_language: Language = None, key: Key = None) -> Response:
    """Tell a lead, or what changed of it.

    What is not named stays as it was, null clears. An attribute that changes is appended with its time, so that past
    moments keep their value; of two values the later `occurred_at` wins, not the later arrival.
    """
    call = await _Call.read(request, accept_language, key)
    told = call.read_shape(shapes.PutLead)
    call.refuse_ahead(told, ("created_at", "occurred_at"))
    lead = {**told, "lead_id": lead_id}

    def kept(put: tuple[str, Outcome]) -> Kept:
        current, outcome = put
        return _kept({"lead_id": current, "outcome": outcome})

    return await call.share(Shared("leads", ToldLead(lead, call.now), 1, call.desk.memory.ledger.put_told), kept)


async def post_activities(request: Request, accept_language: Language = None, key: Key = None) -> Response:
    """Tell up to 1,000 activities.

    Each is kept or refused on its own; late ones and ones out of order land where they belong. An `activity_id`
    that was told with another content is corrected: past moments keep what was known then.
    """
    return await _events(request, "activities", shapes.ToldActivity, accept_language, key)


async def post_stage_changes(request: Request, accept_language: Language = None, key: Key = None) -> Response:
    """Tell up to 1,000 stage changes; the same rules as for activities. A restated amount is a correction."""
    return await _events(request, "stage_changes", shapes.ToldStageChange, accept_language, key)


async def remove_activity(
    request: Request, activity_id: EventId, accept_language: Language = None, key: Key = None
) -> Response:
    """Take an activity back; it no longer counts from now on, and past moments keep it."""
    return await _remove(request, "activities", activity_id, accept_language, key)


async def remove_stage_change(
    request: Request, change_id: EventId, accept_language: Language = None, key: Key = None
) -> Response:
    """Take a stage change back; it no longer counts from now on, and past moments keep it."""
    return await _remove(request, "stage_changes", change_id, accept_language, key)


async def merge(request: Request, lead_id: LeadId, accept_language: Language = None, key: Key = None) -> Response:
    """Join a lead to another that is the same person.

    The other one has both histories from now on; the id in the address leads on to it in every call.
    """
    call = await _Call.read(request, accept_language, key)
    into = call.read_shape(shapes.MergeRequest)["into"]

    def act(connection: Connection) -> Kept:
        return _kept({"lead_id": call.desk.memory.ledger.merge(connection, lead_id, into, call.now), "merged": lead_id})

    return await call.write(act, bars=True)


async def decide(request: Request, lead_id: LeadId, accept_language: Language = None, key: Key = None) -> Response:
    """Keep what sales decided on a lead, and why; it writes the stage that it means."""
    call = await _Call.read(request, accept_language, key)
    told = {**call.read_shape(shapes.DecisionRequest), "lead_id": lead_id}
    told["decision_id"] = told.get("decision_id") or call.desk.ids.next()
    caller = caller_of(request)
    if caller.role == "rep" or told.get("actor") is None:  # a rep decides in nobody else's name
        told["actor"] = caller.key_id

    def act(connection: Connection) -> Kept:
        current, stage = call.desk.memory.ledger.decide(connection, told, call.now, caller.owner_id)
        return _kept({"decision_id": told["decision_id"], "lead_id": current, "stage": stage})

    return await call.write(act)


async def erase_lead(request: Request, lead_id: LeadId, accept_language: Language = None, key: Key = None) -> Response:
    """Erase a person: the lead, what happened, the scores, and what receipts say.

    Of receipts are left id, time, model version and score. The id is kept as a keyed digest, so that a late message
    can't bring the person back.
    """
    call = _Call.empty(request, accept_language, key)
    champion = call.desk.champion
    version = champion.scorer.version if champion.is_ready else 0
    names: set[str] = set()

    def act(connection: Connection) -> Kept:
        erased = call.desk.memory.ledger.erase(connection, lead_id, call.now, version)
        call.desk.memory.journal.add(erased.tokens, call.now)  # before the commit: no restore may miss it
        names.update(erased.names)
        models = list(range(1, version + 1))
        return _kept({"rows": erased.rows, "receipts": erased.receipts, "models_trained_before": models})

    answer = await call.write(act, bars=True)
    await run_in_threadpool(call.desk.memory.forget_spooled, names)
    return answer


async def object_to_profiling(
    request: Request, lead_id: LeadId, accept_language: Language = None, key: Key = None
) -> Response:
    """Note that the person objects to profiling (GDPR, article 21): no score, no reasons, no part in training."""
    call = _Call.empty(request, accept_language, key)

    def act(connection: Connection) -> Kept:
        call.desk.memory.ledger.object_to_profiling(connection, lead_id, call.now)
        return _kept({"lead_id": lead_id, "objected": True})

    return await call.write(act, bars=True)


async def withdraw_objection(
    request: Request, lead_id: LeadId, accept_language: Language = None, key: Key = None
) -> Response:
    """Note that the person objects no longer: the lead is scored again."""
    call = _Call.empty(request, accept_language, key)

    def act(connection: Connection) -> Kept:
        call.desk.memory.ledger.withdraw_objection(connection, lead_id, call.now)
        return _kept({"lead_id": lead_id, "objected": False})

    return await call.write(act, bars=True)


async def _events(
    request: Request, name: str, shape: type[BaseModel], accept_language: str | None, key: str | None
) -> Response:
    call = await _Call.read(request, accept_language, key, batch=True)
    if len(call.body) <= _INLINE:
        rows, places, problems = call.read_items(name, shape)
    else:
        rows, places, problems = await computed(call.read_items, name, shape)

    def kept(taken: Taken) -> Kept:
        erased = [
            {"index": places[place], "field": "lead_id", "rule": "erased", "message": say("rule.erased", call.language)}
            for place in taken.erased
        ]
        errors = sorted([*problems, *erased], key=lambda problem: problem["index"])
        return _kept(
            {
                "accepted": taken.accepted,
                "duplicates": taken.duplicates,
                "errors": errors,
                "unknown_leads": taken.unknown_leads,
            }
        )

    told = Told(rows, call.now)
    job = Shared(name, told, len(rows), partial(call.desk.memory.ledger.add_told, kind=name))
    return await call.share(job, kept)


async def _remove(request: Request, name: str, event_id: str, accept_language: str | None, key: str | None) -> Response:
    call = _Call.empty(request, accept_language, key)

    def act(connection: Connection) -> Kept:
        if not call.desk.memory.ledger.remove_event(connection, name, event_id, call.now):
            raise Refusal("no_event", key=event_id)
        return _kept({"removed": event_id})

    return await call.write(act)


class _Call:
    """One call that tells something.

    Attributes
    ----------
    desk : Desk
    language : {"en", "es"}
    body : bytes
    now : int
        Microseconds: when it was told.
    """

    def __init__(self, request: Request, accept_language: str | None, key: str | None, body: bytes) -> None:
        self.desk: Desk = request.app.state.desk
        self.language = language_of(accept_language)
        self.body = body
        self.now = self.desk.now()
        self._key = None if key is None else self._scoped(request, key)

    @classmethod
    async def read(
        cls, request: Request, accept_language: str | None, key: str | None, *, batch: bool = False
    ) -> _Call:
        """Read a call with a body."""
        settings = request.app.state.desk.settings
        most = settings.max_batch_body_bytes if batch else settings.max_body_bytes
        return cls(request, accept_language, key, await read_body(request, most, language_of(accept_language)))

    @classmethod
    def empty(cls, request: Request, accept_language: str | None, key: str | None) -> _Call:
        """Return a call without a body."""
        return cls(request, accept_language, key, b"")

    def _scoped(self, request: Request, key: str) -> str:
        if not (1 <= len(key) <= 200 and key.isascii() and key.isprintable() and not key.isspace()):
            problem = Problem("Idempotency-Key", "bad_key", say("rule.bad_key", self.language))
            raise Refusal("request_refused", [problem])
        return key_digest(str(caller_of(request).key_id), request.method, request.url.path, key)

    def read_shape(self, shape: type[BaseModel]) -> dict[str, Any]:
        """Return what was told, without what was not named.

        Raises
        ------
        Refusal
        """
        try:
            return shape.model_validate(parse(self.body, self.language)).model_dump(exclude_unset=True)
        except ValidationError as error:
            raise Refusal("request_refused", self._shapes(shape).problems(error)) from None

    def refuse_ahead(self, told: Mapping[str, Any], names: Sequence[str]) -> None:
        """Refuse times that nobody can know yet."""
        problems = self._ahead(told, names, Shapes(self.language, {}))
        if problems:
            raise Refusal("request_refused", problems)

    def _ahead(self, told: Mapping[str, Any], names: Sequence[str], shapes_: Shapes) -> list[Problem]:
        late = [name for name in names if (told.get(name) or 0) > self.now + AHEAD]
        return [shapes_.problem((name,), "ahead", now=self.desk.clock_text()) for name in late]

    def read_items(
        self, name: str, shape: type[BaseModel]
    ) -> tuple[list[dict[str, Any]], list[int], list[dict[str, Any]]]:
        """Return the items that can be kept, their places in the request, and what is wrong with the others.

        Raises
        ------
        Refusal
            Where not even the list can be read.
        """
        shapes_ = self._shapes(shape)
        rows, places, problems = [], [], []
        for place, item in enumerate(self._items(name, parse(self.body, self.language))):
            row, found = self._read_item(shape, item, shapes_)
            if found:
                problems += [
                    {"index": place, "field": one.where, "rule": one.rule, "message": one.message} for one in found
                ]
            else:
                rows.append(row)
                places.append(place)
        return rows, places, problems

    def _read_item(self, shape: type[BaseModel], item: object, shapes_: Shapes) -> tuple[dict[str, Any], list[Problem]]:
        try:
            row = shape.model_validate(item).model_dump(exclude_unset=True)
        except ValidationError as error:
            return {}, shapes_.problems(error)
        return row, self._ahead(row, ("occurred_at",), shapes_)

    def _items(self, name: str, data: object) -> list[object]:
        shapes_ = Shapes(self.language, {(): (name,)})
        if not isinstance(data, dict):
            raise Refusal("request_refused", [shapes_.problem((), "not_an_object")])
        problems = [shapes_.problem((key,), "unknown_key", known=name, hint="") for key in data if key != name]
        items = data.get(name)
        if name not in data:
            problems.append(shapes_.problem((name,), "missing"))
        elif not isinstance(items, list):
            problems.append(shapes_.problem((name,), "not_a_list"))
        elif len(items) > MOST_ITEMS:
            problems.append(shapes_.problem((name,), "too_many_items", limit=MOST_ITEMS))
        if problems or not isinstance(items, list):
            raise Refusal("request_refused", problems)
        return items

    def _shapes(self, shape: type[BaseModel]) -> Shapes:
        with_attributes = ((),) if "attributes" in shape.model_fields else ()
        return Shapes(self.language, {(): tuple(shape.model_fields)}, with_attributes)

    async def share(self, job: Shared, kept: Callable[[Any], Kept]) -> Response:
        """Do a job together with what other calls tell at the same time, or alone under its key; see `write`."""
        if self._key is not None:
            return await self.write(lambda connection: kept(job(connection)))
        return JsonAnswer(kept(await self._write(job)).text.encode(), self.language)

    async def write(self, act: Act, *, bars: bool = False) -> Response:
        """Do it in a transaction, once under its key; answer when it is on the disk.

        Parameters
        ----------
        act : callable
        bars : bool
            Whether it changes who may be scored.

        Raises
        ------
        Refusal, NotNow
        """
        kept = await (self._write(act) if self._key is None else self._write_once(act, self._key))
        if bars:
            await run_in_threadpool(self.desk.memory.barred.refresh)
        return JsonAnswer(kept.text.encode(), self.language, kept.status)

    async def _write_once(self, act: Act, key: str) -> Kept:
        running = self.desk.memory.running_keys
        if key in running:
            raise Refusal("still_running")
        running.add(key)
        try:
            answer: Kept = await self._write(partial(once, key=key, body=self.body, now=self.now, act=act))
            return answer
        finally:
            running.discard(key)

    async def _write(self, job: Job) -> Any:
        try:
            return await self.desk.memory.write(job)
        except OtherBody:
            raise Refusal("key_reused") from None
        except StillRunning:
            raise Refusal("still_running") from None
        except UnknownLead as error:
            raise Refusal("no_lead", lead_id=error.context["lead_id"]) from None
        except ErasedLead:
            raise Refusal("erased") from None
        except OtherDecision:
            raise Refusal("other_decision") from None
        except CannotMerge as error:
            raise Refusal("merged_already", lead_id=error.context["lead_id"]) from None
        except (SQLAlchemyError, OSError) as error:
            _log.warning("the store does not answer: %s", plain(error))
            raise NotNow("unavailable", "detail.store_unavailable") from None


def _kept(answer: Mapping[str, Any]) -> Kept:
    return Kept(200, written(answer).decode())
