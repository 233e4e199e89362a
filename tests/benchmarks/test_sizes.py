"""Large sizes, for real: memory has limits here; seconds are printed and judged by people, on a machine they know."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.proof

ROOT = Path(__file__).resolve().parents[2]


def run(name):
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", "--json"], cwd=ROOT, capture_output=True, text=True, timeout=1800
    )
    assert done.returncode == 0, done.stderr
    sys.stdout.write(done.stdout)
    return json.loads(done.stdout.splitlines()[-1])


def test_a_simulated_company_of_20000_leads_fits_in_a_gibibyte():
    assert run("simulate")["peak_mib"] < 1024


def test_a_million_moments_over_ten_million_activities_fit_in_six_gibibytes():
    assert run("features")["whole"]["peak_gib"] < 6
