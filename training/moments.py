"""Moments: which leads are asked about, when, and what became of them.

Dated histories are asked as the queue is used: every Monday 00:00 UTC, all open leads. A flat export is asked once a
lead, and its order takes the place of time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
import pandas as pd

from leadlight.core.clock import DAY, NEVER
from leadlight.features.encode import micros_of
from leadlight.training.bootstrap import effective
from leadlight.training.labels import Spans, Stages, read_stages

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.core.history import History

__all__ = [
    "FEWEST_ACCOUNTS",
    "MAX_MOMENTS",
    "AsDrawn",
    "Moments",
    "by_lead_id",
    "draw",
    "draw_dated",
    "draw_flat",
    "few_accounts",
    "one_moment_each",
    "open_leads",
    "owners",
    "scrambled",
    "share_of",
    "shared",
]

WEEK: Final = 7 * DAY
MONDAY: Final = 4 * DAY
"""1970-01-05, the first Monday of the count."""

MAX_MOMENTS: Final = 500_000
"""More are thinned by leaving out whole weeks: moments of one lead a week apart say nearly the same."""

FLAT_MOMENT: Final = 2**62
"""When a lead of a flat export without dates is asked about: later than everything. With dates: as it came in."""

FEWEST_ACCOUNTS: Final = 10
"""Effective number of accounts from which on they are split by and resampled."""

_BULK: Final = 100
_MIX: Final = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Moments:
    """Questions and, where they are mature, answers; all arrays have shape (n_moments,).

    Attributes
    ----------
    lead : ndarray of int64
        Row in ``History.leads``.
    as_of : ndarray of int64
        Microseconds UTC, for features.
    when : ndarray of int64
        What splits go by: ``as_of``, or the rank of a flat export.
    converted : ndarray of bool
        Only mature moments have a label; elsewhere False.
    mature : ndarray of bool
        Horizon and reporting lag have fully passed.
    late_win : ndarray of bool
        Converted within the horizon but recorded after the lag: the label stays 0, as it was known then.
    owner : ndarray of int64
        Account of the lead, else the lead itself; what resampling and hashing go by.
    """

    lead: NDArray[np.int64]
    as_of: NDArray[np.int64]
    when: NDArray[np.int64]
    converted: NDArray[np.bool_]
    mature: NDArray[np.bool_]
    late_win: NDArray[np.bool_]
    owner: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.lead)

    def take(self, rows: NDArray[Any]) -> Self:
        """Return some of the moments, by mask or by position."""
        return type(self)(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    @property
    def weight(self) -> NDArray[np.float64]:
        """Weights by which the moments of one lead share a total of 1."""
        return shared(self.lead)

    @property
    def conversions(self) -> int:
        """Distinct leads with at least one moment that converted."""
        return len(np.unique(self.lead[self.converted]))

    @property
    def converted_accounts(self) -> float:
        """Effective number of accounts in which the leads that converted lie."""
        first = np.unique(self.lead[self.converted], return_index=True)[1]
        return effective(np.unique(self.owner[self.converted][first], return_counts=True)[1])


@dataclass(frozen=True)
class AsDrawn:
    """Moments with what a report must say of how they were drawn.

    Attributes
    ----------
    moments : Moments
        Mature or not.
    gap : int
        Embargo: horizon + reporting lag, microseconds; 0 for a flat export.
    open_now : Moments
        Whom the scores of today refer to, one moment each: the leads that the queue shows as open on the training day.
        Where there are none those of the last cut; in a company's first days, where no cut held anybody, all leads that
        were known. All of a flat export.
    facts : dict
        JSON-ready.
    """

    moments: Moments
    gap: int
    open_now: Moments
    facts: dict[str, Any]


def shared(lead: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return weights by which the moments of one lead share a total of 1."""
    _, place, counts = np.unique(lead, return_inverse=True, return_counts=True)
    return np.asarray(1.0 / counts[place])


def owners(leads: pd.DataFrame) -> tuple[NDArray[np.int64], list[str]]:
    """Return each lead's account (else the lead by itself) as a code, and the codes' names.

    Where a few accounts hold nearly all leads there are too few to split by and to resample: drawn again and again they
    are always the same, and chance looks certain. Each lead stands for itself then.
    """
    alone = "lead " + leads["lead_id"]
    names = alone if few_accounts(leads) else leads["account_id"].where(leads["account_id"].notna(), alone)
    codes, found = pd.factorize(names)
    return codes.astype(np.int64), [str(name) for name in found]


def few_accounts(leads: pd.DataFrame) -> bool:
    """Whether some leads have accounts, but all leads together lie in too few of them."""
    named = leads["account_id"].dropna()
    alone = len(leads) - len(named)
    return len(named) > 0 and effective(np.r_[named.value_counts(), np.ones(alone)]) < FEWEST_ACCOUNTS


def share_of(names: Sequence[str], salt: str) -> NDArray[np.float64]:
    """Return a stable number in [0, 1) for each name; the same on every machine and in every run."""
    prefix = hashlib.blake2b(salt.encode(), digest_size=8)
    shares = np.empty(len(names))
    for i, name in enumerate(names):
        digest = prefix.copy()
        digest.update(name.encode())
        shares[i] = int.from_bytes(digest.digest()[:6], "big") / 2**48
    return shares


def scrambled(lead: NDArray[np.int64], as_of: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return a stable number for each moment that has nothing to do with its lead or its time (splitmix64)."""
    z = lead.astype(np.uint64) * _MIX ^ as_of.astype(np.uint64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        z = (z ^ (z >> np.uint64(shift))) * np.uint64(factor)
    return z ^ (z >> np.uint64(31))


def by_lead_id(history: History) -> History:
    """Return the history with its leads sorted by id: bootstrap draws and hidden accounts go by their row.

    What takes the place of time in a flat export stays with its lead.
    """
    order = np.argsort(history.leads["lead_id"].to_numpy(dtype=object), kind="stable")
    if (np.diff(order) == 1).all():
        return history
    leads, outcome = history.leads.iloc[order].reset_index(drop=True), history.outcome
    if outcome is not None:
        converted = outcome.converted.iloc[order].reset_index(drop=True)
        outcome = replace(outcome, converted=converted, order=outcome.order.iloc[order].reset_index(drop=True))
    return replace(history, leads=leads, outcome=outcome)


def draw(history: History, *, goal_stage: str, within_days: float, as_of: int | None) -> AsDrawn:
    """Draw the moments of a history; goal, horizon and day have no meaning for a flat export."""
    if history.is_flat:
        return draw_flat(history)
    assert as_of is not None
    return draw_dated(history, goal_stage=goal_stage, within_days=within_days, as_of=as_of)


def draw_dated(history: History, *, goal_stage: str, within_days: float, as_of: int) -> AsDrawn:
    """Draw every Monday's open leads and label those whose horizon has passed.

    Parameters
    ----------
    history : History
        Dated.
    goal_stage, within_days
        The agreed conversion.
    as_of : int
        Training day, microseconds UTC.
    """
    stages = read_stages(history, goal_stage, as_of)
    cuts, every = _cuts(history, stages.at_risk, as_of)
    lead, at = _within(stages.at_risk, cuts)
    horizon = round(within_days * DAY)
    occurred, recorded = stages.conversions.within(lead, at, horizon)
    known_by = at + horizon + stages.lag
    mature = known_by <= as_of
    won = occurred - at <= horizon
    moments = Moments(
        lead=lead,
        as_of=at,
        when=at,
        converted=mature & won & (recorded <= known_by),
        mature=mature,
        late_win=mature & won & (recorded > known_by),
        owner=owners(history.leads)[0][lead],
    )
    facts = _facts(history, moments, stages, within_days, cuts, every)
    return AsDrawn(moments, horizon + stages.lag, _open_now(history, moments, stages, as_of), facts)


def draw_flat(history: History) -> AsDrawn:
    """Draw one moment a lead from a flat export; its label is the outcome as exported."""
    if history.outcome is None:
        raise ValueError("draw_flat needs a flat export")
    n = len(history.leads)
    created = micros_of(history.leads["created_at"])
    moments = Moments(
        lead=np.arange(n),
        as_of=np.where(created == NEVER, FLAT_MOMENT, created + 1),
        when=np.asarray(history.outcome.order, np.int64),
        converted=history.outcome.converted.to_numpy(dtype=bool),
        mature=np.ones(n, bool),
        late_win=np.zeros(n, bool),
        owner=owners(history.leads)[0],
    )
    facts = {
        "drawn": "one a lead; the outcome as exported",
        "moments": n,
        "mature": n,
        "leads": n,
        "conversions": moments.conversions,
        "base_rate": float(moments.converted.mean()) if n else None,
        "order_by": history.outcome.order_by,
        "youngest_tenth_base_rate": _youngest_tenth(moments),
    }
    return AsDrawn(moments, 0, moments, facts)


def open_leads(history: History, *, goal_stage: str, as_of: int) -> NDArray[np.int64]:
    """Return the rows of the leads that the queue shows as open at an instant."""
    return _shown_as_open(read_stages(history, goal_stage, as_of), as_of)


def one_moment_each(history: History, lead: NDArray[np.int64], as_of: int) -> Moments:
    """Return one moment of each of some leads, all at an instant; their outcomes are not known."""
    at, no = np.full(len(lead), as_of), np.zeros(len(lead), bool)
    return Moments(lead, at, at, no, no, no, owners(history.leads)[0][lead])


def _open_now(history: History, moments: Moments, stages: Stages, as_of: int) -> Moments:
    lead = _shown_as_open(stages, as_of)
    if not len(lead) and len(moments):
        return moments.take(moments.when == moments.when.max())
    if not len(lead):
        lead = np.flatnonzero(micros_of(history.leads["recorded_at"]) < as_of)
    return one_moment_each(history, lead, as_of)


def _shown_as_open(stages: Stages, as_of: int) -> NDArray[np.int64]:
    shown = Spans(*(np.r_[a, b] for a, b in zip(_spans(stages.at_risk), _spans(stages.unrecorded), strict=True)))
    return np.unique(shown.lead[(shown.start < as_of) & (as_of <= shown.end)])


def _spans(spans: Spans) -> tuple[NDArray[np.int64], ...]:
    return spans.lead, spans.start, spans.end


def _cuts(history: History, at_risk: Spans, as_of: int) -> tuple[NDArray[np.int64], int]:
    """Return the Mondays on which all open leads are asked about, and how many weeks apart they are."""
    created = micros_of(history.leads["created_at"])
    first = int(created[created != NEVER].min(initial=as_of))
    start = first - (first - MONDAY) % WEEK + WEEK
    mondays = np.arange(start, as_of + 1, WEEK, dtype=np.int64)
    every = max(1, -(-len(_within(at_risk, mondays)[0]) // MAX_MOMENTS))
    return mondays[::-1][::every][::-1], every


def _within(spans: Spans, cuts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (lead, time) for every cut that falls in a span, sorted by time, then lead."""
    low, high = np.searchsorted(cuts, spans.start, side="right"), np.searchsorted(cuts, spans.end, side="right")
    count = np.maximum(high - low, 0)
    lead = np.repeat(spans.lead, count)
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    at = cuts[np.repeat(low, count) + within] if len(cuts) else np.array([], np.int64)
    order = np.lexsort((lead, at))
    return lead[order], at[order]


def _facts(
    history: History, moments: Moments, stages: Stages, within_days: float, cuts: NDArray[np.int64], every: int
) -> dict[str, Any]:
    mature = moments.take(moments.mature)
    return {
        "drawn": "every Monday 00:00 UTC, all open leads" + (f", one week in {every}" if every > 1 else ""),
        "thinned_to_every_nth_week": every,
        "weeks": len(cuts),
        "moments": len(moments),
        "mature": len(mature),
        "immature_left_out": int((~moments.mature).sum()),
        "leads": len(np.unique(mature.lead)),
        "conversions": mature.conversions,
        "base_rate": float(mature.converted.mean()) if len(mature) else None,
        "horizon_days": within_days,
        "reporting_lag_days": stages.lag / DAY,
        "late_wins_kept_as_0": int(mature.late_win.sum()),
        "converted_but_unrecorded_left_out": len(_within(stages.unrecorded, cuts)[0]),
        "leads_by_detour": stages.counts,
        "bulk_imported": _bulk_imported(history),
    }


def _bulk_imported(history: History) -> int:
    """Count leads created at the same instant as a hundred others; dates without a time of day say nothing."""
    created = micros_of(history.leads["created_at"])
    instants, counts = np.unique(created[(created != NEVER) & (created % DAY != 0)], return_counts=True)
    return int(counts[counts >= _BULK].sum()) if len(instants) else 0


def _youngest_tenth(moments: Moments) -> float | None:
    if len(moments) == 0 or moments.when.max() == moments.when.min():
        return None
    return float(moments.converted[moments.when >= np.quantile(moments.when, 0.9)].mean())
