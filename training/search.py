"""Looks for better settings of the boosted trees, within a time budget, on the inner forward folds.

Optuna proposes (Akiba et al. 2019, KDD), one trial after the other, so that the same seed and the same number of
trials give the same settings whatever the clock says: a run that was given seconds tells how many trials it made, and
that number makes it again.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from leadlight.training.candidates import CrossFitted, Lesson, grow
from leadlight.training.judging import Judge

if TYPE_CHECKING:
    from optuna import Trial

    from leadlight.training.splits import Fold

__all__ = ["Budget", "Searched", "search"]

_SURE: Final = 1.645
"""Standard errors by which a found setting has to be ahead: one-sided 95 %."""

_MOST: Final = 10_000


@dataclass(frozen=True)
class Budget:
    """How long to look.

    Attributes
    ----------
    seconds : float or None
        A trial that has begun is finished.
    trials : int or None
        Looks at exactly so many, whatever the time; makes a timed run again.
    """

    seconds: float | None = None
    trials: int | None = None

    def shared_by(self, contests: int) -> Budget:
        """Return the budget of one of several contests: a share of the seconds, or as many trials."""
        return Budget(None if self.seconds is None else self.seconds / contests, self.trials)

    def left(self, done: int, began: float) -> bool:
        """Whether another trial may begin."""
        if self.trials is not None:
            return done < self.trials
        return done < _MOST and time.monotonic() - began < (self.seconds or 0.0)


@dataclass(frozen=True)
class Searched:
    """What the search gave.

    Attributes
    ----------
    params : dict
        The settings to use: the usual ones unless the best found are surely better.
    predictions : CrossFitted
        With these.
    facts : dict
        JSON-ready: trials, best settings and loss, the usual ones' loss, gain in standard errors, whether taken.
    """

    params: dict[str, float]
    predictions: CrossFitted
    facts: dict[str, Any]


def search(
    lesson: Lesson,
    folds: Sequence[Fold],
    usual: Mapping[str, float],
    predictions: CrossFitted,
    budget: Budget,
    *,
    seed: int = 0,
) -> Searched:
    """Look for better settings than the usual ones.

    Parameters
    ----------
    usual, predictions
        As `leadlight.training.candidates.tune` gave them.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    judge = Judge.of(lesson, folds)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    best_loss, best = judge.loss(predictions.raw), (dict(usual), predictions.raw)
    done, began = 0, time.monotonic()
    while budget.left(done, began):
        trial = study.ask()
        tried = grow(lesson, folds, judge, _proposed(trial, usual["lean"]), seed=seed)
        losses = [judge.loss(raw) for _, raw in tried]
        lowest = min(range(len(losses)), key=losses.__getitem__)
        study.tell(trial, losses[lowest])
        done += 1
        if losses[lowest] < best_loss:
            best_loss, best = losses[lowest], tried[lowest]
    gain, noise = judge.gain(best[1], predictions.raw)
    taken = gain > _SURE * noise
    facts = {
        "trials": done,
        "best": best[0],
        "log_loss": {"usual": judge.loss(predictions.raw), "best": best_loss},
        "gain_in_standard_errors": gain / noise if noise > 0 else 0.0,
        "taken": taken,
    }
    if not taken:
        return Searched(dict(usual), predictions, facts)
    return Searched(best[0], CrossFitted(judge.rows, judge.block, best[1]), facts)


def _proposed(trial: Trial, lean: float) -> dict[str, float]:
    """Return one setting to try; rounded, so that a report can repeat it to the last digit."""
    return {
        "lean": lean,
        "learning_rate": _rounded(trial.suggest_float("learning_rate", 0.02, 0.15, log=True)),
        "num_leaves": trial.suggest_int("num_leaves", 4, 48, log=True),
        "leads_in_a_leaf": trial.suggest_int("leads_in_a_leaf", 5, 120, log=True),
        "feature_fraction": _rounded(trial.suggest_float("feature_fraction", 0.3, 1.0)),
        "lambda_l2": _rounded(trial.suggest_float("lambda_l2", 0.3, 60.0, log=True)),
        "cat_smooth": _rounded(trial.suggest_float("cat_smooth", 5.0, 120.0, log=True)),
    }


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")
