"""Whose outcome may be looked at, what became of them, and how old their rows are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import numpy as np
from scipy.stats import rankdata

from leadlight.core.clock import DAY, NEVER
from leadlight.core.stages import CLOSED, reached
from leadlight.features.encode import micros_of, positions_of
from leadlight.training.labels import FOREVER
from leadlight.training.moments import owners, share_of

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from leadlight.agreement.terms import Agreement
    from leadlight.core.history import History

__all__ = ["Ground", "first_of", "known_by"]

FOLDS: Final = 5
_ENOUGH: Final = 50


@dataclass(frozen=True)
class Ground:
    """What every sign is measured on; arrays have shape (n_leads,), aligned with ``History.leads``.

    Attributes
    ----------
    converted : ndarray of bool
        The outcome as exported, or: the goal was reached and recorded before the day.
    looked : ndarray of bool
        Whose outcome may be looked at.
    owner : ndarray of int64
        Account, else the lead itself.
    fold : ndarray of int64
        0 ... 4 by a hash of the account's name.
    youth : ndarray of float64 or None
        Place in the order of creation, 0 the oldest, 1 the youngest; None without an order.
    won_at, over_at : ndarray of int64
        When the lead first reached the goal, and when its story first ended either way; microseconds, NEVER if not.
    goal_known_at : ndarray of int64
        When the first conversion was recorded.
    """

    converted: NDArray[np.bool_]
    looked: NDArray[np.bool_]
    owner: NDArray[np.int64]
    fold: NDArray[np.int64]
    youth: NDArray[np.float64] | None
    won_at: NDArray[np.int64]
    over_at: NDArray[np.int64]

    @classmethod
    def of(cls, history: History, agreement: Agreement, as_of: int | None, lead_rows: NDArray[np.bool_] | None) -> Self:
        """Read outcomes and ages; a dated history is cut off at ``as_of`` (microseconds)."""
        owner, names = owners(history.leads)
        fold = (share_of(names, "audit fold") * FOLDS).astype(np.int64)[owner]
        looked = np.ones(len(owner), bool) if lead_rows is None else np.asarray(lead_rows, bool).copy()
        created = micros_of(history.leads["created_at"])
        none = np.full(len(owner), NEVER)
        if history.outcome is not None:
            ordered = history.outcome.order_by != "none"
            youth = _placed(np.asarray(history.outcome.order, np.int64)) if ordered else None
            converted = history.outcome.converted.to_numpy(bool)
            return cls(converted, looked, owner, fold, youth, none, none)
        won_at, over_at = _ends(history, agreement.stage, as_of)
        looked = _grown(looked, created, won_at, as_of, agreement.within_days)
        dated = np.where(created == NEVER, created.max(initial=0), created)
        return cls(won_at != NEVER, looked, owner, fold, _placed(dated), won_at, over_at)

    @property
    def base_rate(self) -> float:
        """Share converted of those looked at."""
        return float(self.converted[self.looked].mean()) if self.looked.any() else float("nan")

    @property
    def leads(self) -> int:
        """How many leads' outcome is looked at."""
        return int(self.looked.sum())

    @property
    def conversions(self) -> int:
        """How many of them converted."""
        return int((self.converted & self.looked).sum())

    @property
    def one_lead_an_account(self) -> bool:
        """Whether no account has two leads."""
        return int(self.owner.max(initial=-1)) + 1 == len(self.owner)


def first_of(lead: NDArray[np.int64], when: NDArray[np.int64], n_leads: int) -> NDArray[np.int64]:
    """Return each lead's first time; NEVER where it has none."""
    first = np.full(n_leads, FOREVER)
    np.minimum.at(first, lead, when)
    return np.where(first == FOREVER, NEVER, first)


def known_by(table: pd.DataFrame, as_of: int | None) -> NDArray[np.bool_]:
    """Return which rows of a table had happened and been recorded before a day."""
    known = np.maximum(micros_of(table["occurred_at"]), micros_of(table["recorded_at"]))
    day = FOREVER if as_of is None else as_of
    return np.asarray((known < day) & (micros_of(table["occurred_at"]) != NEVER), bool)


def _placed(age: NDArray[np.int64]) -> NDArray[np.float64] | None:
    if len(age) == 0 or age.max() == age.min():
        return None
    return np.asarray((rankdata(age) - 0.5) / len(age))


def _ends(history: History, goal: str, as_of: int | None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return when each lead first reached the goal, and when it first did so or was closed."""
    table = history.stage_changes
    lead = positions_of(table["lead_id"], history.leads["lead_id"])
    known = known_by(table, as_of) & (lead >= 0)
    won = known & table["stage"].isin(list(reached(goal))).to_numpy()
    over = won | (known & table["stage"].isin(list(CLOSED)).to_numpy())
    occurred = micros_of(table["occurred_at"])
    return first_of(lead[won], occurred[won], len(history.leads)), first_of(
        lead[over], occurred[over], len(history.leads)
    )


def _grown(
    looked: NDArray[np.bool_], created: NDArray[np.int64], won_at: NDArray[np.int64], as_of: int | None, days: float
) -> NDArray[np.bool_]:
    """Leave out leads whose horizon has not passed since they came, where enough conversions remain."""
    if as_of is None:
        return looked
    seen = looked & (created < as_of)
    grown = seen & (created + round(days * DAY) <= as_of)
    return grown if (won_at[grown] != NEVER).sum() >= _ENOUGH else seen
