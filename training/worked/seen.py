"""What was seen of each window: who was turned to before it converted, and how far the others stand for the drawn.

A touch counts only before the conversion and within the horizon: a call after the sale is no work. A lead that
converted *first* was cut short. Perhaps it had been drawn and its turn had not come yet, perhaps not. Taken as worked
at weight 1/p it would flatter work, since everybody who converts early would be of the worked; left out it would
belittle it. It counts by how likely it still was to be turned to, given that nobody had by the time c at which it
converted::

    p (F(d) - F(c)) / (1 - p F(c))

with F the share of the drawn who have been turned to by a time, and d the end of the window (or the horizon, if that
comes first). Divided by p that is 1 where c lies before everybody's turn, whatever p: the outcome hung on nobody then.
It falls to 0 where all turns had come: whoever was still untouched had not been drawn. Each lead's weight is thus 1 on
average over the draw. (A period of grace in which leads are turned to at their natural pace: Wanis et al. 2022, arXiv
2212.11398; here the weights have a closed form, because p is known.)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Pace", "Seen"]


@dataclass(frozen=True)
class Seen:
    """What was seen of each moment's window; arrays have shape (n_moments,).

    Attributes
    ----------
    chance : ndarray of float64
        Logged chance of being worked within the window; NaN where a moment has none of its own.
    touched : ndarray of bool
        Whether a person turned to the lead within window and horizon, before it converted; logged or not.
    early : ndarray of float64
        Where the lead converted first: how likely it still was to be turned to. 0 elsewhere.
    """

    chance: NDArray[np.float64]
    touched: NDArray[np.bool_]
    early: NDArray[np.float64]

    @property
    def queued(self) -> NDArray[np.bool_]:
        """Moments with a chance of their own: the population that both estimates are about."""
        return ~np.isnan(self.chance)

    @property
    def worked(self) -> NDArray[np.bool_]:
        """Moments of the queue that were worked."""
        return self.queued & self.touched

    @property
    def first(self) -> NDArray[np.bool_]:
        """Moments of the queue that converted first and may have been drawn."""
        return self.queued & (self.early > 0)

    @property
    def taken(self) -> NDArray[np.bool_]:
        """Moments that teach what happens if worked."""
        return self.worked | self.first

    @property
    def drawn(self) -> NDArray[np.float64]:
        """How far each moment is one of those who were drawn: 1 if worked, less if it converted first, else 0."""
        return np.asarray(self.touched + self.early)

    def take(self, rows: NDArray[Any]) -> Self:
        """Return some of the moments; whatever is said of all stays as it is."""
        return replace(self, chance=self.chance[rows], touched=self.touched[rows], early=self.early[rows])


@dataclass(frozen=True)
class Pace:
    """How fast a queue's leads are turned to.

    Attributes
    ----------
    passed : ndarray of shape (n_turns,)
        Working days of the window that had passed at each turn, rising.
    share : ndarray of shape (n_turns,)
        Share of the drawn who had been turned to by then, rising to 1.
    """

    passed: NDArray[np.float64]
    share: NDArray[np.float64]

    @classmethod
    def of(cls, touched: NDArray[np.float64], converted: NDArray[np.float64], chance: NDArray[np.float64]) -> Pace:
        """Find the pace of those who were drawn.

        A late turn is seen less often than an early one: some have converted before. So each counts for all whose turn
        it would have been, as product-limit estimates do (Kaplan and Meier, 1958). It is taken as that of all leads,
        each counted once, whatever their chance.

        Parameters
        ----------
        touched, converted : ndarray of shape (n_moments,)
            Working days of the window that had passed; infinite where not within it.
        chance : ndarray of shape (n_moments,)
        """
        first = converted <= touched
        when = np.minimum(touched, converted)
        order = np.lexsort((~first, when))
        first, when, left = first[order], when[order], np.arange(len(order), 0, -1)
        there = np.isfinite(when)
        untouched = np.cumprod(np.where(first & there, 1 - 1 / left, 1.0))
        turns = ~first & there
        count = np.cumsum(1 / (chance[order][turns] * untouched[turns]))
        return cls(when[turns], count / count[-1:])

    def before(self, passed: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the share of the drawn who were turned to before some times."""
        return np.asarray(np.r_[0.0, self.share][np.searchsorted(self.passed, passed, side="left")])

    def still(
        self, chance: NDArray[np.float64], passed: NDArray[np.float64], in_time: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return how likely leads that nobody had turned to by some times still had their turn to come.

        Parameters
        ----------
        chance, passed, in_time : ndarray of shape (n_leads,)
            Of being drawn; working days that had passed; share of the drawn who are turned to in time at all.
        """
        gone = self.before(passed)
        left, of = chance * (in_time - gone), 1 - chance * gone
        return np.divide(left, of, out=np.ones(len(left)), where=of > 1e-12)
