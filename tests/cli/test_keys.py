"""Keys from the command line, and what serves by them: real processes, real files."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from waiting import wait_for

LEADLIGHT = Path(sys.executable).with_name("leadlight")


def told(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def ask(port, path, key=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
    if key is not None:
        request.add_header("Authorization", f"Bearer {key}")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return None


def test_a_key_is_made_listed_and_revoked(run, tmp_path):
    asked = ("--role", "rep", "--owner", "Ana Peña", "--label", "laptop", "--expires-in", 7)
    made = told(run("keys", "create", *asked, "--json", home=tmp_path))
    assert made["key"].startswith(f"ll_{made['key_id']}_")
    assert (made["role"], made["owner_id"], made["label"], made["state"]) == ("rep", "Ana Peña", "laptop", "valid")
    assert made["expires_at"] > made["created_at"]
    plain = run("keys", "create", "--role", "crm", home=tmp_path)
    assert plain.returncode == 0
    assert plain.stdout.strip().startswith("ll_")  # alone, for a program to take
    listed = run("keys", "list", "--json", home=tmp_path)
    assert [key["role"] for key in told(listed)["keys"]] == ["rep", "crm"]
    assert made["key"].split("_")[2] not in listed.stdout
    assert "key" not in told(listed)["keys"][0]
    assert told(run("keys", "revoke", made["key_id"], "--json", home=tmp_path))["state"] == "revoked"
    assert told(run("keys", "revoke", plain.stdout.strip(), "--json", home=tmp_path))["role"] == "crm"  # the whole key
    states = [key["state"] for key in told(run("keys", "list", "--json", home=tmp_path))["keys"]]
    assert states == ["revoked", "revoked"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("create", "--role", "boss"), "boss"),
        (("create",), "--role"),
        (("create", "--role", "crm", "--owner", "Ana"), "--owner"),
        (("create", "--role", "rep", "--owner", " "), "empty"),
        (("create", "--role", "rep", "--expires-in", "0"), "--expires-in"),
    ],
)
def test_what_makes_no_sense_is_refused(run, tmp_path, arguments, says):
    done = run("keys", *arguments, "--json", home=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["ok"] is False
    assert "Traceback" not in done.stderr


def test_only_a_key_that_is_there_is_revoked(run, tmp_path):
    run("keys", "create", "--role", "crm", home=tmp_path)
    done = run("keys", "revoke", "0123456789ab", home=tmp_path)
    assert done.returncode == 2
    assert "no such key" in done.stderr


@pytest.mark.parametrize("command", [("list",), ("revoke", "0123456789ab")])
def test_a_home_without_a_database_has_no_keys_and_gets_none(run, tmp_path, command):
    done = run("keys", *command, home=tmp_path)
    assert done.returncode == 3
    assert "no database" in " ".join(done.stderr.split())
    assert not list(tmp_path.iterdir())


def test_a_database_that_is_away_is_said_in_one_sentence(run, tmp_path):
    (tmp_path / "leadlight.db").mkdir()
    for command in (("keys", "list", "--json"), ("serve", "--host", "0.0.0.0", "--port", 0)):
        done = run(*command, home=tmp_path)
        assert done.returncode == 3
        assert "database of keys does not answer" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "leads.example.com", ""])
def test_nobody_serves_to_others_without_a_key(run, tmp_path, host):
    done = run("serve", "--host", host, "--port", 0, home=tmp_path)
    assert done.returncode == 2
    assert "leadlight keys create --role admin" in done.stderr.replace("\n", " ").replace("  ", " ")


def test_a_key_that_is_revoked_is_none(run, tmp_path):
    made = told(run("keys", "create", "--role", "admin", "--json", home=tmp_path))
    run("keys", "revoke", made["key_id"], home=tmp_path)
    assert run("serve", "--host", "0.0.0.0", "--port", 0, home=tmp_path).returncode == 2


def test_a_broken_secret_is_said_before_serving(run, tmp_path):
    (tmp_path / "secret.key").write_text("broken")
    done = run("serve", "--port", 0, home=tmp_path)
    assert done.returncode == 2
    assert "secret.key" in done.stderr


def test_keys_open_and_close_two_running_services(run, tmp_path):
    ports = []
    for _ in range(2):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            ports.append(free.getsockname()[1])
    environment = {**os.environ, "LEADLIGHT_HOME": str(tmp_path)}
    running = [
        subprocess.Popen([LEADLIGHT, "serve", "--port", str(port)], stderr=subprocess.PIPE, text=True, env=environment)
        for port in ports
    ]
    try:
        for port in ports:
            wait_for(lambda port=port: ask(port, "/healthz") == 200, seconds=120)
            assert ask(port, "/metrics") == 200  # nobody has a key: all on this machine are admin
        made = told(run("keys", "create", "--role", "analyst", "--json", home=tmp_path))
        for port in ports:
            wait_for(lambda port=port: ask(port, "/metrics") == 401)
            wait_for(lambda port=port: ask(port, "/metrics", made["key"]) == 200)
        run("keys", "revoke", made["key_id"], home=tmp_path)
        for port in ports:
            wait_for(lambda port=port: ask(port, "/metrics", made["key"]) in (401, 429))
            assert ask(port, "/metrics") == 401
    finally:
        for process in running:
            process.send_signal(signal.SIGINT)
        said = [process.communicate(timeout=30)[1] for process in running]
    assert "Traceback" not in "".join(said)
