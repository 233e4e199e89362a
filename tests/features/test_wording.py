"""Sentences: complete in both languages whatever the values, with plurals, times and numbers as people say them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leadlight.core.catalog import LANGUAGES, Catalog, Topic
from leadlight.core.clock import DAY
from leadlight.features.catalog import draw_up
from leadlight.features.warm import small_catalog
from leadlight.features.wording import Sayer, missing_attributes, number_text, say
from leadlight.features.words import ACTIVITIES, tidy
from plain_wording import plain_missing, plain_say
from strategies import RULES, World, worlds

NAN = float("nan")


def said(topic: str, language: str = "en", catalog: Catalog | None = None, **values: float) -> str:
    """Say a topic where the features named (dots as two underscores) have values and all else is 0."""
    catalog = catalog or small_catalog()
    row = [0.0] * len(catalog.features)
    for name, value in values.items():
        row[catalog.position[name.replace("__", ".")]] = value
    return say(catalog.topics[topic], catalog, row, language)


def test_an_activity_is_counted_as_people_say_it() -> None:
    assert said("web_visit", web_visit__days_since=NAN) == "No web visits so far"
    assert (
        said("web_visit", web_visit__count_30d=1, web_visit__days_since=0.4) == "1 web visit in the last 30 days, today"
    )
    assert (
        said("web_visit", web_visit__count_30d=12, web_visit__days_since=1.2)
        == "12 web visits in the last 30 days, the latest yesterday"
    )
    assert said("web_visit", web_visit__days_since=45.9) == "Last web visit 45 days ago"
    assert said("web_visit", web_visit__days_since=200.0) == "Last web visit 7 months ago"
    assert said("web_visit", web_visit__days_since=800.0) == "Last web visit 2 years ago"


def test_the_same_in_spanish() -> None:
    assert said("web_visit", "es", web_visit__days_since=NAN) == "Aún sin visitas web"
    assert (
        said("web_visit", "es", web_visit__count_30d=2, web_visit__days_since=3.0)
        == "2 visitas web en los últimos 30 días, la última hace 3 días"
    )
    assert said("web_visit", "es", web_visit__days_since=45.0) == "Última visita web hace 45 días"
    assert said("source", "es") == "Origen: dato desconocido"


def test_attributes_and_stages() -> None:
    assert said("employees", employees=12500.0) == "Employees: 12,500"
    assert said("employees", "es", employees=12500.0) == "Empleados: 12.500"
    assert said("employees", employees=NAN) == "Employees not known"
    assert said("source") == "Source not known"
    assert said("source", source=1.0) == "Source: one of the less common values"
    assert said("source", source=2.0) == "Source: web"
    assert said("stage", stage__current=3.0, stage__days=1.5) == "In stage SQL for 1 day"
    assert said("colleagues", colleagues__count=NAN) == "Account not known"
    assert said("recycling", recycling__times=2.0) == "Recycled 2 times so far"


def test_today_and_yesterday_follow_the_calendar_where_the_moment_is_known() -> None:
    catalog = small_catalog()
    row = [0.0] * len(catalog.features)
    row[catalog.position["web_visit.days_since"]] = 0.5
    topic = catalog.topics["web_visit"]
    assert say(topic, catalog, row) == "Last web visit today"
    eight_in_the_morning = 20_000 * DAY + DAY // 3
    assert say(topic, catalog, row, as_of=eight_in_the_morning) == "Last web visit yesterday"


def values_of(catalog: Catalog) -> st.SearchStrategy[list[float]]:
    """Rows with every kind of value: missing, other, each level, zero, one, many."""
    numbers = st.sampled_from((NAN, 0.0, 1.0, 2.0, 0.5, 30.7, 1234.5, 400.0, 5000.0))
    return st.tuples(
        *(numbers if f.kind == "number" else st.integers(0, len(f.levels) + 1).map(float) for f in catalog.features)
    ).map(list)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data(), world=worlds())
def test_every_topic_has_a_whole_sentence_for_every_value(data: st.DataObject, world: World) -> None:
    catalog = draw_up(world.history(), rules=RULES, goal_stage="sql", min_leads=1)
    row = data.draw(values_of(catalog))
    for topic in catalog.topics.values():
        for language in LANGUAGES:
            check_sentence(topic, say(topic, catalog, row, language).replace("Fair {x}", "Fair"))
            check_sentence(topic, topic.label[language])


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data(), world=worlds(), as_of=st.one_of(st.none(), st.integers(0, 2_000_000_000_000_000)))
def test_the_quick_words_are_the_plain_ones(data: st.DataObject, world: World, as_of: int | None) -> None:
    for catalog in (small_catalog(), draw_up(world.history(), rules=RULES, goal_stage="sql", min_leads=1)):
        row = data.draw(values_of(catalog))
        for topic in catalog.topics.values():
            for language in LANGUAGES:
                plain = plain_say(topic, catalog, row, language, as_of=as_of)
                assert say(topic, catalog, row, language, as_of=as_of) == plain
        assert missing_attributes(catalog, row) == plain_missing(catalog, row)


CONDITIONS = ("missing", "known", "zero", "one", "many", "positive", "other", "any")


@pytest.mark.parametrize("what", CONDITIONS)
@pytest.mark.parametrize("name", ["employees", "source"])
def test_a_condition_means_the_same_the_quick_and_the_plain_way(name: str, what: str) -> None:
    catalog = small_catalog()
    topic = Topic("source", "fit", {"en": "No", "es": "No"}, (({"feature": name, "is": what}, {"en": "Yes"}),))
    values = [0.0, 1.0, 2.0] if name == "source" else [NAN, -0.0, 0.0, 0.5, 1.0, 1.5, 2.0, -3.0, float("inf")]
    for value in values:
        row = [0.0] * len(catalog.features)
        row[catalog.position[name]] = value
        assert Sayer(topic, catalog, "en").say(row) == plain_say(topic, catalog, row, "en"), value


def test_a_sentence_about_a_feature_that_is_not_there_is_never_said() -> None:
    catalog = small_catalog()
    gone = {"feature": "gone", "is": "any"}
    topic = Topic("source", "fit", {"en": "Label"}, ((gone, {"en": "{gone:count}"}), ([gone], {"en": "no"})))
    assert Sayer(topic, catalog, "en").say([0.0] * len(catalog.features)) == "Label"


def check_sentence(topic: Topic, text: str) -> None:
    assert not set("{}") & set(text), (topic.name, text)
    assert not {"nan", "inf", "None"} & set(text.replace(",", " ").split()), (topic.name, text)
    assert text == text.strip()
    assert text[0].isupper() or text[0].isdigit(), (topic.name, text)
    assert not {"because", "porque"} & set(text.lower().split())


def test_each_topic_knows_the_feature_that_gives_its_evidence() -> None:
    catalog = small_catalog()
    for topic in catalog.topics.values():
        assert catalog.features[catalog.position[topic.evidence or ""]].topic == topic.name


def test_the_table_of_words_is_complete() -> None:
    for kind, noun in ACTIVITIES.items():
        assert all((noun.en, noun.en_many, noun.es, noun.es_many)), kind
        assert noun.doer in ("lead", "rep", "system")
        assert not noun.voluntary or noun.doer == "lead", kind


def test_what_is_missing_is_listed_by_name() -> None:
    catalog = small_catalog()
    row = np.zeros(len(catalog.features))
    row[catalog.position["employees"]] = row[catalog.position["colleagues.count"]] = NAN
    assert missing_attributes(catalog, row) == ["account", "source", "employees"]


@pytest.mark.parametrize(
    ("value", "en", "es"),
    [
        (0.0, "0", "0"),
        (-0.0, "0", "0"),
        (3.0, "3", "3"),
        (1234.0, "1,234", "1234"),
        (1234567.0, "1,234,567", "1.234.567"),
        (-0.125, "-0.125", "-0,125"),
        (99999.96, "100,000", "100.000"),
        (12.30, "12.3", "12,3"),
        (1e-9, "0", "0"),
        (1e20, "100,000,000,000,000,000,000", "100.000.000.000.000.000.000"),
    ],
)
def test_numbers_are_written_as_people_do(value: float, en: str, es: str) -> None:
    assert (number_text(value), number_text(value, "es")) == (en, es)


def test_labels_never_look_like_templates() -> None:
    assert tidy("weird{name}") == "Weird(name)"
    assert tidy("MQL score") == "MQL score"
