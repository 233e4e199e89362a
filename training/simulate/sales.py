"""Sales: whom reps work, whom they let go, and who becomes a qualified opportunity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadlight.training.simulate.company import Company
from leadlight.training.simulate.need import N_STATES
from leadlight.training.simulate.traits import INDUSTRIES, SOURCES, TITLES
from leadlight.training.simulate.worlds import World

__all__ = ["CLOSINGS", "FIT_TIERS", "MQL_POINTS", "PICKED", "STOPPED", "Outcomes", "fit_tier", "outcomes_of"]
__all__ += ["picked_with", "weekly_chance"]

CLOSINGS: Final = 3
FIT_TIERS: Final = 3
MQL_POINTS: Final = 3
"""Points as practised (acts and fit together) from which marketing calls a lead qualified."""

PICKED: Final = np.array([0.001, 0.004, 0.012, 0.04, 0.12, 0.25, 0.40])
"""Chance a week that a lead is picked up, by points as practised: history favours what scores high."""

STOPPED: Final = np.array([0.34, 0.22, 0.10, 0.08, 0.40, 0.40, 0.34, 0.34])
"""Chance a week that a worked lead is let go, by hidden state: reps sense some of it."""

_ALONE: Final = np.array([0.0003, 0.0020, 0.018, 0.065])
_WORKED: Final = np.array([0.0010, 0.0090, 0.065, 0.190])
_BY_TITLE: Final = np.array([0.6, 1.0, 1.5])
_BY_TITLE_SHIFTED: Final = np.array([1.6, 1.0, 0.5])
_INVALID: Final = np.array(
    [  # not worked, worked
        [0.0012, 0.004],  # no need
        [0.0008, 0.002],  # latent
        [0.0005, 0.001],  # active
        [0.0000, 0.000],  # urgent
        [0.0040, 0.250],  # bot, busy
        [0.0040, 0.250],  # bot, gone
        [0.0030, 0.200],  # job-seeker, busy
        [0.0030, 0.200],  # job-seeker, gone
    ]
)


@dataclass(frozen=True)
class Outcomes:
    """Chances of what ends a week, by hidden state and by being worked.

    Attributes
    ----------
    reach : ndarray of shape (2, 8, 2, 3)
        Of reaching ``sql``: by era (before and after the shift), state, worked or not, and how well the title closes.
    invalid : ndarray of shape (8, 2)
        Of being disqualified.
    """

    reach: NDArray[np.float64]
    invalid: NDArray[np.float64]


def outcomes_of() -> Outcomes:
    """Return the chances where need decides."""
    reach = np.zeros((2, N_STATES, 2, CLOSINGS))
    base = np.stack([_ALONE, _WORKED], axis=1)  # (4, 2)
    for era, by_title in enumerate((_BY_TITLE, _BY_TITLE_SHIFTED)):
        reach[era, :4] = base[:, :, None] * by_title
    return Outcomes(reach, _INVALID)


def picked_with(floor: float) -> NDArray[np.float64]:
    """Return `PICKED` where the queue keeps a floor under every lead's chance."""
    return np.asarray(np.maximum(PICKED, floor))


def fit_tier(company: Company) -> NDArray[np.int64]:
    """Return the fit points as practised, given once on arrival, in three tiers: 0, 1 or 2."""
    size = np.where(company.size_known, company.employees[company.account], 0)
    industry = np.array([name for name, *_ in INDUSTRIES])[company.industry[company.account]]
    source = np.array([s.name for s in SOURCES])[company.source]
    rank = np.array([t.rank for t in TITLES])[company.title]
    points = 8 * (size >= 200) + 20 * np.isin(rank, ["chief", "vice"])
    points = points + 8 * np.isin(industry, ["software", "finance"]) + 8 * np.isin(source, ["webinar", "content"])
    return np.asarray(np.digitize(points, [10, 23]), dtype=np.int64)


def weekly_chance(world: World, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the constant weekly chance of each lead where need does not decide, shape (n_leads,).

    Within 13 weeks it makes 0.08 in the null world, and ``sigmoid(a + b x points)`` where the points are honest.
    """
    if world.outcome == "points":
        in_horizon = 1.0 / (1.0 + np.exp(4.0 - 0.06 * points))
    else:
        in_horizon = np.full(len(points), 0.08)
    chance: NDArray[np.float64] = 1.0 - (1.0 - in_horizon) ** (1.0 / 13.0)
    return chance
