"""What became of the model's own predictions: those it made after its training day whose horizon has passed by now.

No moment here taught the model: training takes moments whose label was known on the training day, and these come later.
They are all open leads of every Monday, as the queue shows them, so they are held against what the report promised "as
deployed" where it says that, else against its test part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from leadlight.core.clock import from_micros
from leadlight.features.build import build
from leadlight.features.timeline import Moments as Asked
from leadlight.training.bootstrap import Accounts, Interval, areas, interval
from leadlight.training.choice import ENOUGH_TO_CHECK, RATIO_LIMITS, SLOPE_LIMITS
from leadlight.training.line import fit_line, line_draws
from leadlight.training.metrics import measure_chances

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.core.artifact import TrainedModel
    from leadlight.features.timeline import Timeline
    from leadlight.training.moments import Moments

__all__ = ["WORSE_BY", "Matured", "Month", "examine", "hold_against", "promised_auc"]

WORSE_BY: Final = 0.03
"""Area under the ROC curve that has to be lost, beside being lost beyond noise, before it is called harm."""

_ONE_SIDED_99: Final = 2.326348
_WIDTH_95: Final = 3.919928
"""Width of a 95 % interval in standard deviations."""

_FEWEST_A_MONTH: Final = 10


@dataclass(frozen=True)
class Month:
    """Predictions of one month.

    Attributes
    ----------
    name : str
        ``"2025-09"``; ``"(no dates)"`` for a flat export.
    moments, leads, conversions : int
        ``conversions`` counts distinct leads.
    expected, observed : float
        Mean chance that the model gave, and share of moments that converted.
    auc, observed_to_expected : Interval or None
        None under ten conversions.
    """

    name: str
    moments: int
    leads: int
    conversions: int
    expected: float
    observed: float
    auc: Interval | None
    observed_to_expected: Interval | None


@dataclass(frozen=True)
class Matured:
    """Predictions since the training day whose outcome is known.

    Attributes
    ----------
    moments, leads, conversions : int
    promised : Interval or None
        Area under the ROC curve as the report promised it.
    auc, observed_to_expected, slope : Interval or None
        As it came; None under 50 conversions.
    months : tuple of Month
    harmed : tuple of str
        What is worse beyond noise, as sentences; empty where nothing is, or nothing can be judged yet.
    text : str
        All in one sentence.
    """

    moments: int
    leads: int
    conversions: int
    promised: Interval | None
    auc: Interval | None
    observed_to_expected: Interval | None
    slope: Interval | None
    months: tuple[Month, ...]
    harmed: tuple[str, ...]
    text: str

    @property
    def judged(self) -> bool:
        """Whether there are enough conversions to judge."""
        return self.auc is not None


def examine(model: TrainedModel, timeline: Timeline, later: Moments, *, flat: bool, seed: int = 0) -> Matured:
    """Score moments with the model and hold them against what became of them.

    Parameters
    ----------
    model : TrainedModel
    timeline : Timeline
        The history, encoded by the model's vocabulary.
    later : Moments
        Mature, and later than the model's training day.
    flat : bool
        Whether they are rows of a flat export, which have no months.
    seed : int
        Of the bootstrap over accounts.
    """
    matrix = build(model.catalog, timeline, Asked(later.lead, later.as_of))
    log_odds = model.calibration.intercept + model.calibration.slope * model.ranker.raw(matrix)
    promised, shown = promised_auc(model), model.probability_status == "calibrated"
    return hold_against(log_odds, later, promised, chances_shown=shown, flat=flat, seed=seed)


def hold_against(
    log_odds: NDArray[np.float64],
    later: Moments,
    promised: Interval | None,
    *,
    chances_shown: bool,
    flat: bool = False,
    seed: int = 0,
) -> Matured:
    """Hold predictions against outcomes, and both against a promise.

    Parameters
    ----------
    log_odds : ndarray of shape (n_moments,)
        Calibrated.
    later : Moments
        Mature.
    promised : Interval or None
        Area under the ROC curve.
    chances_shown : bool
        Whether the model's chances are shown; those that nobody sees harm nobody.
    flat, seed
        As in `examine`.
    """
    counts = len(later), len(np.unique(later.lead)), later.conversions
    if not len(later):
        return Matured(*counts, promised, None, None, None, (), (), _too_few(0))
    accounts = Accounts.draw(later.owner, seed)
    months = tuple(_by_month(log_odds, later, accounts, flat=flat))
    if later.conversions < ENOUGH_TO_CHECK or later.converted.all():
        return Matured(*counts, promised, None, None, None, months, (), _too_few(later.conversions))
    auc = interval(areas(log_odds, later.converted, accounts))
    ratios, slopes = _ratios(log_odds, later, accounts), _slopes(log_odds, later, accounts)
    ratio, slope = interval(ratios), interval(slopes)
    harmed = (*_ranks_worse(auc, promised), *(_chances_off(ratios, slopes) if chances_shown else []))
    said = (
        f"On {len(later):,} predictions since its training day whose outcome is known ({later.conversions:,} converted "
        f"leads): area under the ROC curve {_said(auc)}, promised {_said(promised)}; observed / expected "
        f"{_said(ratio, 2)}, slope {_said(slope, 2)}."
    )
    return Matured(*counts, promised, auc, ratio, slope, months, harmed, said)


def promised_auc(model: TrainedModel) -> Interval | None:
    """Return the area under the ROC curve that the model's report promised; as deployed where it says so."""
    for part in ("deployed", "chosen"):
        figure = ((model.facts.get(part) or {}).get("ranking") or {}).get("auc")
        if isinstance(figure, Mapping) and figure.get("value") is not None:
            return Interval(*(_number(figure.get(end)) for end in ("value", "low", "high")))
    return None


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _ratios(log_odds: NDArray[np.float64], moments: Moments, accounts: Accounts) -> NDArray[np.float64]:
    """Return observed / expected in each draw."""
    return measure_chances(log_odds, moments.converted, accounts).draws["observed_to_expected"]


def _slopes(log_odds: NDArray[np.float64], moments: Moments, accounts: Accounts) -> NDArray[np.float64]:
    """Return the slope of the log-odds in each draw."""
    line = fit_line(log_odds, moments.converted)
    return line_draws(log_odds, moments.converted, accounts, line, free=True)[:, 1]


def _ranks_worse(auc: Interval, promised: Interval | None) -> Iterator[str]:
    """Say that the ranking lost: both areas have an interval, so their difference has to exceed that of both."""
    if promised is not None and _surely_worse(auc, promised):
        yield (
            f"It ranks worse than promised: area under the ROC curve {_said(auc)} on matured predictions, "
            f"{_said(promised)} in its report."
        )
    elif auc.high <= 0.5:
        yield f"It no longer ranks: the area under the ROC curve is {_said(auc)} on matured predictions."


def _chances_off(ratios: NDArray[np.float64], slopes: NDArray[np.float64]) -> Iterator[str]:
    """Say which limits the chances surely left: by their 99 % interval, because watching looks again and again."""
    looks = (("observed / expected", ratios, RATIO_LIMITS), ("the slope", slopes, SLOPE_LIMITS))
    for name, draws, (lowest, highest) in looks:
        low, high = np.nanquantile(draws[1:], (0.005, 0.995))
        if high < lowest or low > highest:
            said = f"{draws[0]:.2f} ({low:.2f} to {high:.2f}, 99 %)"
            yield f"Its chances are off: {name} is {said} on matured predictions, outside {lowest} to {highest}."


def _surely_worse(auc: Interval, promised: Interval) -> bool:
    noise = np.hypot(auc.high - auc.low, promised.high - promised.low) / _WIDTH_95
    lost = promised.value - auc.value
    return bool(lost > WORSE_BY and lost > _ONE_SIDED_99 * noise)


def _by_month(log_odds: NDArray[np.float64], moments: Moments, accounts: Accounts, *, flat: bool) -> Iterator[Month]:
    if flat:
        yield _month("(no dates)", log_odds, moments, accounts)
        return
    names = moments.as_of.astype("datetime64[us]").astype("datetime64[M]")
    order = np.argsort(names, kind="stable")
    ends = [0, *(1 + np.flatnonzero(names[order][1:] != names[order][:-1])), len(names)]
    for start, end in pairwise(ends):
        rows = np.sort(order[start:end])
        name = f"{from_micros(int(moments.as_of[rows[0]])):%Y-%m}"
        yield _month(name, log_odds[rows], moments.take(rows), accounts.take(rows))


def _month(name: str, log_odds: NDArray[np.float64], moments: Moments, accounts: Accounts) -> Month:
    conversions = moments.conversions
    enough = conversions >= _FEWEST_A_MONTH and not moments.converted.all()
    return Month(
        name=name,
        moments=len(moments),
        leads=len(np.unique(moments.lead)),
        conversions=conversions,
        expected=float(np.exp(-np.logaddexp(0.0, -log_odds)).mean()),
        observed=float(moments.converted.mean()),
        auc=interval(areas(log_odds, moments.converted, accounts)) if enough else None,
        observed_to_expected=interval(_ratios(log_odds, moments, accounts)) if enough else None,
    )


def _too_few(conversions: int) -> str:
    return (
        f"Its predictions can't be judged yet: {conversions} leads converted among those since its training day whose "
        f"outcome is known, {ENOUGH_TO_CHECK} are needed."
    )


def _said(figure: Interval | None, digits: int = 3) -> str:
    if figure is None:
        return "nothing"
    return f"{figure.value:.{digits}f} ({figure.low:.{digits}f} to {figure.high:.{digits}f})"
