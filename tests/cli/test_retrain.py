"""``leadlight retrain`` as cron runs it, and the lock that keeps two of it apart."""

import json
import os
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from empty_tracking import put_tracking
from leadlight.core.lock import Taken, alone

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ retrain: \w+")


def last_json(done):
    return json.loads(done.stdout.splitlines()[-1])


def test_on_the_data_of_the_champion_there_is_nothing_to_do(run, demo):
    home, told = demo
    done = run("retrain", "--data", home / "history", "--seed", 3, "--json", home=home)
    assert done.returncode == 0, done.stderr
    found = last_json(done)
    assert (found["outcome"], found["champion"]) == ("nothing_new", told["model_version"])
    assert f"nothing new since version {told['model_version']}" in done.stderr
    assert all(LINE.match(line) for line in done.stderr.splitlines()), done.stderr


def test_a_second_one_leaves_at_once_and_says_who_is_at_it(run, demo):
    home, _ = demo
    with alone(home / "retrain.lock", NOON):
        done = run("retrain", "--data", home / "history", "--json", home=home)
    assert done.returncode == 0, done.stderr
    assert last_json(done)["outcome"] == "already_running"
    said = " ".join(done.stderr.split())
    assert f"process {os.getpid()} on " in said
    assert "since 2026-11-24T12:00:00+00:00" in said


def test_where_the_data_says_no_it_is_exit_1_and_nothing_is_registered(run, tmp_path):
    rows = "".join(f"L{i},2025-01-{i % 28 + 1:02d}T00:00:00Z,web\n" for i in range(40))
    (tmp_path / "leads.csv").write_text("lead_id,created_at,source\n" + rows)
    done = run("retrain", "--data", tmp_path, "--json", home=put_tracking(tmp_path / "home"))
    assert done.returncode == 1, done.stderr
    found = last_json(done)
    assert (found["ok"], found["outcome"], found["champion"]) == (False, "cannot_tell", None)
    assert "Traceback" not in done.stderr


def test_what_is_missing_or_broken_has_its_own_exit_code(run, tmp_path):
    assert run("retrain", "--data", tmp_path / "nowhere", home=tmp_path / "home").returncode == 3
    (tmp_path / "leads.csv").write_text("lead_id,created_at\nA,not a time\n")
    broken = run("retrain", "--data", tmp_path, "--json", home=tmp_path / "home")
    assert broken.returncode == 1
    assert last_json(broken)["ok"] is False


# The lock -------------------------------------------------------------------------------------------------------------


def test_the_lock_is_held_by_one_and_told_to_the_other(tmp_path):
    path = tmp_path / "deep" / "a.lock"
    with alone(path, NOON):
        with pytest.raises(Taken, match=f"process {os.getpid()} on") as taken, alone(path, NOON):
            pass
        assert taken.value.holder.since == "2026-11-24T12:00:00+00:00"
    with alone(path, NOON):
        pass


def test_a_lock_without_a_name_in_it_yet_is_taken_all_the_same(tmp_path):
    path = tmp_path / "a.lock"
    with alone(path, NOON):
        path.write_text("")
        with pytest.raises(Taken, match="another process"), alone(path, NOON):
            pass


def test_a_killed_holder_leaves_no_lock_behind(tmp_path):
    path = tmp_path / "a.lock"
    script = (
        "import sys, time; from datetime import datetime, UTC; from pathlib import Path\n"
        "from leadlight.core.lock import alone\n"
        "with alone(Path(sys.argv[1]), datetime.now(UTC)):\n"
        "    print('held', flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Taken, match=f"process {holder.pid} on"), alone(path, NOON):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with alone(path, NOON):
        assert json.loads(path.read_text())["pid"] == os.getpid()
