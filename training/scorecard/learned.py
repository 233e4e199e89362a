"""The learned model as a points card of its own, which a CRM without Leadlight could use.

A handful of rules in the agreement's own language is fitted to what the model says (distilled), one rule at a time,
each the one that explains most of what is left. Ten points double the odds, as credit scorecards have it (Siddiqi
2006, Credit Risk Scorecards); points are whole numbers. Only what the rules of an agreement can say is used: activities
within so many days, attributes, the stage. What else the model looks at is lost, and that is counted as the card's
cost.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from leadlight.agreement.wording import in_words
from leadlight.core.catalog import Condition, Rule
from leadlight.training.bootstrap import Accounts, Interval, areas, interval
from leadlight.training.moments import scrambled, shared
from leadlight.training.scorecard import by_pattern
from leadlight.training.scorecard.rules import Candidates, holds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.core.catalog import Catalog
    from leadlight.training.moments import Moments

__all__ = ["CardCost", "LearnedCard", "card_cost", "learned_card", "total"]

MOST_RULES: Final = 15
POINTS_TO_DOUBLE: Final = 10

WORTH_A_RULE: Final = 0.005
"""Share of the model's variation that a further rule has to explain."""

FEWEST_POINTS: Final = 2
"""Rules worth less are left out: they cost a line and change no order."""

_ENOUGH_ROWS: Final = 60_000
"""Moments that rules are looked for on; their points are fitted on all."""

_RIDGE: Final = 1.0


@dataclass(frozen=True)
class LearnedCard:
    """A points card learned from a model.

    Attributes
    ----------
    rules : tuple of Rule
        In the order in which they were found, the most telling first; whole points, none 0.
    points_to_double : int
        So many points more double the odds.
    chance_without_points : float
        What the card says of a lead that meets no rule.
    explained : float
        Share of the variation of the model's log-odds that the card keeps, among what taught.
    """

    rules: tuple[Rule, ...]
    points_to_double: int
    chance_without_points: float
    explained: float


@dataclass(frozen=True)
class CardCost:
    """What the card loses, on moments that none of its makers had seen.

    Attributes
    ----------
    learned, model : Interval
        Area under the ROC curve of the learned card, and of the model it was made from.
    hand : Interval or None
        Of the hand-picked card; None where there is none.
    against_model, against_hand : Interval or None
        Learned card less the other, paired: the same draws of accounts.
    words : tuple of str
    """

    learned: Interval
    model: Interval
    hand: Interval | None
    against_model: Interval
    against_hand: Interval | None
    words: tuple[str, ...]


def learned_card(
    catalog: Catalog,
    matrix: NDArray[np.float64],
    moments: Moments,
    log_odds: NDArray[np.float64],
    *,
    most_rules: int = MOST_RULES,
) -> LearnedCard:
    """Make a points card that says nearly what a model says.

    Parameters
    ----------
    catalog : Catalog
    matrix : ndarray of shape (n_moments, n_features)
        Of the moments that taught the model; those of one lead share a weight.
    moments : Moments
        Their outcomes are not looked at.
    log_odds : ndarray of shape (n_moments,)
        What the model says of them, calibrated: points are told in odds.
    most_rules : int
    """
    weight = shared(moments.lead)
    some = _some(moments)
    found = _find(Candidates.of(catalog, matrix[some]), log_odds[some], weight[some], most_rules)
    chance = 1.0 / (1.0 + np.exp(-np.clip(log_odds, -30, 30)))
    while found:
        met = np.column_stack([holds(when, catalog, matrix) for when in found])
        intercept, points = _points(met, chance, weight, moments.owner)
        worth = np.abs(points) >= FEWEST_POINTS
        if worth.all():
            rules = tuple(Rule(in_words(when), when, float(p)) for when, p in zip(found, points, strict=True))
            without = 1.0 / (1.0 + math.exp(-intercept))
            return LearnedCard(rules, POINTS_TO_DOUBLE, without, _explained(met @ points, log_odds, weight))
        found = [when for when, enough in zip(found, worth, strict=True) if enough]
    return LearnedCard((), POINTS_TO_DOUBLE, float(np.average(chance, weights=weight)), 0.0)


def _points(
    met: NDArray[np.bool_], chance: NDArray[np.float64], weight: NDArray[np.float64], owner: NDArray[np.int64]
) -> tuple[float, NDArray[np.float64]]:
    """Fit the rules together to the model's chances; return the intercept, and whole points."""
    counts = by_pattern.count(met, chance, weight, owner, n_draws=0)
    intercept, *coefficients = by_pattern.fit(counts.patterns, counts, ridge=_RIDGE)[0]
    return float(intercept), np.round(np.array(coefficients) * POINTS_TO_DOUBLE / math.log(2.0)) + 0.0


def total(rules: Sequence[Rule], catalog: Catalog, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the points of each moment, from the catalog's own columns; shape (n_moments,)."""
    points = np.zeros(len(matrix))
    for rule in rules:
        points += rule.points * holds(rule.when, catalog, matrix)
    return points


def card_cost(
    learned: NDArray[np.float64],
    model: NDArray[np.float64],
    hand: NDArray[np.float64] | None,
    test: Moments,
    accounts: Accounts,
) -> CardCost:
    """Say what the learned card loses against the model, and what it wins over the hand-picked one.

    Parameters
    ----------
    learned, hand : ndarray of shape (n_moments,)
        Points of the test part.
    model : ndarray of shape (n_moments,)
        Log-odds of the same moments.
    """
    own, theirs = (areas(score, test.converted, accounts) for score in (learned, model))
    old = None if hand is None else areas(hand, test.converted, accounts)
    against_model = interval(own - theirs)
    against_hand = None if old is None else interval(own - old)
    figures = interval(own), interval(theirs), None if old is None else interval(old)
    words = [f"Area under the ROC curve on later moments: {_figure(figures[0])} with the learned card"]
    words[0] += f", {_figure(figures[1])} with the model: {_difference(against_model, 'the model')}."
    if figures[2] is not None and against_hand is not None:
        words.append(f"The hand-picked card has {_figure(figures[2])}: {_difference(against_hand, 'it')}.")
    return CardCost(*figures, against_model, against_hand, tuple(words))


def _some(moments: Moments) -> NDArray[np.int64]:
    """Return an even sample of moments, the same whatever the order of rows."""
    if len(moments) <= _ENOUGH_ROWS:
        return np.arange(len(moments))
    return np.sort(np.argsort(scrambled(moments.lead, moments.as_of), kind="stable")[:_ENOUGH_ROWS])


def _find(
    candidates: Candidates, log_odds: NDArray[np.float64], weight: NDArray[np.float64], most: int
) -> list[Condition]:
    """Add the rule that explains most of what is left, until none explains enough; all points are refitted each time.

    Orthogonal matching pursuit (Pati, Rezaiifar, Krishnaprasad 1993) on 0/1 columns.
    """
    root = np.sqrt(weight)
    centred = log_odds - np.average(log_odds, weights=weight)
    whole = float(weight @ centred**2)
    found: list[Condition] = []
    design, left = root[:, None], centred
    while len(found) < most and whole > 0:
        best = candidates.best(left, weight, found)
        if best is None or best.gain < WORTH_A_RULE * whole:
            break
        found.append(best.when)
        design = np.column_stack([design, root * best.met])
        coefficients = np.linalg.lstsq(design, root * centred, rcond=None)[0]
        left = centred - np.column_stack([np.ones(len(left)), design[:, 1:] / root[:, None]]) @ coefficients
    return found


def _explained(points: NDArray[np.float64], log_odds: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    """Return the squared correlation of the card's points and the model's log-odds."""
    x, y = (values - np.average(values, weights=weight) for values in (points, log_odds))
    scale = float((weight @ x**2) * (weight @ y**2))
    return float((weight @ (x * y)) ** 2 / scale) if scale > 0 else 0.0


def _figure(area: Interval) -> str:
    return f"{area.value:.3f} ({area.low:.3f} to {area.high:.3f})"


def _difference(found: Interval, other: str) -> str:
    """Say how far the card is from another."""
    size = f"{abs(found.value):.3f}"
    ends = sorted(abs(end) for end in found[1:])
    if found.high < 0:
        return f"the learned card is {size} below {other} ({ends[0]:.3f} to {ends[1]:.3f})"
    if found.low > 0:
        return f"the learned card is {size} above {other} ({ends[0]:.3f} to {ends[1]:.3f})"
    return f"no difference beyond noise ({found.low:+.3f} to {found.high:+.3f})"
