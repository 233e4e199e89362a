"""After the verdict: the chosen recipe once more, on all mature moments, and all that a score needs beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from leadlight.core.artifact import Kind, ProbabilityStatus, TrainedModel
from leadlight.training import candidates, population
from leadlight.training.bootstrap import Accounts
from leadlight.training.calibration import Fitted, calibrate
from leadlight.training.evidence import gather
from leadlight.training.features_at import FeaturesAt, hidden_accounts, points_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.agreement.terms import Agreement
    from leadlight.core.history import History
    from leadlight.training.moments import Moments
    from leadlight.training.splits import Fold

__all__ = ["Refitted", "cross_fitted_calibration", "refit"]


@dataclass(frozen=True)
class Refitted:
    """The model to register.

    Attributes
    ----------
    model : TrainedModel
        Facts are still empty.
    fitted : Fitted
        Its calibration, with what to say of it.
    reference : ndarray of shape (n_reference, n_features)
        Catalog columns of the reference population.
    """

    model: TrainedModel
    fitted: Fitted
    reference: NDArray[np.float64]


def cross_fitted_calibration(predictions: candidates.CrossFitted, moments: Moments, seed: int) -> Fitted:
    """Fit a calibration on predictions for later moments than those learned from."""
    later = moments.take(predictions.rows)
    accounts = Accounts.draw(later.owner, seed)
    return calibrate(predictions.raw, later.converted, predictions.block, accounts, conversions=later.conversions)


def refit(
    history: History,
    agreement: Agreement,
    *,
    kind: Kind,
    params: Mapping[str, float],
    at: FeaturesAt,
    mature: Moments,
    folds: list[Fold],
    reference: Moments,
    status: ProbabilityStatus,
    seed: int,
) -> Refitted:
    """Fit the chosen recipe on all mature moments.

    Parameters
    ----------
    kind, params
        The recipe, as it was chosen on the inner folds.
    at : FeaturesAt
        Catalog drawn up from all mature moments.
    folds : list of Fold
        Forward folds over all mature moments, for the calibration.
    reference : Moments
        The population of scores, one moment each.
    """
    lesson = candidates.Lesson(
        at.catalog, at.matrix, mature.converted, mature.lead, points_of(agreement), hidden_accounts(mature)
    )
    fitted = cross_fitted_calibration(candidates.cross_fit(kind, lesson, folds, params, seed=seed), mature, seed)
    evidence, baseline = gather(at.catalog, at.matrix, mature)
    open_now = at.more(reference)
    model = TrainedModel(
        kind=kind,
        catalog=at.catalog,
        ranker=candidates.fit(kind, lesson, params, seed=seed),
        calibration=fitted.calibration,
        reference=np.empty(0),
        evidence=evidence,
        baseline=baseline,
        horizon_days=None if history.is_flat else agreement.within_days,
        probability_status=status,
        points=points_of(agreement),
        agreement=_terms(agreement),
        hot_score=0,
        warm_score=0,
    )
    model = replace(model, reference=np.sort(model.score(open_now).log_odds))
    share = population.hot_share(None if history.is_flat else agreement.leads_per_week, len(open_now))
    hot, warm = population.bands(model, share)
    return Refitted(replace(model, hot_score=hot, warm_score=warm), fitted, open_now)


def _terms(agreement: Agreement) -> dict[str, Any]:
    return {
        "version": agreement.version,
        "stage": agreement.stage,
        "within_days": agreement.within_days,
        "grades": dict(agreement.grades),
        "leads_per_week": agreement.leads_per_week,
        "defaults": list(agreement.defaults),
    }
