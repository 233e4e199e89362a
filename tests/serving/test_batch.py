from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from histories import history
from leadlight.core.errors import ModelContractError, UsageError
from leadlight.core.history import History
from leadlight.serving.api.reading import Reader
from leadlight.serving.batch import moment_of, open_leads, score_history, write_scores
from leadlight.serving.scorer import Scorer
from models import company, trained

MODEL, FLAT = trained(), trained(dated=False)
COMPANY = company()


def scored(past: History = COMPANY, **options: object) -> pd.DataFrame:
    return pd.concat(list(score_history(MODEL, past, **options)), ignore_index=True)  # type: ignore[arg-type]


def _opens(changes: list[tuple[str, str]], as_of: str = "2026-06-01", recorded: str | None = None) -> bool:
    rows = [
        {"lead_id": "a", "stage": stage, "occurred_at": when, **({"recorded_at": recorded} if recorded else {})}
        for stage, when in changes
    ]
    past = history([{"lead_id": "a", "created_at": "2026-01-01"}], stage_changes=rows, ended_at="2027-01-01")
    moment = moment_of(past, pd.Timestamp(as_of, tz="UTC"))
    return open_leads(past, MODEL.catalog, moment).tolist() == [0]


@pytest.mark.parametrize(
    ("changes", "is_open"),
    [
        ([], True),
        ([("mql", "2026-02-01")], True),
        ([("sql", "2026-02-01")], False),
        ([("customer", "2026-02-01")], False),
        ([("disqualified", "2026-02-01")], False),
        ([("mql", "2026-02-01"), ("recycled", "2026-03-01")], True),
        ([("sql", "2026-02-01"), ("recycled", "2026-03-01")], False),
        ([("sql", "2026-02-01"), ("recycled", "2026-03-01"), ("engaged", "2026-04-01")], True),
        ([("engaged", "2026-04-01"), ("recycled", "2026-03-01"), ("sql", "2026-02-01")], True),
        ([("sql", "2026-06-01")], True),
        ([("disqualified", "2026-02-01"), ("engaged", "2026-04-01")], True),
        ([("mql", "2026-02-01"), ("sql", "2026-02-01")], False),
    ],
)
def test_a_lead_is_open_until_the_goal_or_the_end_and_again_when_it_comes_back(
    changes: list[tuple[str, str]], is_open: bool
) -> None:
    assert _opens(changes) == is_open


def test_what_was_recorded_later_closes_nothing_yet() -> None:
    assert _opens([("sql", "2026-02-01")], recorded="2026-06-01")
    assert not _opens([("sql", "2026-02-01")], recorded="2026-05-31")
    assert not _opens([], as_of="2026-01-01")  # not created before


def test_each_open_lead_is_one_row_whose_reasons_add_up() -> None:
    frame = scored(reasons=3)
    assert len(frame) == len(open_leads(COMPANY, MODEL.catalog, moment_of(COMPANY, None)))
    assert frame["lead_id"].is_unique
    listed = frame["reasons"].map(lambda text: sum(reason["impact"] for reason in json.loads(text)))
    total = frame["base_log_odds"] + listed + frame["other_reasons_impact"]
    np.testing.assert_allclose(total, frame["log_odds"], atol=1e-6)
    parts = frame["fit"] + frame["interest"] + frame["cycle"]
    np.testing.assert_allclose(frame["base_log_odds"] + parts, frame["log_odds"], atol=1e-6)
    assert frame["reason_1"].tolist() == [json.loads(text)[0]["text"] for text in frame["reasons"]]
    assert "reason_4" not in frame


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_chunks_change_nothing(chunk: int) -> None:
    pd.testing.assert_frame_equal(scored(chunk=chunk), scored())


def test_a_file_of_leads_scores_as_requests_do() -> None:
    frame = scored(reasons=2).set_index("lead_id")
    moment = moment_of(COMPANY, None)
    reader, scorer = Reader(MODEL.catalog, moment, "en"), Scorer(MODEL, 0)
    lead_of_account = COMPANY.leads.set_index("lead_id")
    for lead_id in frame.index[:10]:
        record = reader.read(_request(lead_id, lead_of_account))
        answer = scorer.answer(record, reasons=2)
        assert answer.log_odds == pytest.approx(frame.loc[lead_id, "log_odds"], abs=1e-12)
        assert answer.score == frame.loc[lead_id, "score"]
        assert [reason.text for reason in answer.reasons] == frame.loc[lead_id, ["reason_1", "reason_2"]].tolist()


def _request(lead_id: str, leads: pd.DataFrame) -> dict[str, object]:
    lead = leads.loc[lead_id]
    mates = leads[(leads["account_id"] == lead["account_id"]) & (leads.index != lead_id)]
    known = {name: lead[name] for name in ("source", "industry", "employees", "title") if pd.notna(lead[name])}
    return {
        "lead": {"lead_id": lead_id, "created_at": lead["created_at"].isoformat(), "attributes": known},
        "activities": [_event(row, "type") for row in _rows(COMPANY.activities, [lead_id])],
        "stage_changes": [_event(row, "stage") for row in _rows(COMPANY.stage_changes, [lead_id])],
        "account": {
            "leads": [{"lead_id": i, "created_at": row["created_at"].isoformat()} for i, row in mates.iterrows()],
            "activities": [
                {"lead_id": row["lead_id"], **_event(row, "type")} for row in _rows(COMPANY.activities, mates.index)
            ],
            "stage_changes": [
                {"lead_id": row["lead_id"], **_event(row, "stage")} for row in _rows(COMPANY.stage_changes, mates.index)
            ],
        },
    }


def _rows(table: pd.DataFrame, lead_ids: object) -> list[dict[str, object]]:
    return table[table["lead_id"].isin(lead_ids)].to_dict("records")  # type: ignore[arg-type]


def _event(row: dict[str, object], name: str) -> dict[str, object]:
    event = {name: row[name], "occurred_at": row["occurred_at"].isoformat()}  # type: ignore[attr-defined]
    return event if pd.isna(row.get("channel")) else {**event, "channel": row["channel"]}


def test_an_undated_export_has_no_moment_and_every_lead_is_scored() -> None:
    frame = pd.concat(list(score_history(FLAT, company(dated=False))))
    assert len(frame) == 60
    assert frame["as_of"].isna().all()
    assert frame["scorecard_points"].isna().all()


def test_a_model_that_looks_at_times_refuses_an_undated_export() -> None:
    with pytest.raises(ModelContractError, match="undated export"):
        list(score_history(MODEL, company(dated=False)))
    assert len(pd.concat(list(score_history(FLAT, COMPANY)))) > 0  # the other way round works


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(UsageError, match="Z"):
        list(score_history(MODEL, COMPANY, pd.Timestamp("2026-06-01")))


@pytest.mark.parametrize("name", ["out.parquet", "out.csv", "out.csv.gz"])
def test_files_hold_what_was_scored(tmp_path: Path, name: str) -> None:
    path = tmp_path / "new" / name
    expected = scored(language="es", version=4)
    assert write_scores(score_history(MODEL, COMPANY, language="es", version=4, chunk=9), path) == len(expected)
    read = pd.read_parquet(path) if name.endswith("parquet") else pd.read_csv(path, parse_dates=["as_of"])
    assert read["lead_id"].tolist() == expected["lead_id"].tolist()
    assert read["log_odds"].tolist() == expected["log_odds"].tolist()
    assert read["reason_1"].tolist() == expected["reason_1"].tolist()
    assert set(read["model_version"]) == {4}
    assert [entry.name for entry in path.parent.iterdir()] == [name]


def test_no_open_lead_still_gives_a_file_with_its_columns(tmp_path: Path) -> None:
    empty = score_history(MODEL, COMPANY, pd.Timestamp("2020-01-01", tz="UTC"))
    assert write_scores(empty, tmp_path / "none.parquet") == 0
    assert list(pd.read_parquet(tmp_path / "none.parquet").columns) == list(scored().columns)


def test_a_name_that_tells_no_format_is_refused_before_anything_is_scored(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="must end in"):
        write_scores(score_history(MODEL, COMPANY), tmp_path / "out.xlsx")


def test_a_failure_leaves_no_half_file(tmp_path: Path) -> None:
    def fails() -> object:
        yield from score_history(MODEL, COMPANY, chunk=5)
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError):
        write_scores(fails(), tmp_path / "out.csv")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []
