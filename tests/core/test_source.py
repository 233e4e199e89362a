import gzip
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadlight.core.errors import BrokenHistory, MappingError, NothingThere, UnreadableTable
from leadlight.core.history import TABLES, History
from leadlight.core.mapping import parse
from leadlight.core.source import history_from_tables, read_history

NOW = datetime(2025, 1, 1, tzinfo=UTC)
LEADS = "lead_id,created_at,size\na,2024-01-01T00:00:00Z,10\nb,2024-02-01T00:00:00Z,20\n"
ACTIVITIES = "lead_id,occurred_at,type\na,2024-01-02T00:00:00Z,call\n"
STAGES = "lead_id,occurred_at,stage\na,2024-01-03T00:00:00Z,customer\n"


def write(folder: Path, **files: str | bytes) -> Path:
    for name, content in files.items():
        path = folder / ("dataset.toml" if name == "toml" else f"{name}.csv")
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def read(folder: Path, **files: str | bytes) -> History:
    return read_history(write(folder, **files), now=NOW)


def broken(
    folder: Path, error: type[Exception] = BrokenHistory, **files: str | bytes
) -> set[tuple[str, str, int | None, int]]:
    """Return (where, rule, row, count) of every problem."""
    with pytest.raises(error) as caught:
        read(folder, **files)
    return {(problem.where, problem.rule, problem.row, problem.count) for problem in caught.value.problems}  # type: ignore[attr-defined]


def flat(toml: str = "", **columns: object) -> History:
    mapping = parse('[leads.outcome]\ncolumn = "won"\npositive = [1]\n' + toml)
    return history_from_tables({"leads": pd.DataFrame(columns)}, now=NOW, mapping=mapping)


def test_a_dated_folder_needs_no_mapping(tmp_path: Path) -> None:
    history = read(tmp_path, leads=LEADS, activities=ACTIVITIES, stage_changes=STAGES)
    assert history.is_dated
    assert not history.is_flat
    assert history.ended_at == pd.Timestamp("2024-02-01", tz="UTC")
    assert history.leads["size"].tolist() == [10.0, 20.0]
    assert [(one.name, one.kind, one.known) for one in history.attributes] == [("size", "number", "exported")]


def test_every_table_has_the_promised_columns_and_types(tmp_path: Path) -> None:
    history = read(tmp_path, leads=LEADS, activities=ACTIVITIES)
    for table, columns in TABLES.items():
        frame = getattr(history, table)
        assert list(frame.columns[: len(columns)]) == list(columns)
        assert frame.index.equals(pd.RangeIndex(len(frame)))
        for column in columns:
            is_number = column in {"amount", "cost", "chance", "window_days"} or (table, column) == (
                "activities",
                "value",
            )
            is_time = column.endswith("_at") or column == "month"
            expected = "float64" if is_number else "datetime64[us, UTC]" if is_time else "str"
            assert frame[column].dtype == expected, (table, column)


def test_parquet_and_csv_give_the_same_history(tmp_path: Path) -> None:
    (folder := tmp_path / "csv").mkdir()
    as_csv = read(folder, leads=LEADS, activities=ACTIVITIES)
    (folder := tmp_path / "parquet").mkdir()
    as_csv.leads.drop(columns=["account_id", "owner_id"]).to_parquet(folder / "leads.parquet")
    content = as_csv.activities[["lead_id", "occurred_at", "type"]]
    (folder / "activities.parquet.gz").write_bytes(gzip.compress(content.to_parquet()))
    as_parquet = read_history(folder, now=NOW)
    pd.testing.assert_frame_equal(as_csv.leads, as_parquet.leads)
    pd.testing.assert_frame_equal(as_csv.activities, as_parquet.activities)
    assert as_csv.attributes == as_parquet.attributes


def test_gzip_is_told_by_its_bytes_not_its_name(tmp_path: Path) -> None:
    assert len(read(tmp_path, leads=gzip.compress(LEADS.encode())).leads) == 2


def test_the_flat_export_of_the_design(tmp_path: Path) -> None:
    leads = (
        "Prospect ID,Lead Number,Lead Source,Tags,Converted,City\n"
        "x,3,web,ring,0,Select\ny,1,mail,,1,Lima\nz,2,web,ring,0,unknown\n"
    )
    toml = """
        [history]
        missing = ["", "Select", "unknown"]
        [leads.columns]
        lead_id = "Prospect ID"
        [leads.outcome]
        column = "Converted"
        positive = [1]
        [leads.order]
        column = "Lead Number"
        [leads.attributes]
        "Tags" = { exclude = "written by sales" }
        "Lead Source" = { name = "source", known = "creation" }
        """
    history = read(tmp_path, leads=leads, toml=toml)
    assert history.outcome is not None
    assert history.outcome.converted.tolist() == [False, True, False]
    assert history.outcome.order.tolist() == [2, 0, 1]
    assert history.outcome.order.dtype == np.int64
    assert history.ended_at is None
    assert history.leads["city"].tolist()[1:2] == ["Lima"]
    assert history.leads["city"].isna().tolist() == [True, False, True]
    assert history.excluded["Tags"] == "written by sales"
    assert [(one.name, one.known, one.label) for one in history.attributes] == [
        ("source", "creation", "Lead Source"),
        ("city", "exported", "City"),
    ]


def test_all_problems_of_all_tables_are_listed_at_once(tmp_path: Path) -> None:
    found = broken(
        tmp_path,
        leads="lead_id,created_at\na,2024-01-01T00:00:00Z\na,2024-01-02T00:00:00Z\nb,soon\n,2024-01-01T00:00:00Z\nc,2024-01-01\n",
        activities="lead_id,occurred_at,type\nzz,2024-01-02T00:00:00Z,call\na,2031-01-01T00:00:00Z,\nzy,2024-01-02T00:00:00Z,call\n",
        stage_changes="lead_id,occurred_at,stage\na,2023-12-31T00:00:00Z,mql\n",
    )
    assert found == {
        ("leads", "duplicate_lead", 2, 1),
        ("leads", "not_a_time", 3, 1),
        ("leads", "no_zone", 5, 1),
        ("leads", "missing_value", 4, 1),
        ("activities", "unknown_lead", 1, 2),
        ("activities", "in_future", 2, 1),
        ("activities", "missing_value", 2, 1),
        ("stage_changes", "before_creation", 1, 1),
    }


def test_unreadable_files_are_all_named(tmp_path: Path) -> None:
    found = broken(
        tmp_path,
        UnreadableTable,
        leads="lead_id,created_at,name\na,2024-01-01T00:00:00Z,José\n".encode("latin-1"),
        activities="lead_id,type,type\na,b,c\n",
        stage_changes="",
        attribute_changes="lead_id,attribute\na,b,c\nd,e\nf\n",
        campaign_costs="campaign,cost\na,\x00\n",
    )
    assert {(where, rule) for where, rule, _, _ in found} == {
        ("leads.csv", "encoding"),
        ("activities.csv", "duplicate_column"),
        ("stage_changes.csv", "empty_file"),
        ("attribute_changes.csv", "ragged_row"),
        ("campaign_costs.csv", "nul_byte"),
    }
    assert ("attribute_changes.csv", "ragged_row", 1, 2) in found


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    said = '[history]\nencoding = "cp1252"\n' if encoding == "cp1252" else ""
    leads = "lead_id;created_at;Straße\né;2024-01-01T00:00:00Z;ü\nb;2024-01-01T00:00:00Z;o\n".encode(encoding)
    history = read(tmp_path, leads=leads, toml=said)
    assert history.leads["lead_id"].tolist() == ["é", "b"]
    assert history.attributes[0].label == "Straße"


def test_header_only(tmp_path: Path) -> None:
    assert broken(tmp_path, leads="lead_id,created_at\n") == {("leads", "no_rows", None, 1)}
    history = read(tmp_path, leads=LEADS, activities="lead_id,occurred_at,type")
    assert history.activities.empty
    assert any("activities has a header but no rows" in note for note in history.notes)


def test_missing_columns_are_named_with_the_likeliest(tmp_path: Path) -> None:
    with pytest.raises(BrokenHistory, match=r"lead_id.*did you mean 'leadid'") as caught:
        read(tmp_path, leads="leadid,created_at\na,2024-01-01T00:00:00Z\n", activities="lead_id,when,type\n")
    assert {(one.where, one.column) for one in caught.value.problems} == {
        ("leads", "lead_id"),
        ("activities", "occurred_at"),
    }


def test_times_without_zone_need_a_declared_one(tmp_path: Path) -> None:
    leads = "lead_id,created_at\na,2024-07-01 10:00\nb,2024-01-01 10:00\n"
    assert broken(tmp_path, leads=leads) == {("leads", "no_zone", 1, 2)}
    history = read(tmp_path, leads=leads, toml='[history]\ntime_zone = "Europe/Madrid"\n')
    assert history.leads["created_at"].dt.hour.tolist() == [8, 9]


def test_nothing_lies_after_the_declared_end(tmp_path: Path) -> None:
    toml = "[history]\nended_at = 2024-01-15T00:00:00Z\n"
    found = broken(tmp_path, leads=LEADS, activities=ACTIVITIES, toml=toml)
    assert found == {("leads", "after_end", 2, 1)}  # created_at; its recorded_at is the same time, said once


def test_an_end_in_the_future_is_refused(tmp_path: Path) -> None:
    found = broken(tmp_path, leads=LEADS, toml="[history]\nended_at = 2030-01-01T00:00:00Z\n")
    assert found == {("dataset.toml [history]", "in_future", None, 1)}


def test_repairs_happen_only_when_declared_and_are_counted(tmp_path: Path) -> None:
    leads = "lead_id,created_at\na,2024-03-01T00:00:00Z\n"
    stages = (
        "lead_id,occurred_at,recorded_at,stage\na,2024-02-01T00:00:00Z,2024-02-01T00:00:00Z,customer\n"
        "a,2024-04-01T00:00:00Z,2024-04-01T00:00:00Z,sql\nq,2024-04-01T00:00:00Z,,sql\na,2026-01-01T00:00:00Z,,sql\n"
    )
    assert {rule for _, rule, _, _ in broken(tmp_path, leads=leads, stage_changes=stages)} == {
        "unknown_lead",
        "before_creation",
        "in_future",
    }
    toml = '[stage_changes]\nunknown_leads = "drop"\nafter_end = "drop"\nbefore_creation = "at_creation"\n'
    history = read(tmp_path, leads=leads, stage_changes=stages, toml=toml)
    changes = history.stage_changes
    assert changes["occurred_at"].tolist() == [
        pd.Timestamp("2024-03-01", tz="UTC"),
        pd.Timestamp("2024-04-01", tz="UTC"),
    ]
    assert (changes["recorded_at"] >= changes["occurred_at"]).all()
    assert sum("1 rows" in note for note in history.notes) == 3
    dropped = read(tmp_path, leads=leads, stage_changes=stages, toml=toml.replace("at_creation", "drop"))
    assert dropped.stage_changes["stage"].tolist() == ["sql"]


def test_copies_are_counted_once_and_the_first_recording_stays(tmp_path: Path) -> None:
    activities = (
        "lead_id,occurred_at,recorded_at,type\na,2024-01-02T00:00:00Z,2024-01-05T00:00:00Z,call\n"
        "a,2024-01-02T00:00:00Z,2024-01-03T00:00:00Z,call\na,2024-01-02T00:00:00Z,2024-01-03T00:00:00Z,mail\n"
    )
    history = read(tmp_path, leads=LEADS, activities=activities)
    assert history.activities["type"].tolist() == ["call", "mail"]
    assert history.activities["recorded_at"].iloc[0] == pd.Timestamp("2024-01-03", tz="UTC")
    assert "activities: 1 rows repeat another row and were counted once" in history.notes


def test_an_id_that_says_two_things_is_refused(tmp_path: Path) -> None:
    activities = (
        "activity_id,lead_id,occurred_at,type\n1,a,2024-01-02T00:00:00Z,call\n2,a,2024-01-02T00:00:00Z,call\n"
        "1,b,2024-03-02T00:00:00Z,mail\n2,a,2024-01-02T00:00:00Z,call\n"
    )
    assert broken(tmp_path, leads=LEADS, activities=activities) == {("activities", "duplicate_id", 3, 1)}


def test_recorded_before_it_happened_is_kept_and_said(tmp_path: Path) -> None:
    activities = "lead_id,occurred_at,recorded_at,type\na,2024-01-12T00:00:00Z,2024-01-05T00:00:00Z,meeting\n"
    history = read(tmp_path, leads=LEADS, activities=activities)
    assert history.activities["recorded_at"].iloc[0] == pd.Timestamp("2024-01-05", tz="UTC")
    assert any("recorded before they happened" in note for note in history.notes)


def test_missing_recorded_at_is_said(tmp_path: Path) -> None:
    activities = (
        "lead_id,occurred_at,recorded_at,type\na,2024-01-02T00:00:00Z,,call\n"
        "b,2024-02-02T00:00:00Z,2024-02-03T00:00:00Z,call\n"
    )
    history = read(tmp_path, leads=LEADS, activities=activities)
    assert "recorded_at is missing in leads: taken as created_at" in history.notes
    assert "recorded_at is missing in activities in 1 of 2 rows: taken as occurred_at" in history.notes


def test_one_event_log_becomes_three_tables(tmp_path: Path) -> None:
    log = (
        "case,what,phase,at,amount\n1,W_call,END,2024-01-03T00:00:00Z,5\n1,A_SUBMITTED,END,2024-01-01T00:00:00Z,5\n"
        "2,A_SUBMITTED,END,2024-01-02T00:00:00Z,7\n1,A_DONE,END,2024-01-04T00:00:00Z,5\n1,W_call,PLAN,2024-01-02T00:00:00Z,5\n"
    )
    toml = """
        [history]
        leads = "log.csv"
        activities = "log.csv"
        stage_changes = "log.csv"
        [leads]
        one_row_per = "case"
        [leads.columns]
        lead_id = "case"
        created_at = "at"
        [leads.attributes]
        what = { exclude = "the first event" }
        phase = { exclude = "the first event" }
        [activities]
        where = { what = "W_*", phase = ["END"] }
        [activities.columns]
        lead_id = "case"
        occurred_at = "at"
        type = ["what", "phase"]
        [activities.values.type]
        "W_call END" = "call"
        [stage_changes]
        where = { what = "A_*" }
        [stage_changes.columns]
        lead_id = "case"
        occurred_at = "at"
        stage = "what"
        [stage_changes.values.stage]
        A_DONE = "customer"
        """
    history = read(tmp_path, log=log, toml=toml)
    assert history.leads["lead_id"].tolist() == ["1", "2"]  # in the order of the file
    assert history.leads["created_at"].dt.day.tolist() == [1, 2]
    assert history.activities[["lead_id", "type"]].values.tolist() == [["1", "call"]]
    assert history.stage_changes["stage"].tolist() == ["A_SUBMITTED", "A_SUBMITTED", "customer"]
    assert any("activities: 1 of 5 rows are used" in note for note in history.notes)


def test_a_number_that_means_missing_may_still_be_an_id(tmp_path: Path) -> None:
    toml = "[history]\nmissing = [999]\n"
    history = read(tmp_path, leads="lead_id,created_at,size\n999,2024-01-01T00:00:00Z,999\n", toml=toml)
    assert history.leads["lead_id"].tolist() == ["999"]
    assert history.leads.get("size") is None
    assert history.excluded["size"] == "no value in any row"


def test_rows_with_lists_can_be_compared_for_copies() -> None:
    history = flat(won=[1, 0, 0], size=[1, 2, 2], tags=[["a"], ["b"], ["c"]])
    assert "leads: 1 rows equal another row; without an id they count as different leads" in history.notes


def test_parquet_without_rows(tmp_path: Path) -> None:
    frame = pd.DataFrame({"lead_id": ["a"], "occurred_at": pd.Timestamp("2024-01-02", tz="UTC"), "type": "call"})
    frame.iloc[:0].to_parquet(tmp_path / "activities.parquet")
    history = read(tmp_path, leads=LEADS)
    assert history.activities.empty
    assert history.activities["type"].dtype == "str"


def test_a_constant_takes_the_place_of_a_column(tmp_path: Path) -> None:
    toml = '[stage_changes]\nconstant = { stage = "customer" }\n[stage_changes.columns]\noccurred_at = "won"\n'
    history = read(tmp_path, leads=LEADS, stage_changes="lead_id,won,other\na,2024-01-09T00:00:00Z,x\n", toml=toml)
    assert history.stage_changes["stage"].tolist() == ["customer"]
    assert history.excluded["stage_changes: other"] == "no column of stage_changes"


def test_problems_name_the_row_of_the_file_after_filters(tmp_path: Path) -> None:
    toml = '[activities]\nwhere = { type = "call" }\n'
    activities = "lead_id,occurred_at,type\na,bad,mail\na,2024-01-02T00:00:00Z,call\na,bad,call\n"
    found = broken(tmp_path, leads=LEADS, activities=activities, toml=toml)
    assert found == {("activities", "not_a_time", 3, 1)}


def test_attributes_that_move(tmp_path: Path) -> None:
    changes = (
        "lead_id,occurred_at,attribute,value\na,2024-01-02T00:00:00Z,size,30\na,2024-01-02T00:00:00Z,Job Title,boss\n"
        "b,2024-02-02T00:00:00Z,email,b@example.org\nb,2024-02-02T00:00:00Z,Job Title,\n"
    )
    history = read(tmp_path, leads=LEADS, attribute_changes=changes)
    assert {(one.name, one.kind, one.known) for one in history.attributes} == {
        ("size", "number", "dated"),
        ("job_title", "category", "dated"),
    }
    assert history.attribute_changes["attribute"].tolist() == ["size", "job_title", "job_title"]
    assert "email" in history.excluded
    assert history.leads["size"].isna().all()  # its value at export is not when it was known


def test_campaign_costs_are_months_in_utc(tmp_path: Path) -> None:
    history = read(tmp_path, leads=LEADS, campaign_costs="campaign,month,cost\nads,2024-03,10.5\nads,2024-04-17,3\n")
    assert history.campaign_costs["month"].tolist() == [
        pd.Timestamp("2024-03-01", tz="UTC"),
        pd.Timestamp("2024-04-01", tz="UTC"),
    ]
    assert broken(tmp_path, campaign_costs="campaign,month,cost\nads,2024-03,-1\n") == {
        ("campaign_costs", "negative_cost", 1, 1)
    }


@pytest.mark.parametrize(
    ("values", "toml", "rule"),
    [
        ([1, 0, 2], "", "outcome_values"),
        ([0, 0, 0], "", "no_positive"),
        ([1, 1, 1], "", "outcome_one_value"),
        ([1, 0, None], "", "outcome_missing"),
        ([1, 0, 2], "negative = [0]\n", "outcome_values"),
    ],
)
def test_outcomes_that_cannot_be_told(values: list[float], toml: str, rule: str) -> None:
    with pytest.raises(BrokenHistory) as caught:
        flat(toml, won=values)
    assert rule in {problem.rule for problem in caught.value.problems}


def test_an_outcome_of_three_values_may_be_spelled_out() -> None:
    history = flat("negative = [0, 2]\n", won=[1, 0, 2])
    assert history.outcome is not None
    assert history.outcome.converted.tolist() == [True, False, False]


def test_flat_without_order_says_so() -> None:
    history = flat(won=[1, 0])
    assert history.outcome is not None
    assert history.outcome.order_by == "none"
    assert history.outcome.order.tolist() == [0, 0]
    assert any("order" in note for note in history.notes)


@pytest.mark.parametrize(("newest_first", "expected"), [("false", [0, 1, 2]), ("true", [2, 1, 0])])
def test_order_of_the_file(newest_first: str, expected: list[int]) -> None:
    history = flat(f'[leads.order]\nby = "file"\nnewest_first = {newest_first}\n', won=[1, 0, 1])
    assert history.outcome is not None
    assert history.outcome.order.tolist() == expected


def test_flat_with_dates_is_ordered_by_them() -> None:
    days = pd.to_datetime(["2024-01-02", "2024-01-01"], utc=True)
    history = flat(won=[1, 0], created_at=days, lead_id=["a", "b"])
    assert history.outcome is not None
    assert history.outcome.order.tolist() == [1, 0]
    assert history.is_dated


def test_ten_thousand_categories_pass_and_one_value_does_not() -> None:
    n = 20_000
    history = flat(
        won=np.arange(n) % 2,
        city=[f"city {i % 10_000}" for i in range(n)],
        lang=["es"] * n,
        ref=[f"r{i}" for i in range(n)],
    )
    assert [one.name for one in history.attributes] == ["city"]
    assert history.excluded["lang"] == "one value only"
    assert history.excluded["ref"].startswith("an identifier")
    assert "lang" in history.leads  # kept, so that other data of the same company can be compared


def test_neither_time_nor_outcome(tmp_path: Path) -> None:
    assert broken(tmp_path, leads="lead_id,size\na,1\n") >= {("leads", "no_time_no_outcome", None, 1)}


def test_places_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(NothingThere, match="no folder"):
        read_history(tmp_path / "nowhere", now=NOW)
    with pytest.raises(NothingThere, match="no leads"):
        read_history(tmp_path, now=NOW)
    with pytest.raises(NothingThere, match="no mapping"):
        read_history(tmp_path, now=NOW, mapping=tmp_path / "x.toml")
    assert broken(tmp_path, UnreadableTable, toml='[history]\nleads = "Leads.csv"\n', lead="a\n1\n") == {
        ("dataset.toml [history] leads", "no_file", None, 1)
    }
    with pytest.raises(MappingError):
        read(tmp_path, toml="[history")


def test_the_fingerprint_follows_the_bytes_and_what_the_mapping_says(tmp_path: Path) -> None:
    first = read(tmp_path, leads=LEADS).fingerprint
    assert first == read(tmp_path, leads=LEADS).fingerprint
    assert first != read(tmp_path, leads=LEADS.replace(",20\n", ",21\n")).fingerprint
    mapped = read(tmp_path, leads=LEADS, toml="[history]\nended_at = 2024-06-01T00:00:00Z").fingerprint
    assert mapped != first
    assert mapped == read(tmp_path, leads=LEADS, toml="# why\n[history]\nended_at = 2024-06-01T00:00:00Z").fingerprint


def test_messages_quote_no_personal_data(tmp_path: Path) -> None:
    leads = "lead_id,created_at\nann@example.org,2024-01-01T00:00:00Z\nann@example.org,2024-01-01T00:00:00Z\n"
    with pytest.raises(BrokenHistory) as caught:
        read(tmp_path, leads=leads, activities="lead_id,occurred_at,type\nbob@example.org,2024-01-01T00:00:00Z,call\n")
    assert "example.org" not in str(caught.value)


micros = st.integers(0, 1_735_000_000_000_000)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ab"), micros, micros, st.sampled_from(["call", "mail"])), max_size=12))
def test_reading_copies_is_the_same_as_a_slow_plain_reading(rows: list[tuple[str, int, int, str]]) -> None:
    leads = pd.DataFrame({"lead_id": ["a", "b"], "created_at": pd.to_datetime([0, 0], utc=True)})
    frame = pd.DataFrame(rows, columns=["lead_id", "occurred_at", "recorded_at", "type"]).astype(
        {"lead_id": "str", "type": "str"}
    )
    for column in ("occurred_at", "recorded_at"):
        frame[column] = pd.to_datetime(frame[column].astype("int64"), unit="us", utc=True)
    history = history_from_tables({"leads": leads, "activities": frame}, now=NOW)
    first: dict[tuple[str, int, str], int] = {}
    for lead, occurred, recorded, type_ in rows:
        key = (lead, occurred, type_)
        first[key] = min(first.get(key, recorded), recorded)
    got = history.activities
    times = got[["occurred_at", "recorded_at"]].astype("int64")
    read_back = zip(got["lead_id"], times["occurred_at"], got["type"], times["recorded_at"], strict=True)
    assert {(lead, occurred, type_): recorded for lead, occurred, type_, recorded in read_back} == first
    assert len(got) == len(first)


def test_leads_that_are_only_to_be_scored_need_no_outcome(tmp_path):
    (tmp_path / "leads.csv").write_text("id,number,source\nA,1,web\nB,2,fair\n")
    (tmp_path / "dataset.toml").write_text(
        '[leads.columns]\nlead_id = "id"\n[leads.outcome]\ncolumn = "won"\npositive = [1]\n'
        '[leads.order]\ncolumn = "number"\n'
    )
    with pytest.raises(BrokenHistory, match="won"):
        read_history(tmp_path, now=NOW)
    history = read_history(tmp_path, now=NOW, learning=False)
    assert history.leads["lead_id"].tolist() == ["A", "B"]
    assert history.outcome is None
    assert [attribute.name for attribute in history.attributes] == ["source"]


def test_a_pattern_that_fits_no_lead_is_named(tmp_path: Path) -> None:
    assert broken(tmp_path, leads=LEADS, toml='[leads]\nwhere = { size = "99" }') == {("leads", "no_match", None, 1)}


def test_brackets_in_a_pattern_are_letters(tmp_path: Path) -> None:
    leads = LEADS.replace(",10", ",[won]").replace("Z,20", "Z,o")
    assert read(tmp_path, leads=leads, toml='[leads]\nwhere = { size = "[won]" }').leads["lead_id"].tolist() == ["a"]


def test_our_columns_in_other_letters_are_named_once_each(tmp_path: Path) -> None:
    leads = LEADS.replace("lead_id", "Lead ID").replace("created_at", "Created At")
    assert broken(tmp_path, leads=leads) == {("leads", "ours_or_not", None, 1)}
    with pytest.raises(BrokenHistory) as caught:
        read(tmp_path, leads=leads)
    assert len(caught.value.problems) == 2


def test_months_are_read_beside_a_time_format(tmp_path: Path) -> None:
    history = read(
        tmp_path,
        leads=LEADS.replace("2024-01-01T00:00:00Z", "01/01/2024").replace("2024-02-01T00:00:00Z", "01/02/2024"),
        campaign_costs="campaign,month,cost\nx,2024-03,5\ny,01/04/2024,5\n",
        toml='[history]\ntime_format = "%d/%m/%Y"\ntime_zone = "Europe/Madrid"',
    )
    assert [month.isoformat()[:10] for month in history.campaign_costs["month"]] == ["2024-03-01", "2024-04-01"]


@pytest.mark.parametrize("name", ["../leads.csv", "/etc/leads.csv", "sub/../../leads.csv"])
def test_the_mapping_points_into_the_folder_only(tmp_path: Path, name: str) -> None:
    (folder := tmp_path / "in").mkdir()
    write(tmp_path, leads=LEADS)
    found = broken(folder, UnreadableTable, toml=f'[history]\nleads = "{name}"')
    assert found == {("dataset.toml [history] leads", "outside_folder", None, 1)}


def test_a_link_in_the_folder_is_followed_and_what_is_no_file_is_named(tmp_path: Path) -> None:
    (folder := tmp_path / "in").mkdir()
    (folder / "leads.csv").symlink_to(write(tmp_path, leads=LEADS) / "leads.csv")
    assert len(read_history(folder, now=NOW).leads) == 2
    (folder / "activities.csv").mkdir()
    (folder / "stage_changes.csv").symlink_to(tmp_path / "nowhere")
    found = broken(folder, UnreadableTable)
    assert found == {(f"{name}.csv", "no_file", None, 1) for name in ("activities", "stage_changes")}


@pytest.mark.parametrize("name", ["a" * 5000, "a\\u0000b"])
def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path, name: str) -> None:
    found = broken(tmp_path, UnreadableTable, toml=f'[history]\nleads = "{name}"')
    assert {rule for _, rule, _, _ in found} == {"no_file"}


def test_a_folder_named_dataset_toml_is_not_passed_over(tmp_path: Path) -> None:
    (write(tmp_path, leads=LEADS) / "dataset.toml").mkdir()
    with pytest.raises(NothingThere, match="can't be read"):
        read_history(tmp_path, now=NOW)
