"""Our candidates beside their peers, on every real data set and a simulated company: how good, and in how many seconds.

    python -m benchmarks.quality [--seconds 60] [--only NAME ...] [--leads 4000] [--seed 1] [--json]

The same rows, columns, weights and inner folds for everybody, on one core; the test rows are later ones of other
accounts, as training splits them, and scored once. Every method may use so many seconds, features included: ours take
what their grid takes, scikit-learn's and FLAML search until then. Intervals: 1,000 draws of accounts, the same for all.
Seconds are printed, never judged. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from benchmarks.quality_data import REAL, SIMULATED, Case, cases
from benchmarks.quality_peers import PEERS, Refused, Told, ours
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from leadlight.training.backtest.figures import figure
from leadlight.training.backtest.methods import Said
from leadlight.training.bootstrap import Accounts, areas, rank_measures
from leadlight.training.metrics import measure_chances
from leadlight.training.moments import Moments

HEAD = (
    "method",
    "AUC",
    "(95 %)",
    "less ours (95 %)",
    "avg.prec.",
    "log loss raw",
    "recalib.",
    "cal.error",
    "recalib.",
    "seconds",
    "",
)


def measured(told: Mapping[str, list[Told]], case: Case) -> dict[str, dict[str, Any]]:
    """Measure all methods on the same rows and in the same draws; differences are to what Leadlight chose."""
    test, found, area = case.test, {}, {}
    accounts = Accounts.draw(test.owner, 0)
    block = np.repeat(np.arange(len(case.parts)), [len(part.test) for part in case.parts])
    for name, parts in told.items():
        said = Said(
            np.concatenate([one.said.raw for one in parts]), np.concatenate([one.said.recalibrated for one in parts])
        )
        area[name] = _area(said.raw, test, accounts, block)
        raw, mended = (measure_chances(x, test.converted, accounts).figures for x in (said.raw, said.recalibrated))
        found[name] = {
            "auc": figure(area[name]),
            "average_precision": figure(rank_measures(said.raw, test.converted, accounts)[:, 1]),
            "log_loss": raw["log_loss"].value,
            "log_loss_recalibrated": mended["log_loss"].value,
            "calibration_error": raw["calibration_error"].value,
            "calibration_error_recalibrated": mended["calibration_error"].value,
            "seconds": round(sum(one.seconds for one in parts), 2),
            "note": parts[-1].note,
        }
    for name, mine in found.items():
        mine["auc_less_ours"] = figure(area[name] - area["leadlight (chosen)"])
    return found


def _area(raw: NDArray[np.float64], test: Moments, accounts: Accounts, block: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the area; where there are five parts, pairs are compared within a part: levels differ between models."""
    return areas(raw, test.converted, accounts, block=block)


def asked(case: Case, seconds: float) -> tuple[dict[str, list[Told]], dict[str, str]]:
    """Ask everybody about every part; who can't take part says why."""
    told: dict[str, list[Told]] = {}
    refused: dict[str, str] = {}
    for part in case.parts:
        for name, one in ours(part).items():
            told.setdefault(name, []).append(one)
        for name, method in PEERS.items():
            if name in refused:
                continue
            try:
                told.setdefault(name, []).append(method(part, seconds / len(case.parts)))
            except Refused as why:
                refused[name] = str(why)
    return {name: parts for name, parts in told.items() if name not in refused}, refused


def show(case: Case, found: Mapping[str, Mapping[str, Any]], refused: Mapping[str, str]) -> None:
    facts = case.facts()
    print(
        f"\n{case.name}: {facts['learn_moments']:,} moments teach, {facts['test_moments']:,} measure "
        f"({facts['test_conversions']:,} converted leads, base rate {facts['base_rate']:.3f}), "
        f"{facts['inputs']} inputs; {case.way}"
    )
    print(f"{HEAD[0]:28}{HEAD[1]:>7} {HEAD[2]:>13} {HEAD[3]:>23}" + "".join(f"{words:>13}" for words in HEAD[4:10]))
    for name, one in found.items():
        auc, gain = one["auc"], one["auc_less_ours"]
        figures = [one["average_precision"]["value"], one["log_loss"], one["log_loss_recalibrated"]]
        figures += [one["calibration_error"], one["calibration_error_recalibrated"]]
        row = f"{name:28}{auc['value']:7.3f} {auc['low']:7.3f}-{auc['high']:.3f} "
        row += f"{gain['value']:+8.3f} {gain['low']:+.3f}..{gain['high']:+.3f}"
        print(row + "".join(f"{x:13.3f}" for x in figures) + f"{one['seconds']:13.1f}  {one['note']}")
    for name, why in refused.items():
        print(f"{name:28}{why}")


def one_core() -> bool:
    """Keep this process and its children on one core, so that seconds are the same for who uses threads."""
    if not hasattr(os, "sched_setaffinity"):
        return False
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="for each method and data set, features included")
    parser.add_argument("--only", nargs="*", default=[], choices=[*REAL, SIMULATED], metavar="NAME")
    parser.add_argument("--leads", type=int, default=4_000, help="of the simulated company")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="only the last line")
    given = parser.parse_args()
    pinned = one_core()
    began = time.perf_counter()
    data: dict[str, Any] = {}
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a peer that did not converge in its seconds says so; the figures show it
        for case in cases(given.only, given.leads, given.seed):
            if isinstance(case, str):
                print(case, file=sys.stderr)
                continue
            told, refused = asked(case, given.seconds)
            found = measured(told, case)
            data[case.name] = {**case.facts(), "methods": found, "refused": refused}
            if not given.json:
                show(case, found, refused)
    told_whole = {"benchmark": "quality", "seconds_each": given.seconds, "one_core": pinned, "data": data}
    print(json.dumps({**told_whole, "total_seconds": round(time.perf_counter() - began, 1)}))


if __name__ == "__main__":
    main()
