"""All methods in one period: taught by what was known on the cut-off day, then asked about the weeks after it.

Every method is mapped by the same affine recalibration: the slope from its predictions on the inner forward folds, the
level from what it says of the moments it was taught. So chances are not better merely because somebody calibrated them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from leadlight.training.backtest import odoo
from leadlight.training.backtest import rival as backtest_odoo
from leadlight.training.candidates import CrossFitted
from leadlight.training.contest import compete
from leadlight.training.features_at import FeaturesAt
from leadlight.training.judging import validated
from leadlight.training.moments import Moments
from leadlight.training.refit import cross_fitted_calibration, lesson_of
from leadlight.training.splits import Fold, folds_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.agreement.terms import Agreement
    from leadlight.core.artifact import Kind
    from leadlight.core.history import History
    from leadlight.training.backtest.periods import Period

    Settings = Mapping[Kind, Mapping[str, Any]]

__all__ = ["LEADLIGHT", "WORDS", "Answers", "Said", "answers", "pooled", "recalibrate"]

LEADLIGHT: Final = "leadlight"
"""What would have served: each period the candidate that its own inner folds had chosen."""

WORDS: Final = {
    "scorecard": "the hand-picked points",
    "logistic": "logistic regression",
    "lightgbm": "LightGBM",
    LEADLIGHT: "Leadlight (chosen on what was known)",
} | {way.name: way.words for way in backtest_odoo.WAYS}
"""What people call a method."""


@dataclass(frozen=True)
class Said:
    """What a method says of the asked moments.

    Attributes
    ----------
    raw, recalibrated : ndarray of shape (n_asked,)
        Log-odds.
    """

    raw: NDArray[np.float64] = field(repr=False)
    recalibrated: NDArray[np.float64] = field(repr=False)


@dataclass(frozen=True)
class Answers:
    """What all methods say in one period.

    Attributes
    ----------
    by : mapping of method to Said
    chosen : Kind
        The candidate that would have served.
    settings : mapping of Kind to mapping
        Each candidate's, as chosen on the inner folds or as given.
    """

    by: dict[str, Said]
    chosen: Kind
    settings: Settings


def answers(
    history: History, agreement: Agreement, period: Period, seed: int, settings: Settings | None = None
) -> Answers:
    """Teach every method what was known on the cut-off day and ask it about the weeks after it.

    Parameters
    ----------
    history : History
        Its leads sorted by id.
    agreement : Agreement
    period : Period
    seed : int
    settings : mapping of Kind to mapping, optional
        The candidates' settings, from an earlier period; else they are tuned on this one's inner folds.
    """
    n = len(period.learn)
    both = _joined(period.learn, period.asked)
    at = FeaturesAt.drawn_up(history, agreement, both, np.arange(len(both)) < n, period.before)
    folds = folds_of(history, period.learn, period.gap)
    told = _candidates(agreement, at, period, folds, seed, settings)
    return Answers(told.by | dict(_odoo(history, agreement, at, period, folds, seed)), told.chosen, told.settings)


def _candidates(
    agreement: Agreement, at: FeaturesAt, period: Period, folds: list[Fold], seed: int, settings: Settings | None
) -> Answers:
    learn, n = period.learn, len(period.learn)
    lesson = lesson_of(agreement, at, at.matrix[:n], learn)
    contest = compete(lesson, learn, folds, seed=seed, settings=settings)
    found: dict[str, Said] = {}
    for kind, ranker in contest.rankers.items():
        raw = ranker.raw(at.matrix[n:])
        found[kind] = Said(raw, contest.fitted[kind].line(raw))
    chosen = contest.choice.kind
    return Answers(found | {LEADLIGHT: found[chosen]}, chosen, contest.params)


def _odoo(
    history: History, agreement: Agreement, at: FeaturesAt, period: Period, folds: list[Fold], seed: int
) -> Iterator[tuple[str, Said]]:
    sheet = backtest_odoo.sheet(history, agreement, at, period)
    for way in backtest_odoo.ways_for(sheet.columns, flat=period.flat):
        counted = sheet.counted(way, period.learn)
        fields = sheet.fields(way, counted[0])
        model = odoo.fit(fields, *counted)
        ahead = [
            odoo.fit(fields, *sheet.counted_in(way, period.learn, fold)).log_odds(fields, sheet.learn[fold.validate])
            for fold in folds
        ]
        taught, asked = (model.log_odds(fields, rows) for rows in (sheet.learn, sheet.asked))
        yield way.name, recalibrate(pooled(folds, ahead), period.learn, taught, asked, seed=seed)


def recalibrate(
    predictions: CrossFitted, learn: Moments, taught: NDArray[np.float64], raw: NDArray[np.float64], *, seed: int = 0
) -> Said:
    """Map what a method says of the asked moments by the rule that our own candidates are calibrated by.

    Parameters
    ----------
    predictions : CrossFitted
        On the inner folds.
    learn : Moments
    taught : ndarray of shape (n_learn,)
        What the method says of the moments it was taught.
    raw : ndarray of shape (n_asked,)
    """
    return Said(raw, cross_fitted_calibration(predictions, learn, taught, seed).line(raw))


def pooled(folds: list[Fold], ahead: list[NDArray[np.float64]]) -> CrossFitted:
    """Put what was said of each fold's later moments together."""
    return CrossFitted(*validated(folds), np.concatenate(ahead) if ahead else np.empty(0))


def _joined(one: Moments, other: Moments) -> Moments:
    return Moments(*(np.r_[getattr(one, name), getattr(other, name)] for name in Moments.__dataclass_fields__))
