"""Times other explainers of the same model, in an interpreter of its own: run by ``benchmarks.explain``, not by hand.

    python benchmarks/peers.py FOLDER

FOLDER holds ``model.txt`` (LightGBM's text) and ``rows.npy``. It answers one JSON object a line on standard output:
first who is here, ``{"shapiq": {"version": ...}, ...}``, then to each line asked on standard input:

    {"do": "one", "calls": 20, "seconds": 1.0}     microseconds of each call with one row, another row each call
    {"do": "batch", "rows": {"shapiq": 500, ...}}  microseconds a row
    {"do": "shares", "rows": 200}                  writes NAME.npy, shape (rows, n_features), to compare

A peer that can't explain the model answers ``{"refused": "its own words"}``; one whose call took longer than two
seconds is not asked the same again, and answers ``{"slow": true}``. The interpreter has the packages of
``benchmarks/peers.lock`` (``make peers``); shapiq needs Python 3.12, so this file imports nothing of Leadlight.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd


class Shapiq:
    """Quadrature-TreeSHAP in C++, the default of shapiq since 1.7."""

    package = "shapiq"

    def __init__(self, booster: lightgbm.Booster) -> None:
        import shapiq

        self._explainer = shapiq.TreeExplainer(booster, max_order=1, index="SV")
        self._features = booster.num_feature()

    def one(self, row: np.ndarray) -> Any:
        return self._explainer.explain(row[0])

    def batch(self, rows: np.ndarray) -> Any:
        return self._explainer.explain_X(rows, n_jobs=1)

    def shares(self, rows: np.ndarray) -> np.ndarray:
        found = np.zeros((len(rows), self._features))
        for i, row in enumerate(rows):
            values = self._explainer.explain(row)
            for (feature,), at in ((key, at) for key, at in values.interaction_lookup.items() if key):
                found[i, feature] = values.values[at]
        return found


class Woodelf:
    """WOODELF, whose cost is by tree, so that it needs many rows."""

    package = "woodelf-explainer"

    def __init__(self, booster: lightgbm.Booster) -> None:
        import woodelf

        self._explainer = woodelf.WoodelfExplainer(booster)
        self._names = booster.feature_name()

    def one(self, row: np.ndarray) -> Any:
        return self.batch(row)

    def batch(self, rows: np.ndarray) -> Any:
        return self._explainer.shap_values(pd.DataFrame(rows, columns=self._names), verbose=False)

    def shares(self, rows: np.ndarray) -> np.ndarray:
        return np.asarray(self.batch(rows))


SLOW_S = 2.0
PEERS: dict[str, Any] = {"shapiq": Shapiq, "woodelf": Woodelf}


class Desk:
    """Keeps the peers of one model and answers what is asked of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows = np.load(folder / "rows.npy")
        self.refused: dict[str, str] = {}
        self.peers: dict[str, Any] = {}
        self._turn = 0
        self._slow: set[tuple[str, str]] = set()
        for name in PEERS:
            self._tried(name, self._seat)

    def _seat(self, name: str) -> None:
        peer = PEERS[name](lightgbm.Booster(model_file=str(self.folder / "model.txt")))
        peer.batch(self.rows[:2])  # warms up, and refuses what it can't do
        peer.one(self.rows[:1])
        self.peers[name] = peer

    def _tried(self, name: str, work: Callable[[str], Any]) -> Any:
        try:
            return work(name)
        except Exception as error:  # whatever a peer raises is its answer
            self.peers.pop(name, None)
            self.refused[name] = f"{type(error).__name__}: {error}"[:200]
            return {"refused": self.refused[name]}

    def who(self) -> dict[str, Any]:
        refused = {name: {"refused": words} for name, words in self.refused.items()}
        return {name: {"version": _version(make.package), **refused.get(name, {})} for name, make in PEERS.items()}

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        do = {"one": self._one, "batch": self._batch, "shares": self._shares}[asked["do"]]
        refused = {name: {"refused": words} for name, words in self.refused.items()}
        slow = {name: {"slow": True} for name in self.peers if (asked["do"], name) in self._slow}
        able = [name for name in self.peers if name not in slow]
        return refused | slow | {name: self._tried(name, partial(do, asked)) for name in able}

    def _one(self, asked: dict[str, Any], name: str) -> dict[str, Any]:
        times: list[float] = []
        end = time.perf_counter() + asked["seconds"]
        while len(times) < asked["calls"] and (not times or time.perf_counter() < end):
            at = (self._turn + len(times)) % len(self.rows)
            row = self.rows[at : at + 1]
            began = time.perf_counter()
            self.peers[name].one(row)
            times.append(self._since(began, "one", name))
        self._turn += len(times)
        return {"us": times}

    def _batch(self, asked: dict[str, Any], name: str) -> dict[str, Any]:
        rows = self.rows[: asked["rows"][name]]
        began = time.perf_counter()
        self.peers[name].batch(rows)
        return {"us": [self._since(began, "batch", name) / len(rows)], "rows": len(rows)}

    def _since(self, began: float, what: str, name: str) -> float:
        seconds = time.perf_counter() - began
        if seconds > SLOW_S:
            self._slow.add((what, name))
        return seconds * 1e6

    def _shares(self, asked: dict[str, Any], name: str) -> dict[str, Any]:
        np.save(self.folder / f"{name}.npy", self.peers[name].shares(self.rows[: asked["rows"]]))
        return {"file": f"{name}.npy"}


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def main() -> None:
    warnings.simplefilter("ignore")
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # peers print their progress; answers stay clean
    desk = Desk(Path(sys.argv[1]))
    print(json.dumps(desk.who()), file=answers)
    for line in sys.stdin:
        print(json.dumps(desk.answer(json.loads(line))), file=answers)


if __name__ == "__main__":
    main()
