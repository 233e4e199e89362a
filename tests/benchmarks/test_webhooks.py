"""The benchmark of the sender, tiny: that it says what it should."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_a_tiny_run_delivers_all():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.webhooks", "--json", "--messages", "20", "--leads", "4"],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["messages"], found["leads"], found["database"], found["goal"]) == (20, 4, "sqlite", 300)
    assert found["per_second"] > 0
    assert found["processor_milliseconds_each"] > 0
