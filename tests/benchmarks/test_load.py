"""The load benchmark, tiny: every call on both databases, changes, steady load; nothing left behind."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OPTIONS = ("--json", "--leads", "500", "--requests", "20", "--seconds", "0.5", "--rounds", "1")


def run(*more, timeout=600, **settings):
    command = [sys.executable, "-m", "benchmarks.load", *OPTIONS, *more]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False, **settings)


def test_what_can_not_be_measured_is_said():
    done = run("--only", "sqlite,oracle")
    assert done.returncode == 2
    assert "there is no oracle" in done.stderr


@pytest.mark.proof
def test_a_tiny_run_measures_all(tmp_path):
    done = run("--changes", "2", "--steady", "0.7", env={**os.environ, "TMPDIR": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    sys.stdout.write(done.stdout)
    assert not list(tmp_path.glob("leadlight-*"))
    found = json.loads(done.stdout.splitlines()[-1])
    assert list(found["calls"]) == ["score", "stored", "lead", "activity", "activities", "queue"]
    for name, services in found["calls"].items():
        assert services.keys() == {"sqlite", "postgresql", "bare", *(["off"] if name == "score" else [])}
        assert all(one["requests_per_second"] > 0 for one in services.values())
        assert all(found[f"{name}_{kind}_vs_bare"] > 0 for kind in ("sqlite", "postgresql"))
    for kind in ("sqlite", "postgresql"):
        assert found[f"durable_{kind}_vs_off"] > 0
        assert found["changes"][kind]["changes_per_second"] > 0
        assert found["steady"][kind]["megabytes_at_the_end"] > 50
