"""The periods of a backtest: what was known on each cut-off day, and whom the queue held in the weeks after it.

Dated histories go by calendar months: the first of each month is a cut-off. A flat export goes by tenths in its order.
Nothing is learned from a moment unless its label was known by the cut-off: moment + horizon + reporting lag at or
before it, the lag as it was estimated from what was known then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Self

import numpy as np
import pandas as pd

from leadlight.core.clock import from_micros, to_micros
from leadlight.core.errors import DataContractError
from leadlight.training.moments import AsDrawn, Moments, draw_dated, draw_flat

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.agreement.terms import Agreement
    from leadlight.core.history import History

__all__ = ["FEWEST", "Nothing", "Period", "Plan", "plan"]

FEWEST: Final = 40
"""Converted leads, and others, whose label has to be known on a cut-off day."""

TEACHING: Final = 20_000
"""More learning moments than these are thinned by leaving out whole weeks: months have to be replayed in seconds."""

_TENTHS: Final = 10


class Nothing(DataContractError):
    """There is no earlier and later to replay, or too little of it."""

    code = "nothing_to_replay"

    @classmethod
    def without_order(cls) -> Self:
        """Say that an export without an order has no past and no future."""
        return cls(
            "This export has no order (order by none), so there is no earlier and later to replay. Declare one with "
            "[leads.order] in dataset.toml if a column or the file has it; leadlight train cross-validates without."
        )

    @classmethod
    def too_short(cls, unit: str, *, why: str = "") -> Self:
        """Say that no period can be replayed."""
        return cls(
            f"No {unit} can be replayed: by none was the outcome of {FEWEST} converted and {FEWEST} other leads known "
            f"while its own leads have had their full horizon since{why}. A longer history is needed; leadlight train "
            "says how many conversions would tell."
        )


@dataclass(frozen=True)
class Period:
    """One cut-off and the leads that were ranked after it.

    Attributes
    ----------
    name : str
        ``"2025-03"``, or ``"tenth 5"``.
    cut : int
        Microseconds; the first rank of a tenth.
    learn : Moments
        Whose label was known on the cut-off day.
    known : int
        How many moments that were, before weeks were left out.
    gap : int
        Embargo as known then.
    asked : Moments
        All open leads of the weeks that follow, labelled.
    flat : bool
    """

    name: str
    cut: int
    learn: Moments
    known: int
    gap: int
    asked: Moments
    flat: bool

    @property
    def before(self) -> int | None:
        """Nothing that became known later shapes the catalog; a flat export has no clock."""
        return None if self.flat else self.cut


@dataclass(frozen=True)
class Plan:
    """All periods, oldest first.

    Attributes
    ----------
    periods : tuple of Period
    unit : {"month", "tenth"}
    every : int
        Weeks between two asked moments of a lead.
    """

    periods: tuple[Period, ...]
    unit: str
    every: int

    @property
    def asked(self) -> Moments:
        """All asked moments, period after period."""
        parts = [period.asked for period in self.periods]
        return Moments(*(np.concatenate([getattr(p, name) for p in parts]) for name in Moments.__dataclass_fields__))

    @property
    def of(self) -> NDArray[np.int64]:
        """Number of each asked moment's period."""
        return np.repeat(np.arange(len(self.periods)), [len(period.asked) for period in self.periods])

    @property
    def weeks(self) -> NDArray[np.int64]:
        """Number of each asked moment's list: the week, or the tenth of a flat export."""
        return self.of if self.unit == "tenth" else np.unique(self.asked.when, return_inverse=True)[1].astype(np.int64)


def plan(history: History, agreement: Agreement, newest: int | None) -> Plan:
    """Find the periods that can be replayed.

    Parameters
    ----------
    history : History
        Its leads sorted by id.
    agreement : Agreement
    newest : int or None
        At most so many, the newest ones; None: as many as the history allows.

    Raises
    ------
    Nothing
        If the export has no order, or no period can be replayed.
    """
    if history.outcome is not None:
        return _tenths(history, newest)
    if history.ended_at is None:
        raise Nothing.without_order()
    return _months(history, agreement, newest)


def _months(history: History, agreement: Agreement, newest: int | None) -> Plan:
    assert history.ended_at is not None
    day = to_micros(history.ended_at.to_pydatetime()) + 1
    drawn = _drawn(history, agreement, day)
    found: list[Period] = []
    for start, end in _mature_months(drawn, day):
        if newest is not None and len(found) == newest:
            break
        period = _month(history, agreement, drawn.moments, start, end)
        if not _enough(period.learn):
            break  # the months before it knew still less
        if len(period.asked):
            found.append(period)
    if not found:
        raise Nothing.too_short("month")
    return Plan(tuple(reversed(found)), "month", int(drawn.facts["thinned_to_every_nth_week"]))


def _drawn(history: History, agreement: Agreement, day: int) -> AsDrawn:
    return draw_dated(history, goal_stage=agreement.stage, within_days=agreement.within_days, as_of=day)


def _mature_months(drawn: AsDrawn, day: int) -> Iterator[tuple[int, int]]:
    """Yield start and end of the calendar months whose moments are all mature, newest first."""
    when = drawn.moments.when
    if len(when) == 0:
        return
    first = pd.Timestamp(from_micros(int(when.min()))).normalize().replace(day=1)
    edges = [to_micros(t.to_pydatetime()) for t in pd.date_range(first, from_micros(day), freq="MS")]
    for start, end in reversed(list(pairwise(edges))):
        if drawn.moments.mature[(when >= start) & (when < end)].all():
            yield start, end


def _month(history: History, agreement: Agreement, moments: Moments, start: int, end: int) -> Period:
    then = _drawn(history, agreement, start)
    known = then.moments.take(then.moments.mature)
    asked = moments.take((moments.when >= start) & (moments.when < end))
    name = f"{from_micros(start):%Y-%m}"
    return Period(name, start, _thinned(known), len(known), then.gap, asked, flat=False)


def _thinned(moments: Moments) -> Moments:
    """Keep every second, third, ... week, counted from the newest, so that not too many moments are left."""
    every = -(-len(moments) // TEACHING)
    if every <= 1:
        return moments
    return moments.take(np.isin(moments.when, np.unique(moments.when)[::-1][::every]))


def _tenths(history: History, newest: int | None) -> Plan:
    assert history.outcome is not None
    if history.outcome.order_by == "none":
        raise Nothing.without_order()
    moments = draw_flat(history).moments
    edges = [int(moments.when.max()) + 1]
    edges = [int(np.quantile(moments.when, i / _TENTHS, method="higher")) for i in range(1, _TENTHS)] + edges
    found = []
    for number, (start, end) in enumerate(pairwise(edges), start=2):
        known = moments.take(moments.when < start)
        asked = moments.take((moments.when >= start) & (moments.when < end))
        if len(asked) and _enough(known):
            found.append(Period(f"tenth {number}", start, known, len(known), 0, asked, flat=True))
    if not found:
        raise Nothing.too_short("tenth", why=" in the order of the export")
    return Plan(tuple(found if newest is None else found[-newest:]), "tenth", 1)


def _enough(known: Moments) -> bool:
    """Whether enough leads of both outcomes were known."""
    won = known.conversions
    return won >= FEWEST and len(np.unique(known.lead)) - won >= FEWEST
