"""The gate on a flat export: no clock says what the champion was taught, so two recipes are compared.

A newer export holds most of the leads that the champion was taught, and nothing tells them apart. Measured on it the
champion itself would look better than it is. So both recipes are taught the learning part of the present export's own
split and measured on the rest, as in a training run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from leadlight.training import candidates
from leadlight.training.bootstrap import Accounts
from leadlight.training.chances.segments import segments_left_out, segments_of
from leadlight.training.features_at import FeaturesAt
from leadlight.training.gate.checks import Pair, Segments, judge_segments
from leadlight.training.gate.moments import ENOUGH
from leadlight.training.moments import draw_flat, owners
from leadlight.training.recipe import Recipe, both_outcomes
from leadlight.training.refit import cross_fitted_calibration, lesson_of
from leadlight.training.splits import folds_of, split_flat

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.agreement.terms import Agreement
    from leadlight.core.history import History
    from leadlight.training.moments import Moments
    from leadlight.training.splits import Split

__all__ = ["OnFlat", "measured"]


@dataclass(frozen=True)
class OnFlat:
    """Two recipes on a flat export.

    Attributes
    ----------
    way : str
        How the export was split.
    pair : Pair or None
        None where nothing could be learned or measured.
    segments : Segments
    too_few : str
        What to say where the measured part has too few conversions.
    """

    way: str
    pair: Pair | None
    segments: Segments = field(default_factory=Segments)
    too_few: str = ""

    @property
    def told(self) -> str:
        """What was compared, in words."""
        return (
            "A flat export has no dates, so both recipes were taught anew and measured on the other part of it: "
            f"{self.way}. The champion's present weights were not measured."
        )


def measured(history: History, agreement: Agreement, recipes: tuple[Recipe, Recipe], seed: int) -> OnFlat:
    """Teach two recipes one part of an export and measure them on the other.

    Parameters
    ----------
    history : History
        Flat, leads sorted by id.
    recipes : pair of Recipe
        The champion's and the challenger's.
    """
    assert history.outcome is not None  # a flat export has one
    moments = draw_flat(history).moments
    split = split_flat(moments, owners(history.leads)[1], history.outcome.order_by)
    test = moments.take(split.test)
    too_few = _too_few(test, len(moments))
    parts = _parts(split)
    if not all(both_outcomes(moments.take(learn)) for learn, _ in parts) or test.conversions < ENOUGH:
        return OnFlat(split.way, None, too_few=too_few)
    said = [np.zeros(len(moments)) for _ in recipes]
    for learn, held in parts:
        for whole, recipe in zip(said, recipes, strict=True):
            whole[held] = _said(recipe.allowed(history), agreement, recipe, moments, learn, held)
    accounts = Accounts.draw(test.owner, seed)
    pair = Pair(test, said[0][split.test], said[1][split.test], accounts)
    return OnFlat(split.way, pair, _segments(history, agreement, moments, split, pair), too_few)


def _parts(split: Split) -> list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Return which moments teach and which are measured, part by part."""
    if not split.held_out:
        return [(split.learn, split.test)]
    found = []
    for fold in split.held_out:
        learn, held = np.zeros((2, len(split.test)), bool)
        learn[fold.learn], held[fold.validate] = True, True
        found.append((learn, held))
    return found


def _said(
    history: History,
    agreement: Agreement,
    recipe: Recipe,
    moments: Moments,
    learn: NDArray[np.bool_],
    held: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Return the calibrated log-odds of the held moments, of a recipe that was taught the others."""
    at = FeaturesAt.drawn_up(history, agreement, moments, learn, None)
    part = moments.take(learn)
    lesson = lesson_of(agreement, at, at.matrix[learn], part)
    ranker = candidates.fit(recipe.kind, lesson, recipe.params, seed=recipe.seed)
    predictions = candidates.cross_fit(recipe.kind, lesson, folds_of(history, part, 0), recipe.params, seed=recipe.seed)
    line = cross_fitted_calibration(predictions, part, ranker.raw(lesson.matrix), recipe.seed).line
    return line(ranker.raw(at.matrix[held]))


def _segments(history: History, agreement: Agreement, moments: Moments, split: Split, pair: Pair) -> Segments:
    if not agreement.segments:
        return Segments()
    at = FeaturesAt.drawn_up(history, agreement, moments, split.learn, None)
    masks = segments_of(agreement, at.catalog, at.matrix[split.test])
    return judge_segments(pair, masks, segments_left_out(agreement, at.catalog))


def _too_few(test: Moments, leads: int) -> str:
    n = test.conversions
    about = f"; an export of about {-(-leads * ENOUGH // n):,} leads would have them" if n else ""
    return (
        f"Not yet: {n} of the {len(test):,} leads to measure on converted, and some of the others must have as well; "
        f"{ENOUGH} are needed{about}."
    )
