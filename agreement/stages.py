"""Where a lead stands in the revenue cycle: in the queue, converted, or away.

One definition for training (who is at risk), batch scoring (who is open) and the pages (who is listed).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from leadlight.core.stages import CLOSED, RECYCLED

__all__ = ["Standing", "follow", "left_queue"]


class Standing(NamedTuple):
    """Where a lead stands after its stage changes so far.

    ``open``: in the queue. ``converted``: has reached the goal in the current cycle. ``away``: recycled or closed, so
    that the next step begins a new cycle.
    """

    open: bool = True
    converted: bool = False
    away: bool = False


def follow(standing: Standing, stage: str, goal: frozenset[str]) -> Standing:
    """Return the standing after one more stage.

    Examples
    --------
    >>> from leadlight.core.stages import reached
    >>> goal = reached("sql")
    >>> lead = follow(Standing(), "sql", goal)
    >>> follow(lead, "recycled", goal)  # converted once: no longer asked about in this cycle
    Standing(open=True, converted=True, away=True)
    >>> follow(follow(lead, "recycled", goal), "mql", goal)  # re-entry begins a new one
    Standing(open=True, converted=False, away=False)
    """
    if stage in goal:
        return Standing(converted=True)
    if stage in RECYCLED:
        return Standing(converted=standing.converted, away=True)
    if stage in CLOSED:
        return Standing(open=False, converted=standing.converted, away=True)
    return Standing(converted=standing.converted and not standing.away)


def left_queue(lead: NDArray[np.int64], stage: NDArray[np.object_], goal: frozenset[str]) -> NDArray[np.int64]:
    """Return which leads are not in the queue after their stage changes: closed, or converted in the present cycle.

    The same as following each lead by `follow`, for all leads at once.

    Parameters
    ----------
    lead : ndarray of shape (n_changes,), dtype int64
        Sorted.
    stage : ndarray of shape (n_changes,) of str
        Each lead's in order of time.
    goal : frozenset of str
        As `leadlight.core.stages.reached` gives it.

    Returns
    -------
    ndarray of int64
        Leads that have left, rising. Who is not named, or never changed stage, is in the queue.
    """
    if len(lead) == 0:
        return lead
    won, away, closed = (np.isin(stage, list(names)) for names in (goal, RECYCLED | CLOSED, CLOSED))
    new_lead = np.r_[True, lead[1:] != lead[:-1]]
    back = np.r_[False, away[:-1]] & ~won & ~away  # coming back begins a new cycle
    cycle = np.cumsum(new_lead | back)
    converted = np.zeros(cycle[-1] + 1, bool)
    converted[cycle[won]] = True
    last = np.r_[new_lead[1:], True]
    return np.asarray(lead[last & (closed | converted[cycle])])
