"""The queue's log passes the same door as every table: all that is wrong with it is named at once."""

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from leadlight.core.errors import BrokenHistory
from leadlight.core.history import History
from leadlight.core.source import read_history

LEADS = "lead_id,created_at\na,2024-01-01T00:00:00Z\nb,2024-02-01T00:00:00Z\n"
HEAD = "lead_id,occurred_at,chance,window_days\n"


def read(folder: Path, toml: str = "", **files: str) -> History:
    for name, content in {"leads": LEADS, **files}.items():
        (folder / f"{name}.csv").write_text(content)
    (folder / "dataset.toml").write_text(toml)
    return read_history(folder, now=datetime(2025, 1, 1, tzinfo=UTC))


def broken(folder: Path, **files: str) -> set[tuple[str, str, int | None, int]]:
    """Return (where, rule, row, count) of every problem."""
    with pytest.raises(BrokenHistory) as caught:
        read(folder, **files)
    return {(problem.where, problem.rule, problem.row, problem.count) for problem in caught.value.problems}


def test_a_queue_log_is_read_and_rows_that_repeat_count_once(tmp_path: Path) -> None:
    log = (
        "lead_id,occurred_at,chance,window_days\n"
        + 2 * "a,2024-03-04T06:00:00Z,0.02,5\n"
        + "b,2024-03-04T06:00:00Z,1,5\n"
    )
    history = read(tmp_path, queue_log=log)
    assert history.queue_log[["lead_id", "chance", "window_days"]].values.tolist() == [
        ["a", 0.02, 5.0],
        ["b", 1.0, 5.0],
    ]
    assert (history.queue_log["recorded_at"] == history.queue_log["occurred_at"]).all()
    assert "queue_log: 1 rows repeat another row and were counted once" in history.notes
    assert "recorded_at is missing in queue_log: taken as occurred_at" in history.notes
    assert history.ended_at == pd.Timestamp("2024-03-04T06:00:00Z")


def test_without_a_queue_log_there_is_an_empty_one(tmp_path: Path) -> None:
    assert read(tmp_path).queue_log.empty


def test_all_that_is_wrong_in_a_queue_log_is_listed_at_once(tmp_path: Path) -> None:
    found = broken(
        tmp_path,
        queue_log=HEAD + "a,2024-03-04T06:00:00Z,0,5\n"
        "a,2024-03-11T06:00:00Z,1.2,0\n"
        "a,2024-03-18T06:00:00Z,-0.1,2.5\n"
        "b,2024-03-18T06:00:00Z,,5\n"
        "b,2024-03-25T06:00:00Z,often,5\n"
        "zz,2024-03-18T06:00:00Z,0.5,5\n"
        "b,2024-04-01T06:00:00Z,0.5,5\n"
        "b,2024-04-01T06:00:00Z,0.6,5\n"
        "b,2031-04-01T06:00:00Z,0.6,5\n",
    )
    assert found == {
        ("queue_log", "chance_range", 1, 3),
        ("queue_log", "window_range", 2, 2),
        ("queue_log", "missing_value", 4, 1),
        ("queue_log", "not_a_number", 5, 1),
        ("queue_log", "unknown_lead", 6, 1),
        ("queue_log", "two_chances", 8, 1),
        ("queue_log", "in_future", 9, 1),
    }
    assert broken(tmp_path, queue_log="lead_id,occurred_at\na,2024-03-04T06:00:00Z\n") == {
        ("queue_log", "missing_column", None, 1)
    }
    assert "queue_log has a header but no rows that count" in read(tmp_path, queue_log=HEAD).notes


def test_what_a_mapping_may_say_of_a_queue_log(tmp_path: Path) -> None:
    toml = (
        '[history]\nended_at = 2024-12-31T00:00:00Z\nqueue_log = "picks.csv"\n[queue_log]\nunknown_leads = "drop"\n'
        'after_end = "drop"\n[queue_log.columns]\nchance = "p"\n[queue_log.constant]\nwindow_days = "5"\n'
    )
    log = "lead_id,occurred_at,p\na,2024-03-04T06:00:00Z,0.1\nzz,2024-03-04T06:00:00Z,0.1\na,2024-12-31T06:00:00Z,0.1\n"
    assert read(tmp_path, picks=log, toml=toml).queue_log["chance"].tolist() == [0.1]
