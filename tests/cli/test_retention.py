"""`leadlight retention` as a person or a program runs it: it looks, and erases only when it is told to."""

import json

import pytest

from leadlight.core.clock import DAY
from leadlight.serving.store.database import Database
from retained import NOW, ids, old_lead


@pytest.fixture
def home(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'leadlight.db'}")
    with database.writing() as connection:
        old_lead(connection, 1, at=NOW - 3_000 * DAY)
        old_lead(connection, 2, at=NOW + 30_000 * DAY)
    database.close()
    (tmp_path / ".env").write_text("LEADLIGHT_RETAIN_LEADS_DAYS=100\n")
    return tmp_path


def left(home):
    database = Database(f"sqlite:///{home / 'leadlight.db'}")
    found = ids(database)
    database.close()
    return found


def test_it_looks_and_erases_when_told(run, home):
    looked = run("retention", "--json", home=home, cwd=home)
    assert looked.returncode == 0, looked.stderr
    said = json.loads(looked.stdout.splitlines()[-1])
    assert (said["applied"], said["erased"]) == (False, None)
    assert said["retain_days"] == {"leads": 100, "receipts": 0}
    assert said["due"]["leads"] == {"count": 1, "oldest": "2018-09-06T09:00:00Z"}
    assert said["due"]["receipts"] == {"count": 0, "oldest": None}
    assert "not set" in looked.stderr
    assert "--apply" in looked.stderr
    assert left(home) == {"L-1", "L-2"}
    done = run("retention", "--apply", "--json", home=home, cwd=home)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["erased"]["leads"] == 1
    assert "Erased: 1 leads." in done.stderr
    assert left(home) == {"L-2"}


def test_a_home_without_a_database_is_refused(run, tmp_path):
    nowhere = run("retention", "--json", home=tmp_path, cwd=tmp_path)
    assert nowhere.returncode == 3
    assert "no database" in nowhere.stderr
    assert "Traceback" not in nowhere.stderr
