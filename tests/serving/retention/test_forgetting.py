"""Leads of which nothing was heard for long go as if they had been deleted, and no others."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import func, insert, select, update

from databases import database_url
from filled import everything
from leadlight.core import settings as door
from leadlight.core.clock import DAY, FixedClock, from_micros
from leadlight.core.errors import UsageError
from leadlight.serving.ledger.erasing import erase_by_tokens
from leadlight.serving.ledger.ledger import Ledger
from leadlight.serving.ledger.persons import token_of
from leadlight.serving.operate.backup import back_up
from leadlight.serving.operate.restore import restore
from leadlight.serving.retention.claim import LEASE
from leadlight.serving.retention.due import due_leads
from leadlight.serving.retention.forgetting import Forgetting, Interrupted
from leadlight.serving.store.database import Database
from leadlight.serving.store.erasure_journal import ErasureJournal
from leadlight.serving.store.packed import NOTHING, unpacked
from leadlight.serving.store.receipts import Slip
from leadlight.serving.store.schema import (
    ACTIVITIES,
    ATTRIBUTE_CHANGES,
    DECISIONS,
    ERASURES,
    IDEMPOTENCY_KEYS,
    LEADS,
    META,
    METADATA,
    OUTBOX,
    RECEIPTS,
    RESCORING_ACCOUNTS,
    SCORES,
    STAGE_CHANGES,
)
from leadlight.serving.store.spool import SPOOL_FILE, Spool
from putting import put_lead
from retained import (
    DAYS,
    NOW,
    SECRET,
    add_event,
    add_lead,
    add_receipt,
    clear,
    forgetting,
    ids,
    old_lead,
    settings,
)
from waiting import wait_for

LIMIT = NOW - DAYS * DAY
OLD = LIMIT - DAY
KEY = bytes.fromhex(SECRET)


def apply(work: Forgetting) -> dict[str, int]:
    assert work.claim()
    return work.apply()


def test_leads_that_were_told_at_one_time_are_each_found_once(database: Database) -> None:
    """As an import tells them; more than are looked at by one reading."""
    names = [f"L-{number * 7_919 % 7_500}" for number in range(7_500)]
    times = dict.fromkeys(("created_at", "recorded_at", "attributes_at", "touched_at"), OLD)
    with database.writing() as connection:
        connection.execute(insert(LEADS), [{"lead_id": name, "attributes": "{}", **times} for name in names])
    found = [one.lead_id for stretch in due_leads(database, LIMIT) for one in stretch]
    assert sorted(found) == sorted(names)


# Which leads go, against an obvious oracle ----------------------------------------------------------------------------

_TIMES = st.sampled_from([LIMIT - 9, LIMIT - 1, LIMIT, LIMIT + 1, NOW + DAY])
_OLD_TIMES = st.sampled_from([LIMIT - 9, LIMIT - 5, LIMIT - 1])
_MOSTLY_OLD = st.integers(0, 11).flatmap(lambda odd: _OLD_TIMES if odd else _TIMES)
_LEADS = 6


@dataclass
class World:
    """Rows by table; a lead's number is its id, those from `_LEADS` on were never told."""

    leads: list[dict[str, Any]]
    events: list[tuple[str, str, dict[str, int]]]
    others: list[tuple[str, str, int]] = field(default_factory=list)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    leads = []
    for number in range(_LEADS):
        row = {name: draw(_MOSTLY_OLD) for name in ("created_at", "recorded_at", "attributes_at", "touched_at")}
        row["objected_at"] = draw(st.none() | _MOSTLY_OLD)
        into = draw(st.none() | st.integers(0, number - 1)) if number else None
        row |= {"merged_into": f"L-{into}", "merged_at": draw(_MOSTLY_OLD)} if into is not None else {}
        leads.append({"lead_id": f"L-{number}", **row})
    whose = st.integers(0, _LEADS + 2).map(lambda number: f"L-{number}")
    event = st.tuples(
        st.sampled_from(["activities", "stage_changes", "attribute_changes"]),
        whose,
        st.fixed_dictionaries(
            {"occurred_at": _MOSTLY_OLD, "recorded_at": _MOSTLY_OLD}, optional={"superseded_at": _MOSTLY_OLD}
        ),
    )
    known = st.integers(0, _LEADS - 1).map(lambda number: f"L-{number}")
    other = st.tuples(st.sampled_from(["decisions", "lead_moves"]), known, _MOSTLY_OLD)
    return World(leads, draw(st.lists(event, max_size=6)), draw(st.lists(other, max_size=3)))


def put(connection: Any, world: World) -> None:
    clear(connection)
    for row in world.leads:
        connection.execute(insert(LEADS).values({"attributes": "{}", **row}))
    for number, (name, lead_id, times) in enumerate(world.events):
        add_event(connection, METADATA.tables[name], lead_id, number, 0, **times)
    for number, (name, lead_id, at) in enumerate(world.others):
        decision = {"decision_id": str(number), "decision": "dispute", "decided_at": at}
        row = decision if name == "decisions" else {"field": "owner_id", "recorded_at": at}
        connection.execute(insert(METADATA.tables[name]).values({"lead_id": lead_id, **row}))


def who_goes(world: World) -> tuple[set[str], set[str], set[str]]:
    """Return the persons that go by their last id, all ids of those, and the ids that were never told."""
    into = {row["lead_id"]: row.get("merged_into") for row in world.leads}

    def person(lead_id: str) -> str:
        while into.get(lead_id):
            lead_id = into[lead_id]
        return lead_id

    last: dict[str, int] = {}

    def heard(lead_id: str, *times: int | None) -> None:
        for at in times:
            if at is not None:
                last[person(lead_id)] = max(at, last.get(person(lead_id), at))

    for row in world.leads:
        heard(row["lead_id"], *(row.get(name) for name in row if name.endswith("_at")))
    for _, lead_id, times in world.events:
        heard(lead_id, *times.values())
    for _, lead_id, at in world.others:
        heard(lead_id, at)
    gone = {name for name, at in last.items() if at < LIMIT}
    persons = gone & set(into)
    return persons, {name for name in into if person(name) in persons}, gone - set(into)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def module_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    folder = tmp_path_factory.mktemp("forgetting")
    with database_url(request.param, folder) as url:
        made = Database(url)
        yield made
        made.close()


_UNHURRIED = [HealthCheck.function_scoped_fixture]


@hypothesis_settings(max_examples=8, deadline=None, suppress_health_check=_UNHURRIED)
@given(world=worlds())
def test_who_goes_and_who_stays(module_database: Database, tmp_path: Path, world: World) -> None:
    check(module_database, tmp_path, world)


@pytest.mark.proof
@hypothesis_settings(max_examples=500, deadline=None, suppress_health_check=_UNHURRIED)
@given(world=worlds())
def test_who_goes_and_who_stays_in_many_worlds(module_database: Database, tmp_path: Path, world: World) -> None:
    check(module_database, tmp_path, world)


def check(database: Database, tmp_path: Path, world: World) -> None:
    with database.writing() as connection:
        put(connection, world)
    work = forgetting(settings(tmp_path, "sqlite:///unused.db"), database)
    persons, names, untold = who_goes(world)
    due = work.due()
    assert (due["leads"].count, due["untold"].count) == (len(persons), len(untold))
    counts = apply(work)
    assert (counts["leads"], counts["untold"]) == (len(persons), len(untold))
    assert ids(database) == {row["lead_id"] for row in world.leads} - names
    gone = names | untold
    for name in ("activities", "stage_changes", "attribute_changes"):
        expected = sorted(lead_id for table, lead_id, _ in world.events if table == name and lead_id not in gone)
        with database.reading() as connection:
            assert sorted(connection.execute(select(METADATA.tables[name].c.lead_id)).scalars()) == expected
    with database.reading() as connection:
        assert set(connection.execute(select(ERASURES.c.token)).scalars()) == {token_of(KEY, one) for one in gone}
    assert work.due() == forgetting(settings(tmp_path, "sqlite:///unused.db"), database).due()
    assert not any(kind.count for kind in work.due().values())


# As DELETE does -------------------------------------------------------------------------------------------------------


def test_it_leaves_what_a_deletion_leaves(url: str, database: Database, tmp_path: Path) -> None:
    (tmp_path / "twin").mkdir()
    with database_url("sqlite", tmp_path / "twin") as other:
        twin = Database(other)
        for one in (database, twin):
            with one.writing() as connection:
                for number in range(3):
                    old_lead(connection, number)
                add_lead(connection, "merged", OLD, merged_into="L-0", merged_at=OLD)
                old_lead(connection, 9, at=NOW)
        with twin.writing() as connection:
            ledger = Ledger(KEY)
            for number in range(3):
                ledger.erase(connection, f"L-{number}", NOW, 3)
        assert apply(forgetting(settings(tmp_path, url), database))["leads"] == 3
        for one in (database, twin):
            with one.writing() as connection:  # an account is noted once for all who go together
                connection.execute(update(RESCORING_ACCOUNTS).values(generation=0))
        left = {name: rows for name, rows in everything(database).items() if name != META.name}
        assert left == {name: rows for name, rows in everything(twin).items() if name != META.name}
        assert len(left[RESCORING_ACCOUNTS.name]) == 1
        assert left[LEADS.name][0].count("L-9") == len(left[LEADS.name]) == 1
        tokens = {token_of(KEY, name) for name in ("L-0", "L-1", "L-2", "merged")}
        assert ErasureJournal(tmp_path / "erasures.jsonl").read() == dict.fromkeys(tokens, NOW)
        twin.close()


def test_nothing_of_who_went_stands_in_the_file(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'leadlight.db'}")
    with database.writing() as connection:
        for number in range(60):
            old_lead(connection, number, "MARKED")
        for number in range(60, 70):
            old_lead(connection, number, "IN-USE", at=NOW)

    def written() -> bytes:
        return b"".join(path.read_bytes() for path in sorted(tmp_path.iterdir()) if path.is_file())

    assert b"MARKED" in written()
    assert apply(forgetting(settings(tmp_path, "sqlite:///unused.db"), database))["leads"] == 60
    assert b"MARKED" not in written()  # while the database is open: its log is part of what is looked at
    assert b"IN-USE" in written()
    database.close()
    assert b"MARKED" not in written()


def test_an_answer_that_names_someone_else_is_kept(url: str, database: Database, tmp_path: Path) -> None:
    with database.writing() as connection:
        gone = [old_lead(connection, number, "x") for number in range(15)]
        stays = old_lead(connection, 99, "x", at=NOW)
    assert apply(forgetting(settings(tmp_path, url), database))["leads"] == len(gone)
    with database.reading() as connection:
        answers = [
            json.loads(text)["lead_id"] for text in connection.execute(select(IDEMPOTENCY_KEYS.c.answer)).scalars()
        ]
    assert answers == [stays]


def test_their_receipts_in_the_spool_are_blanked(url: str, database: Database, tmp_path: Path) -> None:
    receipt = dict.fromkeys(Slip._fields, 1) | {"receipt_id": "R", "lead_id": "L-1", "agreement_version": "v"}
    Spool(tmp_path / SPOOL_FILE).add([Slip.of(receipt, json.dumps(receipt).encode())])
    with database.writing() as connection:
        add_lead(connection, "L-1", OLD)
    apply(forgetting(settings(tmp_path, url), database))
    assert b"L-1" not in (tmp_path / SPOOL_FILE).read_bytes()


def test_who_is_told_of_again_after_being_found_stays(url: str, database: Database, tmp_path: Path) -> None:
    """Between the reading and the erasing: it is looked at once more under the lock."""
    with database.writing() as connection:
        for number in range(45):
            add_lead(connection, f"L-{number}", OLD + number)
    told: list[int] = []

    def rest(_seconds: float) -> bool:
        if not told:
            told.append(1)
            with database.writing() as connection:
                add_event(connection, ACTIVITIES, "L-44", 1, NOW)
                connection.execute(update(LEADS).where(LEADS.c.lead_id == "L-43").values(touched_at=NOW))
        return False

    work = forgetting(settings(tmp_path, url), database)
    work._rest = rest
    assert work.due()["leads"].count == 45
    told.clear()
    assert apply(work)["leads"] == 43
    assert ids(database) == {"L-43", "L-44"}


# Receipts and messages ------------------------------------------------------------------------------------------------


def test_old_receipts_keep_what_counts(url: str, database: Database, tmp_path: Path) -> None:
    setting = settings(tmp_path, url, retain_leads_days=0, retain_receipts_days=DAYS)
    with database.writing() as connection:
        add_receipt(connection, "00000000000000000000000OLD", "in no table", LIMIT - 1)
        add_receipt(connection, "00000000000000000000000NEW", "in no table", LIMIT)
        add_receipt(connection, "00000000000000000000OBJECT", "L-7", OLD, packed=NOTHING, erased_at=OLD)
        add_lead(connection, "L-7", OLD, objected_at=OLD)
        old_lead(connection, 1)
        connection.execute(
            update(RECEIPTS).where(RECEIPTS.c.lead_id == "L-1").values(receipt_id="000000000000000000000SHOWN")
        )
        connection.execute(update(SCORES).values(receipt_id="000000000000000000000SHOWN"))
    work = forgetting(setting, database)
    assert (work.due()["receipts"].count, work.due()["receipts"].oldest) == (3, NOW - 2 * DAYS * DAY)
    assert apply(work) == {"leads": 0, "untold": 0, "receipts": 3, "messages": 1}
    with database.reading() as connection:
        left = {row.receipt_id[-5:].lstrip("0"): row for row in connection.execute(select(RECEIPTS))}
        assert connection.execute(select(SCORES.c.receipt_id)).scalar_one() is None
    assert (unpacked(left["NEW"].packed), left["NEW"].lead_id) == (b'{"a": 1}', "in no table")
    for name, lead_id in (("OLD", "in no table"), ("BJECT", "L-7"), ("SHOWN", "L-1")):
        assert (left[name].packed, left[name].lead_id) == (NOTHING, token_of(KEY, lead_id))
        assert (left[name].score, left[name].model_version) == (42, 3)
    assert ids(database) == {"L-1", "L-7"}
    assert apply(work)["receipts"] == 0
    with database.writing() as connection:  # having waited in a spool for long
        add_receipt(connection, "0000000000000000000000LATE", "late", OLD)
    assert apply(forgetting(setting, database))["receipts"] == 1


@pytest.mark.parametrize(
    ("state", "age", "goes"),
    [("dead", 2, True), ("delivered", 2, True), ("waiting", 2, False), ("waiting", 4, True), ("dead", 0, False)],
)
def test_messages_go_but_none_that_is_still_tried(
    url: str, database: Database, tmp_path: Path, state: str, age: int, goes: bool
) -> None:
    setting = settings(tmp_path, url, retain_leads_days=0, retain_receipts_days=1, webhook_keep_trying_hours=72)
    times = dict.fromkeys(("created_at", "next_attempt_at", "attempts", "claimed_until"), NOW - age * DAY)
    with database.writing() as connection:
        connection.execute(
            insert(OUTBOX).values(
                {"message_id": "m", "lead_id": "L", "payload": "", "state": state, **times, "attempts": 1}
            )
        )
    assert apply(forgetting(setting, database))["messages"] == int(goes)
    assert ids(database, OUTBOX) == (set() if goes else {"L"})


def test_nothing_goes_where_nothing_is_set(url: str, database: Database, tmp_path: Path) -> None:
    with database.writing() as connection:
        old_lead(connection, 1)
    work = forgetting(settings(tmp_path, url, retain_leads_days=0), database)
    assert not any(kind.count for kind in work.due().values())
    assert not any(apply(work).values())
    assert ids(database) == {"L-1"}


def test_a_clock_ahead_of_the_machine_s_erases_nobody(url: str, database: Database, tmp_path: Path) -> None:
    """As `serve --as-of` may set it, by a slip of the finger."""
    with database.writing() as connection:
        add_lead(connection, "L-1", NOW)
    ahead = NOW + 10 * DAYS * DAY
    assert forgetting(settings(tmp_path, url), database, now=ahead, wall=NOW).due()["leads"].count == 0
    assert forgetting(settings(tmp_path, url), database, now=ahead, wall=ahead).due()["leads"].count == 1


# Many processes, and killed ones --------------------------------------------------------------------------------------


def test_one_does_it_at_a_time_and_daily(url: str, database: Database, tmp_path: Path) -> None:
    def at(wall: int) -> Forgetting:
        return forgetting(settings(tmp_path, url), database, wall=wall)

    one, other = at(NOW), at(NOW + 1)
    assert one.claim(since=NOW)
    assert not other.claim(since=NOW)
    assert not other.claim()
    one.give_back(done=False)  # stopped half way
    assert other.claim(since=NOW)
    other.give_back(done=True)
    assert not one.claim(since=NOW)
    assert at(NOW + 2).claim(since=NOW + 2)  # started later
    assert not at(NOW + LEASE).claim(since=NOW + 2)
    late = at(NOW + 3 + LEASE)
    assert late.claim(since=NOW + 2)  # who claimed it was killed
    late.give_back(done=True)
    assert not at(NOW + LEASE + DAY).claim(since=NOW)
    assert at(NOW + 4 + LEASE + DAY).claim(since=NOW)


def test_who_lost_the_claim_erases_no_more(url: str, database: Database, tmp_path: Path) -> None:
    with database.writing() as connection:
        add_lead(connection, "L-1", OLD)
    one = forgetting(settings(tmp_path, url), database, wall=NOW)
    other = forgetting(settings(tmp_path, url), database, wall=NOW + LEASE + 1)
    assert one.claim()
    assert other.claim()
    with pytest.raises(Interrupted):
        one.apply()
    assert ids(database) == {"L-1"}
    assert other.apply()["leads"] == 1


_APPLY = """
import sys
from pathlib import Path
from leadlight.core.clock import SystemClock
from leadlight.core.settings import Settings
from leadlight.serving.retention.forgetting import Forgetting
from leadlight.serving.store.database import Database

home, url, secret, days = sys.argv[1:]
setting = Settings(home=Path(home), database_url=url, secret=secret, retain_leads_days=int(days), _env_file=None)
work = Forgetting(setting, Database(url), SystemClock(), wall=SystemClock())
assert work.claim()
work.apply()
"""


def test_a_killed_run_leaves_everybody_whole_or_gone_and_the_next_goes_on(
    url: str, database: Database, tmp_path: Path
) -> None:
    leads, past = 120, NOW - 3_000 * DAY
    with database.writing() as connection:
        for number in range(leads):
            old_lead(connection, number, at=past)
    running = subprocess.Popen([sys.executable, "-c", _APPLY, str(tmp_path), url, SECRET, str(DAYS)])
    wait_for(lambda: running.poll() is None and len(ids(database)) < leads)
    os.kill(running.pid, signal.SIGKILL)
    running.wait(30)
    left = ids(database)
    assert 0 < len(left) < leads
    for table in (ACTIVITIES, STAGE_CHANGES, ATTRIBUTE_CHANGES, DECISIONS, SCORES, OUTBOX):
        assert ids(database, table) == left
    with database.reading() as connection:
        tokens = set(connection.execute(select(ERASURES.c.token)).scalars())
    assert len(tokens) == leads - len(left)
    assert tokens <= ErasureJournal(tmp_path / "erasures.jsonl").read().keys()
    assert apply(forgetting(settings(tmp_path, url), database))["leads"] == len(left)
    assert ids(database) == set()


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)  # which lets two write at the same time
def test_two_commands_at_once_erase_each_lead_once(url: str, database: Database, tmp_path: Path) -> None:
    with database.writing() as connection:
        for number in range(60):
            old_lead(connection, number, at=NOW - 3_000 * DAY)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("LEADLIGHT_")},
        "LEADLIGHT_HOME": str(tmp_path),
        "LEADLIGHT_DATABASE_URL": url,
        "LEADLIGHT_SECRET": SECRET,
        "LEADLIGHT_RETAIN_LEADS_DAYS": str(DAYS),
    }
    command = [str(Path(sys.executable).with_name("leadlight")), "retention", "--apply", "--json"]
    both = [subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE) for _ in range(2)]
    said = [json.loads(one.communicate(timeout=120)[0].splitlines()[-1]) for one in both]
    assert [one.returncode for one in both] == [0, 0]
    assert sum(one["erased"]["leads"] for one in said) == 60
    assert len((tmp_path / "erasures.jsonl").read_text().splitlines()) == 60
    with database.reading() as connection:
        assert connection.execute(select(func.count()).select_from(ERASURES)).scalar_one() == 60


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)  # SQLite has one writer at a time anyway
def test_it_does_not_wait_in_front_of_who_tells(database: Database, tmp_path: Path) -> None:
    """A lock that is waited for would stop all who come after."""
    with database.writing() as connection:
        add_lead(connection, "L-1", OLD)
    waited = threading.Event()

    def rest(_seconds: float) -> bool:
        waited.set()
        return False

    work = forgetting(settings(tmp_path, "sqlite:///unused.db"), database)
    work._rest = rest
    ledger = Ledger(KEY)
    assert work.claim()
    with database.writing() as telling:
        put_lead(ledger, telling, {"lead_id": "L-2"}, NOW)
        waited.clear()
        thread = threading.Thread(target=work.apply)
        thread.start()
        assert waited.wait(60)
        with database.writing() as another:
            put_lead(ledger, another, {"lead_id": "L-3"}, NOW)
    thread.join(60)
    assert ids(database) == {"L-2", "L-3"}


# After a restore ------------------------------------------------------------------------------------------------------


def test_a_restore_brings_nobody_back(url: str, database: Database, tmp_path: Path) -> None:
    setting = settings(tmp_path, url)
    with database.writing() as connection:
        old_lead(connection, 1)
        old_lead(connection, 2, at=NOW)
    back_up(setting, tmp_path / "b.tar", clock=FixedClock(from_micros(NOW)))
    assert apply(forgetting(setting, database))["leads"] == 1
    database.close()
    done = restore(
        setting,
        tmp_path / "b.tar",
        replace=True,
        reapply=lambda connection, secret, tokens: erase_by_tokens(connection, secret, tokens, NOW),
    )
    assert (done.forgotten, done.erased) == (1, 1)
    assert ids(database) == {"L-2"}


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("-1", "1.5", "a year"):
        monkeypatch.setenv("LEADLIGHT_RETAIN_LEADS_DAYS", value)
        with pytest.raises(UsageError, match="LEADLIGHT_RETAIN_LEADS_DAYS"):
            door.load()
    monkeypatch.delenv("LEADLIGHT_RETAIN_LEADS_DAYS")
    assert door.load().retain_leads_days == 0
