"""The candidates, simplest first: hand-picked points, logistic regression, boosted trees.

A candidate is chosen and its one free setting is found on inner folds; `fit` then makes a ranker from any moments and
labels.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np

from leadlight.core.artifact import Kind
from leadlight.core.contributions import Additive, Boosted
from leadlight.training import boosting, logistic
from leadlight.training.judging import Judge, validated
from leadlight.training.lesson import SIMPLEST_FIRST, Lesson

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.training.splits import Fold

    Tried = tuple[dict[str, float], NDArray[np.float64]]

__all__ = ["SIMPLEST_FIRST", "CrossFitted", "Lesson", "cross_fit", "fit", "grow", "tune"]

Item = TypeVar("Item")
Result = TypeVar("Result")

_SETTING: Final = {"logistic": "strength", "lightgbm": "trees"}
_DEFAULTS: Final[Mapping[str, float]] = {"strength": 0.1, "trees": 60, "lean": 0.0}
_PATIENCE: Final = 2


@dataclass(frozen=True)
class CrossFitted:
    """A candidate's predictions for moments later than what it had learned from.

    Attributes
    ----------
    rows : ndarray of int64
        Positions in the lesson that were validated on.
    block : ndarray of int64
        Stretch of time of each.
    raw : ndarray of float64
        Raw log-odds.
    """

    rows: NDArray[np.int64]
    block: NDArray[np.int64]
    raw: NDArray[np.float64]


def fit(kind: Kind, lesson: Lesson, params: Mapping[str, float] | None = None, *, seed: int = 0) -> Additive | Boosted:
    """Fit a candidate.

    Parameters
    ----------
    kind : {"scorecard", "logistic", "lightgbm"}
    lesson : Lesson
        Both outcomes occur.
    params : mapping, optional
        ``{"strength": ..., "lean": ...}`` or ``{"trees": ..., "lean": ..., ...}``, as `tune` or
        `leadlight.training.search` chose them.
    """
    params = {**_DEFAULTS, **(params or {})}
    if kind == "scorecard":
        return lesson.scorecard
    given = (lesson.catalog, lesson.taught, lesson.converted, lesson.weight)
    if kind == "logistic":
        return logistic.fit(*given, strength=params["strength"], start=lesson.start(params["lean"]))
    return boosting.fit(*given, params, start=lesson.start(params["lean"]), seed=seed)


def tune(
    kind: Kind, lesson: Lesson, folds: Sequence[Fold], *, seed: int = 0
) -> tuple[dict[str, float], CrossFitted, dict[str, float]]:
    """Choose a candidate's setting on forward folds.

    Returns
    -------
    params : dict
        The chosen setting; empty for the scorecard.
    predictions : CrossFitted
        With that setting.
    losses : dict of str to float
        Log loss by setting, each block calibrated on itself: what is chosen is the ranking; level and spread are
        calibration's.
    """
    if kind == "scorecard" or not folds:
        name = _SETTING.get(kind)
        params = {} if name is None else {name: _DEFAULTS[name], "lean": lesson.leans[-1]}
        return params, cross_fit(kind, lesson, folds, params, seed=seed), {}
    judge = Judge.of(lesson, folds)
    if kind == "logistic":
        tried = _paths(lesson, folds)
    else:
        given: list[dict[str, float]] = [{"lean": lean} for lean in lesson.leans]
        tried = [step for params in given for step in grow(lesson, folds, judge, params, seed=seed)]
    losses = [judge.loss(raw) for _, raw in tried]
    best = int(np.argmin(losses))
    named = {_named(setting): loss for (setting, _), loss in zip(tried, losses, strict=True)}
    return tried[best][0], CrossFitted(judge.rows, judge.block, tried[best][1]), named


def grow(lesson: Lesson, folds: Sequence[Fold], judge: Judge, params: Mapping[str, float], *, seed: int) -> list[Tried]:
    """Grow trees on all folds side by side, until more of them have not helped on later moments twice.

    Returns
    -------
    list of (setting, raw)
        By rising number of trees; ``raw`` as in `CrossFitted`.
    """
    tried: list[Tried] = []
    best, since = np.inf, 0
    with ExitStack() as stack:
        # A thread for each fold: LightGBM's verbosity belongs to the thread that set it.
        pools = [stack.enter_context(ThreadPoolExecutor(1)) for _ in folds]
        begun = [pool.submit(_growing, lesson, fold, params, seed) for pool, fold in zip(pools, folds, strict=True)]
        growing = [future.result() for future in begun]
        for trees in boosting.TREES:
            asked = [pool.submit(fold.to, trees) for pool, fold in zip(pools, growing, strict=True)]
            raw = np.concatenate([future.result() for future in asked])
            tried.append(({"trees": float(trees), **params}, raw))
            loss = judge.loss(raw)
            best, since = (loss, 0) if loss < best else (best, since + 1)
            if since == _PATIENCE:
                break
    return tried


def _growing(lesson: Lesson, fold: Fold, params: Mapping[str, float], seed: int) -> boosting.Growing:
    own, validate = lesson.take(fold.learn), lesson.matrix[fold.validate]
    given = (own.catalog, own.taught, own.converted, own.weight, params)
    return boosting.Growing(*given, validate=validate, start=own.start(params["lean"]), seed=seed)


def _paths(lesson: Lesson, folds: Sequence[Fold]) -> list[Tried]:
    """Return every setting of logistic regression with what it says of later moments."""
    fewest = min(len(np.unique(lesson.lead[fold.learn])) for fold in folds)
    penalties = logistic.strengths(fewest)

    def path(fold: Fold) -> NDArray[np.float64]:
        own, validate = lesson.take(fold.learn), lesson.matrix[fold.validate]
        given = (own.catalog, own.taught, own.converted, own.weight, penalties)
        return np.stack(
            [r.raw(validate) for r in logistic.fit_path(*given, [own.start(lean) for lean in lesson.leans])]
        )

    pooled = np.concatenate(_side_by_side(path, folds), axis=1)
    grid = [{"strength": strength, "lean": lean} for lean in lesson.leans for strength in penalties]
    return list(zip(grid, pooled, strict=True))


def _named(setting: Mapping[str, float]) -> str:
    """Spell a setting for reports: ``strength 32, lean 0.5``."""
    return ", ".join(f"{name} {value:g}" for name, value in setting.items())


def cross_fit(
    kind: Kind, lesson: Lesson, folds: Sequence[Fold], params: Mapping[str, float], *, seed: int = 0
) -> CrossFitted:
    """Predict every fold's later moments from its earlier ones, with settings already chosen."""
    scores = _side_by_side(
        lambda f: fit(kind, lesson.take(f.learn), params, seed=seed).raw(lesson.matrix[f.validate]), folds
    )
    rows, block = validated(folds)
    return CrossFitted(rows, block, np.concatenate(scores) if scores else np.empty(0))


def _side_by_side(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Work the folds on all cores; each on its own, so that the order of finishing changes nothing."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(work, items))
