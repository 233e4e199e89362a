"""The hand-picked points, weight by weight: what each was given, and what the data say.

All rules of the card are fitted together, so that a rule is not paid for what others that come with it bring. The
result is put on the card's own scale: one point is worth what the card's total says it is worth. Beside it stands
each rule taken alone.

The fit is repeated in a thousand draws of accounts (`leadlight.training.scorecard.by_pattern`); intervals hold the
noise of the scale, too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from leadlight.agreement.wording import named
from leadlight.training.bootstrap import Interval, interval
from leadlight.training.candidates import Lesson
from leadlight.training.chances.shares import counted, distinct
from leadlight.training.features_at import points_of
from leadlight.training.scorecard import by_pattern

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.agreement.terms import Agreement
    from leadlight.core.catalog import Catalog, Rule
    from leadlight.training.moments import Moments

__all__ = ["PointsReview", "RuleReview", "Verdict", "weights"]

Verdict = Literal["about right", "too high", "too low", "wrong way round", "no data", "too few to say", "no scale"]

FEWEST_LEADS: Final = 30
FEWEST_EITHER: Final = 5
"""Fewer leads that met a rule, or fewer of them with either outcome, are too few to say."""

RIDGE: Final = 1.0
"""Penalty on squared log-odds: keeps rules apart that nearly always come together, hardly felt from 100 leads on."""

FAVOURS: Final = (
    "A history that was worked by points favours the old weights: leads with many points were called first, and "
    "converted for that, too."
)


@dataclass(frozen=True)
class RuleReview:
    """One rule of the card.

    Attributes
    ----------
    rule, name : str
        Its name in the agreement, and what to call it.
    given : float
        Points that were picked by hand.
    together : Interval or None
        Points that the data say, all rules fitted together; None where the data say nothing, or points have no scale.
    alone : Interval or None
        The same with this rule alone.
    log_odds : Interval or None
        What meeting the rule adds to the log-odds, all rules fitted together.
    leads, conversions : int
        Distinct leads that met it at some moment, and those of them that converted from such a moment.
    verdict : Verdict
    text : str
        One sentence for people.
    """

    rule: str
    name: str
    given: float
    together: Interval | None
    alone: Interval | None
    log_odds: Interval | None
    leads: int
    conversions: int
    verdict: Verdict
    text: str


@dataclass(frozen=True)
class PointsReview:
    """The card beside the data.

    Attributes
    ----------
    rules : tuple of RuleReview
        In the agreement's order.
    scale : Interval or None
        Log-odds that one point of the card's total is worth.
    scaled : bool
        Whether points can be given at all: the card as a whole ranks the right way round, beyond noise.
    moments, leads, conversions : int
        Behind it; ``conversions`` counts distinct leads.
    words : tuple of str
        What must be said with it.
    """

    rules: tuple[RuleReview, ...]
    scale: Interval | None
    scaled: bool
    moments: int
    leads: int
    conversions: int
    words: tuple[str, ...]


def weights(
    agreement: Agreement, catalog: Catalog, matrix: NDArray[np.float64], moments: Moments, *, seed: int
) -> PointsReview:
    """Say of every hand-picked weight what the data say.

    Parameters
    ----------
    agreement : Agreement
    catalog : Catalog
        With a column for each rule.
    matrix : ndarray of shape (n_moments, n_features)
    moments : Moments
        Mature. Weighed as in learning: those of one lead share a weight.
    seed : int
        Of the resampling of accounts; its draws are those of `leadlight.training.bootstrap.Accounts`.
    """
    card = points_of(agreement)
    columns = [catalog.position[name] for name in card]
    met = np.nan_to_num(matrix[:, columns]) > 0
    given = np.array(list(card.values()), dtype=float)
    told = np.array([0 < int(column.sum()) < len(moments) for column in met.T], dtype=bool)
    found = None
    if told.any() and 0 < int(moments.converted.sum()) < len(moments):
        weight = Lesson(catalog, matrix, moments.converted, moments.lead).weight
        counts = by_pattern.count(met, moments.converted.astype(float), weight, moments.owner, seed=seed)
        found = _estimate(counts, given, told)
    scaled = found is not None and found.scale.low > 0
    digits = _digits(given)
    names = named(agreement.rules)
    rules = tuple(
        _review(
            rule,
            names[rule.name],
            _Seen.of(met[:, i], moments, catalog.left_out.get(f"card.{rule.name}")),
            found,
            i,
            digits,
        )
        for i, rule in enumerate(agreement.rules)
    )
    behind = len(moments), distinct(moments.lead), moments.conversions
    return PointsReview(rules, found.scale if found else None, scaled, *behind, tuple(_words(found, scaled, rules)))


@dataclass(frozen=True)
class _Found:
    """Draws of what the data say; columns of rules that say nothing are not numbers."""

    scale_draws: NDArray[np.float64]
    together: NDArray[np.float64]
    alone: NDArray[np.float64]

    @property
    def scale(self) -> Interval:
        return interval(self.scale_draws)

    def log_odds(self, i: int) -> Interval:
        return interval(self.together[:, i])

    def points(self, draws: NDArray[np.float64], i: int) -> Interval:
        """Return a rule's points: its log-odds in units of the scale, draw by draw."""
        return interval(draws[:, i] / self.scale_draws)


@dataclass(frozen=True)
class _Seen:
    """How often a rule was met."""

    leads: int
    won: int
    lost: int
    ever: bool
    always: bool
    why_never: str | None

    @classmethod
    def of(cls, met: NDArray[np.bool_], moments: Moments, why_never: str | None) -> _Seen:
        won, lost = (distinct(moments.lead[met & (moments.converted == outcome)]) for outcome in (True, False))
        return cls(distinct(moments.lead[met]), won, lost, bool(met.any()), bool(len(met) and met.all()), why_never)

    @property
    def nothing(self) -> str | None:
        """Why there is no data at all; None where there is."""
        if not self.ever:
            return self.why_never or "no lead ever met it"
        return "every lead always met it" if self.always else None

    @property
    def few(self) -> bool:
        return self.leads < FEWEST_LEADS or min(self.won, self.lost) < FEWEST_EITHER


def _estimate(counts: by_pattern.Counts, given: NDArray[np.float64], told: NDArray[np.bool_]) -> _Found:
    total = counts.patterns @ given
    spread = float(total.std()) or 1.0
    as_rules = RIDGE * float(given[told] @ given[told]) / spread**2  # the card's slope is shrunk as its rules are
    scale = by_pattern.fit((total / spread)[:, None], counts, ridge=as_rules)[:, 1] / spread
    together, alone = np.full((2, len(counts.all_), len(given)), np.nan)
    together[:, told] = by_pattern.fit(counts.patterns[:, told], counts, ridge=RIDGE)[:, 1:]
    for i in np.flatnonzero(told):
        alone[:, i] = _odds_ratio(counts, counts.patterns[:, i])
    return _Found(scale, together, alone)


def _odds_ratio(counts: by_pattern.Counts, met: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the log of the odds ratio of one rule alone, half a case added to each cell (Haldane 1956)."""
    logs = []
    for mask in (met, 1 - met):
        won = counts.won @ mask
        logs.append(np.log((won + 0.5) / (counts.all_ @ mask - won + 0.5)))
    return np.asarray(logs[0] - logs[1])


def _review(rule: Rule, name: str, seen: _Seen, found: _Found | None, i: int, digits: int) -> RuleReview:
    given, leads = rule.points, counted(seen.leads, "lead")

    def done(verdict: Verdict, text: str, *figures: Interval | None) -> RuleReview:
        together, alone, log_odds = figures or (None, None, None)
        said = f"{name}: you gave {given:+.{digits}f}{text}."
        return RuleReview(rule.name, name, given, together, alone, log_odds, seen.leads, seen.won, verdict, said)

    if seen.nothing is not None:
        return done("no data", f"; no data: {seen.nothing}")
    if found is None or seen.few:
        return done("too few to say", f"; too few to say: {leads} met it, {seen.won:,} converted")
    log_odds = found.log_odds(i)
    if not found.scale.low > 0:
        verdict: Verdict = "wrong way round" if _against(given, log_odds) else "no scale"
        wrong = f": {verdict}" if verdict == "wrong way round" else ""
        return done(verdict, f"; {_odds(log_odds, leads)}{wrong}", None, None, log_odds)
    together, alone = found.points(found.together, i), found.points(found.alone, i)
    shown = Interval(*(round(end, digits) + 0.0 for end in together))
    verdict = _verdict(given, shown)
    low, high = (f"{end:.{digits}f}" for end in shown[1:])
    text = f", the data say {shown.value:+.{digits}f} ({low} to {high}, {leads}): {verdict}"
    doubt = "; neither your points nor none at all can be ruled out" if verdict == "too few to say" else ""
    return done(verdict, text + doubt, together, alone, log_odds)


def _verdict(given: float, says: Interval) -> Verdict:
    """Compare a weight with what the data say, as shown; what can't be told from nothing either is too few to say."""
    if _against(given, says):
        return "wrong way round"
    if given < says.low:
        return "too low"
    if given > says.high:
        return "too high"
    return "too few to say" if given != 0 and says.low <= 0 <= says.high else "about right"


def _against(given: float, says: Interval) -> bool:
    """Whether the data surely say the opposite of what was given."""
    return (given > 0 and says.high < 0) or (given < 0 and says.low > 0)


def _odds(log_odds: Interval, leads: str) -> str:
    """Say which way a rule goes where points have no scale."""
    value, low, high = (f"{math.exp(end):.2f}" for end in log_odds)
    way = "higher" if log_odds.low > 0 else "lower" if log_odds.high < 0 else "no different beyond noise"
    return f"the odds of leads that meet it are {way}: {value} times ({low} to {high}, {leads})"


def _digits(given: NDArray[np.float64]) -> int:
    """Return how many decimals points are shown with: cards count in tens, or in ones, or in less."""
    largest = float(np.abs(given).max(initial=0.0))
    least = 0 if largest >= 10 else 1 if largest >= 1 else 2
    return next((d for d in range(least, 3) if np.allclose(np.round(given, d), given)), 2)


def _words(found: _Found | None, scaled: bool, rules: tuple[RuleReview, ...]) -> Iterator[str]:
    if not rules:
        yield "No hand-picked points were given, so there are none to review."
        return
    if found is None:
        yield "The data say nothing about these points: no rule tells leads apart, or all have the same outcome."
        return
    ends = [f"{end:.4f}" for end in found.scale]
    worth = f"one point goes with {ends[0]} of log-odds ({ends[1]} to {ends[2]})"
    if not scaled:
        yield (
            f"The card as a whole does not rank leads the right way round beyond noise: {worth}. So the data can't be "
            "told in points; for each rule it is said only which way it goes."
        )
    else:
        yield f"Of the card's total {worth}; what the data say is told in such points, the scale's noise included."
        yield "Points are relative: where many weights are wrong, a point is worth little, and right ones look too low."
        yield "All rules are fitted together; 'alone' takes one by itself, and credits it with what comes with it."
    yield "Each interval stands for itself: of twenty rules that are right, about one looks wrong by chance."
    yield FAVOURS
