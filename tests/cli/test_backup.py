"""``leadlight backup`` and ``leadlight restore``, as processes of their own."""

import json

import pytest
from sqlalchemy import insert

from filled import everything, fill
from leadlight.serving.ledger.persons import token_of
from leadlight.serving.store.database import Database
from leadlight.serving.store.erasure_journal import ErasureJournal
from leadlight.serving.store.schema import LEADS
from models import save_champion, trained

SECRET = b"s" * 32
LEAD = {"lead_id": "L", "attributes": "{}", "created_at": 1, "recorded_at": 1, "attributes_at": 1, "touched_at": 1}


@pytest.fixture
def home(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    save_champion(trained(), home)
    database = Database(f"sqlite:///{home / 'leadlight.db'}")
    with database.writing() as connection:
        fill(connection)
    database.close()
    return home


def told(done):
    return json.loads(done.stdout.splitlines()[-1])


def rows(home):
    database = Database(f"sqlite:///{home / 'leadlight.db'}")
    try:
        return everything(database)
    finally:
        database.close()


def test_a_home_goes_into_a_file_and_into_another_home(run, home, tmp_path):
    done = run("backup", "--out", tmp_path / "b.tar", "--json", home=home)
    assert done.returncode == 0, done.stderr
    assert told(done)["rows"]["leads"] == 20
    back = run("restore", "--from", tmp_path / "b.tar", "--json", home=tmp_path / "other")
    assert back.returncode == 0, back.stderr
    assert told(back)["rows"] == told(done)["rows"]
    assert rows(tmp_path / "other") == rows(home)
    assert (tmp_path / "other" / "champion" / "version.json").exists()


def test_each_refusal_is_one_sentence_and_writes_nothing(run, home, tmp_path):
    out = tmp_path / "b.tar"
    assert run("backup", "--out", out, home=home).returncode == 0
    full = run("restore", "--from", out, "--json", home=home)
    assert (full.returncode, told(full)["error"]) == (2, "usage")
    assert "--replace" in full.stderr
    out.write_bytes(out.read_bytes()[:-2_000])
    torn = run("restore", "--from", out, "--json", home=tmp_path / "other")
    assert (torn.returncode, told(torn)["error"]) == (1, "broken_backup")
    missing = run("restore", "--from", tmp_path / "none.tar", home=tmp_path / "other")
    nowhere = run("backup", "--out", tmp_path / "no" / "b.tar", home=home)
    secret = run("backup", "--out", out, "--with-secret", home=home)
    empty = run("backup", "--out", out, home=tmp_path / "other")
    assert [missing.returncode, nowhere.returncode, secret.returncode, empty.returncode] == [3, 3, 3, 3]
    assert "no database" in " ".join(empty.stderr.split())
    assert not (tmp_path / "other").exists()
    for one in (full, torn, missing, nowhere, secret, empty):
        assert "Traceback" not in one.stderr


def test_replacing_is_asked_for_by_name(run, home, tmp_path):
    out = tmp_path / "b.tar"
    assert run("backup", "--out", out, home=home).returncode == 0
    before = rows(home)
    database = Database(f"sqlite:///{home / 'leadlight.db'}")
    with database.writing() as connection:
        connection.execute(insert(LEADS).values(LEAD))
    database.close()
    assert run("restore", "--from", out, "--into-empty-only", home=home).returncode == 2
    assert run("restore", "--from", out, "--replace", home=home).returncode == 0
    assert rows(home) == before


def test_a_secret_that_stays_behind_is_named(run, home, tmp_path):
    (home / "secret.key").write_text(SECRET.hex())
    done = run("backup", "--out", tmp_path / "b.tar", home=home)
    assert "secret.key" in done.stderr
    back = run("restore", "--from", tmp_path / "b.tar", "--json", home=tmp_path / "other")
    assert told(back)["lacks_secret"] is True
    assert "secret.key" in back.stderr


def test_an_erasure_that_nobody_can_tell_stops_the_restore(run, home, tmp_path):
    (home / "secret.key").write_text(SECRET.hex())
    assert run("backup", "--out", tmp_path / "b.tar", home=home).returncode == 0
    (tmp_path / "other").mkdir()
    ErasureJournal(tmp_path / "other" / "erasures.jsonl").add(["token"], 2**62)
    back = run("restore", "--from", tmp_path / "b.tar", home=tmp_path / "other")
    assert back.returncode == 3
    assert "1 leads were erased" in back.stderr


def test_who_is_in_the_journal_alone_does_not_come_back_with_the_secret(run, home, tmp_path):
    """The machine is lost: left are the backup, which brings the secret, and a copy of the journal."""
    (home / "secret.key").write_text(SECRET.hex())
    others = rows(home)["leads"]
    database = Database(f"sqlite:///{home / 'leadlight.db'}")
    with database.writing() as connection:
        connection.execute(insert(LEADS).values(LEAD))
    database.close()
    assert run("backup", "--out", tmp_path / "b.tar", "--with-secret", home=home).returncode == 0
    other = tmp_path / "other"
    other.mkdir()
    ErasureJournal(other / "erasures.jsonl").add([token_of(SECRET, "L")], 2**62)
    back = run("restore", "--from", tmp_path / "b.tar", "--json", home=other)
    assert (told(back)["erasures_made_again"], told(back)["leads_erased_again"]) == (1, 1)
    assert bytes.fromhex((other / "secret.key").read_text()) == SECRET
    assert rows(other)["leads"] == others
