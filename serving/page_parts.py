"""What both kinds of pages are put together from, whether the leads come from a history or from the store."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from leadlight.serving import lead_facts
from leadlight.serving.bars import component_bars
from leadlight.serving.lead_facts import LookUp
from leadlight.serving.pages_data import AgreementFacts, ModelFacts, QueueRow
from leadlight.serving.reasons import why_of
from leadlight.serving.scorer import Answer, Scorer
from leadlight.serving.words import say

__all__ = ["Place", "agreement_facts", "model_facts", "queue_row", "score_parts"]

_SHORT_VERSION: Final = 12


@dataclass(frozen=True, slots=True)
class Place:
    """What a row shows beside the score; see `leadlight.serving.pages_data.QueueRow`.

    Attributes
    ----------
    rank : int or None
    account_id, owner_id, stage : str or None
    scorecard_rank : int or None
    """

    rank: int | None
    account_id: str | None
    owner_id: str | None
    stage: str | None
    scorecard_rank: int | None = None


def queue_row(scorer: Scorer, answer: Answer, place: Place, receipt_id: str | None, raw: LookUp) -> QueueRow:
    """Return a lead as a row of the list.

    Parameters
    ----------
    scorer : Scorer
    answer : Answer
        With all its reasons: made with ``reasons=None``.
    place : Place
    receipt_id : str or None
    raw : callable
        See `leadlight.serving.lead_facts.attributes`.
    """
    why = why_of(answer.reasons)
    catalog = scorer.model.catalog
    return QueueRow(
        rank=place.rank,
        lead_id=answer.lead_id,
        account_id=place.account_id,
        stage=place.stage,
        score=answer.score,
        probability=scorer.shown_probability(answer),
        grade=answer.grade,
        band=answer.band,
        why="; ".join(reason.text for reason in why) or say("why.nothing", answer.language),
        why_direction=why[0].direction if why else None,
        confidence=answer.confidence,
        scorecard_rank=place.scorecard_rank,
        scorecard_points=answer.scorecard_points,
        receipt_id=receipt_id,
        headline=lead_facts.headline(catalog, answer.row, raw, answer.language),
        owner_id=place.owner_id,
        missing=lead_facts.missing_labels(catalog, answer),
    )


def score_parts(scorer: Scorer, answer: Answer, raw: LookUp) -> dict[str, Any]:
    """Return the fields of a `leadlight.serving.pages_data.LeadPage` that the score alone decides."""
    language = answer.language
    shown = scorer.model.probability_status == "calibrated"
    return {
        "base_log_odds": answer.base_log_odds,
        "log_odds": answer.log_odds,
        "base_text": say("base", language),
        "base_probability": _sigmoid(answer.base_log_odds) if shown else None,
        "components": component_bars(answer, language),
        "missing": lead_facts.missing_labels(scorer.model.catalog, answer),
        "attributes": lead_facts.attributes(scorer.model.catalog, answer.row, raw, language),
        "model": model_facts(scorer, language),
        "agreement": agreement_facts(scorer),
        "language": language,
    }


def model_facts(scorer: Scorer, language: str) -> ModelFacts:
    """Return which model answers, in words."""
    model = scorer.model
    return ModelFacts(
        scorer.name,
        scorer.version,
        model.kind,
        say(f"kind.{model.kind}", language),
        model.probability_status,
        say(f"status.{model.probability_status}", language),
    )


def agreement_facts(scorer: Scorer) -> AgreementFacts:
    """Return what marketing and sales agreed, as far as a page shows it."""
    model, agreement = scorer.model, scorer.model.agreement
    weekly = agreement.get("leads_per_week")
    defaults: Iterable[str] = agreement.get("defaults", ())
    return AgreementFacts(
        str(agreement["version"])[:_SHORT_VERSION],
        model.catalog.goal_stage,
        model.horizon_days,
        None if weekly is None else int(weekly),
        dict(agreement["grades"]),
        tuple(defaults),
    )


def _sigmoid(log_odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-log_odds))
