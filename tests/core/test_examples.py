"""The example mappings on the real exports, with the facts that their publishers state."""

from datetime import UTC, datetime

import pandas as pd
import pytest

from datasets import EXAMPLES, dataset, mapping
from leadlight.agreement.terms import parse
from leadlight.core.history import History
from leadlight.core.mapping import load
from leadlight.core.source import read_history

NAMES = sorted(path.parent.name for path in EXAMPLES.glob("*/dataset.toml"))


def read(name: str) -> History:
    return read_history(dataset(name), now=datetime(2026, 1, 1, tzinfo=UTC), mapping=mapping(name))


@pytest.mark.parametrize("name", NAMES)
def test_every_example_is_a_mapping_that_can_be_followed(name: str) -> None:
    assert load(mapping(name)).digest


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_of_the_points_asks_about_something_that_is_there(name: str) -> None:
    history = read(name)
    rules = parse((EXAMPLES / name / "agreement.toml").read_text(encoding="utf-8")).rules
    there = {
        "attribute": {one.name for one in history.attributes},
        "activity": set(history.activities["type"].dropna()),
        "stage": {"stage"},
    }
    assert rules
    for rule in rules:
        assert rule.when.name in there[rule.when.subject], rule.name
        if rule.when.any_of and rule.when.subject == "attribute":
            assert set(rule.when.any_of) <= set(history.leads[rule.when.name].dropna()), rule.name


@pytest.mark.parametrize(
    ("name", "leads", "positives", "order_by"),
    [
        ("xeducation", 9_240, 0.3854, "column"),
        ("bank_marketing", 41_188, 0.1127, "file"),
        ("online_shoppers", 12_330, 0.1547, "none"),
    ],
)
def test_flat_exports(name: str, leads: int, positives: float, order_by: str) -> None:
    history = read(name)
    assert len(history.leads) == leads
    assert history.outcome is not None
    assert history.outcome.converted.mean() == pytest.approx(positives, abs=5e-5)
    assert history.outcome.order_by == order_by
    assert history.leads["lead_id"].is_unique
    assert not history.is_dated


def test_x_education_leaves_out_its_leaks_and_its_constants() -> None:
    history = read("xeducation")
    leaks = {"Tags", "Lead Quality", "Lead Profile", "Last Activity", "Last Notable Activity"}
    leaks |= {f"Asymmetrique {what}" for what in ("Activity Index", "Profile Index", "Activity Score", "Profile Score")}
    assert leaks <= history.excluded.keys()
    assert sum(reason == "one value only" for reason in history.excluded.values()) == 5
    assert len(history.attributes) == 20
    assert not history.leads.select_dtypes("str").isin(["Select", ""]).any(axis=None)


def test_x_education_is_ordered_by_its_serial_number() -> None:
    outcome = read("xeducation").outcome
    assert outcome is not None
    assert sorted(outcome.order) == list(range(9_240))
    assert outcome.order.iloc[0] > outcome.order.iloc[-1]  # rows run newest first


def test_bank_marketing_knows_never_from_999_days() -> None:
    history = read("bank_marketing")
    assert history.leads["pdays"].max() < 30
    assert history.leads["pdays"].isna().mean() > 0.95
    assert "duration" in history.excluded
    assert any("12 rows equal another row" in note for note in history.notes)


def test_online_shoppers_numbers_that_are_names() -> None:
    history = read("online_shoppers")
    kinds = {one.name: one.kind for one in history.attributes}
    assert {kinds[name] for name in ("operating_systems", "browser", "region", "traffic_type")} == {"category"}
    assert kinds["exit_rates"] == "number"
    assert "PageValues" in history.excluded


def test_olist_is_two_files_with_clocks_in_brazil() -> None:
    history = read("olist_funnel")
    assert len(history.leads) == 8_000
    assert history.stage_changes["stage"].value_counts().to_dict() == {"customer": 842}
    assert {one.name for one in history.attributes} == {"source", "landing_page"}
    assert history.leads["created_at"].min() == pd.Timestamp("2017-06-14 03:00", tz="UTC")
    assert "stage_changes: 1 rows before their lead's creation were moved to it" in history.notes


def test_bpi_2012_is_three_tables_in_one_log() -> None:
    history = read("bpic2012_loan_leads")
    assert len(history.leads) == 13_087
    stages = history.stage_changes["stage"].value_counts()
    assert (stages["customer"], stages["disqualified"], stages["new"]) == (2_246, 7_635 + 2_807, 13_087)
    first = history.stage_changes.groupby("lead_id")["occurred_at"].min()
    assert (history.leads.set_index("lead_id")["created_at"] == first).all()
    assert set(history.activities["type"]) == history.doers.keys()
    assert history.ended_at == pd.Timestamp("2012-03-14T15:04:54.681Z")
