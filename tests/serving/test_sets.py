from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from leadlight.core.artifact import Cell, Evidence, TrainedModel
from leadlight.core.catalog import Feature
from leadlight.features.words import ACTIVITIES, deed
from leadlight.serving.sets import describe
from models import trained


def words_of(model: TrainedModel, column: str, edges: tuple[float, ...], value: float, language: str = "en") -> str:
    feature = model.catalog.features[model.catalog.position[column]]
    label = model.catalog.topics[feature.topic].label[language]
    return describe(feature, label, Evidence(column, edges, ()), value, language)


@pytest.mark.parametrize(
    ("column", "edges", "value", "english", "spanish"),
    [
        ("demo_request.days_since", (1.0, 7.0), 0.5, "that had asked for a demo in the 24 hours before",
         "que habían pedido una demo en las 24 horas anteriores"),
        ("demo_request.days_since", (1.0, 7.0), 3.0, "that had last asked for a demo 1 to 7 days before",
         "que habían pedido una demo por última vez entre 1 y 7 días antes"),
        ("demo_request.days_since", (1.0, 7.0), 7.0, "that had last asked for a demo 7 or more days before",
         "que habían pedido una demo por última vez 7 días antes o más"),
        ("demo_request.days_since", (1.0,), np.nan, "that had never asked for a demo",
         "que nunca habían pedido una demo"),
        ("demo_request.count_30d", (1.0, 3.0), 0.0, "that had not asked for a demo in the 30 days before",
         "que no habían pedido una demo en los 30 días anteriores"),
        ("demo_request.count_30d", (1.0, 2.0), 1.0, "that had asked for a demo once in the 30 days before",
         "que habían pedido una demo una vez en los 30 días anteriores"),
        ("demo_request.count_30d", (1.0, 3.0), 1.0, "that had asked for a demo 1 to 2 times in the 30 days before",
         "que habían pedido una demo entre 1 y 2 veces en los 30 días anteriores"),
        ("demo_request.count_30d", (3.0,), 4.0, "that had asked for a demo 3 or more times in the 30 days before",
         "que habían pedido una demo 3 veces o más en los 30 días anteriores"),
        ("demo_request.count_30d", (3.0,), 2.0, "that had asked for a demo at most 2 times in the 30 days before",
         "que habían pedido una demo como máximo 2 veces en los 30 días anteriores"),
        ("employees", (8.0, 500.0), 3.0, "with 7 or fewer employees", "con 7 empleados o menos"),
        ("employees", (8.0, 500.0), 8.0, "with 8 to 499 employees", "con entre 8 y 499 empleados"),
        ("employees", (8.0, 12500.0), 20_000.0, "with 12,500 or more employees", "con 12.500 empleados o más"),
        ("employees", (8.0,), np.nan, "whose number of employees was not known", "sin dato del número de empleados"),
        ("source", (), 2.0, "with source “webinar”", "con origen «webinar»"),
        ("source", (), 1.0, "with a rare value of source", "con un valor poco frecuente de origen"),
        ("source", (), 0.0, "whose source was not known", "sin dato de origen"),
    ],
)  # fmt: skip
def test_a_set_is_said_as_people_would(
    model: TrainedModel, column: str, edges: tuple[float, ...], value: float, english: str, spanish: str
) -> None:
    if column == "source" and value == 2.0:
        position = model.catalog.features[model.catalog.position["source"]].levels.index("webinar")
        value = 2.0 + position
    assert words_of(model, column, edges, value) == english
    assert words_of(model, column, edges, value, "es") == spanish


@pytest.mark.parametrize("model", [trained(), trained(dated=False)], ids=["dated", "flat"])
@pytest.mark.parametrize("language", ["en", "es"])
def test_every_topic_has_its_own_words_for_every_cell(model: TrainedModel, language: str) -> None:
    begins = {
        "en": r"(with|without|whose|that had|created|in stage|in a rare stage)\b",
        "es": r"(con|sin|cuyos|que|creados|en la etapa|en una etapa)\b",
    }
    said = []
    for topic, evidence in model.evidence.items():
        feature = model.catalog.features[model.catalog.position[evidence.feature]]
        numbers = [*(edge - 1e-6 for edge in evidence.edges), *evidence.edges[-1:], np.nan]
        values = range(2 + len(feature.levels)) if feature.kind == "category" else numbers
        own = {describe(feature, model.catalog.topics[topic].label[language], evidence, x, language) for x in values}
        yes_or_no = feature.primitive == "stage_reached"  # however many cells the test's evidence has
        assert len(own) == (3 if yes_or_no else len(list(values))), own
        said += own
    for words in said:
        assert re.match(begins[language], words), words
        assert not re.search(r"\b(\w+) \1\b|\s{2}|\b1 days|\b1 días|\{|\(any\)", words), words


def test_every_activity_has_its_deed() -> None:
    for kind in ACTIVITIES:
        english, spanish = deed(kind, "en"), deed(kind, "es")
        assert english != spanish
        assert "activity of type" not in english
    assert deed("whitepaper_read", "es") == "tenido una actividad de tipo «Whitepaper read»"


def test_what_an_owner_named_stands_in_quotes(model: TrainedModel) -> None:
    feature = model.catalog.features[model.catalog.position["employees"]]
    other = replace(feature, params={"attribute": "deals_won"})
    assert _ranges(other, "Deals won?", "en") == [
        "with “Deals won?” below 5", "with “Deals won?” from 5 to below 7.50", "with “Deals won?” of 7.50 or more",
        "whose “Deals won?” was not known",
    ]  # fmt: skip
    assert _ranges(other, "Deals won?", "es")[1] == "con «Deals won?» de 5 a menos de 7,50"
    yes = replace(model.catalog.features[model.catalog.position["source"]], levels=("Yes",))
    assert describe(yes, "Source", Evidence("source", (), ()), 2.0, "es") == "con «Source»: sí"


def _ranges(feature: Feature, label: str, language: str) -> list[str]:
    evidence = Evidence(feature.name, (5.0, 7.5), (Cell(1, 1),) * 3)
    return [describe(feature, label, evidence, value, language) for value in (1.0, 5.0, 8.0, np.nan)]
