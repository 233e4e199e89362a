"""Who is compared, each on one part of a data set: our candidates, scikit-learn, FLAML, and Odoo's lead scoring.

All see the same columns with level codes for categories and NaN for missing numbers, and learn with the same weights.
scikit-learn's two search a short list of settings on the same inner folds as ours, until their seconds are used up;
FLAML searches by itself, validating on the latest inner fold. All are mapped by the same affine recalibration.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from benchmarks.quality_data import ROOT, Part
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from leadlight.training.backtest import odoo
from leadlight.training.backtest import rival as backtest_odoo
from leadlight.training.backtest.methods import Said, pooled, recalibrate
from leadlight.training.backtest.periods import Period
from leadlight.training.candidates import CrossFitted
from leadlight.training.contest import compete

PEERS_PYTHON: Final = ROOT / "build" / "peers" / "bin" / "python"
HIST, LINEAR, FLAML = "HistGradientBoosting", "LogisticRegression", "FLAML"
SEARCH_SHARE: Final = 0.7
"""Share of the seconds that goes into searching; the rest is for the last fit on everything."""

HIST_SETTINGS: Final = [
    {},
    {"learning_rate": 0.05, "max_leaf_nodes": 15},
    {"learning_rate": 0.05, "max_leaf_nodes": 7, "l2_regularization": 10.0},
    {"learning_rate": 0.03, "max_leaf_nodes": 15, "l2_regularization": 10.0},
    {"learning_rate": 0.1, "max_leaf_nodes": 7, "min_samples_leaf": 100},
    {"learning_rate": 0.03, "max_leaf_nodes": 31, "max_iter": 200},
    {"learning_rate": 0.05, "max_leaf_nodes": 31, "min_samples_leaf": 100, "max_iter": 200},
    {"learning_rate": 0.02, "max_leaf_nodes": 7, "max_iter": 300},
]
LINEAR_SETTINGS: Final = [{"C": c} for c in (1.0, 0.1, 0.01, 10.0, 0.001, 100.0)]


@dataclass(frozen=True)
class Told:
    """What a method says of a part's test rows, and what that took, features included."""

    said: Said
    seconds: float
    note: str = ""


class Refused(Exception):
    """A method can't take part; the message says why."""


Method = Callable[[Part, float], Told]


def ours(part: Part) -> dict[str, Told]:
    """Let the candidates compete as a training run does, and ask each; the seconds are those of the whole contest."""
    began = time.perf_counter()
    contest = compete(part.lesson, part.learn, part.folds, seed=0)
    found: dict[str, Told] = {}
    for kind, ranker in contest.rankers.items():
        raw = ranker.raw(part.at.matrix[part.test_rows])
        setting = ", ".join(f"{name} {value:g}" for name, value in contest.params[kind].items())
        found[kind] = Told(Said(raw, contest.fitted[kind].line(raw)), 0.0, setting)
    seconds = part.seconds + time.perf_counter() - began
    found = {name: replace(told, seconds=seconds) for name, told in found.items()}
    chosen = contest.choice.kind
    return {**found, "leadlight (chosen)": replace(found[chosen], note=chosen)}


def hist(part: Part, seconds: float) -> Told:
    """scikit-learn's histogram boosting: native categories and missing values."""
    categories = part.categories

    def make(setting: dict[str, Any]) -> Any:
        return HistGradientBoostingClassifier(
            categorical_features=categories, early_stopping=False, random_state=0, **setting
        )

    return _searched(part, seconds, make, HIST_SETTINGS, "sample_weight")


def linear(part: Part, seconds: float) -> Told:
    """scikit-learn's logistic regression: one-hot categories, numbers standardised, an indicator where missing."""
    words = [i for i, category in enumerate(part.categories) if category]
    numbers = [i for i, category in enumerate(part.categories) if not category]

    def make(setting: dict[str, Any]) -> Any:
        scaled = make_pipeline(SimpleImputer(add_indicator=True, keep_empty_features=True), StandardScaler())
        columns = ColumnTransformer(
            [("words", OneHotEncoder(handle_unknown="ignore"), words), ("numbers", scaled, numbers)]
        )
        return make_pipeline(columns, LogisticRegression(max_iter=300, tol=1e-3, **setting))

    return _searched(part, seconds, make, LINEAR_SETTINGS, "logisticregression__sample_weight")


def _searched(
    part: Part, seconds: float, make: Callable[[dict[str, Any]], Any], settings: list[dict[str, Any]], weigh: str
) -> Told:
    """Search the settings on the inner folds while there is time, then fit the best on everything."""
    began = time.perf_counter()
    matrix, lesson = part.lesson.matrix[:, part.inputs], part.lesson
    best: tuple[float, dict[str, Any], CrossFitted] | None = None
    tried = 0
    for setting in settings:
        spent = part.seconds + time.perf_counter() - began
        if best is not None and spent * (tried + 1) / tried > SEARCH_SHARE * seconds:
            break
        predictions = _cross_fitted(part, matrix, partial(_fit, make, setting, weigh))
        loss = float(np.mean(_losses(predictions.raw, lesson.converted[predictions.rows]))) if part.folds else 0.0
        best = min(best or (np.inf, {}, predictions), (loss, setting, predictions), key=lambda found: found[0])
        tried += 1
    assert best is not None
    model = _fit(make, best[1], weigh, matrix, lesson.converted, lesson.weight)
    said = recalibrate(best[2], part.learn, _raw(model, matrix), _raw(model, _test_matrix(part)))
    return Told(
        said,
        part.seconds + time.perf_counter() - began,
        f"{tried} of {len(settings)} settings tried: {best[1] or 'default'}",
    )


def _fit(
    make: Callable[[dict[str, Any]], Any], setting: dict[str, Any], weigh: str, matrix: Any, converted: Any, weight: Any
) -> Any:
    # Its binning fails on a column without a single number; nothing can be split there either way.
    filled = np.where(np.isnan(matrix).all(axis=0), 0.0, matrix)
    return make(setting).fit(filled, converted, **{weigh: weight})


def _cross_fitted(part: Part, matrix: NDArray[np.float64], fit: Callable[..., Any]) -> CrossFitted:
    lesson, raw = part.lesson, []
    for fold in part.folds:
        taught = lesson.take(fold.learn)
        raw.append(_raw(fit(matrix[fold.learn], taught.converted, taught.weight), matrix[fold.validate]))
    return pooled(part.folds, raw)


def _test_matrix(part: Part) -> NDArray[np.float64]:
    return part.at.matrix[part.test_rows][:, part.inputs]


def _raw(model: Any, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    return log_odds(model.predict_proba(matrix)[:, 1])


def log_odds(p: NDArray[np.float64]) -> NDArray[np.float64]:
    p = np.clip(p, 1e-7, 1 - 1e-7)
    return np.asarray(np.log(p) - np.log1p(-p))


def _losses(raw: NDArray[np.float64], converted: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.logaddexp(0.0, raw) - converted * raw


def flaml(part: Part, seconds: float) -> Told:
    """FLAML, in an interpreter of its own; it validates on the latest inner fold, which lies after the embargo."""
    if not PEERS_PYTHON.exists():
        raise Refused("not installed: make peers")
    if not part.folds:
        raise Refused("no inner fold to validate on")
    fold, matrix = part.folds[-1], part.lesson.matrix[:, part.inputs]
    early, everything = part.lesson.take(fold.learn), part.lesson
    given = {
        "fit": matrix[fold.learn], "fit_y": early.converted, "fit_w": early.weight,
        "val": matrix[fold.validate], "val_y": everything.converted[fold.validate],
        "all": matrix, "all_y": everything.converted, "all_w": everything.weight,
        "test": _test_matrix(part), "categories": np.array(part.categories),
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "given.npz", **given)
        budget = max(SEARCH_SHARE * (seconds - part.seconds), 5.0)
        program = [str(PEERS_PYTHON), str(Path(__file__).with_name("quality_flaml.py")), folder, str(budget)]
        done = subprocess.run(program, capture_output=True, text=True, timeout=20 * seconds + 300, check=False)
        try:
            answer = json.loads(done.stdout.splitlines()[-1])
        except (ValueError, IndexError):
            raise Refused(f"gave no answer: {done.stderr.strip()[-200:]}") from None
        if "refused" in answer:
            raise Refused(str(answer["refused"]))
        found = np.load(Path(folder) / "found.npz")
        raw = {name: log_odds(found[name]) for name in ("val", "all", "test")}
    ahead = CrossFitted(fold.validate, np.full(len(fold.validate), fold.block), raw["val"])
    said = recalibrate(ahead, part.learn, raw["all"], raw["test"])
    return Told(said, part.seconds + float(answer["seconds"]), f"{answer['version']}: {answer['best']}")


def odoo_with_effort(part: Part, _seconds: float, *, own_label: bool) -> Told:
    """Odoo's naive Bayes over all fields, numbers in ranges, unset a value; it searches nothing.

    Its own label takes every lead of the learning accounts that was closed by the cut-off day.
    """
    began = time.perf_counter()
    flat = part.history.is_flat
    if flat and not own_label:
        raise Refused("a flat export has one label")
    period = Period("", part.cut, part.learn, len(part.learn), part.gap, part.test, flat)
    order = np.r_[np.flatnonzero(part.learn_rows), np.flatnonzero(part.test_rows)]
    sheet = backtest_odoo.sheet(part.history, part.agreement, replace(part.at, matrix=part.at.matrix[order]), period)
    mine = ~np.isin(sheet.closed_owner, part.test.owner)
    parts = {name: getattr(sheet, name)[mine] for name in ("closed", "known", "won", "closed_owner")}
    sheet = replace(sheet, **parts)
    way = next(w for w in backtest_odoo.WAYS if w.name == ("odoo" if own_label else "odoo_our_label"))
    counted = sheet.counted(way, part.learn)
    fields = sheet.fields(way, counted[0])
    if not fields:
        raise Refused("no attribute to count")
    model = odoo.fit(fields, *counted)
    ahead = []
    for fold in part.folds:
        fitted = odoo.fit(fields, *sheet.counted_in(way, part.learn, fold))
        ahead.append(fitted.log_odds(fields, sheet.learn[fold.validate]))
    said = recalibrate(
        pooled(part.folds, ahead), part.learn, model.log_odds(fields, sheet.learn), model.log_odds(fields, sheet.asked)
    )
    return Told(
        said, part.seconds + time.perf_counter() - began, f"{len(fields)} fields, {len(counted[0]):,} rows counted"
    )


PEERS: Final[dict[str, Method]] = {
    HIST: hist,
    LINEAR: linear,
    FLAML: flaml,
    "Odoo with effort": partial(odoo_with_effort, own_label=True),
    "Odoo with effort, our label": partial(odoo_with_effort, own_label=False),
}
