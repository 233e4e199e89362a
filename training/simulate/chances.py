"""The chance to reach the goal within 90 days given the hidden state: exact, by steps backward in time.

A lead's chain is (hidden state, worked last week, points as practised, excited); its rates depend on its need index,
on how well its title closes and on its fit tier. One table holds the chance of every combination.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadlight.training.simulate.behaviour import MOST_POINTS, Behaviour
from leadlight.training.simulate.calendar import HORIZON_WEEKS
from leadlight.training.simulate.need import N_STATES
from leadlight.training.simulate.sales import CLOSINGS, FIT_TIERS, PICKED, STOPPED, Outcomes

__all__ = ["CELLS", "Chances", "chances_within_horizon"]

Floats = NDArray[np.float64]
_POINTS = MOST_POINTS + 1

CELLS: Final = (CLOSINGS, FIT_TIERS, 2, _POINTS, 2)
"""Shape of what can be seen of a lead's place: closing, fit tier, worked last week, points, excited."""


@dataclass(frozen=True)
class Chances:
    """Chances within the horizon.

    Attributes
    ----------
    table : ndarray of shape (n_grid, 3, 3, 2, 5, 2, 8, 3)
        By need index, closing, fit tier, worked last week, points, excited and hidden state; the last axis is: under
        practice, if worked in the coming week, if not worked in it (and under practice from then on).
    """

    table: Floats


def chances_within_horizon(
    steps: Floats,
    behaviour: Behaviour,
    outcomes: Outcomes,
    *,
    weeks_before_shift: int = HORIZON_WEEKS,
    picked: Floats = PICKED,
) -> Chances:
    """Step backward from the end of the horizon.

    Parameters
    ----------
    steps : ndarray of shape (n_grid, 8, 8)
        Weekly transitions of the hidden state.
    behaviour, outcomes
        Weekly rates.
    weeks_before_shift : int
        How many weeks of the horizon lie before the shift: 13 where there is none, 0 after it.
    picked : ndarray of shape (7,)
        Weekly chance that a lead is picked up, by points as practised.
    """
    value = np.zeros((len(steps), *CELLS, N_STATES))
    worked, alone = value, value
    for week in reversed(range(HORIZON_WEEKS)):
        reach = outcomes.reach[0 if week < weeks_before_shift else 1]
        worked, alone = _choices(_after_week(value, steps, behaviour, reach, outcomes.invalid))
        value = _under_practice(worked, alone, picked)
    return Chances(np.stack([value, worked, alone], axis=-1))


def _after_week(value: Floats, steps: Floats, behaviour: Behaviour, reach: Floats, invalid: Floats) -> Floats:
    """Return the chance at a week's start once it is settled who is worked in it (axis 3)."""
    moved = np.einsum("nxy,nkfwpey->nkfwpex", steps, value, optimize=True)
    ahead = np.zeros_like(value)
    for points in range(_POINTS):
        for gain in range(_POINTS):
            later = moved[:, :, :, :, min(points + gain, MOST_POINTS)]  # (n, k, f, w, e', x)
            chance = behaviour.gains[:, :, gain]  # (x, e, e')
            ahead[:, :, :, :, points] += np.einsum("xeg,nkfwgx->nkfwex", chance, later, optimize=True)
    now = reach.transpose(2, 1, 0)[None, :, None, :, None, None, :]  # (1, k, 1, w, 1, 1, x)
    stay = (1.0 - invalid).T[None, None, None, :, None, None, :]
    result: Floats = now + (1.0 - now) * stay * ahead
    return result


def _choices(settled: Floats) -> tuple[Floats, Floats]:
    """Return the chance if the lead is worked in the coming week, and if it is not, by last week's work.

    A lead that is let go starts again from no points.
    """
    worked = np.repeat(settled[:, :, :, 1:2], 2, axis=3)
    alone = np.repeat(settled[:, :, :, 0:1], 2, axis=3)
    alone[:, :, :, 1] = settled[:, :, :, 0, 0:1]
    return worked, alone


def _under_practice(worked: Floats, alone: Floats, picked: Floats) -> Floats:
    share = np.empty((FIT_TIERS, 2, _POINTS, 1, N_STATES))
    for tier in range(FIT_TIERS):
        share[tier, 0] = picked[tier : tier + _POINTS, None, None]
    share[:, 1] = 1.0 - STOPPED
    result: Floats = share * worked + (1.0 - share) * alone
    return result
