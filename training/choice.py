"""Which candidate serves, and whether there is anything to serve at all."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from leadlight.core.artifact import Kind, ProbabilityStatus
from leadlight.training.bootstrap import Interval, interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "MIN_GAIN",
    "Choice",
    "Verdict",
    "VerdictWord",
    "choose",
    "judge",
    "points_only",
    "probability_status",
    "too_few",
    "would_tell",
]

MIN_GAIN: Final = 0.005
"""Area that a more complex candidate has to win, beside being ahead in 95 % of the draws."""

GROWS_OUT_OF: Final[Mapping[Kind, Kind]] = {"logistic": "scorecard"}
"""Candidates that may start from another one and shrink towards it: where they may, they stand unless surely worse.

With few conversions the folds can't tell; then a mixture of both loses little in any world (docs/decisions/0009)."""

SIGNAL_ABOVE: Final = 0.5
NO_SIGNAL_BELOW: Final = 0.6
RATIO_LIMITS: Final = (0.8, 1.25)
SLOPE_LIMITS: Final = (0.7, 1.4)
ENOUGH_TO_CHECK: Final = 50
"""Converted leads from which on chances are checked."""

FEWEST_TO_LEARN: Final = 40
"""Converted leads, and leads that did not, from which on anything is learned at all."""

_FEWEST: Final = 10

VerdictWord = Literal["signal", "no_signal", "cannot_tell", "points_only"]


@dataclass(frozen=True)
class Step:
    """One comparison: a more complex candidate against the one that stood so far.

    Attributes
    ----------
    challenger, against : {"scorecard", "logistic", "lightgbm"}
    gain : Interval
        In area under the ROC curve on the inner folds, paired.
    passed : bool
    contradicts_itself : bool
        Whether the challenger's rank evidence contradicts itself over time and that of the other does not: then it
        can't take its place.
    """

    challenger: Kind
    against: Kind
    gain: Interval
    passed: bool
    contradicts_itself: bool = False


@dataclass(frozen=True)
class Choice:
    """The candidate that serves, and how it came to that.

    Attributes
    ----------
    kind : {"scorecard", "logistic", "lightgbm"}
    steps : tuple of Step
        Differences in area under the ROC curve on the inner folds, paired.
    """

    kind: Kind
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Verdict:
    """Whether this history tells good leads from bad ones.

    Attributes
    ----------
    word : {"signal", "no_signal", "cannot_tell", "points_only"}
        "points_only": too few outcomes to learn from, so the hand-picked points rank, labelled so.
    text : str
        One sentence for people.
    conversions_that_would_tell : int or None
        Converted leads in the test part that would settle it; for "cannot_tell" only.
    """

    word: VerdictWord
    text: str
    conversions_that_would_tell: int | None = None


def choose(
    areas: Mapping[Kind, NDArray[np.float64]],
    simplest_first: Sequence[Kind],
    *,
    wavering: Collection[Kind] = (),
    growing: Mapping[Kind, Kind] = MappingProxyType({}),
) -> Choice:
    """Let the simplest candidate stand unless a more complex one is surely and noticeably better.

    What starts from another one and leaves it as far as the inner folds say takes its place unless it is surely worse.
    What one stretch of time says and the next denies takes nobody's place who is steady.

    Parameters
    ----------
    areas : mapping of candidate to ndarray of shape (n_draws + 1,)
        Area under the ROC curve on the inner folds, in the same draws; empty where there were no folds.
    simplest_first : sequence of str
    wavering : collection of candidates
        Whose rank evidence contradicts itself from one stretch of time to another, beyond noise.
    growing : mapping of candidate to candidate
        Which one starts from which.
    """
    standing, steps = simplest_first[0], []
    for challenger in simplest_first[1:]:
        if challenger not in areas or standing not in areas:
            continue
        gain = interval(areas[challenger] - areas[standing])
        surely = gain.low > 0 and gain.value >= MIN_GAIN
        ahead = gain.high >= 0 if growing.get(challenger) == standing else surely
        contradicts_itself = challenger in wavering and standing not in wavering
        passed = ahead and not contradicts_itself
        steps.append(Step(challenger, standing, gain, passed, contradicts_itself))
        standing = challenger if passed else standing
    return Choice(standing, tuple(steps))


def judge(area: Interval, log_loss: float, constant_log_loss: float, conversions: int) -> Verdict:
    """Give the verdict from the one look at the test part.

    Parameters
    ----------
    area : Interval
        Area under the ROC curve of the chosen candidate.
    log_loss, constant_log_loss : float
        Of the calibrated chances, and of the learning part's base rate for everybody.
    conversions : int
        Converted leads in the test part.
    """
    if conversions < _FEWEST or not np.isfinite([area.value, area.low, area.high]).all():
        return _cannot_tell(area, conversions, f"only {conversions} leads of the test part converted")
    if area.low > SIGNAL_ABOVE and log_loss < constant_log_loss:
        text = f"area under the ROC curve on later moments {area.value:.3f} ({area.low:.3f} to {area.high:.3f})"
        return Verdict("signal", f"Signal: {text}.")
    if area.high < NO_SIGNAL_BELOW:
        text = f"the area under the ROC curve is at most {area.high:.3f} (95 %)"
        return Verdict("no_signal", f"No signal here: {text}; such a ranking is not worth acting on.")
    if area.low <= SIGNAL_ABOVE:
        return _cannot_tell(area, conversions, f"the area's 95 % interval is {area.low:.3f} to {area.high:.3f}")
    losses = f"log loss {log_loss:.4f} against {constant_log_loss:.4f}"
    why = f"the ranking holds, but the chances are no better than the base rate for everybody ({losses})"
    return _cannot_tell(area, conversions, why)


def too_few(converted: int, others: int) -> str | None:
    """Say that there are too few outcomes to learn from; None where there are enough.

    Parameters
    ----------
    converted, others : int
        Leads with a mature moment that converted, and leads of which none did.
    """
    if min(converted, others) >= FEWEST_TO_LEARN:
        return None
    counted = f"{converted} leads converted and {others} did not (mature moments)"
    return f"{counted}; learning begins at {FEWEST_TO_LEARN} of each"


def points_only(why: str) -> Verdict:
    """Return the verdict where the hand-picked points rank, because there is nothing to learn from yet."""
    return Verdict("points_only", f"Points only: {why}. The hand-picked points rank, and no chance is shown.")


def would_tell(area: Interval, conversions: int) -> int:
    """Return about how many converted leads in the test part would settle the verdict.

    The interval shrinks with the square root of their number. Where it says nothing yet, the smallest sample is given
    that can tell an area of .50 from one of .60.
    """
    spread = (area.high - area.low) / 3.92
    if conversions < _FEWEST or not np.isfinite(spread) or spread <= 0:
        return 130  # SD of the area is about .29 / sqrt(conversions) when non-converters abound; (.29 * 3.92 / .1) ** 2
    room = max(area.value - SIGNAL_ABOVE, NO_SIGNAL_BELOW - area.value) / 1.96
    return max(conversions + 1, int(np.ceil(conversions * (spread / room) ** 2)))


def _cannot_tell(area: Interval, conversions: int, why: str) -> Verdict:
    enough = would_tell(area, conversions)
    text = (
        f"Cannot tell yet: {why}. About {enough} converted leads in the test part would tell (there are {conversions})."
    )
    return Verdict("cannot_tell", text, enough)


def probability_status(ratio: Interval, slope: Interval, conversions: int) -> tuple[ProbabilityStatus, str]:
    """Say whether chances may be shown, and how that was checked.

    They may not where the latest matured moments speak against them: the whole 95 % interval of observed / expected
    lies outside 0.8 to 1.25, or that of the slope outside 0.7 to 1.4.
    """
    if conversions < ENOUGH_TO_CHECK:
        return "calibrated", f"not yet checked: {conversions} conversions, {ENOUGH_TO_CHECK} are needed"
    for name, found, (low, high) in (("observed / expected", ratio, RATIO_LIMITS), ("slope", slope, SLOPE_LIMITS)):
        if found.high < low or found.low > high:
            return (
                "rank_only",
                f"{name} is {found.value:.2f} ({found.low:.2f} to {found.high:.2f}), outside {low} to {high}",
            )
    return "calibrated", "checked on the latest matured moments"
