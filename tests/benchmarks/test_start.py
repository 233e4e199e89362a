"""The start-up benchmark, tiny: that it says what it should, and leaves nothing behind."""

import importlib
import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from leadlight.core.clock import to_micros
from models import boosted, request_body, save_champion

ROOT = Path(__file__).resolve().parents[2]

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(ROOT))
    start = importlib.import_module("benchmarks.start")


def test_figures_are_medians_with_their_spread():
    memory = [start.Memory(100.0 + i, 120.0 + i) for i in range(3)]
    starts = [start.Start(ready, ready + 0.5, memory[i]) for i, ready in enumerate((3.0, 1.0, 2.0))]
    starts[-1] = start.Start(2.0, 2.5, memory[-1], start.Memory(150.0, 160.0))
    cold = start.Start(20.0, 21.0, start.Memory(1.0, 400.0))
    found = start.figures(cold, starts, [1.0, 0.5, 4.0])
    assert found["start_seconds"] == 2.5
    assert found["start_seconds_spread"] == [1.5, 3.5]
    assert (found["import_seconds"], found["start_ratio"]) == (1.0, 2.5)
    assert (found["rss_mib"], found["rss_mib_after_1000"], found["peak_mib_after_1000"]) == (101.0, 150.0, 160.0)
    assert (found["ready_seconds"], found["cold_seconds"], found["cold_peak_mib"]) == (2.0, 20.0, 400.0)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_memory_is_this_process_and_grows_with_it():
    before = start.Memory.of(os.getpid())
    held = bytearray(os.urandom(1)) * (64 << 20)
    after = start.Memory.of(os.getpid())
    assert after.resident - before.resident > 50
    assert after.peak >= after.resident
    assert len(held) == 64 << 20


def test_a_tiny_run_starts_the_real_service_and_ends_it(tmp_path):
    save_champion(boosted(), tmp_path / "lightgbm")
    (tmp_path / "requests.jsonl").write_text(json.dumps(request_body()) + "\n")
    as_of = to_micros(datetime.fromisoformat("2026-11-23T09:00:00+00:00"))
    (tmp_path / "facts.json").write_text(json.dumps({"as_of": as_of}))
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.start", "--json", "--rounds", "1", "--no-cold", "--folder", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["start_ratio"] == pytest.approx(found["start_seconds"] / found["import_seconds"], abs=0.01)
    assert 0 < found["ready_seconds"] <= found["start_seconds"]
    assert 50 < found["rss_mib"] <= found["peak_mib"] <= found["peak_mib_after_1000"]
    assert "cold_seconds" not in found
    assert not list(tmp_path.glob("numba-*"))
