"""The hand-picked points looked at with the data: weight by weight, and beside a card that the model would write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from leadlight.agreement.writing import to_toml
from leadlight.core.artifact import Kind
from leadlight.core.clock import to_micros
from leadlight.training import points
from leadlight.training.audit.apply import without_leaks
from leadlight.training.audit.auditor import audit
from leadlight.training.bootstrap import Accounts
from leadlight.training.choice import SIGNAL_ABOVE
from leadlight.training.contest import compete
from leadlight.training.features_at import FeaturesAt, points_of
from leadlight.training.moments import Moments, by_lead_id, draw
from leadlight.training.recipe import both_outcomes, last_day
from leadlight.training.refit import lesson_of
from leadlight.training.report import plain
from leadlight.training.scorecard import learned as points_card
from leadlight.training.scorecard.learned import CardCost, LearnedCard, card_cost, learned_card
from leadlight.training.scorecard.weights import PointsReview, weights
from leadlight.training.splits import Split, folds_of, split_of

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from leadlight.agreement.terms import Agreement
    from leadlight.core.history import History

__all__ = ["CardReport", "Review", "report_card", "review"]


@dataclass(frozen=True)
class CardReport:
    """A learned card with what it costs.

    Attributes
    ----------
    made_from : {"logistic", "lightgbm", "scorecard"}
    card : LearnedCard
        Learned on the learning part.
    cost : CardCost
        Measured on the test part.
    useful : bool
        Whether it ranks later leads better than chance, beyond noise.
    """

    made_from: Kind
    card: LearnedCard
    cost: CardCost
    useful: bool

    def as_agreement(self, agreement: Agreement) -> str:
        """Return the agreement with this card in place of its own, as the text of an ``agreement.toml``."""
        heading = (
            f"The points were learned from a history by Leadlight: {self.card.points_to_double} points more double the "
            "odds."
        )
        return to_toml(replace(agreement, rules=self.card.rules), heading=heading)


@dataclass(frozen=True)
class Review:
    """What the data say of an agreement's points.

    Attributes
    ----------
    points : PointsReview
        Weight by weight, on all mature moments.
    learned : CardReport or None
        None where nothing can be learned or measured; then ``why_not`` says why.
    why_not : str or None
    """

    points: PointsReview
    learned: CardReport | None
    why_not: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return the review as JSON-ready data; what is not a number is None."""
        found: dict[str, Any] = plain(self)
        return found


def report_card(
    agreement: Agreement,
    at: FeaturesAt,
    kind: Kind,
    said: NDArray[np.float64],
    mature: Moments,
    learn: NDArray[np.bool_],
    test: NDArray[np.bool_],
    *,
    seed: int,
) -> CardReport:
    """Turn what a model says into a card, and measure the card.

    Parameters
    ----------
    agreement : Agreement
    at : FeaturesAt
        The catalog's columns at all mature moments.
    kind : {"scorecard", "logistic", "lightgbm"}
    said : ndarray of shape (n_moments,)
        The model's calibrated log-odds of all mature moments; it was taught on the learning part alone.
    mature : Moments
    learn, test : ndarray of shape (n_moments,), dtype bool
    seed : int
        Of the resampling of accounts.
    """
    card = learned_card(at.catalog, at.matrix[learn], mature.take(learn), said[learn])
    later, asked = mature.take(test), at.matrix[test]
    hand = points.total(at.catalog, points_of(agreement), asked) if agreement.rules else None
    own = points_card.total(card.rules, at.catalog, asked)
    cost = card_cost(own, said[test], hand, later, Accounts.draw(later.owner, seed))
    return CardReport(kind, card, cost, bool(card.rules) and cost.learned.low > SIGNAL_ABOVE)


def _silent(step: str) -> None:
    """Show no progress."""


def review(
    history: History,
    agreement: Agreement,
    *,
    as_of: pd.Timestamp | None = None,
    seed: int = 0,
    progress: Callable[[str], None] = _silent,
) -> Review:
    """Review an agreement's points with a history.

    The model behind the learned card is chosen as in training, on inner forward folds, without the fields that the
    leak audit leaves out; it is not registered.

    Parameters
    ----------
    history : History
    agreement : Agreement
    as_of : Timestamp, optional
        Aware: what was recorded then or later is not known. Default: the history's end. No meaning for a flat export.
    seed : int
    progress : callable
        Called with the name of each step as it begins.
    """
    with threadpool_limits(1):  # as in training: the last bit must not depend on the number of cores
        return _review(by_lead_id(history), agreement, as_of, seed, progress)


def _review(
    history: History, agreement: Agreement, as_of: pd.Timestamp | None, seed: int, progress: Callable[[str], None]
) -> Review:
    progress("moments and labels")
    day = None if history.is_flat else last_day(history, None if as_of is None else to_micros(as_of.to_pydatetime()))
    mature, gap, split = _ground(history, agreement, day)
    learn, test = _parts(split)
    if not both_outcomes(mature):
        everybody = np.ones(len(mature), bool)
        at = FeaturesAt.drawn_up(history, agreement, mature, everybody, day)
        why = "nobody converted, or everybody did: there is nothing to learn from"
        return Review(weights(agreement, at.catalog, at.matrix, mature, seed=seed), None, why)
    progress("leak audit")
    history = _audited(history, agreement, day, mature.lead[learn], seed)
    progress("features")
    at = FeaturesAt.drawn_up(history, agreement, mature, learn, None if history.is_flat else split.cut)
    progress("points, weight by weight")
    found = weights(agreement, at.catalog, at.matrix, mature, seed=seed)
    if not (both_outcomes(mature.take(learn)) and both_outcomes(mature.take(test))):
        why = "the history is too short, or too few converted, to learn on early leads and measure on later ones"
        return Review(found, None, why)
    progress("candidates on inner folds")
    kind, said = _model(history, agreement, at, mature, learn, gap, seed)
    progress("the model as a points card")
    return Review(found, report_card(agreement, at, kind, said, mature, learn, test, seed=seed), None)


def _ground(history: History, agreement: Agreement, day: int | None) -> tuple[Moments, int, Split]:
    drawn = draw(history, goal_stage=agreement.stage, within_days=agreement.within_days, as_of=day)
    mature = drawn.moments.take(drawn.moments.mature)
    return mature, drawn.gap, split_of(history, mature, drawn.gap)


def _parts(split: Split) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return who teaches and who measures; without an order one fifth of the accounts measures, the rest teach."""
    if not split.held_out:
        return split.learn, split.test
    learn, test = np.zeros((2, len(split.learn)), bool)
    learn[split.held_out[0].learn], test[split.held_out[0].validate] = True, True
    return learn, test


def _audited(history: History, agreement: Agreement, day: int | None, lead: NDArray[np.int64], seed: int) -> History:
    """Return the history without leaks, judged by the learning side's outcomes alone."""
    side = np.zeros(len(history.leads), bool)
    side[lead] = True
    return without_leaks(history, audit(history, agreement, as_of=day, lead_rows=side, seed=seed))


def _model(
    history: History,
    agreement: Agreement,
    at: FeaturesAt,
    mature: Moments,
    learn: NDArray[np.bool_],
    gap: int,
    seed: int,
) -> tuple[Kind, NDArray[np.float64]]:
    """Choose a model on inner folds; return its kind and its calibrated log-odds of all mature moments."""
    taught = mature.take(learn)
    lesson = lesson_of(agreement, at, at.matrix[learn], taught)
    folds = folds_of(history, taught, gap)
    contest = compete(lesson, taught, folds, seed=seed)
    chosen = contest.choice.kind
    return chosen, contest.fitted[chosen].line(contest.rankers[chosen].raw(at.matrix))
