"""What the store knows, as a history to learn from: what the folder said, less what must not teach."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Connection

from histories import history
from leadlight.core.clock import to_micros
from leadlight.core.errors import NothingThere
from leadlight.core.history import Attribute, History
from leadlight.features.build import build
from leadlight.features.catalog import draw_up
from leadlight.features.online import timeline_of_crowd
from leadlight.features.timeline import Moments, Timeline
from leadlight.serving.ledger.history import history_of
from leadlight.serving.ledger.idle import note_idle_erased
from leadlight.serving.ledger.importing import Counts
from leadlight.serving.ledger.ledger import Ledger
from leadlight.serving.ledger.reading import read_known
from leadlight.serving.store.database import Database
from putting import put_lead

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
LEDGER = Ledger(b"s" * 32)
TABLES = ("leads", "activities", "stage_changes", "attribute_changes")

Take = Callable[..., Counts]


def at(text: str) -> int:
    return to_micros(datetime.fromisoformat(text).replace(tzinfo=UTC))


def put(database: Database, lead_id: str, when: str, **more: Any) -> None:
    with database.writing() as connection:
        put_lead(LEDGER, connection, {"lead_id": lead_id, **more}, at(when))


def tell(database: Database, kind: str, when: str, *rows: dict[str, Any]) -> None:
    with database.writing() as connection:
        LEDGER.add_events(connection, kind, rows, at(when))


def act(database: Database, do: Callable[[Connection], object]) -> None:
    with database.writing() as connection:
        do(connection)


def read(database: Database) -> History:
    return history_of(database, now=NOW)


def ordered(frame: pd.DataFrame) -> pd.DataFrame:
    columns = sorted(frame.columns)
    return frame[columns].sort_values(columns, kind="stable").reset_index(drop=True)


def when(frame: pd.DataFrame, column: str) -> list[str]:
    return [time.strftime("%Y-%m-%d") for time in frame[column]]


def test_the_store_says_what_the_folder_said(database: Database, take: Take, told: History) -> None:
    take(told)
    found = read(database)
    for name in TABLES:
        pd.testing.assert_frame_equal(ordered(getattr(found, name)), ordered(getattr(told, name)), obj=name)
    assert sorted(found.attributes, key=lambda one: one.name) == sorted(told.attributes, key=lambda one: one.name)
    assert (found.ended_at, found.doers, found.excluded) == (told.ended_at, told.doers, told.excluded)


@pytest.mark.parametrize("back_days", [0, 200])
def test_features_from_the_store_are_those_from_the_folder_bit_for_bit(
    database: Database, take: Take, told: History, back_days: int
) -> None:
    take(told)
    assert told.ended_at is not None
    as_of = to_micros((told.ended_at - timedelta(days=back_days)).to_pydatetime()) + 1
    catalog = draw_up(told, rules=[], goal_stage="sql", min_leads=5)
    rows = np.random.default_rng(0).choice(len(told.leads), 200, replace=False)
    whole = Timeline.from_history(told, catalog.vocabulary)
    expected = build(catalog, whole, Moments(rows.astype(np.int64), np.full(200, as_of)))
    with database.reading() as connection:
        known = read_known(connection, told.leads["lead_id"].iloc[rows].tolist(), as_of)
    place = {lead["lead_id"]: row for row, lead in enumerate(known.leads)}
    asked = np.array([place[one] for one in told.leads["lead_id"].iloc[rows]], dtype=np.int64)
    found = build(catalog, timeline_of_crowd(catalog.vocabulary, known), Moments(asked, np.full(200, as_of)))
    assert found.shape == (200, len(catalog.features))
    assert len(catalog.features) > 50
    assert np.array_equal(found, expected, equal_nan=True)


def test_the_fingerprint_is_of_the_contents_not_of_their_order(
    database: Database, take: Take, told: History, tmp_path: Path
) -> None:
    take(told)
    other = Database(f"sqlite:///{tmp_path / 'other.db'}")
    shuffled = {name: getattr(told, name).sample(frac=1, random_state=3).reset_index(drop=True) for name in TABLES}
    from leadlight.serving.ledger.importing import import_history

    import_history(other, b"s" * 32, replace(told, **shuffled), now=to_micros(NOW) + 5, progress=lambda *_: None)
    same = read(other).fingerprint
    assert read(database).fingerprint == same
    tell(other, "activities", "2026-11-24", {"lead_id": told.leads["lead_id"][0], "type": "x", "occurred_at": 5})
    assert read(other).fingerprint != same
    other.close()


def test_only_what_counts_now_teaches_with_the_time_at_which_it_was_told(database: Database) -> None:
    put(database, "L-1", "2026-01-01")
    call = {"lead_id": "L-1", "type": "call", "occurred_at": at("2026-01-02")}
    tell(database, "activities", "2026-01-03", {**call, "activity_id": "A", "value": 1.0})
    tell(database, "activities", "2026-01-03", {**call, "activity_id": "B"})
    tell(database, "activities", "2026-01-05", {**call, "activity_id": "A", "value": 2.0})
    act(database, lambda connection: LEDGER.remove_event(connection, "activities", "B", at("2026-01-06")))
    activities = read(database).activities
    assert activities["value"].tolist() == [2.0]
    assert when(activities, "recorded_at") == ["2026-01-05"]


def test_who_objects_teaches_nothing_and_comes_back_when_it_is_withdrawn(database: Database) -> None:
    for name in ("L-1", "L-2"):
        put(database, name, "2026-01-01", attributes={"source": name})
        tell(database, "activities", "2026-01-03", {"lead_id": name, "type": "call", "occurred_at": at("2026-01-02")})
        put(database, name, "2026-01-04", attributes={"source": "x"})
    act(database, lambda connection: LEDGER.object_to_profiling(connection, "L-1", at("2026-02-01")))
    found = read(database)
    for name in TABLES:
        assert set(getattr(found, name)["lead_id"]) <= {"L-2"}
    assert "store: 1 leads object to profiling and were left out" in found.notes
    act(database, lambda connection: LEDGER.withdraw_objection(connection, "L-1", at("2026-02-02")))
    assert len(read(database).activities) == 2


def test_merged_leads_teach_as_the_one_that_stays(database: Database) -> None:
    for name in ("L-1", "L-2"):
        put(database, name, "2026-01-01")
        tell(database, "activities", "2026-01-03", {"lead_id": name, "type": name, "occurred_at": at("2026-01-02")})
    act(database, lambda connection: LEDGER.merge(connection, "L-1", "L-2", at("2026-01-09")))
    found = read(database)
    assert found.leads["lead_id"].tolist() == ["L-2"]
    told = sorted(zip(found.activities["type"], when(found.activities, "recorded_at"), strict=True))
    assert told == [("L-1", "2026-01-09"), ("L-2", "2026-01-03")]


def test_events_of_leads_that_were_never_told_wait(database: Database) -> None:
    put(database, "L-1", "2026-01-01")
    for name in ("L-1", "L-9"):
        tell(database, "activities", "2026-01-03", {"lead_id": name, "type": "call", "occurred_at": at("2026-01-02")})
    found = read(database)
    assert found.activities["lead_id"].tolist() == ["L-1"]
    assert any("1 rows of activities wait for leads that were never told" in note for note in found.notes)


def test_a_lead_that_moved_counts_in_its_first_account(database: Database) -> None:
    for lead_id, accounts in {"L-1": ("A-1", "A-2", "A-3"), "L-2": (None, "A-1"), "L-3": ("A-1",)}.items():
        for day, account in enumerate(accounts, start=1):
            put(database, lead_id, f"2026-01-0{day}", account_id=account)
    found = read(database)
    accounts = dict(zip(found.leads["lead_id"], found.leads["account_id"].astype(object), strict=True))
    assert (accounts["L-1"], accounts["L-3"]) == ("A-1", "A-1")
    assert pd.isna(accounts["L-2"])
    assert any("2 leads moved between accounts" in note for note in found.notes)


def test_an_attribute_that_moved_is_dated_from_when_each_value_was_known(database: Database, take: Take) -> None:
    known = {"size": "exported", "source": "creation"}
    kinds = {"size": "number", "source": "category"}
    attributes = [Attribute(name, kinds[name], known[name], name) for name in known]  # type: ignore[arg-type]
    leads = [
        {
            "lead_id": f"L-{i}",
            "created_at": "2026-01-01",
            "recorded_at": "2026-01-02",
            "size": float(i),
            "source": f"s{i}",
        }
        for i in range(3)
    ]
    take(history(leads, attributes=attributes, ended_at="2026-03-01"))
    put(database, "L-9", "2026-04-02", created_at=at("2026-04-01"), attributes={"size": 9, "source": "s9"})
    put(database, "L-0", "2026-05-01", attributes={"size": 50, "source": "s50"})
    found = read(database)
    assert {one.name: (one.kind, one.known) for one in found.attributes} == {
        "size": ("number", "dated"),
        "source": ("category", "dated"),
    }
    changes = found.attribute_changes
    rows = zip(
        changes["attribute"], changes["lead_id"], changes["value"],
        when(changes, "occurred_at"), when(changes, "recorded_at"), strict=True,
    )  # fmt: skip
    assert sorted(rows) == [
        ("size", "L-0", "0", "2026-01-01", "2026-03-01"),
        ("size", "L-0", "50", "2026-05-01", "2026-05-01"),
        ("size", "L-1", "1", "2026-01-01", "2026-03-01"),
        ("size", "L-2", "2", "2026-01-01", "2026-03-01"),
        ("size", "L-9", "9", "2026-04-01", "2026-04-02"),
        ("source", "L-0", "s0", "2026-01-01", "2026-01-02"),
        ("source", "L-0", "s50", "2026-05-01", "2026-05-01"),
        ("source", "L-1", "s1", "2026-01-01", "2026-01-02"),
        ("source", "L-2", "s2", "2026-01-01", "2026-01-02"),
        ("source", "L-9", "s9", "2026-04-01", "2026-04-02"),
    ]


def test_attributes_that_were_only_told_are_known_from_the_first(database: Database) -> None:
    for i in range(30):
        put(
            database,
            f"L-{i}",
            "2026-01-01",
            attributes={"Lead Source": ("web", "fair")[i % 2], "size": i % 7, "vip": i % 3 == 0, "lead_id": "x",
                        "mail": f"p{i}@example.org", "null": "null" if i % 2 else "y"},
        )  # fmt: skip
    found = read(database)
    assert {one.name: (one.kind, one.known) for one in found.attributes} == {
        "Lead Source": ("category", "creation"),
        "size": ("number", "creation"),
        "vip": ("category", "creation"),
        "null": ("category", "creation"),
    }
    assert "personal data" in found.excluded["mail"]
    assert any("'lead_id' is called like a column of ours" in note for note in found.notes)
    assert set(found.leads["null"]) == {"null", "y"}


def test_a_value_that_is_no_number_is_not_known_and_refuses_nobody(database: Database, take: Take) -> None:
    attributes = [Attribute("size", "number", "creation", "Size")]
    leads = [{"lead_id": f"L-{i}", "created_at": "2026-01-01", "size": float(i)} for i in range(3)]
    take(history(leads, attributes=attributes, ended_at="2026-03-01"))
    put(database, "L-9", "2026-04-01", attributes={"size": "about ten"})
    assert read(database).leads["size"].isna().sum() == 1
    put(database, "L-1", "2026-04-02", attributes={"size": "a dozen"})
    found = read(database)
    assert found.attributes[0].known == "dated"
    assert found.attribute_changes["value"].isna().sum() == 2


def test_what_a_clock_ahead_of_ours_told_does_not_count_yet(database: Database) -> None:
    put(database, "L-1", "2026-01-01")
    put(database, "L-2", "2026-12-01")
    tell(database, "activities", "2026-01-03", {"lead_id": "L-1", "type": "call", "occurred_at": at("2026-12-01")})
    found = read(database)
    assert found.leads["lead_id"].tolist() == ["L-1"]
    assert found.activities.empty


def test_stages_before_creation_are_moved_to_it(database: Database) -> None:
    put(database, "L-1", "2026-01-05")
    tell(database, "stage_changes", "2026-01-06", {"lead_id": "L-1", "stage": "mql", "occurred_at": at("2026-01-02")})
    assert when(read(database).stage_changes, "occurred_at") == ["2026-01-05"]


def test_an_odd_word_refuses_nobody(database: Database) -> None:
    for lead_id in ("L-1", "null", " L-1", "L-2"):
        put(database, lead_id, "2026-01-01")
    call = {"lead_id": "L-1", "type": "null", "occurred_at": at("2026-01-02")}
    tell(database, "activities", "2026-01-03", *({**call, "activity_id": name} for name in ("A", " A", "NaN")))
    tell(database, "activities", "2026-01-03", {**call, "channel": " "})
    found = read(database)
    assert sorted(found.leads["lead_id"]) == ["L-1", "L-2"]
    assert any("2 leads have blanks around their id" in note for note in found.notes)
    assert set(found.activities["type"]) == {"null"}


def test_the_end_of_an_imported_history_counts_although_nothing_happened_then(database: Database, take: Take) -> None:
    take(history([{"lead_id": "L-1", "created_at": "2026-01-01"}], ended_at="2026-03-01"))
    assert read(database).ended_at == pd.Timestamp("2026-03-01", tz="UTC")
    tell(database, "activities", "2026-04-03", {"lead_id": "L-1", "type": "call", "occurred_at": at("2026-04-01")})
    assert read(database).ended_at == pd.Timestamp("2026-04-03", tz="UTC")


def test_an_empty_store_says_how_to_fill_it(database: Database) -> None:
    with pytest.raises(NothingThere, match="leadlight import"):
        read(database)


def test_who_learns_is_told_that_quiet_leads_were_erased(database: Database) -> None:
    put(database, "L-1", "2026-11-01")
    assert not any("went quiet" in note for note in read(database).notes)
    for day in ("2026-03-01", "2026-02-01"):
        act(database, lambda connection, day=day: note_idle_erased(connection, at(day)))  # type: ignore[misc]
    assert [note[:48] for note in read(database).notes if "went quiet" in note] == [
        "store: leads that went quiet before 2026-03-01 a"
    ]
