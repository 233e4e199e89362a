"""Catalog columns at moments: the one bridge from training to `leadlight.features`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from leadlight.features.build import build
from leadlight.features.catalog import draw_up, merge_groups
from leadlight.features.timeline import Moments as Asked
from leadlight.features.timeline import Timeline
from leadlight.training.moments import Moments, scrambled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.agreement.terms import Agreement
    from leadlight.core.catalog import Catalog
    from leadlight.core.history import History

__all__ = ["HIDDEN_SHARE", "FeaturesAt", "hidden_accounts", "points_of"]

HIDDEN_SHARE: Final = 0.15
"""Share of the learning moments whose account is taken as not known: requests may come without one."""


@dataclass(frozen=True)
class FeaturesAt:
    """A catalog and its columns at moments.

    Attributes
    ----------
    catalog : Catalog
    timeline : Timeline
    matrix : ndarray of shape (n_moments, n_features)
    """

    catalog: Catalog
    timeline: Timeline
    matrix: NDArray[np.float64] = field(repr=False)

    @classmethod
    def drawn_up(
        cls, history: History, agreement: Agreement, moments: Moments, learn: NDArray[np.bool_], before: int | None
    ) -> Self:
        """Draw up a catalog from the learning moments alone and compute it at all moments.

        Parameters
        ----------
        moments : Moments
        learn : ndarray of shape (n_moments,), dtype bool
        before : int or None
            Microseconds; nothing that became known later shapes the catalog. None for a flat export.
        """
        side = np.zeros(len(history.leads), bool)
        side[moments.lead[learn]] = True
        catalog = draw_up(history, rules=agreement.rules, goal_stage=agreement.stage, lead_rows=side, before=before)
        timeline = Timeline.from_history(history, catalog.vocabulary)
        matrix = build(catalog, timeline, Asked(moments.lead, moments.as_of))
        return cls(merge_groups(catalog, matrix[learn]), timeline, matrix)

    def more(self, moments: Moments) -> NDArray[np.float64]:
        """Return the columns at further moments."""
        return build(self.catalog, self.timeline, Asked(moments.lead, moments.as_of))


def hidden_accounts(moments: Moments) -> NDArray[np.bool_]:
    """Return on which learning moments the account is taken as not known."""
    return scrambled(moments.lead, moments.as_of) < np.uint64(int(HIDDEN_SHARE * 2**64))


def points_of(agreement: Agreement) -> dict[str, float]:
    """Return the hand-picked points by the catalog column that says whether a rule holds."""
    return {f"card.{rule.name}": rule.points for rule in agreement.rules}
