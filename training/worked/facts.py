"""What has to be said with every figure "if worked": how much stands behind it, and how far the log can be believed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from leadlight.training.bootstrap import Accounts, Interval, effective, interval

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from leadlight.training.moments import Moments
    from leadlight.training.worked.seen import Seen

__all__ = ["CLIPPED_AT", "ENOUGH", "Clipping", "Facts", "Stock", "clipped", "facts_of"]

ENOUGH: Final = 100
"""Effective number of leads that teach, below which the estimate is shown and not used."""

BELIEVED: Final = (0.8, 1.25)
"""Worked moments to what the log expected: outside of this the logged chances are not those of being worked."""

CLIPPED_AT: Final = 0.99
"""Weights above this quantile are taken as this quantile."""

_CLIPPINGS: Final = (("95th percentile", 0.95), ("99th percentile", CLIPPED_AT), ("none", 1.0))
_USUAL: Final = 1


@dataclass(frozen=True)
class Stock:
    """What an estimate rests on.

    Attributes
    ----------
    worked, converted_first : int
        Moments that were worked; moments whose lead converted before anybody turned to it, and may have been drawn.
    leads, conversions : int
        Distinct leads of the worked moments; those of them with a moment that converted.
    effective : float
        Kish's effective sample size: how many leads of equal weight would be as good. The weights of a lead's moments
        are summed first, for a week apart they say nearly the same.
    """

    worked: int
    converted_first: int
    leads: int
    conversions: int
    effective: float

    @classmethod
    def of(cls, moments: Moments, seen: Seen) -> Stock:
        """Count some moments, with the weights that are used."""
        own, given = moments.take(seen.worked), seen.take(seen.taken)
        weight = clipped(given.chance, CLIPPED_AT, given.drawn)
        size = _by_lead(moments.take(seen.taken), weight)
        return cls(len(own), int(seen.first.sum()), len(np.unique(own.lead)), own.conversions, size)


@dataclass(frozen=True)
class Clipping:
    """The rate if worked with weights clipped at one point.

    Attributes
    ----------
    at : str
        ``"95th percentile"``, ``"99th percentile"`` or ``"none"``.
    rate : Interval
        Weighted share that converted: of worked moments, and of those that converted first.
    effective : float
        Kish's effective sample size, by lead.
    share_clipped : float
        Share of worked moments whose weight was cut.
    """

    at: str
    rate: Interval
    effective: float
    share_clipped: float


@dataclass(frozen=True)
class Facts:
    """How the estimate "if worked" stands.

    Attributes
    ----------
    window_days : int
    log_entries : int
        Rows of the queue's log that were known on the training day.
    moments, queued : int
        Mature moments; those with a logged chance of their own.
    log : Stock
        What the log holds: of all mature moments.
    teaching : Stock
        What of it the estimate is learned from; whether it is used is decided on this.
    left_out : mapping of str to int
        Why moments have no chance of their own; one may be counted under two reasons.
    practice : Interval
        Share of queued moments that converted: the rate under today's practice, in the same population.
    expected_worked : float
        What the logged chances add up to, in moments.
    worked_to_expected : Interval
        Moments that were worked (who converted first by how likely it still was) to what was expected.
    smallest_chance : float or None
        Among worked moments.
    clippings : tuple of Clipping
        Three; the middle one is the estimate.
    used : bool
    why : str
        Why it is not used, or what it rests on.
    """

    window_days: int
    log_entries: int
    moments: int
    queued: int
    log: Stock
    teaching: Stock
    left_out: Mapping[str, int]
    practice: Interval
    expected_worked: float
    worked_to_expected: Interval
    smallest_chance: float | None
    clippings: tuple[Clipping, ...]
    used: bool
    why: str

    @property
    def rate(self) -> Interval:
        """The rate if worked, clipped at the 99th percentile."""
        return self.clippings[_USUAL].rate

    @property
    def worked(self) -> int:
        """Worked moments that the log holds."""
        return self.log.worked

    @property
    def effective(self) -> float:
        """Effective number of leads that the log holds."""
        return self.log.effective

    def to_dict(self) -> dict[str, Any]:
        """Return the facts as plain data; intervals stay ``Interval``."""
        return asdict(self)


def clipped(chance: NDArray[np.float64], at: float, drawn: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """Return the weights 1/p, cut at a quantile of theirs, with a mean of 1.

    Parameters
    ----------
    chance, drawn : ndarray of shape (n_taken,)
        As in `leadlight.training.worked.seen.Seen`; by default all were worked.

    Examples
    --------
    >>> clipped(np.array([1.0, 0.5, 0.25]), at=1.0).round(3).tolist()
    [0.429, 0.857, 1.714]
    """
    if len(chance) == 0:
        return np.empty(0)
    weight = _cut(chance, at, np.ones(len(chance)) if drawn is None else drawn)
    return np.asarray(weight / weight.mean())


def facts_of(
    moments: Moments,
    seen: Seen,
    left_out: Mapping[str, int],
    *,
    expected: NDArray[np.float64],
    teach: NDArray[np.bool_],
    entries: int,
    window: int,
    seed: int,
) -> Facts:
    """Gather the facts.

    Parameters
    ----------
    moments : Moments
        Mature.
    seen : Seen
    expected : ndarray of shape (n_moments,)
        How likely each lead was to be turned to within the horizon too.
    teach : ndarray of shape (n_moments,), dtype bool
    """
    queued, taken = seen.queued, seen.taken
    some, own = moments.take(queued), moments.take(taken)
    accounts = Accounts.draw(some.owner, seed)
    among, given = accounts.take(taken[queued]), seen.take(taken)
    clippings = tuple(_clipping(name, at, given, own, among) for name, at in _CLIPPINGS)
    ratio = _ratio(seen.drawn[queued], expected[queued], accounts)
    teaching, won = Stock.of(moments.take(teach), seen.take(teach)), moments.converted[teach & taken]
    both = 0 < int(won.sum()) < len(won)
    used, why = _verdict(entries, len(some), teaching.effective, ratio, both=both)
    return Facts(
        window_days=window,
        log_entries=entries,
        moments=len(moments),
        queued=len(some),
        log=Stock.of(moments, seen),
        teaching=teaching,
        left_out=dict(left_out),
        practice=_ratio(some.converted.astype(float), np.ones(len(some)), accounts),
        expected_worked=float(expected[queued].sum()),
        worked_to_expected=ratio,
        smallest_chance=float(seen.chance[seen.worked].min()) if seen.worked.any() else None,
        clippings=clippings,
        used=used,
        why=why,
    )


def _verdict(entries: int, queued: int, size: float, ratio: Interval, *, both: bool) -> tuple[bool, str]:
    if entries == 0:
        return False, "the queue logged no chances of being worked, and they can't be guessed afterwards"
    if queued == 0:
        return False, "no mature moment has a logged chance of its own"
    if ratio.high < BELIEVED[0] or ratio.low > BELIEVED[1]:
        return False, (
            f"the log does not say what happened: {ratio.value:.2f} times as many were worked as it expected "
            f"({ratio.low:.2f} to {ratio.high:.2f})"
        )
    if not both:
        return False, "of the worked moments that teach none, or every one, converted"
    if size < ENOUGH:
        return False, f"what teaches says as much as {size:.0f} leads of equal weight; from {ENOUGH} on it is used"
    return True, f"what teaches says as much as {size:,.0f} leads of equal weight"


def _clipping(name: str, at: float, given: Seen, own: Moments, accounts: Accounts) -> Clipping:
    if len(own) == 0:
        return Clipping(name, Interval(float("nan"), float("nan"), float("nan")), 0.0, 0.0)
    weight = _cut(given.chance, at, given.drawn)
    rate = _ratio(weight * own.converted, weight, accounts)
    cut = int((weight < given.drawn / given.chance).sum()) / max(int(given.worked.sum()), 1)
    return Clipping(name, rate, _by_lead(own, weight), cut)


def _by_lead(moments: Moments, weight: NDArray[np.float64]) -> float:
    _, lead = np.unique(moments.lead, return_inverse=True)
    return effective(np.bincount(lead, weight).astype(np.float64))


def _cut(chance: NDArray[np.float64], at: float, drawn: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cut weights at a quantile of the worked ones'; who converted first weighs at most 1 and is never cut."""
    whole = 1.0 / chance[drawn >= 1]
    most = np.quantile(whole, at, method="higher") if len(whole) else np.inf
    return np.asarray(np.minimum(drawn / chance, most))


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64], accounts: Accounts) -> Interval:
    """Return a ratio of sums with its interval over accounts."""
    if len(above) == 0:
        return Interval(float("nan"), float("nan"), float("nan"))
    top, bottom = accounts.sums(np.stack([above, below], axis=1)).T
    with np.errstate(divide="ignore", invalid="ignore"):
        return interval(top / bottom)
