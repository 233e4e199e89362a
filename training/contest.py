"""The contest on the inner folds: every candidate tuned, calibrated on what it said there, and one of them chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from leadlight.training import candidates
from leadlight.training.bootstrap import Accounts, areas, interval
from leadlight.training.choice import GROWS_OUT_OF, choose
from leadlight.training.parts import Contest
from leadlight.training.refit import cross_fitted_calibration, first_validated
from leadlight.training.search import Budget, search

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from leadlight.core.artifact import Kind
    from leadlight.training.lesson import Lesson
    from leadlight.training.moments import Moments
    from leadlight.training.splits import Fold

__all__ = ["compete", "monotone_cost"]


def compete(
    lesson: Lesson,
    learn: Moments,
    folds: Sequence[Fold],
    *,
    seed: int,
    budget: Budget | None = None,
    settings: Mapping[Kind, Mapping[str, float]] | None = None,
) -> Contest:
    """Tune every candidate on the inner folds, calibrate it on what it said there, and choose.

    Parameters
    ----------
    lesson : Lesson
        What ``learn`` teaches.
    folds : sequence of Fold
        Forward folds of the lesson.
    budget : Budget, optional
        For a search of better settings of the trees; without one the usual ones are used.
    settings : mapping of candidate to mapping, optional
        As an earlier contest chose them; then nothing is tuned.
    """
    params: dict[Kind, Mapping[str, float]] = {}
    tuning: dict[Kind, dict[str, float]] = {}
    ahead, fitted, rankers, said = {}, {}, {}, {}
    searched: dict[str, Any] = {}
    for kind in lesson.kinds:
        if settings is not None:
            params[kind], tuning[kind] = settings[kind], {}
            said[kind] = candidates.cross_fit(kind, lesson, folds, settings[kind], seed=seed)
        else:
            params[kind], said[kind], tuning[kind] = candidates.tune(kind, lesson, folds, seed=seed)
        if kind == "lightgbm" and budget is not None and folds:
            found = search(lesson, folds, params[kind], said[kind], budget, seed=seed)
            params[kind], said[kind], searched = found.params, found.predictions, found.facts
        rankers[kind] = candidates.fit(kind, lesson, params[kind], seed=seed)
        fitted[kind] = cross_fitted_calibration(said[kind], learn, rankers[kind].raw(lesson.matrix), seed)
        if len(said[kind].rows):
            ahead[kind] = _areas(said[kind], learn, seed)
    wavering = [kind for kind, found in fitted.items() if found.evidence.contradicts_itself]
    growing = GROWS_OUT_OF if len(lesson.leans) > 1 else {}
    choice = choose(ahead, lesson.kinds, wavering=wavering, growing=growing)
    since = first_validated(said[choice.kind], learn)
    return Contest(lesson, list(folds), params, rankers, tuning, said, ahead, fitted, since, choice, searched)


def monotone_cost(contest: Contest, learn: Moments, *, seed: int) -> dict[str, Any]:
    """Say what it costs that a lead's own acts may only raise its chance: the same trees without that, same folds.

    Returns
    -------
    dict
        ``columns`` that are bound, and ``auc_given_up`` on the inner folds with its interval; empty without any.
    """
    features = contest.lesson.catalog.features
    bound = [features[i].name for i in contest.lesson.catalog.inputs if features[i].monotone]
    if not bound or "lightgbm" not in contest.areas:
        return {}
    params = {**contest.params["lightgbm"], "monotone": 0}
    free = candidates.cross_fit("lightgbm", contest.lesson, contest.folds, params, seed=seed)
    given_up = _areas(free, learn, seed) - contest.areas["lightgbm"]
    return {"columns": bound, "auc_given_up": interval(given_up)}


def _areas(predictions: candidates.CrossFitted, learn: Moments, seed: int) -> NDArray[np.float64]:
    later = learn.take(predictions.rows)
    accounts = Accounts.draw(later.owner, seed)
    return areas(predictions.raw, later.converted, accounts, block=predictions.block)
