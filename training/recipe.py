"""A recipe: how a model was made, so that it can be taught again from what was known on another day.

A challenger knows the moments that it should be judged by. Its recipe, taught as of an earlier day, does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
from threadpoolctl import threadpool_limits

from leadlight.core.artifact import Kind, ProbabilityStatus, TrainedModel
from leadlight.core.clock import to_micros
from leadlight.core.errors import UsageError
from leadlight.training.features_at import FeaturesAt
from leadlight.training.moments import Moments, by_lead_id, draw_dated
from leadlight.training.refit import refit
from leadlight.training.splits import folds_of

if TYPE_CHECKING:
    from leadlight.agreement.terms import Agreement
    from leadlight.core.history import History

__all__ = ["Recipe", "both_outcomes", "last_day", "taught_as_of"]

_ATTRIBUTES: Final = frozenset({"attribute_number", "attribute_category"})


@dataclass(frozen=True)
class Recipe:
    """What a model's making was, but for the data.

    Attributes
    ----------
    kind : {"scorecard", "logistic", "lightgbm"}
    params : mapping
        As they were chosen; what they mean is the candidate's affair.
    seed : int
    attributes : tuple of str, optional
        The attributes of leads that it may look at; what its making left out stays out. None: all.
    status : {"calibrated", "rank_only", "points_only"}
        Whether its chances may be shown.
    """

    kind: Kind
    params: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    attributes: tuple[str, ...] | None = None
    status: ProbabilityStatus = "calibrated"

    @classmethod
    def of(cls, model: TrainedModel, *, seed: int = 0) -> Self:
        """Read the recipe from a model's facts and catalog; ``seed`` is used where the facts have none."""
        chosen = model.facts.get("chosen") or {}
        looked_at = (f for f in model.catalog.features if f.primitive in _ATTRIBUTES and not f.card)
        return cls(
            kind=model.kind,
            params=dict(chosen.get("params") or {}),
            seed=int(model.facts.get("seed", seed)),
            attributes=tuple(dict.fromkeys(str(f.params["attribute"]) for f in looked_at)),
            status=model.probability_status,
        )

    def allowed(self, history: History) -> History:
        """Return the history without the attributes that the recipe may not look at."""
        if self.attributes is None:
            return history
        kept = tuple(a for a in history.attributes if a.name in self.attributes)
        return replace(history, attributes=kept)


def taught_as_of(history: History, agreement: Agreement, recipe: Recipe, *, as_of: int) -> TrainedModel:
    """Teach a recipe what was known on a day; nothing is measured.

    Parameters
    ----------
    history : History
        Dated; it may go on after that day.
    agreement : Agreement
    recipe : Recipe
    as_of : int
        Microseconds UTC. Moments are those mature by then, the catalog is drawn up and the calibration fitted from
        them alone, and the reference population are the leads open on that day.

    Raises
    ------
    UsageError
        If nothing could be learned by then.
    """
    with threadpool_limits(1):  # as in training: the last bit must not depend on the number of cores
        return _taught(by_lead_id(recipe.allowed(history)), agreement, recipe, as_of)


def _taught(history: History, agreement: Agreement, recipe: Recipe, as_of: int) -> TrainedModel:
    drawn = draw_dated(history, goal_stage=agreement.stage, within_days=agreement.within_days, as_of=as_of)
    mature = drawn.moments.take(drawn.moments.mature)
    if not both_outcomes(mature):
        raise UsageError(
            f"By that day {len(mature):,} moments were mature and {mature.conversions:,} leads had converted: "
            "a recipe needs both outcomes to learn from. Name a later day."
        )
    at = FeaturesAt.drawn_up(history, agreement, mature, np.ones(len(mature), bool), as_of)
    return refit(
        history,
        agreement,
        kind=recipe.kind,
        params=recipe.params,
        at=at,
        mature=mature,
        folds=folds_of(history, mature, drawn.gap),
        reference=drawn.open_now,
        status=recipe.status,
        seed=recipe.seed,
    ).model


def both_outcomes(moments: Moments) -> bool:
    """Whether some moments converted and some did not."""
    return 0 < int(moments.converted.sum()) < len(moments)


def last_day(history: History, as_of: int | None = None) -> int:
    """Return from when a dated history is looked at, microseconds: as asked, at most the instant after its end."""
    if history.ended_at is None:
        raise UsageError("This export has no dates, so there is no day to look at it from; leave it away.")
    end = to_micros(history.ended_at.to_pydatetime()) + 1
    return end if as_of is None else min(end, as_of)
