"""How long exact reasons take, and how exact they are, beside LightGBM, shap and peers in the same run.

    python -m benchmarks.explain [--json] [--models NAME ...] [--rounds 7] [--rows 20000] [--no-peers] [--quick]

Contenders take turns; figures are medians over rounds, and ratios are taken within a round. LightGBM is
asked for one thread (or two) in so many words: left alone, it takes what it likes. A data set that is not there and
peers that are not installed are named, not passed over.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import warnings
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from benchmarks.explain import models, peers, tables
from benchmarks.explain.goals import GOALS
from benchmarks.explain.measure import Plan, measure

VERSIONS_OF: Final = ("lightgbm", "shap", "numba", "numpy")


def main() -> None:
    asked = arguments()
    warnings.simplefilter("ignore")  # shap warns at each call that its answers for LightGBM have another form now
    plan = Plan.quick() if asked.quick else Plan()
    plan = replace(plan, rounds=asked.rounds or plan.rounds, rows=asked.rows or plan.rows)
    before = os.getloadavg()[0]
    with_peers = not asked.no_peers and peers.PYTHON.is_file()
    found = [
        measure(model, plan, with_peers=with_peers, say=lambda words: print(words, file=sys.stderr))
        for model in models.chosen(asked.models, quick=asked.quick)
    ]
    without_peers = "left out" if asked.no_peers else None if with_peers else peers.NOT_HERE
    result = summary(found, plan, without_peers) | machine(before)
    show(found, result)
    if asked.json:
        print(json.dumps(result))


def show(found: Sequence[dict[str, Any]], result: dict[str, Any]) -> None:
    print(*tables.lines(found), sep="\n")
    print(f"goals, on {result['headline_model']}; errors on all")
    for key, goal in GOALS.items():
        print(f"  {key:34s} {goal.show(result[key]):>8s}   {goal.verdict(result[key]).strip('*')}")
    for name in result["not_here"]:
        print(f"not measured: ../shared/data/{name} is not here (see examples/README.md)")
    if result["peers_left_out"]:
        print(f"peers {result['peers_left_out']}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")
    parser.add_argument("--models", nargs="*", default=[], metavar="NAME", help=", ".join(models.names()))
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--rows", type=int, default=0, help="rows of a batch")
    parser.add_argument("--no-peers", action="store_true", help="without shapiq and woodelf-explainer")
    parser.add_argument("--quick", action="store_true", help="one tiny model in a second: does everything work?")
    asked = parser.parse_args()
    if unknown := [name for name in asked.models if name not in (*models.names(), models.TINY)]:
        parser.error(f"--models: there is no {', '.join(unknown)}; there are {', '.join(models.names())}")
    if asked.rounds < 0 or asked.rows < 0:
        parser.error("--rounds and --rows must be positive")
    return asked


def summary(found: Sequence[dict[str, Any]], plan: Plan, without_peers: str | None) -> dict[str, Any]:
    """Return what ``--json`` prints: the headline model's ratios, the worst error of all, and each model's figures."""
    by_name = {figures["model"]: figures for figures in found}
    head = by_name.get(models.HEADLINE, found[0])
    ratios = {name: spread["median"] for name, spread in head["ratios"].items()}
    return {
        "benchmark": "explain",
        "rounds": plan.rounds,
        "rows": plan.rows,
        "headline_model": head["model"],
        "single_row_ratio_vs_shap": ratios["single_row_vs_shap"],
        "single_row_between_ratio_vs_shap": ratios["single_row_between_vs_shap"],
        "single_row_cold_ratio_vs_shap": ratios["single_row_cold_vs_shap"],
        "batch_ratio_vs_lightgbm": ratios["batch_float64"],
        "batch_ratio_vs_lightgbm_float32": ratios["batch_float32"],
        "raw_ratio_vs_predict": ratios["raw_vs_predict"],
        "second_thread_gain": ratios["second_thread_float64"],
        "max_abs_error": max(figures["exactness"]["max_abs_error"] for figures in found),
        "max_abs_error_float32": max(figures["exactness"]["max_abs_error_float32"] for figures in found),
        "raw_is_bit_identical": all(figures["exactness"]["raw_is_bit_identical"] for figures in found),
        "not_here": models.absent(),
        "peers_left_out": without_peers,
        "models": by_name,
    }


def machine(load_before: float) -> dict[str, Any]:
    """Return what the figures hold for: processor, versions, and how busy the machine was with other things."""
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.exists() else []
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "cores": os.cpu_count(),
        "machine": {
            "processor": named[0] if named else platform.machine(),
            "versions": {"Python": platform.python_version(), **{name: version(name) for name in VERSIONS_OF}},
            "compiled_for": os.environ.get("NUMBA_CPU_NAME", "the processor as it is"),
            "load_average_before_and_after": [round(load_before, 2), round(os.getloadavg()[0], 2)],
        },
    }


if __name__ == "__main__":
    main()
