"""Measures of a backtest: per period and pooled, all methods on the same leads and in the same draws of accounts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from leadlight.training.backtest.weekly import Lists, Pairs, at_random, pairs_within, replay
from leadlight.training.bootstrap import Accounts, Interval, interval
from leadlight.training.metrics import measure_chances

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.training.backtest.methods import Said
    from leadlight.training.moments import Moments

__all__ = ["RANDOM", "Field", "Measured", "figure"]

RANDOM: Final = "random"
"""Lists drawn by lot, on average."""

_TINY: Final = 1e-15


@dataclass(frozen=True)
class Field:
    """What all methods are measured on.

    Attributes
    ----------
    asked : Moments
        Of all periods.
    period, week : ndarray of shape (n_asked,), dtype int64
    room : ndarray of shape (n_weeks,)
        How many leads can be worked in each week.
    accounts : Accounts
        The draws.
    """

    asked: Moments
    period: NDArray[np.int64]
    week: NDArray[np.int64]
    room: NDArray[np.float64]
    accounts: Accounts

    @property
    def week_period(self) -> NDArray[np.int64]:
        """Period of each week."""
        found = np.zeros(len(self.room), np.int64)
        found[self.week] = self.period
        return found

    def converted(self) -> NDArray[np.float64]:
        """Return how many leads converted within the horizon of any asked moment; shape (n_draws + 1,)."""
        first = np.unique(self.asked.lead[self.asked.converted], return_index=True)[1]
        rows = np.flatnonzero(self.asked.converted)[first]
        return self.accounts.take(rows).sums(np.ones(len(rows)))

    def at_random(self) -> Lists:
        """Return what lists drawn by lot would hold on average."""
        return at_random(self.asked, self.week, self.room, self.accounts)


@dataclass(frozen=True)
class Measured:
    """One method, in all draws; shapes (n_draws + 1, n_periods) but for the lists' weeks.

    Attributes
    ----------
    pairs : Pairs
        By week.
    losses, losses_recalibrated : ndarray of shape (n_draws + 1, n_periods)
        Sums of log losses.
    lists : Lists
        By week.
    chances : mapping of measure to ndarray of shape (n_draws + 1,)
        Of the recalibrated chances, pooled.
    """

    pairs: Pairs
    losses: NDArray[np.float64]
    losses_recalibrated: NDArray[np.float64]
    lists: Lists
    chances: Mapping[str, NDArray[np.float64]]

    @classmethod
    def of(cls, said: Said, field: Field) -> Measured:
        """Measure what a method says of all asked moments."""
        asked = field.asked
        return cls(
            pairs=pairs_within(said.raw, asked.converted, field.week, len(field.room), field.accounts),
            losses=_by_period(_losses(said.raw, asked.converted), field),
            losses_recalibrated=_by_period(_losses(said.recalibrated, asked.converted), field),
            lists=replay(said.raw, asked, field.week, field.room, field.accounts),
            chances=measure_chances(said.recalibrated, asked.converted, field.accounts).draws,
        )

    def auc(self, weeks: NDArray[np.bool_] | None = None) -> NDArray[np.float64]:
        """Return the area under the ROC curve within weeks, of some weeks or all; shape (n_draws + 1,)."""
        good, every = self.pairs.good, self.pairs.all
        if weeks is not None:
            good, every = good[:, weeks], every[:, weeks]
        return ratio(good.sum(axis=1), every.sum(axis=1))


def ratio(upper: NDArray[np.float64], lower: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide draw by draw; NaN where there is nothing to divide by."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(lower > 0, upper / lower, np.nan)


def figure(draws: NDArray[np.float64]) -> dict[str, float | None]:
    """Return a figure with its 95 % interval as JSON-ready data."""
    found: Interval = interval(draws)
    return {end: value if math.isfinite(value) else None for end, value in found._asdict().items()}


def moments_by_period(field: Field) -> NDArray[np.float64]:
    """Return how many moments each period has in each draw; shape (n_draws + 1, n_periods)."""
    return _by_period(np.ones(len(field.asked)), field)


def _by_period(values: NDArray[np.float64], field: Field) -> NDArray[np.float64]:
    columns = np.zeros((len(values), int(field.period.max()) + 1))
    columns[np.arange(len(values)), field.period] = values
    return field.accounts.sums(columns)


def _losses(log_odds: NDArray[np.float64], converted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return each moment's log loss."""
    p = np.clip(1.0 / (1.0 + np.exp(-np.clip(log_odds, -700, 700))), _TINY, 1 - _TINY)
    return -np.where(converted, np.log(p), np.log1p(-p))


def summed(field: Field, lists: Lists, period: int | None = None) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return listed and caught, of one period or all; shape (n_draws + 1,) each."""
    weeks = np.ones(len(field.room), bool) if period is None else field.week_period == period
    return lists.listed[:, weeks].sum(axis=1), lists.caught[:, weeks].sum(axis=1)
