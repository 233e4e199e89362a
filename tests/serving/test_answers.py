"""What is written quickly and once says the same as what would be written plainly and anew."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadlight.core.artifact import TrainedModel, decode, encode_values
from leadlight.core.catalog import CODE_NOT_KNOWN
from leadlight.core.clock import from_micros
from leadlight.serving.api import answer_schemas
from leadlight.serving.api.answers import JsonAnswer, score_json
from leadlight.serving.json_text import spliced, written
from leadlight.serving.scorer import Answer, Ignored, Scorer
from leadlight.serving.store.packed import unpacked
from leadlight.serving.store.receipts import Receipt
from models import trained

SCORERS = [Scorer(trained(), 7), Scorer(trained(dated=False, status="rank_only"), 8)]


def plain_reasons(answer: Answer) -> list[dict[str, Any]]:
    return [
        {
            "code": reason.code,
            "component": reason.component,
            "direction": reason.direction,
            "impact": reason.impact,
            "text": reason.text,
            "direction_text": reason.direction_text,
            "evidence": reason.finding.document,
            "evidence_text": reason.finding.sentence,
        }
        for reason in answer.reasons
    ]


def plain_answer(scorer: Scorer, answer: Answer) -> dict[str, Any]:
    model = scorer.model
    return {
        "lead_id": answer.lead_id,
        "as_of": from_micros(answer.as_of).isoformat().replace("+00:00", "Z"),
        "score": answer.score,
        "grade": answer.grade,
        "band": answer.band,
        "probability": scorer.shown_probability(answer),
        "base_log_odds": answer.base_log_odds,
        "log_odds": answer.log_odds,
        "components": answer.shares.components,
        "reasons": plain_reasons(answer),
        "other_reasons_impact": answer.other_reasons_impact,
        "missing": answer.missing,
        "confidence": answer.confidence,
        "scorecard_points": answer.scorecard_points,
        "probability_status": model.probability_status,
        "horizon_days": model.horizon_days,
        "degraded": ["receipts"],
        "ignored": {
            name: list(value) if isinstance(value, tuple) else value for name, value in answer.ignored._asdict().items()
        },
        "model": {"name": scorer.name, "version": scorer.version, "kind": model.kind},
        "agreement_version": str(model.agreement["version"]),
        "receipt_id": "R",
    }


@st.composite
def answers(draw: st.DrawFn) -> tuple[Scorer, Answer]:
    scorer = draw(st.sampled_from(SCORERS))
    row = [
        float(draw(st.integers(0, 1 + len(feature.levels))))
        if feature.kind == "category"
        else draw(st.sampled_from([0.0, 1.0]) if feature.card else st.one_of(st.just(np.nan), st.floats(0.0, 1e6)))
        for feature in scorer.model.catalog.features
    ]
    lead_id = draw(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5))
    limit, language = draw(st.sampled_from([None, 0, 6])), draw(st.sampled_from(["en", "es"]))
    return scorer, scorer.explain(np.array(row), lead_id, 5, reasons=limit, language=language)


@settings(deadline=None, max_examples=60)
@given(answers())
def test_an_answer_is_written_as_it_would_be_plainly(asked: tuple[Scorer, Answer]) -> None:
    scorer, answer = asked
    text = score_json(scorer, answer, "R", ("receipts",))
    assert list(json.loads(text).items()) == list(plain_answer(scorer, answer).items())
    answer_schemas.ScoreAnswer.model_validate_json(text)


@settings(deadline=None, max_examples=60)
@given(answers())
def test_a_receipt_holds_the_answer_and_all_that_it_was_made_from(asked: tuple[Scorer, Answer]) -> None:
    scorer, answer = asked
    slip = scorer.slip(answer, "R", 9)
    model = scorer.model
    assert Receipt.from_packed(slip.packed) == Receipt(
        receipt_id="R",
        lead_id=answer.lead_id,
        as_of=answer.as_of,
        made_at=9,
        model_name=scorer.name,
        model_version=scorer.version,
        model_kind=model.kind,
        agreement_version=str(model.agreement["version"]),
        catalog_fingerprint=model.catalog.fingerprint,
        probability_status=model.probability_status,
        values=decode(model.catalog, answer.row),
        score=answer.score,
        probability=answer.probability,
        log_odds=answer.log_odds,
        base_log_odds=answer.base_log_odds,
        components=answer.shares.components,
        reasons=plain_reasons(answer),
        other_reasons_impact=answer.other_reasons_impact,
        language=answer.language,
    )
    kept = Receipt.from_packed(slip.packed)
    for name in ("receipt_id", "lead_id", "as_of", "made_at", "model_version", "agreement_version", "schema_version"):
        assert getattr(slip, name) == getattr(kept, name)
    assert answer.reasons_json in unpacked(slip.packed)
    assert answer.reasons_json in score_json(scorer, answer, "R", ())


def test_what_is_missing_is_null_and_a_level_is_its_name(model: TrainedModel) -> None:
    row = encode_values(model.catalog, {"source": "ads"})
    values = decode(model.catalog, row)
    assert list(values) == list(model.catalog.columns)
    assert values["source"] == "ads"
    for feature, code in zip(model.catalog.features, row.tolist(), strict=True):
        if feature.kind == "category" and code == CODE_NOT_KNOWN:
            assert values[feature.name] is None


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_read_back_to_the_same_bits(value: float) -> None:
    assert json.loads(written({"value": value}))["value"].hex() == value.hex()


def test_what_is_spliced_in_stands_where_it_was_put() -> None:
    text = spliced({"a": "é"}, "b", b'[{"c":null}]', {"d": ()})
    assert list(json.loads(text).items()) == [("a", "é"), ("b", [{"c": None}]), ("d", [])]


@pytest.mark.parametrize("language", ["en", "es"])
def test_an_answer_says_its_language_and_length(language: str) -> None:
    answer = JsonAnswer("ñ".encode(), language)
    assert dict(answer.headers) == {
        "content-type": "application/json",
        "content-language": language,
        "vary": "Accept-Language",
        "cache-control": "no-store",
        "content-length": "2",
    }


def test_nothing_ignored_is_all_zeros() -> None:
    assert json.loads(written(Ignored()._asdict())) == {
        "later_activities": 0,
        "later_stage_changes": 0,
        "later_attribute_changes": 0,
        "duplicates": 0,
        "unknown_attributes": [],
        "other_activity_types": [],
        "other_stages": [],
    }
