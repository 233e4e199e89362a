"""The shapes of what a CRM tells the service, and of the answers to it."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, Strict, StringConstraints

from leadlight.serving.api.schemas import (
    ATTRIBUTE_CHARACTERS,
    MOST_ATTRIBUTES,
    MOST_ITEMS,
    Instant,
    Number,
    Value,
    Word,
)

__all__ = [
    "INTAKE_ANSWERS",
    "INTAKE_REQUESTS",
    "ActivitiesRequest",
    "DecisionAnswer",
    "DecisionRequest",
    "ErasureAnswer",
    "LeadAnswer",
    "MergeAnswer",
    "MergeRequest",
    "ObjectionAnswer",
    "PutLead",
    "RemovedAnswer",
    "StageChangesRequest",
    "TakenAnswer",
    "ToldActivity",
    "ToldStageChange",
]


class _Told(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PutLead(_Told):
    """What the CRM says of a lead. What it does not name stays as it was; null clears it."""

    created_at: Annotated[
        Instant | None,
        Field(description="when it was created; by default when it was first told. Once told it does not move"),
    ] = None
    occurred_at: Annotated[Instant | None, Field(description="since when the attributes are as told; default now")] = (
        None
    )
    account_id: Annotated[Word | None, Field(description="its company")] = None
    owner_id: Annotated[Word | None, Field(description="whose lead it is; never a feature")] = None
    attributes: Annotated[
        dict[Word, Value],
        Field(max_length=MOST_ATTRIBUTES, examples=[{"source": "webinar", "industry": "software", "employees": 250}]),
    ] = {}


class ToldActivity(_Told):
    """Something a lead did, or had done to it."""

    lead_id: Word
    type: Annotated[Word, Field(examples=["demo_request"])]
    occurred_at: Instant
    activity_id: Annotated[
        Word | None,
        Field(description="makes sending twice harmless; the same id with another content is a correction"),
    ] = None
    campaign: Word | None = None
    channel: Word | None = None
    value: Number | None = None
    actor: Word | None = None


class ToldStageChange(_Told):
    """A step in the revenue cycle."""

    lead_id: Word
    stage: Annotated[Word, Field(examples=["mql"])]
    occurred_at: Instant
    change_id: Annotated[
        Word | None,
        Field(description="makes sending twice harmless; the same id with another content is a correction"),
    ] = None
    reason: Annotated[str, Strict(), StringConstraints(max_length=ATTRIBUTE_CHARACTERS)] | None = None
    amount: Number | None = None
    actor: Word | None = None


_ACTIVITY: Final[dict[str, Any]] = {
    "lead_id": "L-1042",
    "type": "demo_request",
    "occurred_at": "2026-11-20T16:02:00Z",
    "activity_id": "A-90331",
}
_STAGE: Final[dict[str, Any]] = {
    "lead_id": "L-1042",
    "stage": "mql",
    "occurred_at": "2026-11-21T08:00:00Z",
    "change_id": "S-5512",
}


class ActivitiesRequest(_Told):
    """Activities of any leads; each is kept or refused on its own."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"activities": [_ACTIVITY]}]})

    activities: Annotated[list[ToldActivity], Field(max_length=MOST_ITEMS)]


class StageChangesRequest(_Told):
    """Stage changes of any leads; each is kept or refused on its own."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"stage_changes": [_STAGE]}]})

    stage_changes: Annotated[list[ToldStageChange], Field(max_length=MOST_ITEMS)]


class MergeRequest(_Told):
    """Which lead stays."""

    into: Annotated[Word, Field(description="the lead that both go by from now on", examples=["L-7"])]


class DecisionRequest(_Told):
    """What sales decided on a lead, and why."""

    decision: Annotated[
        Literal["accept", "reject", "recycle", "dispute"],
        Field(description="accept writes the stage sal, recycle recycled, reject disqualified, dispute none"),
    ]
    reason: Annotated[str, Strict(), StringConstraints(max_length=ATTRIBUTE_CHARACTERS)] | None = None
    actor: Annotated[Word | None, Field(description="who decided; of a rep always the key's id")] = None
    receipt_id: Annotated[Word | None, Field(description="the score that was decided on")] = None
    decision_id: Annotated[Word | None, Field(description="the same id twice is one decision")] = None


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True)


class LeadAnswer(_Answer):
    """What came of a lead that was told."""

    lead_id: Annotated[str, Field(description="the id that it goes by; another than told where it was merged")]
    outcome: Literal["created", "changed", "unchanged"]


class ItemProblem(_Answer):
    """One thing that is wrong with one item; the item was not kept."""

    index: Annotated[int, Field(description="position in the request, from 0")]
    field: Annotated[str, Field(examples=["occurred_at"])]
    rule: Annotated[str, Field(examples=["no_time_zone"])]
    message: str


class TakenAnswer(_Answer):
    """What became of what was told; what was accepted is on the disk."""

    accepted: Annotated[int, Field(description="new, or corrections")]
    duplicates: Annotated[int, Field(description="told before, word for word")]
    errors: list[ItemProblem]
    unknown_leads: Annotated[list[str], Field(description="leads that were not told yet: their events wait for them")]


class RemovedAnswer(_Answer):
    """What was taken back; moments in the past keep it."""

    removed: str


class MergeAnswer(_Answer):
    """The lead that both ids mean from now on."""

    lead_id: str
    merged: str


class DecisionAnswer(_Answer):
    """A decision that was kept."""

    decision_id: str
    lead_id: str
    stage: Annotated[str | None, Field(description="the stage that it wrote; null for a dispute")]


class ErasureAnswer(_Answer):
    """What was erased."""

    rows: Annotated[int, Field(description="rows that are gone")]
    receipts: Annotated[int, Field(description="receipts of which id, time, model version and score are left")]
    models_trained_before: Annotated[
        list[int], Field(description="versions that may have learned from the lead; retrain to be rid of it there too")
    ]


class ObjectionAnswer(_Answer):
    """Whether the person objects to profiling."""

    lead_id: str
    objected: bool


INTAKE_REQUESTS: Final[tuple[type[BaseModel], ...]] = (
    PutLead,
    ActivitiesRequest,
    StageChangesRequest,
    MergeRequest,
    DecisionRequest,
)
INTAKE_ANSWERS: Final[tuple[type[BaseModel], ...]] = (
    LeadAnswer,
    TakenAnswer,
    RemovedAnswer,
    MergeAnswer,
    DecisionAnswer,
    ErasureAnswer,
    ObjectionAnswer,
)
