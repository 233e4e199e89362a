"""The shapes of answers, version 1; also what `/openapi.json` and `/docs` are made from.

`leadlight.serving.api.answers` writes them and the tests hold both together: an answer is not checked at run time.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "ANSWERS",
    "ANSWER_EXAMPLE",
    "BatchAnswer",
    "ErasedReceiptProblem",
    "Health",
    "ModelAnswer",
    "NotReadyProblem",
    "ProblemDetails",
    "Readiness",
    "ReceiptAnswer",
    "ScoreAnswer",
]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True)


class EvidenceAnswer(_Answer):
    """What became of earlier leads that were alike in this respect. It describes, it does not cause."""

    rate: Annotated[float, Field(description="share that converted")]
    interval: Annotated[list[float], Field(min_length=2, max_length=2, description="95 % Wilson interval of the rate")]
    baseline: Annotated[float, Field(description="share of all earlier leads")]
    leads: Annotated[int, Field(description="distinct matured leads of the training period")]
    definition: Annotated[str, Field(description="which leads these are")]
    contradicts: Annotated[bool, Field(description="whether the rate points the other way than the impact")]


class ReasonAnswer(_Answer):
    """One group of related features and its exact share of the log-odds."""

    code: str
    component: Literal["fit", "interest", "cycle"]
    direction: Literal["raises", "lowers"]
    impact: Annotated[float, Field(description="log-odds, unrounded")]
    text: str
    direction_text: Annotated[str, Field(description="the direction in words")]
    evidence: Annotated[EvidenceAnswer | None, Field(description="null where there are too few earlier leads to say")]
    evidence_text: Annotated[str, Field(description="the evidence as a sentence")]


class IgnoredAnswer(_Answer):
    """What the request held that did not count."""

    later_activities: Annotated[int, Field(description="at or after as_of: not known yet")]
    later_stage_changes: int
    later_attribute_changes: int
    duplicates: Annotated[int, Field(description="events that were sent more than once")]
    unknown_attributes: Annotated[list[str], Field(description="attributes that the model does not look at")]
    other_activity_types: Annotated[list[str], Field(description='types that count as "other"')]
    other_stages: Annotated[list[str], Field(description='stages that count as "other"')]


class ModelName(_Answer):
    """Which model answered."""

    name: str
    version: int
    kind: Literal["scorecard", "logistic", "lightgbm"]


ANSWER_EXAMPLE: Final[dict[str, Any]] = {
    "lead_id": "L-1042",
    "as_of": "2026-11-23T08:00:00Z",
    "score": 91,
    "grade": "A",
    "band": "hot",
    "probability": 0.34,
    "base_log_odds": -2.51,
    "log_odds": -0.66,
    "components": {"fit": 0.42, "interest": 1.61, "cycle": -0.18},
    "reasons": [
        {
            "code": "demo_request",
            "component": "interest",
            "direction": "raises",
            "impact": 1.12,
            "text": "Requested a demo 3 days ago",
            "direction_text": "raises the score",
            "evidence": {
                "rate": 0.41,
                "interval": [0.35, 0.48],
                "baseline": 0.09,
                "leads": 218,
                "definition": "that had asked for a demo in the 7 days before",
                "contradicts": False,
            },
            "evidence_text": "Of 218 earlier leads that had asked for a demo in the 7 days before, "
            "41 % (35–48) became SQL within 90 days; 9 % of all.",
        }
    ],
    "other_reasons_impact": 0.73,
    "missing": ["title"],
    "confidence": "high",
    "scorecard_points": 43.0,
    "probability_status": "calibrated",
    "horizon_days": 90.0,
    "degraded": [],
    "ignored": {
        "later_activities": 0,
        "later_stage_changes": 0,
        "later_attribute_changes": 0,
        "duplicates": 0,
        "unknown_attributes": [],
        "other_activity_types": [],
        "other_stages": [],
    },
    "model": {"name": "leadlight", "version": 7, "kind": "lightgbm"},
    "agreement_version": "3f9a1c",
    "receipt_id": "01KB4Z0T5N8QY2M6R3W7X9V1CD",
}


class ScoreAnswer(_Answer):
    """A scored lead. ``base_log_odds`` + the components' sum = ``log_odds``, to 1e-6."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [ANSWER_EXAMPLE]})

    lead_id: str
    as_of: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    score: Annotated[int, Field(ge=0, le=100, description="percentile among the model's reference leads")]
    grade: Annotated[Literal["A", "B", "C", "D"], Field(description="from the agreement")]
    band: Annotated[Literal["hot", "warm", "cold"], Field(description="from the team's capacity")]
    probability: Annotated[
        float | None,
        Field(description="chance of conversion within the horizon; null unless probability_status is calibrated"),
    ]
    base_log_odds: float
    log_odds: float
    components: Annotated[dict[Literal["fit", "interest", "cycle"], float], Field(description="log-odds")]
    reasons: Annotated[list[ReasonAnswer], Field(description="strongest first")]
    other_reasons_impact: Annotated[float, Field(description="log-odds of all reasons that are not listed")]
    missing: Annotated[list[str], Field(description="what is not known of the lead")]
    confidence: Literal["high", "medium", "low"]
    scorecard_points: Annotated[float | None, Field(description="the hand-picked points; null where there are none")]
    probability_status: Literal["calibrated", "rank_only", "points_only"]
    horizon_days: Annotated[float | None, Field(description="null for a model of an undated export")]
    degraded: Annotated[list[str], Field(description="what does not work at present, for example receipts")]
    ignored: IgnoredAnswer
    model: ModelName
    agreement_version: str
    receipt_id: Annotated[str | None, Field(description="null only where a receipt could be kept nowhere")]


class FieldProblem(_Answer):
    """One thing that is wrong, and where."""

    where: Annotated[str, Field(examples=["activities[3].occurred_at"])]
    rule: Annotated[str, Field(description="stable name of the rule", examples=["no_time_zone"])]
    message: str
    row: int | None = None
    column: str | None = None
    count: int = 1


_PROBLEM_EXAMPLE: Final[dict[str, Any]] = {
    "type": "/docs#problem-request_refused",
    "title": "The request can't be answered as it stands",
    "status": 422,
    "detail": "One problem was found; it is listed with its field and how to mend it.",
    "code": "request_refused",
    "count": 1,
    "errors": [
        {
            "where": "activities[3].occurred_at",
            "rule": "no_time_zone",
            "message": "has no time zone; add Z for UTC, or an offset such as +01:00",
            "count": 1,
        }
    ],
}


class ProblemDetails(_Answer):
    """RFC 9457, media type ``application/problem+json``."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_PROBLEM_EXAMPLE]})

    type: str
    title: str
    status: int
    detail: str
    code: Annotated[str, Field(description="stable; programs key on it")]
    count: Annotated[int | None, Field(description="how many problems were found")] = None
    errors: Annotated[list[FieldProblem] | None, Field(description="the first 100 of them")] = None


class ErasedReceiptProblem(ProblemDetails):
    """The receipt's lead was erased, or the person objected to profiling; this is what is left."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={})

    receipt_id: str
    made_at: Annotated[int, Field(description="microseconds since 1970 UTC")]
    model_version: int
    score: int


class BatchItem(_Answer):
    """A result or an error; exactly one of the two is there."""

    index: Annotated[int, Field(description="position in the request, from 0")]
    lead_id: Annotated[str | None, Field(description="null where it could not be read")]
    result: ScoreAnswer | None = None
    error: ProblemDetails | None = None


class BatchAnswer(_Answer):
    """One entry an item, in the request's order."""

    items: list[BatchItem]


class AttributeFacts(_Answer):
    """An attribute that the model looks at."""

    name: str
    kind: Literal["number", "category"]
    levels: Annotated[list[str], Field(description="of a category; other values count as other")]


class AgreementAnswer(_Answer):
    """What marketing and sales signed when the model was trained."""

    version: str
    goal_stage: str
    horizon_days: float | None
    grades: dict[str, float]
    leads_per_week: int | None
    defaults: Annotated[list[str], Field(description="what was never agreed and stands at its default")]


class ModelAnswer(_Answer):
    """What serves."""

    name: str
    version: int
    kind: Literal["scorecard", "logistic", "lightgbm"]
    probability_status: Literal["calibrated", "rank_only", "points_only"]
    dated: Annotated[bool, Field(description="whether requests need created_at")]
    agreement: AgreementAnswer
    baseline: Annotated[dict[str, int], Field(description="leads and conversions behind the evidence")]
    attributes: list[AttributeFacts]
    activity_types: list[str]
    channels: list[str]
    stages: list[str]
    features: Annotated[list[str], Field(description="columns that the model looks at")]
    left_out: Annotated[dict[str, str], Field(description="columns that make no feature, and why")]
    bands: Annotated[dict[str, int], Field(description="lowest score of hot and warm")]
    catalog_fingerprint: str
    facts: Annotated[dict[str, Any], Field(description="what the training reports")]


class ReceiptAnswer(_Answer):
    """Everything needed to show again, bit for bit, what was scored and why; times in microseconds since 1970 UTC."""

    receipt_id: str
    lead_id: str
    as_of: int
    made_at: int
    model_name: str
    model_version: int
    model_kind: str
    agreement_version: str
    catalog_fingerprint: str
    probability_status: str
    values: Annotated[dict[str, float | str | None], Field(description="the model's whole input")]
    score: int
    probability: Annotated[float, Field(description="kept even where probability_status forbids showing it")]
    log_odds: float
    base_log_odds: float
    components: dict[str, float]
    reasons: list[ReasonAnswer]
    other_reasons_impact: float
    language: str
    schema_version: int


class Health(_Answer):
    """The process is alive."""

    status: Literal["ok"]


class NeighbourAnswer(_Answer):
    """The state of something that the service leans on, as it was last seen some seconds ago."""

    state: Literal["ok", "degraded", "down"]
    since: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    reason: Annotated[str | None, Field(description="why it is not ok; null where it is")]


class Readiness(_Answer):
    """The service can score."""

    status: Literal["ready"]
    model: ModelName
    degraded: list[str]
    neighbours: Annotated[dict[str, NeighbourAnswer], Field(description="what the service leans on, by name")]


class NotReadyProblem(ProblemDetails):
    """The service can't score."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={})

    neighbours: Annotated[dict[str, NeighbourAnswer], Field(description="what the service leans on, by name")]


ANSWERS: Final[tuple[type[BaseModel], ...]] = (
    ScoreAnswer,
    BatchAnswer,
    ReceiptAnswer,
    ModelAnswer,
    Health,
    Readiness,
    ProblemDetails,
    ErasedReceiptProblem,
    NotReadyProblem,
)
"""What is answered; the other shapes are within these."""
