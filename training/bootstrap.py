"""Bootstrap over accounts: every draw takes whole accounts (else leads), never single moments.

All candidates are measured in the same draws, so that differences between them are paired. What stays out is the
noise of training: the models are not refitted in the draws. Reports say so.

A draw is a number of times for each account, hence a weight for each moment. Sums over moments are then one matrix
product of draws and per-account sums; measures by rank take one pass over the sorted moments a draw, compiled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numba
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DRAWS", "Accounts", "Interval", "areas", "effective", "interval", "precision_at", "rank_measures", "ranked"]

DRAWS: Final = 1_000


class Interval(NamedTuple):
    """A figure with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Accounts:
    """Accounts to resample.

    Attributes
    ----------
    of : ndarray of shape (n_moments,), dtype int64
        Code of each moment's account, 0 ... n_accounts - 1.
    draws : ndarray of shape (n_draws + 1, n_accounts), dtype float64
        How often each account is in each draw; the first row is the sample itself.
    """

    of: NDArray[np.int64]
    draws: NDArray[np.float64]

    @classmethod
    def draw(cls, owner: NDArray[np.int64], seed: int, n_draws: int = DRAWS) -> Accounts:
        """Draw with replacement as many accounts as there are.

        Parameters
        ----------
        owner : ndarray of shape (n_moments,)
            Any codes.
        """
        found, of = np.unique(owner, return_inverse=True)
        n = len(found)
        draws = np.ones((n_draws + 1, n))
        rng = np.random.default_rng(seed)
        for row in draws[1:]:
            row[:] = np.bincount(rng.integers(0, n, n), minlength=n)
        return cls(of.astype(np.int64), draws)

    def take(self, rows: NDArray[Any]) -> Accounts:
        """Return the accounts of some of the moments, in the same draws."""
        return Accounts(self.of[rows], self.draws)

    def sums(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return each draw's sum of the values; shape (n_draws + 1,) or (n_draws + 1, n_columns)."""
        columns = values.reshape(len(self.of), -1)
        by_account = np.stack([np.bincount(self.of, c, minlength=self.draws.shape[1]) for c in columns.T], axis=1)
        total = self.draws @ by_account
        return total[:, 0] if values.ndim == 1 else total


def interval(draws: NDArray[np.float64]) -> Interval:
    """Return a figure and its 95 % interval from its draws, of which the first is the sample itself."""
    finite = draws[1:][np.isfinite(draws[1:])]
    if len(finite) == 0:
        return Interval(float(draws[0]), float("nan"), float("nan"))
    low, high = np.quantile(finite, (0.025, 0.975))
    return Interval(float(draws[0]), float(low), float(high))


def effective(weight: NDArray[Any]) -> float:
    """Return the effective size of a sample: how many equal weights would be as good (Kish 1965, Survey Sampling).

    Examples
    --------
    >>> effective(np.array([1.0, 1.0, 1.0])), round(effective(np.array([8.0, 1.0, 1.0])), 2)
    (3.0, 1.52)
    """
    return float(weight.sum() ** 2 / (weight**2).sum()) if weight.any() else 0.0


def ranked(score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return scores as they are ranked: to nine decimals, as serving compares them.

    Points of +10 and +5 must tie with +15, whatever the last bit of their sum.
    """
    return np.round(score, 9)


def areas(
    score: NDArray[np.float64],
    converted: NDArray[np.bool_],
    accounts: Accounts,
    *,
    weight: NDArray[np.float64] | None = None,
    block: NDArray[np.int64] | None = None,
) -> NDArray[np.float64]:
    """Return the area under the ROC curve for each draw; shape (n_draws + 1,), NaN where it has one outcome only.

    Parameters
    ----------
    score : ndarray of shape (n_moments,)
        Higher is better; equal scores count half.
    weight : ndarray of shape (n_moments,), optional
    block : ndarray of shape (n_moments,), optional
        Compare only moments of the same block.
    """
    score = ranked(score)
    block = np.zeros(len(score), np.int64) if block is None else block
    weight = np.ones(len(score)) if weight is None else weight
    order = np.lexsort((-score, block))
    ties = np.r_[True, (np.diff(score[order]) != 0) | (np.diff(block[order]) != 0)]
    own = (accounts.of[order], weight[order], converted[order].astype(np.float64))
    return np.asarray(_areas(accounts.draws, *own, np.cumsum(ties) - 1, block[order]))


def rank_measures(
    score: NDArray[np.float64],
    converted: NDArray[np.bool_],
    accounts: Accounts,
    *,
    shares: tuple[float, float] = (0.1, 0.2),
) -> NDArray[np.float64]:
    """Return area under the ROC curve, average precision and share of conversions among the best, for each draw.

    Parameters
    ----------
    score : ndarray of shape (n_moments,)
        Higher is better; equal scores count half, or as one step.
    shares : pair of float
        How much of the list the two shares of conversions look at.

    Returns
    -------
    ndarray of shape (n_draws + 1, 4)
        NaN where a draw has one outcome only.
    """
    score = ranked(score)
    order = np.argsort(-score, kind="stable")
    ties = np.r_[True, np.diff(score[order]) != 0]
    own = (accounts.of[order], converted[order].astype(np.float64))
    best = _best(accounts.draws, *own, np.cumsum(ties) - 1, np.array(shares))
    return np.column_stack([areas(score, converted, accounts), best])


def _areas_of(draws: Any, account: Any, weight: Any, converted: Any, step: Any, block: Any) -> Any:
    """Area under the ROC curve of each draw: pairs within a block, ties count half."""
    found = np.empty(len(draws))
    for d in range(len(draws)):
        pairs = good = ahead = positives = negatives = 0.0
        i = 0
        while i < len(account):
            if i > 0 and block[i] != block[i - 1]:
                pairs += positives * negatives
                ahead = positives = negatives = 0.0
            tied_positive = tied_negative = 0.0
            j = i
            while j < len(account) and step[j] == step[i]:
                w = draws[d, account[j]] * weight[j]
                tied_positive += w * converted[j]
                tied_negative += w * (1.0 - converted[j])
                j += 1
            good += tied_negative * (ahead + 0.5 * tied_positive)
            ahead += tied_positive
            positives += tied_positive
            negatives += tied_negative
            i = j
        pairs += positives * negatives
        found[d] = good / pairs if pairs > 0 else np.nan
    return found


def _best_of(draws: Any, account: Any, converted: Any, step: Any, shares: Any) -> Any:
    """Average precision, and the share of conversions among the best, of each draw; ties are split evenly."""
    found = np.full((len(draws), 1 + len(shares)), np.nan)
    for d in range(len(draws)):
        total = positives = 0.0
        for i in range(len(account)):
            w = draws[d, account[i]]
            total += w
            positives += w * converted[i]
        if positives <= 0.0:
            continue
        precision = seen = caught = 0.0
        captured = np.zeros(len(shares))
        i = 0
        while i < len(account):
            tied = tied_positive = 0.0
            j = i
            while j < len(account) and step[j] == step[i]:
                w = draws[d, account[j]]
                tied += w
                tied_positive += w * converted[j]
                j += 1
            if tied > 0.0:
                for k in range(len(shares)):
                    room = min(max(shares[k] * total - seen, 0.0), tied)
                    captured[k] += tied_positive * room / tied
                seen += tied
                caught += tied_positive
                precision += tied_positive * caught / seen
            i = j
        found[d, 0] = precision / positives
        for k in range(len(shares)):
            found[d, 1 + k] = captured[k] / positives
    return found


def _hits_of(draws: Any, account: Any, converted: Any, cut: Any, step: Any, room: Any) -> Any:
    """Precision of each draw among the first ``room[cut]`` moments of every cut; ties are split evenly."""
    found = np.empty(len(draws))
    for d in range(len(draws)):
        worked = hits = 0.0
        left = 0.0
        i = 0
        while i < len(account):
            if i == 0 or cut[i] != cut[i - 1]:
                left = room[cut[i]]
            tied = tied_positive = 0.0
            j = i
            while j < len(account) and step[j] == step[i]:
                w = draws[d, account[j]]
                tied += w
                tied_positive += w * converted[j]
                j += 1
            if tied > 0.0 and left > 0.0:
                taken = min(left, tied)
                worked += taken
                hits += tied_positive * taken / tied
                left -= taken
            i = j
        found[d] = hits / worked if worked > 0.0 else np.nan
    return found


_areas: Any = numba.njit(cache=True)(_areas_of)
_best: Any = numba.njit(cache=True)(_best_of)
_hits: Any = numba.njit(cache=True)(_hits_of)


def precision_at(
    score: NDArray[np.float64],
    converted: NDArray[np.bool_],
    cut: NDArray[np.int64],
    room: NDArray[np.float64],
    accounts: Accounts,
) -> NDArray[np.float64]:
    """Return the share converted among the best of every cut, for each draw; shape (n_draws + 1,).

    Parameters
    ----------
    cut : ndarray of shape (n_moments,), dtype int64
        Number of the week, 0 ... n_cuts - 1.
    room : ndarray of shape (n_cuts,)
        How many leads can be worked in that week.
    """
    score = ranked(score)
    order = np.lexsort((-score, cut))
    new = np.r_[True, (np.diff(score[order]) != 0) | (np.diff(cut[order]) != 0)]
    step = np.cumsum(new) - 1
    return np.asarray(
        _hits(accounts.draws, accounts.of[order], converted[order].astype(np.float64), cut[order], step, room)
    )
