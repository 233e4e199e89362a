"""When the CRM comes to know: machines within minutes, people within hours, now and then days late."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from leadlight.training.simulate.calendar import DAY, HOUR

__all__ = ["recorded_by_machine", "recorded_by_people"]

Ints = NDArray[np.int64]


def recorded_by_machine(rng: np.random.Generator, occurred: Ints) -> Ints:
    """Return times of recording up to two minutes later, one in fifty in the next night's batch."""
    night = (occurred // DAY + 1) * DAY + 3 * HOUR
    soon = occurred + rng.integers(0, 120, size=len(occurred))
    return np.where(rng.random(len(occurred)) < 0.02, night, soon)


def recorded_by_people(rng: np.random.Generator, occurred: Ints) -> Ints:
    """Return times of recording: three in four within hours, the rest days later, a few nearly two weeks."""
    n = len(occurred)
    within_hours = rng.integers(60, 6 * HOUR, size=n)
    days = rng.integers(1, 4, size=n) * DAY
    weeks = rng.integers(4, 13, size=n) * DAY
    draw = rng.random(n)
    late = np.where(draw < 0.75, 0, np.where(draw < 0.95, days, weeks))
    return np.asarray(occurred + within_hours + late, dtype=np.int64)
