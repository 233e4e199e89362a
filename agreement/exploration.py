"""Exploration: every open lead keeps a known chance of being worked, whatever its score.

Leads that nobody works say nothing of what work would have brought. So a window's queue is not the best leads alone:
each open lead gets at least the *floor* as its chance of a place, the best get the places that remain, and who gets
one is drawn. The chances are those of the drawing itself, to the last digit, so that a log of them can be divided by.

The floor is a promise to each lead, not a share of the places: 5 % of 100 places over 1,000 leads are a chance of
.005 each, and weights of 200.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from leadlight.core.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FLOOR", "Exploration", "chances_of", "draw", "exploration"]

FLOOR: Final = 0.02
"""The least chance a window that a lead should keep: of smaller ones single leads come to stand for hundreds."""

_ROUNDING: Final = 1e-9


@dataclass(frozen=True)
class Exploration:
    """Who is in the queue of one window, and how likely that was.

    Attributes
    ----------
    chances : ndarray of shape (n_leads,)
        Each lead's chance of a place, in [floor, 1]; they add up to the capacity. What the queue has to log.
    chosen : ndarray of shape (n_leads,), dtype bool
        Who has one.
    """

    chances: NDArray[np.float64]
    chosen: NDArray[np.bool_]


def exploration(
    scores: NDArray[np.float64], capacity: int, floor: float = FLOOR, *, seed: int, window: int
) -> Exploration:
    """Draw the queue of one window.

    Parameters
    ----------
    scores : ndarray of shape (n_leads,)
        Of all open leads; higher is better. The same rows in the same order give the same draw.
    capacity : int
        Places in the window, at least 0; more than there are leads are as many as there are leads.
    floor : float
        The least chance of a place, in [0, 1); 0 explores nothing.
    seed : int
        Not negative.
    window : int
        Which window it is, not negative: weeks since 1970, say. Another window is another draw.

    Raises
    ------
    UsageError
        If the floor takes more places than there are; the message says what would fit.
    """
    chances = chances_of(scores, capacity, floor)
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, window])))
    return Exploration(chances, draw(chances, rng, by=-scores))


def chances_of(scores: NDArray[np.float64], capacity: int, floor: float) -> NDArray[np.float64]:
    """Return each lead's chance of a place: the floor for all, and certainty for the best as far as places go.

    Leads with the same score share alike, also where places run out among them.

    Examples
    --------
    >>> chances_of(np.array([5.0, 1.0, 3.0, 1.0]), capacity=2, floor=0.25).round(2).tolist()
    [1.0, 0.25, 0.5, 0.25]
    """
    if not np.isfinite(scores).all():
        raise UsageError("Every lead in the queue needs a score that is a number; leave out the others.")
    if not 0 <= floor < 1 or capacity < 0:
        raise UsageError(
            f"A floor lies from 0 to below 1 and a capacity is not negative; got {floor:g} and {capacity}."
        )
    n = len(scores)
    if capacity >= n:
        return np.ones(n)
    if floor * n > capacity:
        raise UsageError(
            f"A floor of {floor:g} for each of {n:,} leads takes {math.ceil(floor * n):,} places, and there are "
            f"{capacity:,}: lower it to {math.floor(1e6 * capacity / n) / 1e6:g}, or let a window last longer.",
            floor=floor,
            leads=n,
            capacity=capacity,
        )
    certain = (capacity - floor * n) / (1.0 - floor)  # how many can be lifted from the floor to 1
    _, group, size = np.unique(-scores, return_inverse=True, return_counts=True)
    before = np.cumsum(size) - size
    lifted = np.clip((certain - before) / size, 0.0, 1.0)[group]
    return np.where(lifted >= 1.0, 1.0, floor + (1.0 - floor) * lifted)


def draw(
    chances: NDArray[np.float64], rng: np.random.Generator, *, by: NDArray[np.float64] | None = None
) -> NDArray[np.bool_]:
    """Draw leads so that each is in with exactly its chance: systematic sampling (Madow, 1949).

    The leads lie one after the other on a line, each as long as its chance; whoever lies on one of the points u, u + 1,
    u + 2 ... is in, with one uniform u. So any stretch of neighbours gives its share of the places, less than one
    more or fewer: leads that are sorted are drawn from all strata.

    Parameters
    ----------
    chances : ndarray of shape (n_leads,)
        In [0, 1].
    rng : Generator
    by : ndarray of shape (n_leads,), optional
        What neighbours share; equal ones lie in random order.

    Returns
    -------
    ndarray of shape (n_leads,), dtype bool
        As many as the chances add up to; where that is no whole number, one of its two neighbours.
    """
    order = rng.permutation(len(chances))
    if by is not None:
        order = order[np.argsort(by[order], kind="stable")]
    chosen = chances >= 1.0
    unsure = order[~chosen[order]]
    ends = np.cumsum(chances[unsure])
    if len(ends) and abs(ends[-1] - round(float(ends[-1]))) < _ROUNDING * len(ends):
        ends[-1] = round(float(ends[-1]))  # the sum of many chances misses a whole number by a hair
    points_below = np.floor(ends + rng.random())
    chosen[unsure] = np.diff(points_below, prepend=0.0) > 0
    return np.asarray(chosen)
