"""Where the bars of a lead's page stand: a scale of log-odds as shares of the chart's width.

Positions go into SVG attributes as percentages, so a chart is as wide as its column, needs no script and no style
attribute, and every row of it shares one scale.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from leadlight.serving.pages_data import LeadPage

__all__ = ["Axis", "sigmoid"]

_STEPS: Final = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
_MOST_TICKS: Final = 6
_MARGIN: Final = 0.07
"""Share of the span that stays free on either side: room for the outer ticks' labels."""

_LEAST_SPAN: Final = 0.5
"""Log-odds that the chart spans at least, so that tiny reasons look tiny."""


def sigmoid(log_odds: float) -> float:
    """Return the chance that log-odds stand for; exact at both ends, no overflow."""
    if log_odds >= 0:
        return 1.0 / (1.0 + math.exp(-log_odds))
    return math.exp(log_odds) / (1.0 + math.exp(log_odds))


@dataclass(frozen=True, slots=True)
class Axis:
    """A straight scale from ``low`` at the chart's left edge to ``high`` at its right.

    Attributes
    ----------
    low, high : float
        Log-odds.
    ticks : tuple of float
        Round values inside, ascending.

    Examples
    --------
    >>> axis = Axis(-3.0, 1.0, (-2.0, 0.0))
    >>> axis.at(-2.0), axis.width(-2.0, -1.0)
    ('25.0000%', '25.0000%')
    """

    low: float
    high: float
    ticks: tuple[float, ...]

    @classmethod
    def of(cls, page: LeadPage) -> Axis:
        """Return the scale that holds every bar of a page."""
        ends = [bar.end for component in page.components for bar in component.bars]
        return cls.spanning([page.base_log_odds, page.log_odds, *ends])

    @classmethod
    def spanning(cls, values: list[float]) -> Axis:
        """Return a scale that holds all values with some room on either side."""
        low, high = min(values), max(values)
        lacking = max(0.0, _LEAST_SPAN - (high - low)) / 2
        low, high = low - lacking, high + lacking
        margin = _MARGIN * (high - low)
        return cls(low - margin, high + margin, _round_values(low, high))

    def at(self, value: float) -> str:
        """Return a value's place as a percentage of the chart's width."""
        return f"{100 * (value - self.low) / (self.high - self.low):.4f}%"

    def width(self, start: float, end: float) -> str:
        """Return the width of a bar between two values, whichever is first."""
        return f"{100 * abs(end - start) / (self.high - self.low):.4f}%"


def _round_values(low: float, high: float) -> tuple[float, ...]:
    step = next((s for s in _STEPS if (high - low) / s < _MOST_TICKS), _STEPS[-1])
    first, last = math.ceil(low / step), math.floor(high / step)
    return tuple(round(i * step, 2) for i in range(first, last + 1))
