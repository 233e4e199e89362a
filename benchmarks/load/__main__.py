"""The whole service under load on SQLite and on PostgreSQL, beside bare FastAPI endpoints of the same contracts.

    python -m benchmarks.load [--json] [--seconds 3] [--rounds 3] [--leads 4000] [--only sqlite,postgresql]
                              [--calls score,stored] [--connections 16] [--changes SECONDS] [--steady MINUTES]
                              [--folder DIR]

A simulated company is imported into each database and scored. Then, in turns, a few rounds each, so many connections
ask without a pause: a stateless score with receipts kept and all reasons, the stored score of a lead, an attribute of a
lead told, one activity told, a hundred activities told, a page of the queue. How long a caller waits is measured at an
even pace at half of each one's own throughput, from when a call is due. The bare endpoints always give the same answer:
what the frame costs.

`--changes` then tells of 200 activities a second for so long and looks how long a changed lead waits for its new score;
`--steady` sends a mixture of calls at an even pace and looks at the memory. Servers (and PostgreSQL with them) have one
core, the load generator another; all is on 127.0.0.1 and ends by itself. Ratios count: figures are of the machine as
it was.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.load.cases import CASES, Company
from benchmarks.load.changes import GOAL_SECONDS, measure_changes
from benchmarks.load.databases import KINDS
from benchmarks.load.fill import Running
from benchmarks.load.measure import BARE, OFF, Sizes, measure, pinned, stores
from benchmarks.load.steady import GOAL_MB_PER_HOUR, measure_steady
from benchmarks.serve.folder import facts_of, kept_or_scratch, prepared
from benchmarks.serve.measure import Figures
from benchmarks.serve.processes import ends_in_words, ends_on_signals

GOAL_DURABLE: Final = 0.6
CONNECTIONS: Final = 16
"""With few of them the core rests while all wait for the disk, and after a rest it is slow, receipts or not."""

CHANGES_PER_SECOND: Final = 200.0
STEADY_PER_SECOND: Final = 100.0


def tell(step: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {step}", file=sys.stderr, flush=True)


def run(folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Measure everything that was asked for."""
    prepared(folder, leads=asked.leads, requests=asked.requests, seed=asked.seed, mlflow=False)
    as_of = int(facts_of(folder)["as_of"])
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="leadlight-load-") as scratch, stores(
        folder, Path(scratch), asked.only, as_of, tell
    ) as found:  # fmt: skip
        company = Company.of(folder, next(iter(found.values())).address, as_of)
        sizes = Sizes(asked.seconds, asked.rounds, asked.connections)
        figures = measure(folder, Path(scratch), found, company, asked.calls, sizes, tell)
        result = {
            "benchmark": "load",
            "calls": {name: {one.name: one.as_dict() for one in services} for name, services in figures.items()},
            **_ratios(figures),
            "open_leads": len(company.leads),
            "leads": asked.leads,
            "seconds": asked.seconds,
            "rounds": asked.rounds,
            "connections": asked.connections,
            "cores": os.cpu_count(),
        }
        with pinned():
            result |= _long(found, company, asked)
    return {**result, "load_average_before_and_after": [round(before, 2), round(os.getloadavg()[0], 2)]}


def _long(found: dict[str, Running], company: Company, asked: argparse.Namespace) -> dict[str, Any]:
    """Measure what takes long, on each store alone."""
    result: dict[str, Any] = {}
    for kind, store in found.items():
        if asked.changes:
            tell(f"{CHANGES_PER_SECOND:g} changes a second, {kind}")
            result.setdefault("changes", {})[kind] = measure_changes(store, company, CHANGES_PER_SECOND, asked.changes)
        if asked.steady:
            tell(f"steady load, {kind}")
            steady = measure_steady(store, company, STEADY_PER_SECOND, asked.steady, tell)
            result.setdefault("steady", {})[kind] = steady
    return result


def _ratios(figures: dict[str, list[Figures]]) -> dict[str, float]:
    """Return each store's throughput as a share of the bare endpoint's, and of the one that keeps no receipts."""
    found = {}
    for name, services in figures.items():
        rates = {one.name: one.median("per_second") for one in services}
        for kind in sorted(rates.keys() & set(KINDS)):
            found[f"{name}_{kind}_vs_{BARE}"] = round(rates[kind] / rates[BARE], 3)
            if OFF in rates:
                found[f"durable_{kind}_vs_{OFF}"] = round(rates[kind] / rates[OFF], 3)
    return found


def show(found: dict[str, Any]) -> None:
    print(f"{found['open_leads']:,} open leads of {found['leads']:,}; servers on one core, {found['cores']} in all\n")
    heads = (("calls/s", 10), ("(spread)", 16), ("p50 ms", 9), ("p99 ms", 9), ("vs bare", 9))
    print(" " * 52 + "".join(f"{head:>{width}s}" for head, width in heads))
    for name, services in found["calls"].items():
        for kind, one in services.items():
            spread = "{:,.0f} - {:,.0f}".format(*one["requests_per_second_spread"])
            share = found.get(f"{name}_{kind}_vs_{BARE}")
            print(f"{CASES[name].words:36s} {kind:15s}{one['requests_per_second']:10,.1f}{spread:>16s}"
                  f"{one['p50_ms_at_half_load']:9.2f}{one['p99_ms_at_half_load']:9.2f}"
                  f"{'' if share is None else f'{share:9.2f}'}")  # fmt: skip
    print()
    for kind in (kind for kind in KINDS if f"durable_{kind}_vs_{OFF}" in found):
        share = found[f"durable_{kind}_vs_{OFF}"]
        print(f"receipts kept on {kind}: {share:.2f} of the throughput without   goal: at least {GOAL_DURABLE}")
    for kind, one in found.get("changes", {}).items():
        show_changes(kind, one)
    for kind, one in found.get("steady", {}).items():
        show_steady(kind, one)
    print("load of the machine {} before, {} after".format(*found["load_average_before_and_after"]))


def show_changes(kind: str, one: dict[str, Any]) -> None:
    print(f"{one['changes_per_second']:g} changes/s for {one['seconds']:g} s on {kind}: "
          f"a changed lead waited at most {one['longest_wait_s']} s (goal: {GOAL_SECONDS:g}), "
          f"one of its account {one['longest_wait_of_the_account_s']} s; up to {one['most_waiting']:,} waited; "
          f"calls were answered in {one['answered_p99_ms']} ms (p99)")  # fmt: skip


def show_steady(kind: str, one: dict[str, Any]) -> None:
    print(f"{one['calls_per_second']:g} mixed calls/s for {one['minutes']:g} min on {kind}: "
          f"{one['megabytes_after_warm_up']} to {one['megabytes_at_the_end']} MB, "
          f"{one['megabytes_per_hour']:+} MB/h (flat: within {GOAL_MB_PER_HOUR:g}); "
          f"p99 {one['p99_ms']} ms, at worst {one['worst_p99_ms']} ms")  # fmt: skip


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=CONNECTIONS, help="that ask without a pause")
    parser.add_argument("--only", default=",".join(KINDS), help="databases, with commas between them")
    parser.add_argument("--calls", default=",".join(CASES), help="kinds of call, with commas between them")
    parser.add_argument("--leads", type=int, default=4000, help="size of the simulated company")
    parser.add_argument("--requests", type=int, default=400, help="different leads whose scores are asked for")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--changes", type=float, default=0.0, metavar="SECONDS", help="how long changes are told of")
    parser.add_argument("--steady", type=float, default=0.0, metavar="MINUTES", help="how long the mixture is sent")
    parser.add_argument("--folder", type=Path, help="keep what is made ready there, and use it again next time")
    asked = parser.parse_args()
    asked.only = _chosen(parser, "--only", asked.only, KINDS)
    asked.calls = _chosen(parser, "--calls", asked.calls, list(CASES))
    if asked.seconds <= 0 or min(asked.rounds, asked.connections) < 1 or asked.changes < 0 or asked.steady < 0:
        parser.error("--seconds, --rounds and --connections must be positive, --changes and --steady not negative")
    return asked


def _chosen(parser: argparse.ArgumentParser, option: str, given: str, there: Sequence[str]) -> list[str]:
    named = given.split(",")
    if unknown := sorted(set(named) - set(there)):
        parser.error(f"{option}: there is no {', '.join(unknown)}; there are {', '.join(there)}")
    return [one for one in there if one in named]


def main() -> None:
    asked = read_arguments()
    with ends_on_signals(), kept_or_scratch(asked.folder) as folder:
        found = run(folder, asked)
    show(found)
    if asked.json:
        print(json.dumps(found))


if __name__ == "__main__":
    ends_in_words(main)
