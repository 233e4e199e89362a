"""The shapes of what the service tells of stored leads."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from leadlight.serving.api.answer_schemas import ScoreAnswer

__all__ = ["LEAD_ANSWERS", "ExportAnswer", "QueueAnswer", "RecordAnswer", "ScoresAnswer"]

Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True)


class QueueItem(_Answer):
    """One lead of the ranked queue."""

    lead_id: str
    score: Annotated[int, Field(ge=0, le=100)]
    grade: Literal["A", "B", "C", "D"]
    band: Literal["hot", "warm", "cold"]
    probability: Annotated[float | None, Field(description="null unless the model is calibrated")]
    why: Annotated[list[str], Field(description="the reasons that weigh most")]
    stage: str | None
    account_id: str | None
    owner_id: str | None
    as_of: Annotated[Time, Field(description="the moment of the score")]
    receipt_id: str


class QueueAnswer(_Answer):
    """Open leads, the strongest first."""

    items: list[QueueItem]
    next_cursor: Annotated[str | None, Field(description="give it as cursor for the next page; null at the end")]
    model_version: int


class StageFact(_Answer):
    """A step in the revenue cycle."""

    stage: str
    occurred_at: Time
    reason: str | None
    amount: float | None
    actor: str | None


class RecordAnswer(_Answer):
    """A lead as the service knows it now."""

    lead_id: Annotated[str, Field(description="the id that it goes by; another than asked for where it was merged")]
    created_at: Time
    account_id: str | None
    owner_id: str | None
    attributes: dict[str, Any]
    stage: Annotated[str | None, Field(description="the last of stage_changes")]
    stage_changes: Annotated[list[StageFact], Field(description="newest first, at most 100")]
    activities: Annotated[int, Field(description="how many count")]
    merged: Annotated[list[str], Field(description="ids that lead here")]
    objected: bool
    score: Annotated[ScoreAnswer | None, Field(description="null until it is scored, or where the person objects")]


class ScoreFact(_Answer):
    """A score that was shown or sent."""

    receipt_id: str
    as_of: Time
    made_at: Time
    score: int | None
    model_version: int


class ScoresAnswer(_Answer):
    """What was shown or sent of a lead, newest first."""

    lead_id: str
    items: list[ScoreFact]
    next_cursor: str | None


class ExportAnswer(_Answer):
    """All that is held on a person, table by table; times in microseconds since 1970 UTC."""

    lead_id: str
    tables: dict[str, list[dict[str, Any]]]


LEAD_ANSWERS: Final[tuple[type[BaseModel], ...]] = (QueueAnswer, RecordAnswer, ScoresAnswer, ExportAnswer)
