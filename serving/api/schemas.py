"""The shapes of requests, version 1; also what `/openapi.json` and `/docs` are made from.

Requests are read strictly: text is not taken for a number, a time without a zone is refused, an unknown key is
refused with the known ones named (attributes aside: those may be anything, and what the model does not look at is
listed in the answer).
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from leadlight.core.clock import to_micros

__all__ = [
    "ATTRIBUTE_CHARACTERS",
    "DATE_CHARACTERS",
    "LARGEST",
    "MOST_ACTIVITIES",
    "MOST_ATTRIBUTES",
    "MOST_ITEMS",
    "REQUESTS",
    "REQUEST_EXAMPLE",
    "Account",
    "Activity",
    "AttributeChange",
    "BatchRequest",
    "Lead",
    "ScoreRequest",
    "StageChange",
]

MOST_ACTIVITIES: Final = 10_000
"""Entries of any list in one request."""

MOST_ITEMS: Final = 1_000
"""Leads in one batch."""

LARGEST: Final = 1e15
"""Size of any number that describes a lead."""

MOST_ATTRIBUTES: Final = 1_000
"""Of one lead."""

ATTRIBUTE_CHARACTERS: Final = 2_000
"""Of an attribute's text, or the reason of a stage change."""

DATE_CHARACTERS: Final = len("2026-11-23")
"""A text as short as this is a day, and no moment."""


def _instant(value: object) -> int:
    """Read a time as microseconds; ISO 8601 with a zone, from 1970 on as in a history.

    Raises
    ------
    PydanticCustomError
        ``not_a_time``, ``no_time_zone`` or ``too_early``.
    """
    if not isinstance(value, str) or len(value) <= DATE_CHARACTERS:  # a day alone is no moment
        raise PydanticCustomError("not_a_time", "not a time")
    try:
        when = datetime.fromisoformat(value.upper())  # RFC 3339 allows a small t and z
    except ValueError:
        raise PydanticCustomError("not_a_time", "not a time") from None
    if when.tzinfo is None:
        raise PydanticCustomError("no_time_zone", "no time zone")
    micros = to_micros(when)
    if micros < 0:
        raise PydanticCustomError("too_early", "before 1970")
    return micros


def _attribute(value: object) -> str | float | bool | None:
    if isinstance(value, str) and len(value) > ATTRIBUTE_CHARACTERS:
        raise PydanticCustomError("string_too_long", "too long", {"max_length": ATTRIBUTE_CHARACTERS})
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int | float):
        return _bounded(value)
    raise PydanticCustomError("not_a_value", "no plain value")


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise PydanticCustomError("float_type", "no number")
    return _bounded(value)


def _bounded(value: float) -> float:
    """Keep numbers from which no finite score could follow out; anything that is counted or paid is far smaller."""
    if abs(value) > LARGEST:
        raise PydanticCustomError("out_of_range", "out of range")
    return float(value)


Instant = Annotated[
    int,
    BeforeValidator(_instant),
    WithJsonSchema(
        {
            "type": "string",
            "format": "date-time",
            "description": "ISO 8601 with a zone",
            "examples": ["2026-11-23T08:00:00Z"],
        }
    ),
]
Word = Annotated[str, Strict(), StringConstraints(min_length=1, max_length=200, pattern=r"\S")]
Value = Annotated[
    Any,
    BeforeValidator(_attribute),
    WithJsonSchema({"type": ["string", "number", "boolean", "null"], "maxLength": ATTRIBUTE_CHARACTERS}),
]
Number = Annotated[float, BeforeValidator(_number), WithJsonSchema({"type": "number"})]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Lead(_Request):
    """The lead that is asked about."""

    lead_id: Annotated[Word, Field(description="the CRM's id", examples=["L-1042"])]
    created_at: Annotated[
        Instant | None, Field(description="when it was created; required unless the model has no dates")
    ] = None
    recorded_at: Annotated[Instant | None, Field(description="when that was known; default created_at")] = None
    account_id: Annotated[Word | None, Field(description="its company")] = None
    owner_id: Annotated[Word | None, Field(description="accepted, never looked at")] = None
    attributes: Annotated[
        dict[Word, Value],
        Field(
            max_length=MOST_ATTRIBUTES,
            description="what is known of it, by name; GET /v1/model lists the names that count",
            examples=[{"source": "webinar", "industry": "software", "employees": 250}],
        ),
    ] = {}


class Activity(_Request):
    """Something the lead did, or had done to it."""

    type: Annotated[Word, Field(description="web_visit, form_fill, ...", examples=["demo_request"])]
    occurred_at: Instant
    recorded_at: Annotated[Instant | None, Field(description="when it was known; default occurred_at")] = None
    activity_id: Annotated[Word | None, Field(description="the same id twice counts once, the later record wins")] = (
        None
    )
    campaign: Word | None = None
    channel: Word | None = None
    value: Number | None = None
    actor: Word | None = None


class StageChange(_Request):
    """A step in the revenue cycle."""

    stage: Annotated[Word, Field(examples=["engaged"])]
    occurred_at: Instant
    recorded_at: Annotated[Instant | None, Field(description="when it was known; default occurred_at")] = None
    change_id: Annotated[Word | None, Field(description="the same id twice counts once, the later record wins")] = None
    reason: Annotated[str, Strict(), StringConstraints(max_length=ATTRIBUTE_CHARACTERS)] | None = None
    amount: Number | None = None
    actor: Word | None = None


class AttributeChange(_Request):
    """An attribute that moved."""

    attribute: Word
    value: Value = None
    occurred_at: Instant
    recorded_at: Annotated[Instant | None, Field(description="when it was known; default occurred_at")] = None


class Colleague(_Request):
    """Another lead of the same account."""

    lead_id: Word
    created_at: Instant | None = None
    recorded_at: Instant | None = None


class ColleagueActivity(Activity):
    """An activity of a colleague."""

    lead_id: Word


class ColleagueStageChange(StageChange):
    """A stage change of a colleague."""

    lead_id: Word


class Account(_Request):
    """What is known of the lead's company. Rows of the lead itself are passed over: its own lists count."""

    leads: Annotated[list[Colleague], Field(max_length=MOST_ACTIVITIES)] = []
    activities: Annotated[list[ColleagueActivity], Field(max_length=MOST_ACTIVITIES)] = []
    stage_changes: Annotated[list[ColleagueStageChange], Field(max_length=MOST_ACTIVITIES)] = []


REQUEST_EXAMPLE: Final[dict[str, Any]] = {
    "lead": {
        "lead_id": "L-1042",
        "created_at": "2026-09-14T09:00:00Z",
        "account_id": "A-77",
        "attributes": {"source": "webinar", "industry": "software", "employees": 250},
    },
    "activities": [{"type": "demo_request", "occurred_at": "2026-11-20T16:02:00Z"}],
    "stage_changes": [{"stage": "engaged", "occurred_at": "2026-09-20T10:00:00Z"}],
    "as_of": "2026-11-23T08:00:00Z",
}


class ScoreRequest(_Request):
    """One lead, and the moment at which it is to be scored."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [REQUEST_EXAMPLE]})

    lead: Lead
    activities: Annotated[list[Activity], Field(max_length=MOST_ACTIVITIES)] = []
    stage_changes: Annotated[list[StageChange], Field(max_length=MOST_ACTIVITIES)] = []
    attribute_changes: Annotated[list[AttributeChange], Field(max_length=MOST_ACTIVITIES)] = []
    account: Annotated[
        Account | None, Field(description="what is known of its company; left out: the account is not known")
    ] = None
    as_of: Annotated[
        Instant | None,
        Field(description="default now; only what happened and was recorded before it counts"),
    ] = None


class BatchRequest(_Request):
    """Many leads in one call; each is answered or refused on its own."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"items": [REQUEST_EXAMPLE]}]})

    items: Annotated[list[ScoreRequest], Field(max_length=MOST_ITEMS)]


REQUESTS: Final[tuple[type[BaseModel], ...]] = (ScoreRequest, BatchRequest)
"""What is sent; the other shapes are within these."""
