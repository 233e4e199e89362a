"""After the verdict: the chosen recipe once more, on all mature moments, and all that a score needs beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from leadlight.agreement.terms import FOR_DATED_ONLY
from leadlight.core.artifact import Calibration, Kind, ProbabilityStatus, TrainedModel
from leadlight.training import candidates, population
from leadlight.training.bootstrap import Accounts
from leadlight.training.calibration import Fitted, Taught, calibrate
from leadlight.training.evidence import gather
from leadlight.training.features_at import FeaturesAt, hidden_accounts, points_of
from leadlight.training.moments import shared
from leadlight.training.points import fit as fit_points
from leadlight.training.spreads import spreads_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.agreement.terms import Agreement
    from leadlight.core.contributions import Additive, Boosted
    from leadlight.core.history import History
    from leadlight.training.moments import Moments
    from leadlight.training.splits import Fold

__all__ = [
    "Refitted",
    "cross_fitted_calibration",
    "first_validated",
    "lesson_of",
    "points_as_they_are",
    "refit",
    "taught",
]


@dataclass(frozen=True)
class Refitted:
    """The model to register.

    Attributes
    ----------
    model : TrainedModel
        Facts are still empty.
    reference : ndarray of shape (n_reference, n_features)
        Catalog columns of the reference population.
    fitted : Fitted or None
        Its calibration, with what to say of it; None of points as they are.
    """

    model: TrainedModel
    reference: NDArray[np.float64]
    fitted: Fitted | None


def lesson_of(agreement: Agreement, at: FeaturesAt, matrix: NDArray[np.float64], moments: Moments) -> candidates.Lesson:
    """Return what moments teach: their columns, outcomes and points, the account hidden on some of them."""
    hidden = hidden_accounts(moments)
    return candidates.Lesson(
        at.catalog,
        matrix,
        moments.converted,
        moments.lead,
        points_of(agreement),
        account_hidden=hidden,
        base_rate=agreement.base_rate,
        owner=moments.owner,
    )


def cross_fitted_calibration(
    predictions: candidates.CrossFitted, moments: Moments, said: NDArray[np.float64], seed: int
) -> Fitted:
    """Fit a calibration: its slope on predictions for later moments than those learned from, its level on the ranker.

    Parameters
    ----------
    predictions : CrossFitted
    moments : Moments
        What was learned from.
    said : ndarray of shape (n_moments,)
        Raw log-odds of the ranker that was fitted on all of them.
    """
    later, accounts = moments.take(predictions.rows), Accounts.draw(moments.owner, seed)
    return calibrate(
        predictions.raw,
        later.converted,
        predictions.block,
        accounts.take(predictions.rows),
        taught(said, moments, accounts, since=first_validated(predictions, moments)),
        conversions=later.conversions,
    )


def first_validated(predictions: candidates.CrossFitted, moments: Moments) -> int:
    """Return when the first validated moment is; from then on moments give chances their level."""
    return int(moments.when[predictions.rows].min()) if len(predictions.rows) else 0


def taught(said: NDArray[np.float64], moments: Moments, accounts: Accounts, *, since: int) -> Taught:
    """Return what a ranker says of the moments it was taught, from a time on."""
    rows = moments.when >= since
    return Taught(said[rows], moments.converted[rows], accounts.take(rows))


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
    lesson = lesson_of(agreement, at, at.matrix, mature)
    ranker = candidates.fit(kind, lesson, params, seed=seed)
    predictions = candidates.cross_fit(kind, lesson, folds, params, seed=seed)
    fitted = cross_fitted_calibration(predictions, mature, ranker.raw(at.matrix), seed)
    recipe = _Recipe(kind, ranker, fitted.calibration, status)
    return Refitted(*_finished(history, agreement, recipe, at, mature, at.matrix, reference), fitted)


def points_as_they_are(
    history: History, agreement: Agreement, *, at: FeaturesAt, drawn: Moments, reference: Moments
) -> Refitted:
    """Make a model of the hand-picked points alone, where there are too few outcomes to learn from.

    Parameters
    ----------
    at : FeaturesAt
        Catalog and columns of all moments drawn, mature or not.
    drawn : Moments
    """
    mature = drawn.take(drawn.mature)
    outcome_weight = np.zeros(len(drawn))
    outcome_weight[drawn.mature] = candidates.Lesson(
        at.catalog, at.matrix[drawn.mature], mature.converted, mature.lead
    ).weight
    given = (at.catalog, points_of(agreement), at.matrix, drawn.converted, shared(drawn.lead), agreement.base_rate)
    line = fit_points(*given, outcome_weight=outcome_weight)
    recipe = _Recipe("scorecard", line, Calibration(0.0, 1.0, np.empty((0, 2))), "points_only")
    return Refitted(*_finished(history, agreement, recipe, at, mature, at.matrix[drawn.mature], reference), None)


class _Recipe(NamedTuple):
    """What was learned, or not."""

    kind: Kind
    ranker: Additive | Boosted
    calibration: Calibration
    status: ProbabilityStatus


def _finished(
    history: History,
    agreement: Agreement,
    recipe: _Recipe,
    at: FeaturesAt,
    mature: Moments,
    matrix: NDArray[np.float64],
    reference: Moments,
) -> tuple[TrainedModel, NDArray[np.float64]]:
    """Add all that a score needs: evidence, the reference population, the bands that capacity cuts from it.

    Parameters
    ----------
    matrix : ndarray of shape (n_mature, n_features)
    """
    evidence, baseline = gather(at.catalog, matrix, mature)
    open_now = at.more(reference)
    model = TrainedModel(
        kind=recipe.kind,
        catalog=at.catalog,
        ranker=recipe.ranker,
        calibration=recipe.calibration,
        reference=np.empty(0),
        evidence=evidence,
        baseline=baseline,
        horizon_days=None if history.is_flat else agreement.within_days,
        probability_status=recipe.status,
        points=points_of(agreement),
        agreement=_terms(agreement, flat=history.is_flat),
        hot_score=0,
        warm_score=0,
    )
    scored = model.score(open_now)
    spreads = spreads_of(at.catalog, open_now, scored.contributions)
    model = replace(model, reference=np.sort(scored.log_odds), spreads=spreads)
    share = population.hot_share(None if history.is_flat else agreement.leads_per_week, len(open_now))
    hot, warm = population.bands(model, share)
    return replace(model, hot_score=hot, warm_score=warm), open_now


def _terms(agreement: Agreement, *, flat: bool) -> dict[str, Any]:
    """Return the terms that travel in the model; of a flat outcome no stage and no horizon was left open."""
    return {
        "version": agreement.version,
        "stage": agreement.stage,
        "within_days": agreement.within_days,
        "grades": dict(agreement.grades),
        "leads_per_week": agreement.leads_per_week,
        "defaults": [said for said in agreement.defaults if not (flat and said in FOR_DATED_ONLY)],
    }
