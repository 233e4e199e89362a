"""Answers as JSON-ready data; their shapes are in `answer_schemas`, and the tests hold both together."""

from __future__ import annotations

from typing import Any, Final

from fastapi.responses import Response

from leadlight.core.catalog import LANGUAGES
from leadlight.core.clock import time_text
from leadlight.serving.json_text import spliced, written
from leadlight.serving.operate.neighbours import Neighbours
from leadlight.serving.scorer import Answer, Scorer

__all__ = ["JsonAnswer", "json_response", "model_document", "model_name", "neighbours_document", "score_json"]


def score_json(scorer: Scorer, answer: Answer, receipt_id: str | None, degraded: tuple[str, ...]) -> bytes:
    """Return the answer to one scored lead, by `answer_schemas.ScoreAnswer`."""
    model = scorer.model
    head = {
        "lead_id": answer.lead_id,
        "as_of": time_text(answer.as_of),
        "score": answer.score,
        "grade": answer.grade,
        "band": answer.band,
        "probability": scorer.shown_probability(answer),
        "base_log_odds": answer.base_log_odds,
        "log_odds": answer.log_odds,
        "components": answer.shares.components,
    }
    rest = {
        "other_reasons_impact": answer.other_reasons_impact,
        "missing": answer.missing,
        "confidence": answer.confidence,
        "scorecard_points": answer.scorecard_points,
        "probability_status": model.probability_status,
        "horizon_days": model.horizon_days,
        "degraded": degraded,
        "ignored": answer.ignored._asdict(),
        "model": model_name(scorer),
        "agreement_version": scorer.agreement_version,
        "receipt_id": receipt_id,
    }
    return spliced(head, "reasons", answer.reasons_json, rest)


def model_name(scorer: Scorer) -> dict[str, Any]:
    """Return which model answers, by `answer_schemas.ModelName`."""
    return {"name": scorer.name, "version": scorer.version, "kind": scorer.model.kind}


def neighbours_document(neighbours: Neighbours) -> dict[str, Any]:
    """Return each neighbour's state, by `answer_schemas.NeighbourAnswer`."""
    return {
        name: {"state": told.state, "since": time_text(told.since), "reason": told.reason}
        for name, told in neighbours.told().items()
    }


def model_document(scorer: Scorer) -> dict[str, Any]:
    """Return what serves, by `answer_schemas.ModelAnswer`."""
    model, catalog = scorer.model, scorer.model.catalog
    vocabulary, agreement = catalog.vocabulary, scorer.model.agreement
    return {
        **model_name(scorer),
        "probability_status": model.probability_status,
        "dated": catalog.dated,
        "agreement": {
            "version": str(agreement["version"]),
            "goal_stage": catalog.goal_stage,
            "horizon_days": model.horizon_days,
            "grades": dict(agreement["grades"]),
            "leads_per_week": agreement.get("leads_per_week"),
            "defaults": list(agreement.get("defaults", ())),
        },
        "baseline": {"leads": model.baseline.leads, "conversions": model.baseline.conversions},
        "attributes": [
            {"name": name, "kind": kind, "levels": list(vocabulary.levels.get(name, ()))}
            for name, kind in vocabulary.attributes.items()
        ],
        "activity_types": list(vocabulary.activity_types),
        "channels": list(vocabulary.channels),
        "stages": list(vocabulary.stages),
        "features": [catalog.columns[i] for i in catalog.inputs],
        "left_out": dict(catalog.left_out),
        "bands": {"hot": model.hot_score, "warm": model.warm_score},
        "catalog_fingerprint": catalog.fingerprint,
        "facts": dict(model.facts),
    }


def json_response(document: Any, language: str = "en") -> Response:
    """Return a document as an answer; floats are written so that they read back to the same bits."""
    return JsonAnswer(written(document), language)


class JsonAnswer(Response):
    """An answer that is JSON already; its headers are ready but for the length.

    Parameters
    ----------
    text : bytes
    language : {"en", "es"}
    status : int
    """

    def __init__(self, text: bytes, language: str, status: int = 200) -> None:
        self.status_code = status
        self.background = None
        self.body = text
        self.raw_headers = [*_HEADERS[language], (b"content-length", b"%d" % len(text))]


_HEADERS: Final = {
    language: (
        (b"content-type", b"application/json"),
        (b"content-language", language.encode()),
        (b"vary", b"Accept-Language"),
        (b"cache-control", b"no-store"),
    )
    for language in LANGUAGES
}
