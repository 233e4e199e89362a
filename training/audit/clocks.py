"""Evidence from clocks: what is filled in or recorded only once a lead's story is over.

A story is over when the goal was reached or the lead was closed. A value that occurred or was recorded at or after
that instant was not known while the lead could still be worked; where that is so for nearly every lead that has one,
the field is proved to come afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import numpy as np
import pandas as pd
from scipy.special import betaincinv

from leadlight.core.clock import NEVER
from leadlight.features.encode import micros_of, positions_of
from leadlight.training.audit.findings import Sign
from leadlight.training.audit.ground import first_of, known_by
from leadlight.training.bootstrap import Interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.training.audit.ground import Ground

__all__ = [
    "After",
    "Entries",
    "activity_sign",
    "attribute_sign",
    "counted",
    "moved_sign",
    "moved_since_first",
    "share",
]

NEARLY_ALL: Final = 0.95
FEWEST: Final = 10
_WORTH_SAYING: Final = 0.01


@dataclass(frozen=True)
class After:
    """How many leads have a thing, and when they first got it.

    Attributes
    ----------
    leads : int
        Whose outcome may be looked at and that have one.
    converted : int
        Of these, those that converted.
    after : Interval
        Share of the leads that got it, by the later of both clocks, when their story was over.
    happened_after : float
        The same share by ``occurred_at`` alone.
    """

    leads: int
    converted: int
    after: Interval
    happened_after: float

    @property
    def nearly_all(self) -> bool:
        """Whether it comes afterwards, as a rule with hardly an exception."""
        return self.leads >= FEWEST and self.after.value >= NEARLY_ALL


@dataclass(frozen=True)
class Entries:
    """A table of dated entries, sorted out by what they are about: types of activity, or attributes.

    Attributes
    ----------
    words : tuple of str
        Sorted; only those with an entry that was known on the day.
    word, lead, occurred, known : ndarray of shape (n_entries,), dtype int64
        Place in ``words``, row in ``History.leads``, and both clocks; only entries known on the day.
    rows : ndarray of shape (n_entries,), dtype int64
        Where each entry stands in the table.
    n_leads : int
    """

    words: tuple[str, ...]
    word: NDArray[np.int64]
    lead: NDArray[np.int64]
    occurred: NDArray[np.int64]
    known: NDArray[np.int64]
    rows: NDArray[np.int64]
    n_leads: int

    @classmethod
    def of(cls, table: pd.DataFrame, column: str, leads: pd.Series[str], as_of: int | None) -> Self:
        """Read a table's entries that had happened and been recorded before a day."""
        lead, occurred = positions_of(table["lead_id"], leads), micros_of(table["occurred_at"])
        rows = np.flatnonzero(known_by(table, as_of) & (lead >= 0) & table[column].notna().to_numpy())
        word, words = pd.factorize(table[column].iloc[rows], sort=True)
        known = np.maximum(occurred, micros_of(table["recorded_at"]))
        return cls(
            tuple(map(str, words)), word.astype(np.int64), lead[rows], occurred[rows], known[rows], rows, len(leads)
        )

    def about(self, word: str) -> NDArray[np.int64]:
        """Return the places of the entries about one word."""
        return np.flatnonzero(self.word == self.words.index(word)) if word in self.words else np.zeros(0, np.int64)

    def first_times(self, word: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return when each lead first had one: by occurrence, and as it became known; NEVER if it has none."""
        mine = self.about(word)
        lead, n = self.lead[mine], self.n_leads
        return first_of(lead, self.occurred[mine], n), first_of(lead, self.known[mine], n)


def moved_since_first(changes: pd.DataFrame) -> Interval:
    """Return on which share of the leads with a value the last one differs from the first."""
    mine = changes.sort_values(["lead_id", "occurred_at", "recorded_at", "value"], kind="stable")
    by_lead = mine.groupby("lead_id")["value"]
    return share(int((by_lead.first() != by_lead.last()).sum()), by_lead.ngroups)


def counted(occurred: NDArray[np.int64], known: NDArray[np.int64], ground: Ground) -> After:
    """Compare first times with the end of each lead's story."""
    has = (occurred != NEVER) & ground.looked
    over = has & (ground.over_at != NEVER)
    late, happened_late = over & (known >= ground.over_at), over & (occurred >= ground.over_at)
    n, k = int(has.sum()), int(late.sum())
    late_share = share(k, n)
    return After(n, int((has & ground.converted).sum()), late_share, int(happened_late.sum()) / n if n else 0.0)


def attribute_sign(found: After) -> Sign | None:
    """Return the proof that a dated attribute is filled afterwards; None where it is not."""
    if not found.nearly_all or not found.converted:
        return None
    return Sign("clock", "proof", f"filled in only once it was over: {_figures(found)}", _as_figures(found))


def moved_sign(found: After, moved: Interval) -> Sign | None:
    """Return the remark on a dated attribute that would know too much as exported; None where it would not.

    Parameters
    ----------
    found : After
    moved : Interval
        Share of the leads whose exported value is not their first.
    """
    if found.leads < FEWEST or max(found.after.value, moved.value) < _WORTH_SAYING:
        return None
    text = (
        f"as exported it would know too much: {found.after.value:.0%} of the {found.leads:,} leads that have it got it "
        f"only when it was over, {moved.value:.0%} hold another value than their first. Harmless: what is "
        "used at a moment is the value as it was then"
    )
    return Sign("harmless", "none", text, {**_as_figures(found), "moved": moved})


def activity_sign(found: After, type_: str) -> Sign | None:
    """Return the remark on a type of activity that comes afterwards; features at a moment never see it in time."""
    if not found.nearly_all or not found.converted:
        return None
    harmless = "Harmless: what is used at a moment lies before it"
    text = f"{type_!r} is recorded only once it was over: {_figures(found)}. {harmless}"
    return Sign("harmless", "none", text, _as_figures(found))


def _figures(found: After) -> str:
    share = found.after
    backfilled = found.after.value - found.happened_after
    more = f"; {backfilled:.0%} dated before and recorded after" if backfilled > 0.005 else ""
    return (
        f"{share.value:.0%} ({share.low:.0%} to {share.high:.0%}) of the {found.leads:,} leads that have it "
        f"got it at or after conversion or closing{more}"
    )


def _as_figures(found: After) -> dict[str, object]:
    return {
        "leads": found.leads,
        "converted": found.converted,
        "after": found.after,
        "happened_after": found.happened_after,
    }


def share(k: int, n: int) -> Interval:
    """Return a share with its 95 % interval (Clopper & Pearson 1934)."""
    if n == 0:
        return Interval(float("nan"), float("nan"), float("nan"))
    low = betaincinv(k, n - k + 1, 0.025) if k else 0.0
    high = betaincinv(k + 1, n - k, 0.975) if k < n else 1.0
    return Interval(k / n, float(low), float(high))
