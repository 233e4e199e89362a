"""`leadlight outbox` as a person or a program runs it, on a database that a service wrote."""

import json

import pytest

from leadlight.serving.store import outbox_table
from leadlight.serving.store.database import Database
from leadlight.serving.store.outbox_table import Failure

NOW = 1_795_424_400_000_000  # 2026-11-23T09:00:00Z


def read(done):
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def home(tmp_path):
    return tmp_path


@pytest.fixture
def messages(home):
    """Put three messages: one was delivered, one is dead, one waits."""
    database = Database(f"sqlite:///{home / 'leadlight.db'}")
    with database.writing() as connection:
        made = [outbox_table.enqueue(connection, f"L-{i}", {"data": {"lead_id": f"L-{i}"}}, NOW) for i in range(3)]
        delivered, dead, waiting = outbox_table.claim(connection, NOW, 1_000_000, 3)
        outbox_table.delivered(connection, [delivered], NOW)
        outbox_table.failed(connection, [Failure(dead, "HTTP 410 Gone", None)], NOW)
        outbox_table.release(connection, [waiting])
    database.close()
    return made


def states(home):
    database = Database(f"sqlite:///{home / 'leadlight.db'}")
    with database.reading() as connection:
        found = {one.message_id: one.state for one in outbox_table.messages(connection)}
    database.close()
    return found


def test_messages_are_listed(run, home, messages):
    done = run("outbox", "list", "--json", home=home)
    assert done.returncode == 0
    assert [one["message_id"] for one in read(done)["messages"]] == messages[::-1]
    assert all(one in done.stdout for one in messages)
    assert "2026-11-23 09:00:00" in done.stdout
    dead = read(run("outbox", "list", "--state", "dead", "--json", home=home))["messages"]
    assert [(one["message_id"], one["last_error"]) for one in dead] == [(messages[1], "HTTP 410 Gone")]
    assert dead[0]["payload"] == {"data": {"lead_id": "L-1"}}
    assert len(read(run("outbox", "list", "--limit", "1", "--json", home=home))["messages"]) == 1


def test_a_dead_letter_is_due_again(run, home, messages):
    done = run("outbox", "retry", messages[1], "--json", home=home)
    assert (done.returncode, read(done)) == (0, {"due": 1})
    assert "1 webhook due now" in done.stderr
    assert "LEADLIGHT_WEBHOOK_URL is not set" in done.stderr
    assert states(home)[messages[1]] == "waiting"


def test_all_dead_letters_are(run, home, messages):
    assert read(run("outbox", "retry", "--all-dead", "--json", home=home)) == {"due": 1}
    assert set(states(home).values()) == {"delivered", "waiting"}
    assert read(run("outbox", "retry", "--all-dead", "--json", home=home)) == {"due": 0}


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["retry"], 2, "--all-dead"),
        (["retry", "{0}", "--all-dead"], 2, "--all-dead"),
        (["retry", "{0}"], 2, "delivered already"),
        (["retry", "msg_nonsense"], 3, "leadlight outbox list"),
        (["list", "--state", "lost"], 2, "waiting, delivered, dead"),
        (["list", "--limit", "0"], 2, "--limit"),
    ],
)
def test_each_refusal_has_its_code_and_says_how_to_mend_it(run, home, messages, arguments, code, says):
    done = run("outbox", *(one.format(*messages) for one in arguments), "--json", home=home)
    assert done.returncode == code, done.stderr
    assert says in " ".join(done.stderr.split())
    assert read(done)["ok"] is False


def test_where_no_service_ran_none_is_made_up(run, home):
    done = run("outbox", "list", home=home)
    assert (done.returncode, "Traceback" in done.stderr) == (3, False)
    assert "leadlight serve" in done.stderr
    assert not (home / "leadlight.db").exists()


def test_a_database_that_does_not_answer_is_named(run, home):
    (home / ".env").write_text("LEADLIGHT_DATABASE_URL=postgresql://127.0.0.1:1/none\n")
    done = run("outbox", "list", home=home, cwd=home)
    assert (done.returncode, "Traceback" in done.stderr) == (3, False)
    assert "LEADLIGHT_DATABASE_URL" in done.stderr
