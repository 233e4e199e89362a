"""The reference population of scores, and the bands that capacity cuts from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.core.artifact import TrainedModel

__all__ = ["bands", "hot_share"]

DEFAULT_HOT: Final = 0.1
"""Share of open leads that are hot where no capacity is agreed."""

WARM_TO_HOT: Final = 3
"""Warm are three times as many as hot: what sales gets to when it has worked the hot ones."""


def hot_share(leads_per_week: int | None, open_leads: int) -> float:
    """Return the share of open leads that sales can work in a week.

    Examples
    --------
    >>> hot_share(120, 2400), hot_share(None, 2400), hot_share(120, 60)
    (0.05, 0.1, 1.0)
    """
    if leads_per_week is None or open_leads == 0:
        return DEFAULT_HOT
    return min(leads_per_week / open_leads, 1.0)


def bands(model: TrainedModel, share: float) -> tuple[int, int]:
    """Return the lowest scores that are hot and warm among the reference population.

    Parameters
    ----------
    model : TrainedModel
        Whose `reference` is filled; its own bands are not looked at.
    share : float
        Share of leads that are hot.
    """
    scores = np.sort(model.percentile(model.reference))
    if len(scores) == 0:
        return 90, 60
    return _lowest(scores, share), _lowest(scores, (1 + WARM_TO_HOT) * share)


def _lowest(scores: NDArray[np.int64], share: float) -> int:
    """Return the lowest score of the best ``share``; at least one lead is in it."""
    place = len(scores) - max(1, min(len(scores), int(share * len(scores) + 0.5)))
    return int(scores[place])
