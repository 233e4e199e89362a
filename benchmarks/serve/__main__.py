"""`POST /v1/score` with 20 activities and all reasons on one worker, beside its peers in the same run.

    python -m benchmarks.serve [--json] [--seconds 3] [--rounds 5] [--only leadlight,bare] [--leads 4000]
                               [--connections 4] [--folder DIR]

Measured in turns, a few rounds each: how many requests a second each service answers when a few connections ask
without a pause, then how long a caller waits when requests come at an even pace at half of *its own* throughput (from
when a request is due). The server has one core, the load generator another. The peers, none of which does as much:

- bare: a FastAPI endpoint of the same contract that always gives the same answer: what the frame costs;
- mlflow: `mlflow models serve` of the same trees, logged by LightGBM's own flavour; it is sent ready features and gives
  a probability, no reasons;
- tutorial: a pandas row of ready features, LightGBM's prediction and `shap.TreeExplainer`.

Requests are of 400 different leads of a simulated company. Receipts are written to the disk of the temporary folder,
or of the one that is named, which keeps model and requests for the next run. Figures hold for the machine as it was, so
ratios count; where neighbours took part of the server's core ("core busy" well below 100 %), the ratios of answers for
a second of processor are the steadier ones.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.serve.folder import kept_or_scratch, prepared
from benchmarks.serve.measure import CONNECTIONS, SERVICES, Figures, measure
from benchmarks.serve.processes import ends_in_words, ends_on_signals

RATIOS: Final = {
    "throughput_ratio_vs_bare": ("leadlight", "bare"),
    "throughput_ratio_vs_mlflow": ("leadlight", "mlflow"),
    "throughput_ratio_vs_tutorial": ("leadlight", "tutorial"),
    "throughput_ratio_durable_vs_off": ("durable", "leadlight"),
    "throughput_ratio_additive_vs_bare": ("additive", "bare"),
}
WORDS: Final = {
    "leadlight": "Leadlight, receipts off",
    "durable": "Leadlight, durable receipts",
    "additive": "Leadlight, additive model, receipts off",
    "bare": "bare FastAPI endpoint, constant answer",
    "mlflow": "mlflow models serve, no reasons",
    "tutorial": "pandas row + predict + shap",
}
GOALS: Final = {
    "throughput_ratio_vs_bare": 0.5,
    "throughput_ratio_vs_mlflow": 25,
    "throughput_ratio_durable_vs_off": 0.6,
}


def tell(step: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {step}", file=sys.stderr, flush=True)


def result(
    facts: dict[str, Any],
    figures: Sequence[Figures],
    ceiling: float,
    load: tuple[float, float],
    asked: argparse.Namespace,
) -> dict[str, Any]:
    by_name = {one.name: one for one in figures}
    return {
        "benchmark": "serve",
        **_ratios(by_name),
        **{
            name: round(by_name["leadlight"].median(what), 3)
            for name, what in (("p50_ms_at_half_load", "p50_ms"), ("p99_ms_at_half_load", "p99_ms"))
            if "leadlight" in by_name
        },
        "requests_per_second": {one.name: round(one.median("per_second"), 1) for one in figures},
        "services": {one.name: one.as_dict() for one in figures},
        "client_ceiling": round(ceiling, 1),
        "model": facts,
        "seconds": asked.seconds,
        "rounds": asked.rounds,
        "connections": asked.connections,
        "cores": os.cpu_count(),
        "load_average_before_and_after": [round(one, 2) for one in load],
    }


def _ratios(by_name: dict[str, Figures]) -> dict[str, float]:
    """Return each ratio of throughputs, and beside it of answers for a second of processor where that is known."""
    found: dict[str, float] = {}
    for name, pair in RATIOS.items():
        if by_name.keys() >= set(pair):
            one, other = (by_name[service].as_dict() for service in pair)
            found[name] = round(one["requests_per_second"] / other["requests_per_second"], 3)
            mine, theirs = (service["requests_per_processor_second"] for service in (one, other))
            if mine is not None and theirs is not None:
                found[_by_processor(name)] = round(mine / theirs, 3)
    return found


def _by_processor(name: str) -> str:
    return name.replace("throughput", "processor")


def show(found: dict[str, Any]) -> None:
    model = found["model"]
    print(f"{model['trees']} trees of up to {model['leaves']} leaves over {model['inputs']} features; "
          f"{model['reasons']} reasons in the middling answer; requests of about {model['request_bytes']:,} bytes, "
          f"answers of {model['answer_bytes']:,}")  # fmt: skip
    heads = (("requests/s", 11), ("(spread)", 18), ("p50 ms", 9), ("p99 ms", 9), ("(spread)", 18), ("core busy", 11))
    print("\n" + " " * 42 + "".join(f"{head:>{width}s}" for head, width in (*heads, ("req/core s", 12))))
    for name, one in found["services"].items():
        spread, p99 = one["requests_per_second_spread"], one["p99_ms_at_half_load_spread"]
        share, each = one["processor_share"], one["requests_per_processor_second"]
        busy = "" if share is None else f"{share:11.0%}{each:12,.0f}"
        print(f"{WORDS[name]:42s}{one['requests_per_second']:11,.1f}{f'{spread[0]:,.0f} - {spread[1]:,.0f}':>18s}"
              f"{one['p50_ms_at_half_load']:9.2f}{one['p99_ms_at_half_load']:9.2f}"
              f"{f'{p99[0]:,.1f} - {p99[1]:,.1f}':>18s}{busy}")  # fmt: skip
    print(f"{'the load generator itself, at most':42s}{found['client_ceiling']:11,.1f}\n")
    for name in RATIOS:
        if name in found:
            goal = f"   goal: at least {GOALS[name]:g}" if name in GOALS else ""
            by_processor = found.get(_by_processor(name))
            same = "" if by_processor is None else f"   {by_processor:9.2f} by processor time"
            print(f"{name:36s}{found[name]:9.2f}{same}{goal}")
    if "p99_ms_at_half_load" in found:
        print(f"{'p99_ms_at_half_load':36s}{found['p99_ms_at_half_load']:9.2f}   goal: at most 10")
    before, after = found["load_average_before_and_after"]
    print(f"waits at half of each one's own throughput; load of the machine {before} before, {after} after")


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=CONNECTIONS, help="that ask without a pause")
    parser.add_argument("--only", default=",".join(SERVICES), help="services, with commas between them")
    parser.add_argument("--leads", type=int, default=4000, help="size of the simulated company")
    parser.add_argument("--requests", type=int, default=400, help="different leads that are asked about")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="keep what is made ready there, and use it again next time")
    asked = parser.parse_args()
    named = asked.only.split(",")
    if unknown := sorted(set(named) - set(SERVICES)):
        parser.error(f"--only: there is no {', '.join(unknown)}; there are {', '.join(SERVICES)}")
    if asked.seconds <= 0 or asked.rounds < 1 or asked.connections < 1:
        parser.error("--seconds, --rounds and --connections must be positive")
    asked.only = [name for name in SERVICES if name in named]
    return asked


def main() -> None:
    asked = read_arguments()
    with ends_on_signals(), kept_or_scratch(asked.folder) as folder:
        tell("making ready what is served")
        company = {"leads": asked.leads, "requests": asked.requests, "seed": asked.seed}
        facts = prepared(folder, **company, mlflow=asked.folder is not None or "mlflow" in asked.only)
        before = os.getloadavg()[0]
        size = {"seconds": asked.seconds, "rounds": asked.rounds, "connections": asked.connections}
        figures, ceiling = measure(folder, asked.only, tell=tell, **size)
    found = result(facts, figures, ceiling, (before, os.getloadavg()[0]), asked)
    show(found)
    if asked.json:
        print(json.dumps(found))


if __name__ == "__main__":
    ends_in_words(main)
