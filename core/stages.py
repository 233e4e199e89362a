"""The stages of the revenue cycle: which there usually are, and what each means for a lead.

A cycle, not a funnel: a recycled lead rests, comes back, and may convert again. Companies name their own
stages; a stage that is not listed here is a step on the way, unless it is the goal.
"""

from __future__ import annotations

from typing import Final

__all__ = ["CLOSED", "LADDER", "RECYCLED", "goal_and_later", "reached"]

LADDER: Final = ("new", "engaged", "mql", "sal", "sql", "opportunity", "customer")
"""The usual stages in order; reaching a later one means having passed the earlier ones."""

RECYCLED: Final = frozenset({"recycled", "nurture"})
"""Resting, still open: coming back begins a new cycle."""

CLOSED: Final = frozenset({"disqualified", "lost", "closed_lost", "declined", "cancelled", "merged", "deleted"})
"""No longer in the queue, until a later stage opens the lead again, which begins a new cycle."""


def goal_and_later(goal: str) -> tuple[str, ...]:
    """Return the goal and, on the usual ladder, all later stages, in order.

    Examples
    --------
    >>> goal_and_later("sql"), goal_and_later("activated")
    (('sql', 'opportunity', 'customer'), ('activated',))
    """
    return LADDER[LADDER.index(goal) :] if goal in LADDER else (goal,)


def reached(goal: str) -> frozenset[str]:
    """Return the stages that mean that the goal has been reached."""
    return frozenset(goal_and_later(goal))
