"""Seconds and memory of a simulated company: 20,000 leads with about 400,000 activities.

python -m benchmarks.simulate [--leads N] [--seed S] [--json]; the last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

from leadlight.training.simulate import simulate, write

SMALL = 2_000


def measure(leads: int, seed: int) -> dict[str, float | int]:
    begin = time.perf_counter()
    simulate(leads=20, seed=seed)  # loads or compiles what is compiled
    ready = time.perf_counter()
    simulate(leads=SMALL, seed=seed)
    small = time.perf_counter()
    worked = time.process_time()
    company = simulate(leads=leads, seed=seed)
    simulated = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        write(company, Path(folder))
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
    written = time.perf_counter()
    cpu = time.process_time() - worked
    return {
        "leads": leads,
        "activities": len(company.activities),
        "moments": len(company.truth),
        "first_call_seconds": round(ready - begin, 2),
        "small_seconds": round(small - ready, 2),
        "simulate_seconds": round(simulated - small, 2),
        "write_seconds": round(written - simulated, 2),
        "total_seconds": round(written - small, 2),
        "total_cpu_seconds": round(cpu, 2),  # of this process: what neighbours on the machine don't change
        "peak_mib": peak_mib(),
        "folder_mib": round(size / 2**20, 1),
    }


def peak_mib() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / 2**20 if sys.platform == "darwin" else peak / 2**10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leads", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="only the last line")
    asked = parser.parse_args()
    figures = measure(asked.leads, asked.seed)
    if not asked.json:
        print(f"first call (loads or compiles) {figures['first_call_seconds']:8.2f} s")
        print(f"{SMALL:,} leads                    {figures['small_seconds']:8.2f} s")
        print(f"{asked.leads:,} leads                   {figures['simulate_seconds']:8.2f} s")
        print(f"written to a folder            {figures['write_seconds']:8.2f} s, {figures['folder_mib']} MiB")
        print(f"both                           {figures['total_seconds']:8.2f} s   goal: under 20 s")
        print(f"both, processor time           {figures['total_cpu_seconds']:8.2f} s")
        print(f"peak memory                    {figures['peak_mib']:8d} MiB goal: under 1024 MiB")
    print(json.dumps({"benchmark": "simulate", **figures}))


if __name__ == "__main__":
    main()
