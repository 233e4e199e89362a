"""What a ranking and its chances are worth on moments it has not seen, with intervals.

Every moment counts as it stood in the queue, once: chances are judged as they are shown. (Learning weighs the moments
of a lead to a total of 1. As measures such weights would mislead: how many moments a lead has depends on how soon it
converts.) ``auc_by_lead`` gives the area with the learning's weights beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from leadlight.training.bootstrap import Accounts, Interval, areas, interval, precision_at, rank_measures

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["CHANCE_MEASURES", "RANK_MEASURES", "Chances", "Ranking", "measure_chances", "measure_ranking"]

RANK_MEASURES: Final = ("auc", "average_precision", "top_10", "top_20", "precision_at_capacity", "auc_by_lead")
"""By rank alone: the same raw and calibrated."""

CHANCE_MEASURES: Final = ("log_loss", "brier", "calibration_error", "observed_to_expected")

BINS: Final = 10
_TINY: Final = 1e-15


@dataclass(frozen=True)
class Ranking:
    """Measures by rank.

    Attributes
    ----------
    draws : mapping of measure to ndarray of shape (n_draws + 1,)
        The first entry is the sample itself; kept so that candidates can be compared draw by draw.
    """

    draws: Mapping[str, NDArray[np.float64]]

    @property
    def figures(self) -> dict[str, Interval]:
        """Each measure with its interval."""
        return {name: interval(found) for name, found in self.draws.items()}


@dataclass(frozen=True)
class Chances:
    """Measures of the chances themselves; the same form as `Ranking`."""

    draws: Mapping[str, NDArray[np.float64]]

    @property
    def figures(self) -> dict[str, Interval]:
        """Each measure with its interval."""
        return {name: interval(found) for name, found in self.draws.items()}


def measure_ranking(
    score: NDArray[np.float64],
    converted: NDArray[np.bool_],
    accounts: Accounts,
    *,
    cut: NDArray[np.int64],
    room: NDArray[np.float64],
    lead_weight: NDArray[np.float64],
) -> Ranking:
    """Measure a ranking.

    Parameters
    ----------
    score, converted : ndarray of shape (n_moments,)
    cut : ndarray of shape (n_moments,), dtype int64
        Number of the week, 0 ... n_cuts - 1.
    room : ndarray of shape (n_cuts,)
        How many of a week's leads can be worked.
    lead_weight : ndarray of shape (n_moments,)
        Weights by which each lead counts once, for ``auc_by_lead``.
    """
    area, precision, top_10, top_20 = rank_measures(score, converted, accounts).T
    at_capacity = precision_at(score, converted, cut, room, accounts)
    by_lead = areas(score, converted, accounts, weight=lead_weight)
    return Ranking(dict(zip(RANK_MEASURES, (area, precision, top_10, top_20, at_capacity, by_lead), strict=True)))


def measure_chances(log_odds: NDArray[np.float64], converted: NDArray[np.bool_], accounts: Accounts) -> Chances:
    """Measure chances: log loss, Brier score, expected calibration error over ten equal bins, observed / expected."""
    p = np.clip(1.0 / (1.0 + np.exp(-np.clip(log_odds, -700, 700))), _TINY, 1 - _TINY)
    loss = -np.where(converted, np.log(p), np.log1p(-p))
    brier = (converted - p) ** 2
    n, losses, briers, wins, expected = accounts.sums(
        np.stack([np.ones(len(p)), loss, brier, converted.astype(float), p], axis=1)
    ).T
    n = np.maximum(n, 1.0)
    errors = _calibration_errors(p, converted, accounts) / n
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = wins / expected
    return Chances(dict(zip(CHANCE_MEASURES, (losses / n, briers / n, errors, ratio), strict=True)))


def _calibration_errors(
    p: NDArray[np.float64], converted: NDArray[np.bool_], accounts: Accounts
) -> NDArray[np.float64]:
    """Return each draw's sum over bins of |observed - expected|; the bins are tenths of the sample."""
    gap = converted - p
    bins = bins_of(p)
    by_bin = [accounts.sums(np.where(bins == b, gap, 0.0)) for b in np.unique(bins)]
    return np.asarray(np.abs(by_bin).sum(axis=0))


def bins_of(p: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the number of each chance's bin: tenths of the sample, equal chances together."""
    edges = np.unique(np.quantile(p, np.arange(1, BINS) / BINS))
    return np.searchsorted(edges, p, side="right")
