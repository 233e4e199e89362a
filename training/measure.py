"""The one look at the test part: all candidates on the same moments and in the same draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from leadlight.core.clock import DAY, NEVER, from_micros
from leadlight.features.encode import micros_of
from leadlight.training.bootstrap import Accounts, Interval, interval
from leadlight.training.line import fit_line, line_draws
from leadlight.training.metrics import Chances, Ranking, measure_chances, measure_ranking
from leadlight.training.population import DEFAULT_HOT, hot_share
from leadlight.training.report import Part

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.core.history import History
    from leadlight.training.moments import Moments

__all__ = ["Examined", "Weeks", "constant_figures", "describe", "examine", "weeks_of"]


@dataclass(frozen=True)
class Weeks:
    """How much of the test part sales could have worked.

    Attributes
    ----------
    cut : ndarray of shape (n_moments,), dtype int64
        Number of each moment's week.
    room : ndarray of shape (n_weeks,)
        How many of that week's test moments the capacity covers: the same share as of all open leads.
    """

    cut: NDArray[np.int64]
    room: NDArray[np.float64]


@dataclass(frozen=True)
class Examined:
    """One candidate on the test part.

    Attributes
    ----------
    log_odds : ndarray of shape (n_moments,)
        Calibrated.
    ranking : Ranking
    raw, calibrated : Chances
    slope, intercept : Interval
        Of the calibrated log-odds; 1 and 0 are perfect.
    """

    log_odds: NDArray[np.float64]
    ranking: Ranking
    raw: Chances
    calibrated: Chances
    slope: Interval
    intercept: Interval


def weeks_of(test: Moments, all_open: Moments, leads_per_week: int | None, *, flat: bool) -> Weeks:
    """Say how many moments of each week sales could have worked.

    Parameters
    ----------
    test : Moments
        Of the measuring accounts.
    all_open : Moments
        Of all accounts, at the same times.
    leads_per_week : int or None
        The agreed capacity; without one, and for a flat export, a tenth.
    """
    if flat:
        return Weeks(np.zeros(len(test), np.int64), np.array([DEFAULT_HOT * len(test)]))
    times, cut, here = np.unique(test.when, return_inverse=True, return_counts=True)
    there = np.searchsorted(np.sort(all_open.when), times, "right") - np.searchsorted(
        np.sort(all_open.when), times, "left"
    )
    room = [hot_share(leads_per_week, int(n)) * k for n, k in zip(there, here, strict=True)]
    return Weeks(cut, np.array(room))


def examine(
    raw: NDArray[np.float64], log_odds: NDArray[np.float64], test: Moments, accounts: Accounts, weeks: Weeks
) -> Examined:
    """Measure a candidate's raw log-odds, and the same calibrated; the ranking is that of the calibrated ones."""
    line = fit_line(log_odds, test.converted)
    draws = line_draws(log_odds, test.converted, accounts, line, free=True)
    return Examined(
        log_odds=log_odds,
        ranking=measure_ranking(
            log_odds, test.converted, accounts, cut=weeks.cut, room=weeks.room, lead_weight=test.weight
        ),
        raw=measure_chances(raw, test.converted, accounts),
        calibrated=measure_chances(log_odds, test.converted, accounts),
        slope=interval(draws[:, 1]),
        intercept=interval(draws[:, 0]),
    )


def constant_figures(base_rate: float, test: Moments, accounts: Accounts) -> Mapping[str, float]:
    """Return what the learning part's base rate for everybody scores on the test part."""
    rate = min(max(base_rate, 1e-6), 1 - 1e-6)
    chances = measure_chances(np.full(len(test), np.log(rate / (1 - rate))), test.converted, accounts)
    return {"auc": 0.5, **{name: figure.value for name, figure in chances.figures.items()}}


def describe(part: Moments, history: History) -> Part:
    """Describe one part of the split."""
    flat = history.is_flat
    ages: tuple[float, ...] = ()
    if not flat and len(part):
        created = micros_of(history.leads["created_at"])[part.lead]
        known = created != NEVER
        ages = tuple(float(q) for q in np.quantile((part.as_of - created)[known] / DAY, (0.25, 0.5, 0.75)))
    ends = (int(part.when.min()), int(part.when.max())) if len(part) else (None, None)
    first, last = ends if flat else (when if when is None else from_micros(when).date().isoformat() for when in ends)
    return Part(
        moments=len(part),
        leads=len(np.unique(part.lead)),
        accounts=len(np.unique(part.owner)),
        conversions=part.conversions,
        base_rate=float(part.converted.mean()) if len(part) else None,
        lead_age_days=ages,
        first=first,
        last=last,
    )
