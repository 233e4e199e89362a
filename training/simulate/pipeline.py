"""What becomes of qualified leads: an opportunity, then a customer or another cycle later.

It depends on nothing hidden, so that watching it tells nothing about need.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from leadlight.training.simulate.calendar import DAY, HOUR

__all__ = ["Deals", "Pipeline"]

Ints = NDArray[np.int64]

_OPPORTUNITY = 0.75
_WON = 0.45
_AMOUNT = np.array([2_000.0, 9_000.0, 30_000.0, 90_000.0])


@dataclass(frozen=True)
class Deals:
    """Deals of leads that qualified in one week; a time of 0 means that it never came to that.

    Attributes
    ----------
    leads, opportunity_at, customer_at, lost_at : ndarray of shape (n,)
    amount : ndarray of shape (n,)
        Expected at the opportunity, paid by the customer.
    """

    leads: Ints
    opportunity_at: Ints
    customer_at: Ints
    lost_at: Ints
    amount: NDArray[np.float64]


@dataclass
class Pipeline:
    """All deals."""

    deals: list[Deals] = field(default_factory=list)

    def add(self, rng: np.random.Generator, leads: Ints, qualified_at: Ints, band: Ints) -> Ints:
        """Decide what becomes of leads that just qualified; return when each is lost, 0 for customers."""
        n = len(leads)
        serious = rng.random(n) < _OPPORTUNITY
        won = serious & (rng.random(n) < _WON)
        opened = _working_days_later(rng, qualified_at, 4, 21)
        closed = _working_days_later(rng, np.where(serious, opened, qualified_at), 10, 75)
        amount = np.round(_AMOUNT[band] * np.exp(0.5 * rng.standard_normal(n)), 2)
        lost_at = np.where(won, 0, closed)
        deals = Deals(leads, np.where(serious, opened, 0), np.where(won, closed, 0), lost_at, amount)
        self.deals.append(deals)
        return lost_at


def _working_days_later(rng: np.random.Generator, since: Ints, low: int, high: int) -> Ints:
    """Draw a time of day some days later, moved from a weekend to the Monday after."""
    day = since // DAY + rng.integers(low, high, size=len(since))
    weekday = (day + 3) % 7  # 1970-01-01 was a Thursday
    day = day + np.where(weekday >= 5, 7 - weekday, 0)
    return np.asarray(day * DAY + 9 * HOUR + rng.integers(0, 8 * HOUR, size=len(since)), dtype=np.int64)
