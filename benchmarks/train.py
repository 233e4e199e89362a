"""A full training run without tuning, against LightGBM alone on the ready matrix plus the feature build.

    python -m benchmarks.train [--leads 100000] [--seed 1] [--json] [--profile]

A simulated company is written and read back; 100,000 leads have about 2,000,000 activities and, weekly and thinned,
500,000 moments. `train` does everything but registering: moments, split, features twice, three candidates on inner
folds, the look at the test part, the refit with calibration, evidence and reference. Against it stand the features of
all mature moments, built once, and one LightGBM fit on them with the settings and the number of trees that the run
ended with. Seconds are printed, never judged; the last line is one JSON object. Goals: 3 times, 8 GiB.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
from threadpoolctl import threadpool_limits

from leadlight.agreement.terms import Agreement, parse
from leadlight.core.clock import to_micros
from leadlight.core.history import History
from leadlight.core.source import read_history
from leadlight.training import candidates
from leadlight.training.features_at import FeaturesAt
from leadlight.training.moments import by_lead_id, draw_dated
from leadlight.training.refit import lesson_of
from leadlight.training.run import Trained, train

GOAL_RATIO, GOAL_GIB = 3.0, 8.0
_WRITE = """
import sys
from pathlib import Path
from leadlight.training.simulate import simulate, write
write(simulate(leads=int(sys.argv[1]), seed=int(sys.argv[2])), Path(sys.argv[3]))
"""


def company(leads: int, seed: int, folder: Path) -> tuple[History, Agreement]:
    """Simulate in a process of its own, so that its memory does not count here."""
    subprocess.run([sys.executable, "-c", _WRITE, str(leads), str(seed), str(folder)], check=True)
    history = read_history(folder, now=datetime(2026, 11, 23, tzinfo=UTC))
    return history, parse((folder / "agreement.toml").read_text(encoding="utf-8"))


def warmed(folder: Path) -> None:
    """Compile or load the loops on a small company, so that no compiling is timed."""
    with tempfile.TemporaryDirectory(dir=folder) as small:
        train(*company(300, 1, Path(small)))


def bare(history: History, agreement: Agreement, trained: Trained) -> dict[str, Any]:
    """Time the feature build and LightGBM alone."""
    history = by_lead_id(history)
    assert history.ended_at is not None
    day = to_micros(history.ended_at.to_pydatetime()) + 1
    drawn = draw_dated(history, goal_stage=agreement.stage, within_days=agreement.within_days, as_of=day)
    mature = drawn.moments.take(drawn.moments.mature)
    began = time.perf_counter()
    at = FeaturesAt.drawn_up(history, agreement, mature, np.ones(len(mature), bool), day)
    built = time.perf_counter() - began
    lesson = lesson_of(agreement, at, at.matrix, mature)
    params = dict(trained.report.candidate("lightgbm").params)
    ours, settings = asked_of_lightgbm(lambda: candidates.fit("lightgbm", lesson, params))
    inputs, start = list(at.catalog.inputs), ours.offset
    ready = np.ascontiguousarray(lesson.taught[:, inputs])
    categories = [k for k, i in enumerate(inputs) if at.catalog.features[i].kind == "category"]
    first = None if start is None else start.raw(lesson.matrix)
    label, weight = lesson.converted.astype(float), lesson.weight
    began = time.perf_counter()
    data = lightgbm.Dataset(
        ready, label=label, weight=weight, init_score=first, categorical_feature=categories, params=settings
    )
    booster = lightgbm.train(settings, data, num_boost_round=int(params["trees"]))
    fitted = time.perf_counter() - began
    theirs = np.asarray(booster.predict(ready[:1000], raw_score=True))
    if first is not None:
        theirs = theirs + first[:1000]
    return {
        "feature_seconds": round(built, 2),
        "fit_seconds": round(fitted, 2),
        "trees": int(params["trees"]),
        "params": params,
        "mature_moments": len(mature),
        "inputs": len(inputs),
        "same_model": bool(np.allclose(theirs, ours.raw(lesson.taught[:1000]), atol=1e-9)),
    }


def asked_of_lightgbm(fit: Callable[[], Any]) -> tuple[Any, dict[str, Any]]:
    """Return what a fit gives, and the settings that LightGBM was called with."""
    calls: list[dict[str, Any]] = []
    original = lightgbm.train

    def recording(params: dict[str, Any], *rest: Any, **named: Any) -> Any:
        calls.append(dict(params))
        return original(params, *rest, **named)

    lightgbm.train = recording
    try:
        return fit(), calls[-1]
    finally:
        lightgbm.train = original


def peak_gib() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(round(peak / 2**30 if sys.platform == "darwin" else peak / 2**20, 2))


def profiled(history: History, agreement: Agreement, seed: int) -> Trained:
    """Train under the profiler and print where the time goes; what the folds' threads do is one wait here."""
    import cProfile
    import pstats

    profile = cProfile.Profile()
    trained = profile.runcall(train, history, agreement, seed=seed)
    pstats.Stats(profile, stream=sys.stderr).sort_stats("cumulative").print_stats(45)
    return trained


def measure(leads: int, seed: int, *, profile: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as place:
        warmed(Path(place))
        began = time.perf_counter()
        history, agreement = company(leads, seed, Path(place) / "company")
        read = time.perf_counter() - began
    began = time.perf_counter()
    trained = profiled(history, agreement, seed) if profile else train(history, agreement, seed=seed)
    seconds = time.perf_counter() - began
    peak = peak_gib()
    with threadpool_limits(1):  # as in training
        alone = bare(history, agreement, trained)
    return {
        "leads": len(history.leads),
        "activities": len(history.activities),
        "moments": trained.report.moments["moments"],
        "verdict": trained.verdict,
        "chosen": trained.report.choice.kind if trained.report.choice else None,
        "simulate_and_read_seconds": round(read, 2),
        "train_seconds": round(seconds, 2),
        "steps": dict(trained.report.seconds),
        "bare": alone,
        "ratio": round(seconds / (alone["feature_seconds"] + alone["fit_seconds"]), 2),
        "goal_ratio": GOAL_RATIO,
        "peak_gib": peak,
        "goal_gib": GOAL_GIB,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--leads", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--profile", action="store_true", help="say on standard error where the time goes")
    parser.add_argument("--json", action="store_true", help="only the last line")
    asked = parser.parse_args()
    found = measure(asked.leads, asked.seed, profile=asked.profile)
    if not asked.json:
        alone = found["bare"]
        print(f"{found['leads']:,} leads, {found['activities']:,} activities, {found['moments']:,} moments")
        for step, took in found["steps"].items():
            print(f"  {step:36}{took:9.2f} s")
        print(f"train, all of it                      {found['train_seconds']:9.2f} s")
        print(f"features of all mature moments, once  {alone['feature_seconds']:9.2f} s")
        print(f"LightGBM alone, {alone['trees']:3} trees             {alone['fit_seconds']:9.2f} s")
        print(f"ratio                                 {found['ratio']:9.2f}   goal: at most {GOAL_RATIO:g}")
        print(f"peak memory                           {found['peak_gib']:9.2f} GiB goal: at most {GOAL_GIB:g}")
    print(json.dumps({"benchmark": "train", **found}))


if __name__ == "__main__":
    main()
