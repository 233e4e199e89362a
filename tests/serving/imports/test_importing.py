"""A history taken into the store: the same rows as if they had been told, once, and nobody who was erased."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import func, select, text

from databases import KINDS, database_url
from histories import history
from leadlight.core.clock import to_micros
from leadlight.core.errors import UsageError
from leadlight.core.history import TABLES, Attribute, FlatOutcome, History
from leadlight.core.secret import secret_of
from leadlight.core.settings import Settings
from leadlight.core.source import read_history
from leadlight.features.encode import micros_of
from leadlight.serving.ledger import importing
from leadlight.serving.ledger.importing import Counts, import_history
from leadlight.serving.ledger.leads import insert_lead, value_text
from leadlight.serving.ledger.ledger import Ledger
from leadlight.serving.ledger.stale import TIME_PASSED
from leadlight.serving.ledger.versions import EVENT_KINDS
from leadlight.serving.store.database import Database
from leadlight.serving.store.schema import (
    ACTIVITIES,
    ATTRIBUTE_CHANGES,
    ATTRIBUTES,
    LEADS,
    META,
    RESCORING,
    RESCORING_ACCOUNTS,
    STAGE_CHANGES,
)
from putting import put_lead

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
SECRET = b"s" * 32
KEPT = (LEADS, ACTIVITIES, STAGE_CHANGES, ATTRIBUTE_CHANGES, ATTRIBUTES, RESCORING)

Take = Callable[..., Counts]
Contents = Callable[..., list[tuple[Any, ...]]]


def sizes(told: History) -> dict[str, int]:
    return {name: len(getattr(told, name)) for name in ("leads", *EVENT_KINDS)}


def plain(value: Any) -> Any:
    return None if value is None or value != value else value


def told_one_by_one(database: Database, told: History) -> None:
    """The obvious slow way: each lead and each event as the ledger is told it."""
    kinds = {attribute.name: attribute.kind for attribute in told.attributes}
    moving = set(told.attribute_changes["attribute"])
    leads = told.leads.assign(
        created_at=micros_of(told.leads["created_at"]), recorded_at=micros_of(told.leads["recorded_at"])
    )
    with database.writing() as connection:
        for row in leads.to_dict("records"):
            known = {name: plain(row[name]) for name in row if name not in TABLES["leads"] and name not in moving}
            own = {name: plain(row[name]) for name in TABLES["leads"]}
            base = {name: value for name, value in known.items() if value is not None}
            insert_lead(connection, {**own, "attributes": base}, to_micros(NOW))
        for name, kind in EVENT_KINDS.items():
            frame = getattr(told, name)
            times = {column: micros_of(frame[column]) for column in ("occurred_at", "recorded_at")}
            for row in frame.assign(**times).to_dict("records"):
                event = {column: plain(value) for column, value in row.items()}
                if name == "attribute_changes":
                    number = kinds[event["attribute"]] == "number" and event["value"] is not None
                    event["value"] = value_text(float(event["value"]) if number else event["value"])
                kind.add(connection, [event], to_micros(NOW))


def test_a_history_is_the_same_store_as_if_each_row_had_been_told(
    database: Database, take: Take, contents: Contents, told: History, tmp_path: Path
) -> None:
    some = set(told.leads["lead_id"][:80])
    tables = {name: getattr(told, name) for name in ("leads", *EVENT_KINDS)}
    few = replace(told, **{name: f[f["lead_id"].isin(some)].reset_index(drop=True) for name, f in tables.items()})
    found = take(few)
    assert {name: getattr(found, name) for name in sizes(few)} == sizes(few)
    imported = {table.name: contents(table) for table in KEPT[:4]}
    with database.writing() as connection:
        for table in KEPT[:4]:
            connection.execute(table.delete())
    told_one_by_one(database, few)
    for table in KEPT[:4]:
        assert contents(table) == imported[table.name], table.name


def test_all_leads_are_marked_for_scoring_and_carry_what_the_mapping_said(
    take: Take, contents: Contents, told: History
) -> None:
    take(told)
    marked = contents(RESCORING)
    assert sorted(row[0] for row in marked) == sorted(told.leads["lead_id"])
    assert {row[1] for row in marked} == {TIME_PASSED}
    assert contents(RESCORING_ACCOUNTS) == []  # an account is taken in whole
    said = {row[0]: row[1:] for row in contents(ATTRIBUTES)}
    assert said["source"] == ("category", "creation", "source")
    assert said["employees"] == ("number", "exported", "employees")


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)  # SQLite chooses without counting
def test_postgresql_knows_at_once_how_many_rows_there_are(database: Database, take: Take, told: History) -> None:
    """Else it chooses indexes as for an empty store until it looks by itself, a minute later."""
    take(told)
    asked = text("SELECT relname, reltuples FROM pg_class WHERE relname = ANY(:names)")
    with database.reading() as connection:
        known = {row.relname: row.reltuples for row in connection.execute(asked, {"names": list(sizes(told))})}
    assert known == sizes(told)


def test_a_second_import_adds_nothing(take: Take, contents: Contents, told: History) -> None:
    take(told)
    before = {table.name: contents(table) for table in KEPT}
    again = take(told)
    rows = sum(sizes(told).values())
    assert asdict(again) == asdict(Counts(duplicates=rows))
    other = take(replace(told, fingerprint="another export of the same rows"))
    assert asdict(other) == asdict(Counts(duplicates=rows))
    for table in KEPT:
        assert contents(table) == before[table.name], table.name


def test_a_later_export_adds_what_is_new_and_tells_accounts_of_it(take: Take, contents: Contents) -> None:
    leads = [{"lead_id": name, "created_at": "2026-01-01", "account_id": "A"} for name in ("L-1", "L-2")]
    call = {"type": "call", "occurred_at": "2026-02-01", "lead_id": "L-1", "activity_id": "C-1", "value": 1.0}
    take(replace(history(leads[:1], [call]), fingerprint="one"))
    later = [{**call, "value": 2.0}, {**call, "activity_id": "C-2"}]
    found = take(replace(history(leads, later), fingerprint="two"))
    assert asdict(found) == asdict(Counts(leads=1, activities=2, duplicates=1))
    versions = [(row[2], row[8], row[10] is None) for row in contents(ACTIVITIES)]
    assert sorted(versions, key=repr) == [("C-1", 1.0, False), ("C-1", 2.0, True), ("C-2", 1.0, True)]
    assert [row[0] for row in contents(RESCORING_ACCOUNTS)] == ["A"]


def test_what_is_known_since_the_export_says_so(take: Take, contents: Contents) -> None:
    attributes = [
        Attribute("size", "number", "exported", "Size"),
        Attribute("source", "category", "creation", "Source"),
    ]
    leads = [
        {"lead_id": f"L-{i}", "created_at": "2026-01-01", "size": size, "source": source}
        for i, (size, source) in enumerate([(1.0, None), (None, "web")])
    ]
    take(history(leads, attributes=attributes, ended_at="2026-03-01"))
    end = to_micros(datetime(2026, 3, 1, tzinfo=UTC))
    assert [(row[5], row[6]) for row in contents(LEADS)] == [('{"size": 1.0}', end), ('{"source": "web"}', end)]


def test_nobody_who_was_erased_comes_back(database: Database, take: Take, contents: Contents, told: History) -> None:
    take(told)
    first, second = told.leads["lead_id"][:2]
    with database.writing() as connection:
        Ledger(SECRET).erase(connection, first, to_micros(NOW), 0)
    theirs = sum(int((getattr(told, name)["lead_id"] == first).sum()) for name in sizes(told))
    for fingerprint in (told.fingerprint, "later"):
        found = take(replace(told, fingerprint=fingerprint))
        assert found.skipped_erased == theirs
        assert found.duplicates == sum(sizes(told).values()) - theirs
    for table in (*KEPT[:4], RESCORING):
        ids = {row[0] for row in contents(table)}
        assert first not in ids
    assert second in {row[0] for row in contents(LEADS)}


def test_who_is_erased_while_the_import_runs_stays_away(
    database: Database, url: str, take: Take, contents: Contents, told: History
) -> None:
    """The erasure is under way, and not committed, when the import comes to the lead."""
    lead_id = str(told.leads["lead_id"][0])
    ledger, now = Ledger(SECRET), to_micros(NOW)
    with database.writing() as connection:
        ledger.add_events(connection, "activities", [{"lead_id": lead_id, "type": "call", "occurred_at": 1}], now)
    other = Database(url)
    other.open()
    importing_it = threading.Thread(target=take, args=(told,))
    with other.writing() as connection:
        ledger.erase(connection, lead_id, now, 1)
        importing_it.start()
        time.sleep(0.3)  # it may have come as far as it can
    importing_it.join()
    other.close()
    for table in (*KEPT[:4], RESCORING):
        assert lead_id not in {row[0] for row in contents(table)}
    assert len(contents(LEADS)) == len(told.leads) - 1


def test_leads_that_an_export_says_otherwise_are_counted_and_stay(take: Take, contents: Contents) -> None:
    leads = [{"lead_id": f"L-{i}", "created_at": "2026-01-01", "owner_id": "O-1"} for i in range(4)]
    take(history(leads))
    later = [{**leads[0], "owner_id": "O-2"}, {**leads[1], "account_id": "A"}, *leads[2:]]
    found = take(replace(history(later), fingerprint="later"))
    assert (found.duplicates, found.differing) == (4, 2)


def test_events_of_a_merged_lead_go_to_the_one_that_stays(database: Database, take: Take, contents: Contents) -> None:
    leads = [{"lead_id": name, "created_at": f"2026-0{i}-01"} for i, name in ((1, "L-1"), (2, "L-2"))]
    stage = {"lead_id": "L-1", "stage": "mql", "occurred_at": "2026-01-10", "change_id": "S-1"}
    take(history(leads, [], [stage], ended_at="2026-06-01"))
    with database.writing() as connection:
        Ledger(SECRET).merge(connection, "L-1", "L-2", to_micros(NOW))
    call = {"lead_id": "L-1", "type": "call", "occurred_at": "2026-03-01"}
    found = take(replace(history(leads, [call], [stage], ended_at="2026-06-01"), fingerprint="later"))
    assert asdict(found) == asdict(Counts(activities=1, duplicates=3))
    assert [row[0] for row in contents(ACTIVITIES)] == ["L-2"]


def test_a_large_account_is_taken_in_parts_and_tells_its_leads(
    take: Take, contents: Contents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "_ROWS_AT_ONCE", 10)
    monkeypatch.setattr(importing, "_MOST_ROWS", 20)
    leads = [{"lead_id": f"L-{i:03}", "created_at": "2026-01-01", "account_id": f"A-{i // 50}"} for i in range(100)]
    steps: list[int] = []
    found = take(history(leads), progress=lambda done, _: steps.append(done))
    assert found.leads == len(contents(LEADS)) == 100
    assert steps == [20, 40, 50, 70, 90, 100]
    assert [row[0] for row in contents(RESCORING_ACCOUNTS)] == ["A-0", "A-1"]


def test_a_flat_export_is_refused(take: Take) -> None:
    outcome = FlatOutcome(pd.Series([True]), "file", pd.Series([0]), "Converted")
    with pytest.raises(UsageError, match="flat export"):
        take(history([{"lead_id": "L-1"}], outcome=outcome))


def test_personal_data_and_leaks_stay_outside(tmp_path: Path, take: Take, contents: Contents) -> None:
    lines = [f"L-{i},2026-01-0{1 + i % 9}T00:00:00Z,p{i}@example.org,{i % 3},won{i % 2}\n" for i in range(30)]
    (tmp_path / "leads.csv").write_text("lead_id,created_at,contact,size,how_it_ended\n" + "".join(lines))
    (tmp_path / "dataset.toml").write_text('[leads.attributes]\nhow_it_ended = { known = "after" }\n')
    take(read_history(tmp_path, now=NOW))
    assert {row[5] for row in contents(LEADS)} == {'{"size": 0.0}', '{"size": 1.0}', '{"size": 2.0}'}
    assert [row[0] for row in contents(ATTRIBUTES)] == ["size"]


def test_a_service_on_the_same_database_writes_meanwhile(url: str, told: History) -> None:
    """Each write comes through; on SQLite it would fail after five seconds of waiting."""
    theirs = Database(url)
    theirs.open()
    ended = threading.Event()
    mine = Database(url)

    def work() -> None:
        try:
            import_history(mine, SECRET, told, now=to_micros(NOW), progress=lambda *_: None)
        finally:
            ended.set()

    worker = threading.Thread(target=work)
    worker.start()
    number = 0
    while not ended.is_set() or number == 0:
        with theirs.writing() as connection:
            put_lead(Ledger(SECRET), connection, {"lead_id": f"new-{number}", "account_id": "A"}, to_micros(NOW))
        number += 1
        time.sleep(0.01)
    worker.join()
    with theirs.reading() as connection:
        assert connection.execute(select(func.count()).select_from(LEADS)).scalar() == len(told.leads) + number
    mine.close()
    theirs.close()


@pytest.mark.parametrize("kind", KINDS)
def test_an_import_that_is_killed_at_any_instant_goes_on_where_it_was(
    kind: str, folder: Path, told: History, tmp_path: Path
) -> None:
    draw = random.Random(7)
    with database_url(kind, tmp_path) as url:
        home = tmp_path / "home"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LEADLIGHT_")}
        environment |= {"LEADLIGHT_HOME": str(home), "LEADLIGHT_DATABASE_URL": url}
        command = [str(Path(sys.executable).with_name("leadlight")), "import", "--data", str(folder), "--json"]
        database = Database(url)
        database.open()
        for goal in sorted(draw.randrange(len(told.leads)) for _ in range(3)):
            with subprocess.Popen(
                command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            ) as run:
                while run.poll() is None and _came_to(database) <= goal:
                    time.sleep(0.002)
                time.sleep(draw.random() * 0.05)
                run.send_signal(signal.SIGKILL)
            assert _came_to(database) in _complete_parts(database, told)
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        killed = _rows(database)
        database.close()
    with database_url(kind, tmp_path / "other") as url:
        database = Database(url)
        secret = secret_of(Settings(home=home, _env_file=None))
        import_history(database, secret, told, now=to_micros(NOW), progress=lambda *_: None)
        assert killed == _rows(database)
        database.close()


def _came_to(database: Database) -> int:
    with database.reading() as connection:
        found = connection.execute(select(META.c.value).where(META.c.name.startswith("import:"))).scalar()
    return int(found or 0)


def _complete_parts(database: Database, told: History) -> set[int]:
    """Return how many leads are there, if each is there with all its events."""
    with database.reading() as connection:
        leads = set(connection.execute(select(LEADS.c.lead_id)).scalars())
        for table in (ACTIVITIES, STAGE_CHANGES, ATTRIBUTE_CHANGES):
            rows = connection.execute(select(func.count()).select_from(table)).scalar()
            assert rows == int(getattr(told, table.name)["lead_id"].isin(leads).sum())
    return {len(leads)}


def _rows(database: Database) -> dict[str, list[Any]]:
    with database.reading() as connection:
        return {
            table.name: sorted(
                (
                    tuple(row)
                    for row in connection.execute(
                        select(*(c for c in table.c if c.name not in ("row_id", "touched_at", "since", "generation")))
                    )
                ),
                key=repr,
            )
            for table in KEPT
        }
