"""The worlds: which of the company's traits hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from leadlight.core.errors import UsageError

__all__ = ["WORLDS", "World", "find_world"]

WORLDS: Final = ("plain", "linear", "null", "shifted", "honest-points")

Outcome = Literal["need", "chance", "points"]


@dataclass(frozen=True, slots=True)
class World:
    """A world's traits.

    Attributes
    ----------
    outcome : {"need", "chance", "points"}
        What conversion depends on: the hidden need, nothing at all, or the points of the agreement's card.
    additive : bool
        Effects on need only add up: no interaction, no saturation, no driver, no bots, no job-seekers.
    mix_week : int
        From this week on leads come from other sources.
    shift_week : int or None
        From this week on new leads follow other effects, and titles count differently for everyone.
    static : bool
        What the card looks at is settled when a lead arrives and never changes after.
    """

    outcome: Outcome = "need"
    additive: bool = False
    mix_week: int = 52
    shift_week: int | None = None
    static: bool = False


_TRAITS: Final[Mapping[str, World]] = {
    "plain": World(),
    "linear": World(additive=True),
    "null": World(outcome="chance"),
    "shifted": World(mix_week=66, shift_week=66),
    "honest-points": World(outcome="points", static=True),
}


def find_world(name: str) -> World:
    """Return the world of that name.

    Raises
    ------
    UsageError
        If there is none; the message lists them.
    """
    if name not in _TRAITS:
        raise UsageError(f"There is no world {name!r}; choose one of {', '.join(WORLDS)}.", world=name)
    return _TRAITS[name]
