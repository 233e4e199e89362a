"""FLAML on one matrix, in an interpreter of its own: run by ``benchmarks.quality``, not by hand.

    python benchmarks/quality_flaml.py FOLDER SECONDS

FOLDER holds ``given.npz``: rows to fit and to validate on (later ones, after an embargo), all learning rows, the test
rows, and which columns hold level codes. FLAML searches for SECONDS, choosing by log loss on the later rows; then the
best setting is fitted once more on all learning rows. It writes ``found.npz``, the chances of ``val`` (by the model of
the search), ``all`` and ``test``, and answers one JSON line. The interpreter has the packages of
``benchmarks/peers.lock`` (``make peers``), so this file imports nothing of Leadlight.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd


def table(matrix: np.ndarray, categories: np.ndarray) -> pd.DataFrame:
    """Return the matrix with its level codes as pandas categories, so that FLAML takes them natively."""
    columns: dict[str, Any] = {}
    for i, category in enumerate(categories):
        column = matrix[:, i]
        columns[f"c{i}"] = pd.Categorical(column.astype(int)) if category else column
    return pd.DataFrame(columns)


def search(given: dict[str, np.ndarray], seconds: float) -> tuple[dict[str, np.ndarray], str]:
    from flaml import AutoML

    frames = {name: table(given[name], given["categories"]) for name in ("fit", "val", "all", "test")}
    labels = {name: given[f"{name}_y"].astype(int) for name in ("fit", "val", "all")}
    settings: dict[str, Any] = {
        "task": "classification",
        "metric": "log_loss",
        "n_jobs": 1,
        "seed": 0,
        "verbose": 0,
        "log_file_name": "",
        "eval_method": "holdout",
    }
    searched = AutoML()
    searched.fit(
        frames["fit"], labels["fit"], sample_weight=given["fit_w"], X_val=frames["val"], y_val=labels["val"],
        time_budget=seconds, retrain_full=False, **settings,
    )  # fmt: skip
    best, config = searched.best_estimator, searched.best_config
    # One iteration from the best setting, in order of time, then fitted on all rows: FLAML's own way to refit.
    final = AutoML()
    final.fit(
        frames["all"], labels["all"], sample_weight=given["all_w"], time_budget=-1, max_iter=1, split_type="time",
        estimator_list=[best], starting_points={best: config}, retrain_full=True, **settings,
    )  # fmt: skip
    found = {"val": searched.predict_proba(frames["val"])[:, 1]}
    found |= {name: final.predict_proba(frames[name])[:, 1] for name in ("all", "test")}
    return found, f"{best} of {len(searched.best_config_per_estimator)} kinds of model"


def main() -> None:
    warnings.simplefilter("ignore")
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # FLAML prints; answers stay clean
    folder, seconds = Path(sys.argv[1]), float(sys.argv[2])
    try:
        version = importlib.metadata.version("flaml")
    except importlib.metadata.PackageNotFoundError:
        print(json.dumps({"refused": "FLAML is not installed: make peers"}), file=answers)
        return
    began = time.perf_counter()
    try:
        with np.load(folder / "given.npz") as file:
            found, best = search(dict(file), seconds)
    except Exception as error:  # whatever a peer raises is its answer
        print(json.dumps({"refused": f"FLAML {version}: {type(error).__name__}: {error}"[:300]}), file=answers)
        return
    np.savez(folder / "found.npz", **found)
    took = round(time.perf_counter() - began, 2)
    print(json.dumps({"version": f"FLAML {version}", "best": best, "seconds": took}), file=answers)


if __name__ == "__main__":
    main()
