"""The candidates, simplest first: hand-picked points, logistic regression, boosted trees.

A candidate is chosen and its one free setting is found on inner folds; `fit` then makes a ranker from any moments and
labels.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from leadlight.core.artifact import Kind
from leadlight.core.contributions import Additive, Boosted
from leadlight.training import boosting, logistic, points
from leadlight.training.calibration import ENOUGH_FOR_SLOPE, fit_line
from leadlight.training.moments import shared

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.core.catalog import Catalog
    from leadlight.training.splits import Fold

__all__ = ["SIMPLEST_FIRST", "CrossFitted", "Lesson", "cross_fit", "fit", "tune"]

SIMPLEST_FIRST: Final[tuple[Kind, ...]] = ("scorecard", "logistic", "lightgbm")

_SETTING: Final = {"logistic": "strength", "lightgbm": "trees"}
_DEFAULTS: Final[dict[str, float]] = {"strength": 32.0, "trees": 60}


@dataclass(frozen=True)
class Lesson:
    """Moments to learn from.

    Attributes
    ----------
    catalog : Catalog
    matrix : ndarray of shape (n_moments, n_features)
    converted : ndarray of shape (n_moments,), dtype bool
    lead : ndarray of shape (n_moments,), dtype int64
        Whose moment it is: moments of one lead share a weight.
    points : mapping of card column to float
        The hand-picked points; empty where there are none.
    account_hidden : ndarray of shape (n_moments,), dtype bool, optional
        Where the account is taken as not known while learning, so that a model learns what that means; never while
        predicting.
    """

    catalog: Catalog
    matrix: NDArray[np.float64] = field(repr=False)
    converted: NDArray[np.bool_] = field(repr=False)
    lead: NDArray[np.int64] = field(repr=False)
    points: Mapping[str, float] = field(default_factory=dict)
    account_hidden: NDArray[np.bool_] | None = field(default=None, repr=False)

    def take(self, rows: NDArray[Any]) -> Lesson:
        """Return the lesson of some of the moments."""
        hidden = None if self.account_hidden is None else self.account_hidden[rows]
        return Lesson(self.catalog, self.matrix[rows], self.converted[rows], self.lead[rows], self.points, hidden)

    @property
    def weight(self) -> NDArray[np.float64]:
        """Weights by which the moments of one lead share a total of 1, as far as the outcome leaves them.

        How many moments a lead has depends on how soon it converts, so equal totals alone would raise the base rate,
        and the more so the longer the history is. Both outcomes are therefore scaled back to their share among the
        moments.
        """
        weight = shared(self.lead)
        total = weight.sum()
        for outcome in (True, False):
            rows = self.converted == outcome
            if rows.any():
                weight[rows] *= total * rows.mean() / weight[rows].sum()
        return weight

    @property
    def taught(self) -> NDArray[np.float64]:
        """The matrix as it is learned from: account columns are NaN where the account is hidden."""
        columns = [i for i, f in enumerate(self.catalog.features) if f.primitive.startswith("account_")]
        if self.account_hidden is None or not columns or not self.account_hidden.any():
            return self.matrix
        matrix = self.matrix.copy()
        matrix[np.flatnonzero(self.account_hidden)[:, None], columns] = np.nan
        return matrix

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Candidates that can stand here; without hand-picked points there is no scorecard."""
        return SIMPLEST_FIRST if self.points else SIMPLEST_FIRST[1:]


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
        ``{"strength": ...}`` or ``{"trees": ...}``, as `tune` chose them.
    """
    params = params or _DEFAULTS
    given = (lesson.catalog, lesson.taught, lesson.converted, lesson.weight)
    if kind == "scorecard":
        return points.fit(lesson.catalog, lesson.points, lesson.matrix, lesson.converted, lesson.weight)
    if kind == "logistic":
        return logistic.fit(*given, strength=params["strength"])
    return boosting.fit(*given, trees=int(params["trees"]), seed=seed)


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
        params = {} if name is None else {name: _DEFAULTS[name]}
        return params, cross_fit(kind, lesson, folds, params, seed=seed), {}
    settings = logistic.STRENGTHS if kind == "logistic" else boosting.TREES
    by_fold = _side_by_side(lambda f: _paths(kind, lesson.take(f.learn), lesson.matrix[f.validate], seed), folds)
    pooled = np.concatenate(by_fold, axis=1)
    rows, block = _rows(folds)
    free = len(np.unique(lesson.lead[rows][lesson.converted[rows]])) >= ENOUGH_FOR_SLOPE
    losses = [_calibrated_loss(scores, lesson.converted[rows], block, free=free) for scores in pooled]
    best = int(np.argmin(losses))
    named = {f"{setting:g}": float(loss) for setting, loss in zip(settings, losses, strict=True)}
    return {_SETTING[kind]: float(settings[best])}, CrossFitted(rows, block, pooled[best]), named


def cross_fit(
    kind: Kind, lesson: Lesson, folds: Sequence[Fold], params: Mapping[str, float], *, seed: int = 0
) -> CrossFitted:
    """Predict every fold's later moments from its earlier ones, with settings already chosen."""
    scores = _side_by_side(
        lambda f: fit(kind, lesson.take(f.learn), params, seed=seed).raw(lesson.matrix[f.validate]), folds
    )
    rows, block = _rows(folds)
    return CrossFitted(rows, block, np.concatenate(scores) if scores else np.empty(0))


def _side_by_side(work: Callable[[Fold], NDArray[np.float64]], folds: Sequence[Fold]) -> list[NDArray[np.float64]]:
    """Work the folds on all cores; each on its own, so that the order of finishing changes nothing."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(work, folds))


def _rows(folds: Sequence[Fold]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    if not folds:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    rows = np.concatenate([fold.validate for fold in folds])
    return rows, np.concatenate([np.full(len(fold.validate), fold.block) for fold in folds])


def _paths(kind: Kind, lesson: Lesson, validate: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Return raw log-odds of later moments for every setting; shape (n_settings, n_validate)."""
    given = (lesson.catalog, lesson.taught, lesson.converted, lesson.weight)
    if kind == "lightgbm":
        return boosting.staged(*given, validate=validate, seed=seed)
    return np.stack([ranker.raw(validate) for ranker in logistic.fit_path(*given, strengths=logistic.STRENGTHS)])


def _calibrated_loss(
    scores: NDArray[np.float64], converted: NDArray[np.bool_], block: NDArray[np.int64], *, free: bool
) -> float:
    """Return log loss a moment after each block's scores were calibrated on itself, with slope 0 to 1 if free.

    What calibration will mend is not held against a setting: the level, and from enough conversions on too wide a
    spread, so that a block that turns the ranking round says nothing about settings. Too narrow a spread is held
    against it: a shrinkage that suits the little data of a fold weakens on more data, and a slope above 1 would not
    carry over.
    """
    total = 0.0
    for b in np.unique(block):
        own, won = scores[block == b], converted[block == b]
        slope = min(max(fit_line(own, won).slope, 0.0), 1.0) if free else 1.0
        mapped = fit_line(own, won, slope=slope)(own)
        total += float((np.logaddexp(0.0, mapped) - won * mapped).sum())
    return total / max(len(scores), 1)
