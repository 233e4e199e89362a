"""Both estimates side by side: under today's practice, and if worked; with what each says of the open leads.

What is learned is compared where both can be judged: among worked moments that taught neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from leadlight.training.bootstrap import Accounts, Interval, areas, interval
from leadlight.training.splits import Fold
from leadlight.training.worked.days import Window
from leadlight.training.worked.facts import Facts
from leadlight.training.worked.learning import Estimate, LearnedIfWorked, learn_if_worked
from leadlight.training.worked.moments import Worked, worked
from leadlight.training.worked.words import words_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.agreement.terms import Agreement
    from leadlight.core.history import History
    from leadlight.training.features_at import FeaturesAt
    from leadlight.training.moments import Moments

__all__ = ["QUANTILES", "Estimate", "IfWorked", "if_worked"]

QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class IfWorked:
    """What a report says of both estimates.

    Attributes
    ----------
    facts : Facts
    learned : LearnedIfWorked or None
        None where nothing could be learned. Taught by the learning part, to be measured, not to be served.
    judged : mapping
        Among moments of the test part that stand for the worked: how many, and for each estimate its area under the
        ROC curve and its observed to expected conversions, all weighted; and the paired difference of the areas.
    open_leads : mapping
        For each estimate the mean and the quantiles of the open leads' chances; their rank correlation.
    words : tuple of str
    """

    facts: Facts
    learned: LearnedIfWorked | None
    judged: Mapping[str, Any]
    open_leads: Mapping[str, Any]
    words: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the part for a report; intervals stay ``Interval``, what could not be learned is absent."""
        learned = self.learned
        how: dict[str, Any] = {}
        if learned is not None:
            how = {"way": learned.way, "slope": learned.why_not or "fitted", "gain_of_learning_anew": learned.gain}
        return {
            "used": self.facts.used,
            "why": self.facts.why,
            **how,
            "facts": self.facts.to_dict(),
            "judged_among_worked": dict(self.judged),
            "open_leads": dict(self.open_leads),
            "words": list(self.words),
        }


def if_worked(
    history: History,
    agreement: Agreement,
    at: FeaturesAt,
    mature: Moments,
    *,
    learn: NDArray[np.bool_],
    test: NDArray[np.bool_],
    folds: Sequence[Fold],
    practice: Estimate,
    open_now: NDArray[np.float64],
    as_of: int,
    seed: int,
) -> IfWorked:
    """Learn what happens if worked and hold it against what happens under today's practice.

    Parameters
    ----------
    history : History
        Dated.
    at : FeaturesAt
        At all mature moments; the catalog drawn up from the learning part.
    mature : Moments
    learn, test : ndarray of shape (n_moments,), dtype bool
        The two parts.
    folds : sequence of Fold
        Forward folds, as positions in the learning part.
    practice : Estimate
        The chosen candidate, taught by the learning part.
    open_now : ndarray of shape (n_open, n_features)
        Catalog columns of the leads that are open now.
    as_of : int
        Training day, microseconds UTC.
    """
    window = Window.agreed(agreement, history)
    found = worked(history, agreement, mature, window=window, as_of=as_of, teach=learn, seed=seed)
    learned = learn_if_worked(
        agreement, at, at.matrix[learn], mature.take(learn), found.take(learn), folds, practice, seed=seed
    )
    if learned is None:
        return IfWorked(found.facts, None, {}, {}, words_of(found.facts, {}, {}))
    both = {"under_practice": practice, "if_worked": learned.chosen}
    judged = _judged(at, mature, found, test, both, seed)
    shown = _shown(both, open_now)
    return IfWorked(found.facts, learned, judged, shown, words_of(found.facts, judged, shown, learned.why_not))


def _judged(
    at: FeaturesAt,
    mature: Moments,
    found: Worked,
    test: NDArray[np.bool_],
    both: Mapping[str, Estimate],
    seed: int,
) -> dict[str, Any]:
    """Measure both on moments of the test part that stand for the worked, weighted, in the same draws."""
    rows = test & found.taken
    some = mature.take(rows)
    facts: dict[str, Any] = {"moments": len(some), "leads": len(np.unique(some.lead)), "conversions": some.conversions}
    if not 0 < int(some.converted.sum()) < len(some):
        return facts
    weight, accounts = found.factor(rows), Accounts.draw(some.owner, seed)
    drawn = {}
    for name, estimate in both.items():
        p = estimate.chances(at.matrix[rows])
        drawn[name] = areas(p, some.converted, accounts, weight=weight)
        won, expected = accounts.sums(np.stack([weight * some.converted, weight * p], axis=1)).T
        facts[name] = {"auc": interval(drawn[name]), "observed_to_expected": _ratio(won, expected)}
    facts["auc_gain"] = interval(drawn["if_worked"] - drawn["under_practice"])
    return facts


def _shown(both: Mapping[str, Estimate], open_now: NDArray[np.float64]) -> dict[str, Any]:
    """Return what both say of the open leads."""
    chances = {name: estimate.chances(open_now) for name, estimate in both.items()}
    shown: dict[str, Any] = {"leads": len(open_now), "quantiles": list(QUANTILES)}
    if len(open_now) < 2:
        return shown
    for name, p in chances.items():
        shown[name] = {"mean": float(p.mean()), "chances": [float(q) for q in np.quantile(p, QUANTILES)]}
    first, second = (pd.Series(p).rank() for p in chances.values())
    shown["rank_correlation"] = float(first.corr(second))
    return shown


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> Interval:
    with np.errstate(divide="ignore", invalid="ignore"):
        return interval(above / below)
