from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from leadlight.core.artifact import Cell, Evidence, TrainedModel, encode_values
from leadlight.serving.evidence import cells, find, wilson
from models import trained

DATED, FLAT = trained(), trained(dated=False)


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_is_wilsons(counts: tuple[int, int]) -> None:
    successes, trials = counts
    expected = binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    assert wilson(successes, trials) == pytest.approx((expected.low, expected.high), abs=1e-9)


def _with(cell: Cell, model: TrainedModel) -> TrainedModel:
    evidence = Evidence("demo_request.days_since", (7.0, 30.0), (cell, cell, cell), cell)
    return replace(model, evidence={"demo_request": evidence})


def _find(model: TrainedModel, value: float | None, impact: float, language: str = "en") -> object:
    row = encode_values(model.catalog, {"demo_request.days_since": value})
    return find(model, "demo_request", row.tolist(), impact, language)


@pytest.mark.parametrize(
    ("cell", "enough"),
    [
        (Cell(29, 10), False),
        (Cell(30, 10), True),
        (Cell(30, 4), False),
        (Cell(30, 5), True),
        (Cell(30, 25), True),
        (Cell(30, 26), False),
        (Cell(0, 0), False),
    ],
)
def test_thirty_leads_and_five_of_either_outcome_are_the_least(model: TrainedModel, cell: Cell, enough: bool) -> None:
    found = find(_with(cell, model), "demo_request", [3.0] * len(model.catalog.features), 1.0, "en")
    assert found.enough == enough
    assert (found.document is None) == (not enough)
    if not enough:
        assert found.sentence == "Too few earlier leads to say."


def test_the_sentence_counts_leads_and_names_the_set_goal_horizon_and_baseline(model: TrainedModel) -> None:
    rich = _with(Cell(218, 90), model)
    assert _find(rich, 3.0, 0.5).sentence == (  # type: ignore[attr-defined]
        "Of 218 earlier leads that had asked for a demo in the 7 days before, "
        "41 % (35–48) became SQL within 90 days; 9 % of all."
    )
    assert _find(rich, 3.0, 0.5, "es").sentence == (  # type: ignore[attr-defined]
        "De 218 leads anteriores que habían pedido una demo en los 7 días anteriores, "
        "el 41 % (35–48) llegó a SQL en 90 días; el 9 % de todos."
    )
    assert "last asked for a demo 7 to 30 days before" in _find(rich, 7.0, 0.5).sentence  # type: ignore[attr-defined]
    assert "30 or more days before" in _find(rich, 300.0, 0.5).sentence  # type: ignore[attr-defined]
    assert "that had never asked for a demo" in _find(rich, None, 0.5).sentence  # type: ignore[attr-defined]


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize(("cell", "impact"), [(Cell(218, 90), -0.5), (Cell(400, 20), 0.5)])
def test_where_evidence_contradicts_the_impact_no_rate_is_said(
    model: TrainedModel, language: str, cell: Cell, impact: float
) -> None:
    found = find(_with(cell, model), "demo_request", [3.0] * len(model.catalog.features), impact, language)
    assert found.contradicts
    assert not any(letter.isdigit() for letter in found.sentence)
    words = {
        ("en", True): "Raises here, given the rest",
        ("en", False): "Lowers here, given the rest",
        ("es", True): "Sube aquí, dado lo demás",
        ("es", False): "Baja aquí, dado lo demás",
    }
    assert words[language, impact > 0] in found.sentence


def test_a_rate_equal_to_the_baseline_contradicts_nothing(model: TrainedModel) -> None:
    same = _with(Cell(1000, 90), model)
    for impact in (-1.0, 1.0):
        assert not _find(same, 3.0, impact).contradicts  # type: ignore[attr-defined]


def test_a_flat_model_knows_no_days() -> None:
    model = trained(dated=False)
    row = encode_values(model.catalog, {"source": None})
    found = find(model, "source", row.tolist(), 1.0, "en")
    assert found.sentence == ("Of 218 earlier leads whose source was not known, 41 % (35–48) converted; 9 % of all.")
    assert "día" not in find(model, "source", row.tolist(), 1.0, "es").sentence


def test_a_level_never_seen_has_no_evidence(model: TrainedModel) -> None:
    short = replace(model, evidence={"source": Evidence("source", (), (Cell(100, 50), Cell(100, 50)))})
    row = encode_values(model.catalog, {"source": "ads"})
    assert not find(short, "source", row.tolist(), 1.0, "en").enough


@given(st.data())
def test_values_of_one_cell_have_one_finding(data: st.DataObject) -> None:
    model = data.draw(st.sampled_from([DATED, FLAT]))
    for topic, evidence in model.evidence.items():
        place = model.catalog.position[evidence.feature]
        feature = model.catalog.features[place]
        values = (
            st.integers(0, 1 + len(feature.levels)).map(float)
            if feature.kind == "category"
            else st.one_of(st.just(np.nan), st.floats(-1.0, 1e6), st.sampled_from(evidence.edges))
        )
        one, other = data.draw(st.tuples(values, values))
        cell_of = cells(evidence)
        if cell_of(one) == cell_of(other):
            rows = [[value] * len(model.catalog.features) for value in (one, other)]
            assert len({repr(find(model, topic, row, 0.5, "en")) for row in rows}) == 1
        number = evidence.cell_number(one)
        assert cell_of(one) == (number if number is None else min(number, len(evidence.cells)))
