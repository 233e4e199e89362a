"""Areas under the ROC curve by ranks, with intervals that know accounts.

The interval is DeLong's (DeLong, DeLong & Clarke-Pearson 1988) over clusters (Obuchowski 1997): each lead's share in
the area is summed within its account. No resampling, so that a hundred fields cost a hundred sorts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.stats import rankdata

from leadlight.training.bootstrap import Interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.training.audit.columns import Column
    from leadlight.training.audit.ground import Ground

__all__ = ["alone", "area", "difference", "out_of_fold"]

_Z: Final = 1.959964
_SHRINK: Final = 10.0
"""Leads of average outcome that every level is thought to have beside its own."""


def alone(column: Column, ground: Ground) -> Interval:
    """Return the area under the ROC curve of one field alone, each fold told by the others."""
    rows = ground.looked
    return area(out_of_fold(column, ground)[rows], ground.converted[rows], ground.owner[rows])


def out_of_fold(column: Column, ground: Ground) -> NDArray[np.float64]:
    """Return each lead's level's rate of conversion among the leads of the other folds, as a rank within its fold."""
    rows = np.flatnonzero(ground.looked)
    code, fold, y = column.code[rows], ground.fold[rows], ground.converted[rows].astype(np.float64)
    n_levels, n_folds = len(column.levels), int(ground.fold.max(initial=0)) + 1
    cell = fold * n_levels + code
    count = np.bincount(cell, minlength=n_folds * n_levels).reshape(n_folds, n_levels)
    wins = np.bincount(cell, y, minlength=n_folds * n_levels).reshape(n_folds, n_levels)
    others, won = count.sum(axis=0) - count, wins.sum(axis=0) - wins
    base = won.sum(axis=1, keepdims=True) / np.maximum(others.sum(axis=1, keepdims=True), 1)
    rate = (won + _SHRINK * base) / (others + _SHRINK)
    score = np.zeros(len(ground.converted))
    said = rate[fold, code]
    for k in range(n_folds):
        mine = fold == k
        # ranks within the fold: the other folds' base rate moves against this one's, and would bend the area downwards
        score[rows[mine]] = (rankdata(said[mine]) - 0.5) / max(1, int(mine.sum()))
    return score


def area(score: NDArray[np.float64], converted: NDArray[np.bool_], owner: NDArray[np.int64]) -> Interval:
    """Return the area under the ROC curve and its 95 % interval; NaN where only one outcome is there.

    Parameters
    ----------
    score, converted, owner : ndarray of shape (n_leads,)
        ``owner`` is the account's code.
    """
    return _interval(*_shares(score, converted), converted, owner)


def difference(
    one: NDArray[np.float64], other: NDArray[np.float64], converted: NDArray[np.bool_], owner: NDArray[np.int64]
) -> Interval:
    """Return the paired difference of two scores' areas on the same leads."""
    (a, share_a), (b, share_b) = _shares(one, converted), _shares(other, converted)
    return _interval(a - b, share_a - share_b, converted, owner)


def _shares(score: NDArray[np.float64], converted: NDArray[np.bool_]) -> tuple[float, NDArray[np.float64]]:
    """Return the area and each lead's own share in it: of the other outcome, how much it is on the right side of."""
    n_won = int(converted.sum())
    n_lost = len(converted) - n_won
    if n_won == 0 or n_lost == 0:
        return float("nan"), np.zeros(len(converted))
    among_all = rankdata(score)
    own = np.empty(len(score))
    own[converted] = rankdata(score[converted])
    own[~converted] = rankdata(score[~converted])
    below = among_all - own  # of the other outcome, those with a lower score; ties count half
    share = np.where(converted, below / n_lost, 1.0 - below / n_won)
    return float(share[converted].mean()), share


def _interval(
    value: float, share: NDArray[np.float64], converted: NDArray[np.bool_], owner: NDArray[np.int64]
) -> Interval:
    n_won = int(converted.sum())
    if not np.isfinite(value):
        return Interval(value, value, value)
    weight = np.where(converted, 1.0 / n_won, 1.0 / (len(converted) - n_won))
    _, place = np.unique(owner, return_inverse=True)
    sums = np.bincount(place, weight * (share - value))
    spread = _Z * float(np.sqrt((sums**2).sum() * len(sums) / max(len(sums) - 1, 1)))
    low, high = max(value - spread, -1.0), min(value + spread, 1.0)
    return Interval(value, low, high)
