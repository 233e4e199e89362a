"""Reasons as bars that lead from the base to the score without a gap, component by component."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from leadlight.core.catalog import COMPONENTS, Component
from leadlight.serving.pages_data import ComponentBars, ReasonBar
from leadlight.serving.reasons import Reason
from leadlight.serving.scorer import Answer
from leadlight.serving.words import say

__all__ = ["MOST_BARS", "SMALL", "component_bars"]

MOST_BARS: Final = 6
"""Bars of one component before its rest is summed in one."""

SMALL: Final = 0.05
"""Log-odds: what moves the score less is summed too, where there is more than one of it."""


def component_bars(answer: Answer, language: str) -> tuple[ComponentBars, ...]:
    """Return the bars of a lead.

    Parameters
    ----------
    answer : Answer
        With all its reasons: made with ``reasons=None``.
    language : {"en", "es"}

    Returns
    -------
    tuple of ComponentBars
        Fit, interest, cycle. The first bar starts at ``base_log_odds``, each next where the one before ends, and
        the last ends at ``log_odds`` (to 1e-9, the rounding of sums).
    """
    position, components = answer.base_log_odds, []
    for name in COMPONENTS:
        component: Component = name
        reasons = [reason for reason in answer.reasons if reason.component == name]
        bars = _bars(reasons, component, position, language)
        position = bars[-1].end if bars else position
        components.append(
            ComponentBars(
                component,
                say(f"component.{name}", language),
                say(f"question.{name}", language),
                answer.shares.components[name],
                tuple(bars),
            )
        )
    return tuple(components)


def _bars(reasons: Sequence[Reason], component: Component, start: float, language: str) -> list[ReasonBar]:
    """Reasons come strongest first; those that are folded are a tail of them."""
    shown = [reason for reason in reasons if abs(reason.impact) >= SMALL][:MOST_BARS]
    if len(reasons) - len(shown) == 1:
        shown = list(reasons)
    bars = []
    for reason in shown:
        bars.append(_bar(reason, start))
        start = bars[-1].end
    folded = reasons[len(shown) :]
    if folded:
        bars.append(_other(folded, component, start, language))
    return bars


def _bar(reason: Reason, start: float) -> ReasonBar:
    return ReasonBar(
        code=reason.code,
        component=reason.component,
        text=reason.text,
        impact=reason.impact,
        start=start,
        end=start + reason.impact,
        direction=reason.direction,
        direction_text=reason.direction_text,
        evidence=reason.finding.sentence,
        definition=reason.finding.definition,
        not_known=reason.not_known,
    )


def _other(folded: Sequence[Reason], component: Component, start: float, language: str) -> ReasonBar:
    impact = math.fsum(reason.impact for reason in folded)
    direction = "raises" if impact > 0 else "lowers"
    return ReasonBar(
        code="other",
        component=component,
        text=say("bar.other", language, count=len(folded)),
        impact=impact,
        start=start,
        end=start + impact,
        direction=direction,  # type: ignore[arg-type] # one of the two literals
        direction_text=say(f"direction.{direction}", language),
        evidence="",
        definition="",
        not_known=False,
        folded=len(folded),
    )
