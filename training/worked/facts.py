"""What has to be said with every figure "if worked": how much stands behind it, and how far the log can be believed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from leadlight.training.bootstrap import Accounts, Interval, interval

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from leadlight.training.moments import Moments

__all__ = ["ENOUGH", "Clipping", "Facts", "clipped", "effective", "facts_of"]

ENOUGH: Final = 100
"""Effective worked moments below which the estimate is shown and not used."""

BELIEVED: Final = (0.8, 1.25)
"""Worked moments to what the log expected: outside of this the logged chances are not those of being worked."""

_CLIPPINGS: Final = (("95th percentile", 0.95), ("99th percentile", 0.99), ("none", 1.0))


@dataclass(frozen=True)
class Clipping:
    """The rate if worked with weights clipped at one point.

    Attributes
    ----------
    at : str
        ``"95th percentile"``, ``"99th percentile"`` or ``"none"``.
    rate : Interval
        Weighted share of worked moments that converted.
    effective : float
        Kish's effective sample size.
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
    moments, queued, worked, leads, conversions : int
        Mature moments; those with a logged chance of their own; those of them that were worked; distinct leads and
        distinct converted leads among the worked.
    left_out : mapping of str to int
        Why moments have no chance of their own; one may be counted under two reasons.
    practice : Interval
        Share of queued moments that converted: the rate under today's practice, in the same population.
    expected_worked : float
        What the logged chances add up to.
    worked_to_expected : Interval
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
    worked: int
    leads: int
    conversions: int
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
        return self.clippings[1].rate

    @property
    def effective(self) -> float:
        """Kish's effective sample size of the weights that are used."""
        return self.clippings[1].effective

    def to_dict(self) -> dict[str, Any]:
        """Return the facts as plain data; intervals stay ``Interval``."""
        return asdict(self)


def clipped(chance: NDArray[np.float64], at: float) -> NDArray[np.float64]:
    """Return the weights 1/p, cut at a quantile of theirs, with a mean of 1.

    Examples
    --------
    >>> clipped(np.array([1.0, 0.5, 0.25]), at=1.0).round(3).tolist()
    [0.429, 0.857, 1.714]
    """
    if len(chance) == 0:
        return np.empty(0)
    weight = _cut(chance, at)
    return np.asarray(weight / weight.mean())


def effective(weight: NDArray[np.float64]) -> float:
    """Return the effective sample size (Kish, 1965): how many equal weights would be as good.

    Examples
    --------
    >>> effective(np.array([1.0, 1.0, 1.0])), round(effective(np.array([8.0, 1.0, 1.0])), 2)
    (3.0, 1.52)
    """
    return float(weight.sum() ** 2 / (weight**2).sum()) if len(weight) else 0.0


def facts_of(
    moments: Moments,
    chance: NDArray[np.float64],
    touched: NDArray[np.bool_],
    left_out: Mapping[str, int],
    *,
    entries: int,
    window: int,
    seed: int,
) -> Facts:
    """Gather the facts.

    Parameters
    ----------
    moments : Moments
        Mature.
    chance, touched : ndarray of shape (n_moments,)
        As in ``worked.Worked``.
    """
    queued = ~np.isnan(chance)
    taken = queued & touched
    some, own = moments.take(queued), moments.take(taken)
    accounts = Accounts.draw(some.owner, seed)
    among = accounts.take(taken[queued])
    clippings = tuple(_clipping(name, at, chance[taken], own.converted, among) for name, at in _CLIPPINGS)
    ratio = _ratio(touched[queued].astype(float), chance[queued], accounts)
    used, why = _verdict(entries, len(some), clippings[1].effective, ratio, own)
    return Facts(
        window_days=window,
        log_entries=entries,
        moments=len(moments),
        queued=len(some),
        worked=len(own),
        leads=len(np.unique(own.lead)),
        conversions=own.conversions,
        left_out=dict(left_out),
        practice=_ratio(some.converted.astype(float), np.ones(len(some)), accounts),
        expected_worked=float(chance[queued].sum()),
        worked_to_expected=ratio,
        smallest_chance=float(chance[taken].min()) if taken.any() else None,
        clippings=clippings,
        used=used,
        why=why,
    )


def _verdict(entries: int, queued: int, size: float, ratio: Interval, own: Moments) -> tuple[bool, str]:
    if entries == 0:
        return False, "the queue logged no chances of being worked, and they can't be guessed afterwards"
    if queued == 0:
        return False, "no mature moment has a logged chance of its own"
    if ratio.high < BELIEVED[0] or ratio.low > BELIEVED[1]:
        return False, (
            f"the log does not say what happened: {ratio.value:.2f} times as many were worked as it expected "
            f"({ratio.low:.2f} to {ratio.high:.2f})"
        )
    if not 0 < int(own.converted.sum()) < len(own):
        return False, "of the worked moments none, or every one, converted"
    if size < ENOUGH:
        return False, f"an effective sample of {size:.0f} worked moments; from {ENOUGH} on it is used"
    return True, f"an effective sample of {size:,.0f} worked moments"


def _clipping(
    name: str, at: float, chance: NDArray[np.float64], converted: NDArray[np.bool_], accounts: Accounts
) -> Clipping:
    if len(chance) == 0:
        return Clipping(name, Interval(float("nan"), float("nan"), float("nan")), 0.0, 0.0)
    weight = _cut(chance, at)
    rate = _ratio(weight * converted, weight, accounts)
    return Clipping(name, rate, effective(weight), float((weight < 1.0 / chance).mean()))


def _cut(chance: NDArray[np.float64], at: float) -> NDArray[np.float64]:
    weight = 1.0 / chance
    return np.asarray(np.minimum(weight, np.quantile(weight, at, method="higher")))


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64], accounts: Accounts) -> Interval:
    """Return a ratio of sums with its interval over accounts."""
    if len(above) == 0:
        return Interval(float("nan"), float("nan"), float("nan"))
    top, bottom = accounts.sums(np.stack([above, below], axis=1)).T
    with np.errstate(divide="ignore", invalid="ignore"):
        return interval(top / bottom)
