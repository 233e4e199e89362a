from __future__ import annotations

import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadlight.core.artifact import TrainedModel, encode_values
from leadlight.core.catalog import COMPONENTS
from leadlight.core.errors import ModelContractError
from leadlight.serving.bars import component_bars
from leadlight.serving.evidence import find
from leadlight.serving.scorer import Answer, Scorer
from models import trained

DATED, FLAT = Scorer(trained(), 7), Scorer(trained(dated=False), 7)
JOINED = Scorer(trained(groups={"demo_request": "web_visit", "activity": "web_visit", "industry": "source"}), 7)

scorers = st.sampled_from([DATED, FLAT, JOINED])


@st.composite
def asked(draw: st.DrawFn) -> tuple[Scorer, np.ndarray]:
    scorer = draw(scorers)
    values = [
        draw(st.integers(0, 1 + len(feature.levels)))
        if feature.kind == "category"
        else draw(st.one_of(st.just(math.nan), st.floats(0.0, 1e6)))
        for feature in scorer.model.catalog.features
    ]
    return scorer, np.array(values, dtype=float)


@settings(deadline=None, max_examples=60)
@given(asked(), st.integers(0, 12))
def test_base_and_all_reasons_shown_or_not_are_the_log_odds(question: tuple[Scorer, np.ndarray], limit: int) -> None:
    scorer, row = question
    answer = scorer.explain(row, "L", 0, reasons=limit)
    shown = sum(reason.impact for reason in answer.reasons)
    assert answer.base_log_odds + shown + answer.other_reasons_impact == pytest.approx(answer.log_odds, abs=1e-6)
    assert answer.base_log_odds + sum(answer.shares.components.values()) == pytest.approx(answer.log_odds, abs=1e-6)
    assert answer.probability == pytest.approx(1 / (1 + math.exp(-answer.log_odds)), abs=1e-12)


@settings(deadline=None, max_examples=40)
@given(asked())
def test_a_component_is_the_sum_of_all_its_reasons_strongest_first(question: tuple[Scorer, np.ndarray]) -> None:
    scorer, row = question
    answer = scorer.explain(row, "L", 0, reasons=None)
    assert answer.other_reasons_impact == 0
    for component in COMPONENTS:
        total = math.fsum(reason.impact for reason in answer.reasons if reason.component == component)
        assert answer.shares.components[component] == pytest.approx(total, abs=1e-9)
    sizes = [abs(reason.impact) for reason in answer.reasons]
    assert sizes == sorted(sizes, reverse=True)
    assert len({reason.code for reason in answer.reasons}) == len(answer.reasons)


@settings(deadline=None, max_examples=40)
@given(asked(), st.sampled_from(["en", "es"]))
def test_bars_lead_from_base_to_score_without_a_gap(question: tuple[Scorer, np.ndarray], language: str) -> None:
    scorer, row = question
    answer = scorer.explain(row, "L", 0, reasons=None, language=language)
    position = answer.base_log_odds
    for part in component_bars(answer, language):
        start = position
        for bar in part.bars:
            assert bar.start == position
            assert bar.end - bar.start == pytest.approx(bar.impact, abs=1e-9)
            position = bar.end
        assert position - start == pytest.approx(part.impact, abs=1e-9)
        assert sum(bar.folded or 1 for bar in part.bars) == len(
            [reason for reason in answer.reasons if reason.component == part.component]
        )
    assert position == pytest.approx(answer.log_odds, abs=1e-9)


def _by_columns(scorer: Scorer, answer: Answer) -> dict[str, float]:
    """The slow, obvious way: walk over the columns."""
    scored = scorer.model.score(answer.row[None, :])
    sums: dict[str, float] = {}
    for feature, share in zip(scorer.model.catalog.features, scored.contributions[0], strict=True):
        sums[feature.group] = sums.get(feature.group, 0.0) + float(share)
    return sums


@settings(deadline=None, max_examples=40)
@given(asked())
def test_a_reason_is_the_sum_of_its_groups_columns(question: tuple[Scorer, np.ndarray]) -> None:
    scorer, row = question
    answer = scorer.explain(row, "L", 0, reasons=None)
    expected = {name: value for name, value in _by_columns(scorer, answer).items() if value != 0}
    assert {reason.code: reason.impact for reason in answer.reasons} == pytest.approx(expected, abs=1e-12)


@settings(deadline=None, max_examples=40)
@given(asked())
def test_a_joined_group_speaks_through_its_strongest_topic_of_the_same_direction(
    question: tuple[Scorer, np.ndarray],
) -> None:
    answer = JOINED.explain(encode_values(JOINED.model.catalog, {}), "L", 0, reasons=None)
    if question[0] is JOINED:
        answer = JOINED.explain(question[1], "L", 0, reasons=None)
    parts = JOINED.model.score(answer.row[None, :]).contributions[0]
    sums: dict[str, float] = {}
    for feature, share in zip(JOINED.model.catalog.features, parts, strict=True):
        if feature.group == "web_visit":
            sums[feature.topic] = sums.get(feature.topic, 0.0) + share
    assert len(sums) == 3
    reason = next(reason for reason in answer.reasons if reason.code == "web_visit")
    strongest = max(sums, key=lambda topic: sums[topic] * np.sign(reason.impact))
    assert sums[strongest] * reason.impact > 0
    said = reason.text
    own = JOINED.model.catalog.topics
    from leadlight.features.wording import say

    assert said == say(own[strongest], JOINED.model.catalog, answer.row, "en", as_of=0)


@pytest.mark.parametrize("seed", range(6))
def test_what_is_missing_is_worded_as_not_known_whatever_its_sign(seed: int) -> None:
    scorer = Scorer(trained(seed=seed), 1)
    row = encode_values(scorer.model.catalog, {})
    for language, words in (("en", "not known"), ("es", "desconocid")):
        reasons = {r.code: r for r in scorer.explain(row, "L", 0, reasons=None, language=language).reasons}
        for code in ("source", "industry", "employees", "title"):
            assert words in reasons[code].text
            assert reasons[code].not_known
        assert not reasons["demo_request"].not_known  # it did not happen, and that is known


@pytest.mark.parametrize("model", [trained(), trained(dated=False)], ids=["dated", "flat"])
def test_spanish_says_everything_in_spanish(model: TrainedModel) -> None:
    scorer = Scorer(model, 1)
    columns = model.catalog.columns
    full = {c: (f.levels[0] if f.levels else 3.0) for c, f in zip(columns, model.catalog.features, strict=True)}
    for values in ({}, full):
        row = encode_values(model.catalog, values)
        english, spanish = (scorer.explain(row, "L", 0, reasons=None, language=x).reasons for x in ("en", "es"))
        for one, other in zip(english, spanish, strict=True):
            assert one.code == other.code
            assert one.text != other.text
            assert one.finding.sentence != other.finding.sentence
            assert one.direction_text != other.direction_text
            assert not re.search(r"\b(because|if you)\b", one.text + one.finding.sentence, re.I)
            assert not re.search(r"\b(the|last|ago|days|known|stage)\b", other.text + other.finding.sentence, re.I)


@settings(deadline=None, max_examples=60)
@given(asked(), st.sampled_from(["en", "es"]))
def test_what_is_kept_for_a_reason_is_what_is_found_anew(question: tuple[Scorer, np.ndarray], language: str) -> None:
    scorer, row = question
    for reason in scorer.explain(row, "L", 0, reasons=None, language=language).reasons:
        topics = {f.topic for f in scorer.model.catalog.features if f.group == reason.code}
        found = [find(scorer.model, topic, row.tolist(), reason.impact, language) for topic in topics]
        assert repr(reason.finding) in map(repr, found)
        assert json.loads(reason.json()) == {
            "code": reason.code,
            "component": scorer.model.catalog.group_component[reason.code],
            "direction": "raises" if reason.impact > 0 else "lowers",
            "impact": reason.impact,
            "text": reason.text,
            "direction_text": reason.direction_text,
            "evidence": reason.finding.document,
            "evidence_text": reason.finding.sentence,
        }


@pytest.mark.parametrize("wrong", [1e-3, math.nan, math.inf])
def test_reasons_that_do_not_add_up_are_not_answered(wrong):
    scorer = Scorer(trained(), 7)
    row = encode_values(scorer.model.catalog, {})
    honest = scorer.model.ranker.contributions(row[None, :])
    shares = honest.shares.copy()
    shares[0, scorer.model.catalog.inputs[0]] += wrong

    class Wrong:
        refused = None

        def contributions(self, matrix):
            return honest._replace(shares=shares)

    broken = Scorer(replace(scorer.model, ranker=Wrong()), 7)
    with pytest.raises(ModelContractError, match="add up"):
        broken.explain(row, "L1", 0)
    line = scorer.model.calibration
    assert scorer.explain(row, "L1", 0).log_odds == line.intercept + line.slope * honest.raw[0]
