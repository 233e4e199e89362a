"""How far the shares of a population moved, and how far they move when nothing changes.

The population stability index (PSI; Siddiqi, "Credit Risk Scorecards", 2006) is the sum over bins of
``(now - then) * log(now / then)``. Rules of thumb (.1, .25) forget how many leads there are: where nothing changed, the
index is about ``(1/n_then + 1/n_now) * chi2(bins - 1)``, which for a hundred leads is often above .1 and for a hundred
thousand never above .001. So each index is held against its own no-change limit.

Two things make leads less, or more, than independent draws: colleagues share a company's traits, and a lead that was
open then and still is stands on both sides. Both are in the covariance of the differences when it is summed by account;
its eigenvalues weigh the chi-squares (Rao and Scott, 1984), a chi-square of the same mean and variance stands for their
sum (Satterthwaite, 1946), and an F for the chi-square where few accounts tell its scale (Thomas and Rao, 1987). Where
bins hold few leads, samples of the same effective sizes are drawn instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import stats

from leadlight.core.stability import stability_index

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LIMIT_AT", "Moved", "NoChange", "Side", "compare", "no_change", "stability_index"]

LIMIT_AT: Final = 0.99
"""Where nothing changed, this share of indices stays below its limit."""

ENOUGH_IN_A_BIN: Final = 5.0
"""Expected leads in every bin, on both sides, from which on the chi-square serves."""

DRAWS: Final = 20_000
_FIRST_DRAWS: Final = 1_000
_WORTH_MORE: Final = 0.05


@dataclass(frozen=True)
class NoChange:
    """What an index does where nothing changed.

    Attributes
    ----------
    scale, degrees : float
        The index is about ``scale * chi2(degrees)``.
    accounts : float
        Degrees of freedom behind the scale, which few or very unequal accounts leave uncertain: the index is held
        against ``scale * degrees * F(degrees, accounts)``.
    drawn : ndarray of shape (n_draws,) or None
        Sorted indices of drawn samples, where bins hold too few leads for that.
    """

    scale: float
    degrees: float
    accounts: float
    drawn: NDArray[np.float64] | None = None

    def limit(self, at: float = LIMIT_AT) -> float:
        """Return what the index exceeds with a chance of ``1 - at`` only."""
        if self.drawn is not None:
            return float(np.quantile(self.drawn, at, method="higher"))
        if self.degrees <= 0:
            return 0.0
        return float(self.scale * self.degrees * stats.f.ppf(at, self.degrees, self.accounts))

    def chance(self, index: float) -> float:
        """Return the chance of an index as large as this or larger."""
        if self.drawn is not None:
            above = len(self.drawn) - np.searchsorted(self.drawn, index - 1e-12, side="left")
            return float((1 + above) / (1 + len(self.drawn)))
        if self.degrees <= 0 or self.scale <= 0:
            return 1.0 if index <= 1e-12 else 0.0
        return float(stats.f.sf(index / (self.scale * self.degrees), self.degrees, self.accounts))


@dataclass(frozen=True)
class Side:
    """One of two populations, one row a lead.

    Attributes
    ----------
    binned : ndarray of shape (n_leads,), dtype int64
        Each lead's bin, not negative.
    owner : ndarray of shape (n_leads,), dtype int64
        Its account, else the lead itself; the same code means the same account on both sides.
    weight : ndarray of shape (n_leads,), optional
        How much it counts; default all the same.
    """

    binned: NDArray[np.int64]
    owner: NDArray[np.int64]
    weight: NDArray[np.float64] | None = None

    @property
    def weights(self) -> NDArray[np.float64]:
        """Weights that add up to 1."""
        weight = np.ones(len(self.binned)) if self.weight is None else self.weight
        return np.asarray(weight / max(weight.sum(), 1e-300))

    @property
    def size(self) -> float:
        """How many equally weighted leads say as much."""
        return 0.0 if len(self.binned) == 0 else float(1.0 / (self.weights**2).sum())

    def shares(self, bins: int) -> NDArray[np.float64]:
        """Share of the leads in each bin."""
        return np.asarray(np.bincount(self.binned, self.weights, minlength=bins), np.float64)

    def among(self, place: NDArray[np.int64]) -> Side:
        """Return the same leads with their bins numbered anew."""
        return Side(place[self.binned], self.owner, self.weight)


@dataclass(frozen=True)
class Moved:
    """How far one column's population moved.

    Attributes
    ----------
    then, now : ndarray of shape (n_bins,)
        Share of the leads in each bin.
    index : float
        Population stability index.
    limit : float
        Its own no-change limit.
    chance : float
        Of such an index where nothing changed.
    """

    then: NDArray[np.float64]
    now: NDArray[np.float64]
    index: float
    limit: float
    chance: float


def compare(then: Side, now: Side, *, seed: int = 0) -> Moved:
    """Compare a column's bins between two populations.

    Parameters
    ----------
    then, now : Side
    seed : int
        For drawn samples.
    """
    bins = int(max(then.binned.max(initial=-1), now.binned.max(initial=-1))) + 1
    p, q = then.shares(bins), now.shares(bins)
    used = (p + q) > 0
    place = np.cumsum(used) - 1
    index = float(stability_index(p[used] * then.size, q[used] * now.size))
    null = no_change(then.among(place), now.among(place), index=index, seed=seed)
    return Moved(p, q, index, null.limit(), null.chance(index))


def no_change(then: Side, now: Side, *, index: float = 0.0, seed: int = 0) -> NoChange:
    """Return what the index would do if nothing had changed.

    Parameters
    ----------
    then, now : Side
        No bin is empty on both sides.
    index : float
        The index that was seen: the rarer it is, the more samples are drawn.
    seed : int
    """
    bins = int(max(then.binned.max(initial=-1), now.binned.max(initial=-1))) + 1
    sizes = np.array([then.size, now.size])
    if bins < 2 or sizes.min() == 0:
        return NoChange(0.0, 0.0, 1.0)
    pooled = (then.shares(bins) * sizes[0] + now.shares(bins) * sizes[1]) / sizes.sum()
    change = _by_account(then, now, bins) / np.sqrt(pooled)
    weights = np.clip(np.linalg.eigvalsh(change.T @ change), 0.0, None)
    if weights.sum() <= 1e-15:
        return NoChange(0.0, 0.0, 1.0)
    design = weights.sum() / _alone(then, now, pooled)
    weights *= design * (bins - 1) * (1.0 / sizes).sum() / weights.sum()
    own = (change**2).sum(axis=1)
    accounts = 2.0 * float(own.sum() ** 2 / (own**2).sum())  # the spread of a sum of squares, as a chi-square's
    scale, degrees = float((weights**2).sum() / weights.sum()), float(weights.sum() ** 2 / (weights**2).sum())
    effective = np.maximum(np.round(sizes / design), 1.0).astype(np.int64)
    if min(effective.min(), sizes.min()) * pooled.min() >= ENOUGH_IN_A_BIN:
        return NoChange(scale, degrees, accounts)
    return NoChange(scale, degrees, accounts, _drawn(pooled, effective, accounts, index, seed))


def _by_account(then: Side, now: Side, bins: int) -> NDArray[np.float64]:
    """Return what each account adds to the differences in shares, beside its fair part; (n_accounts, n_bins)."""
    found, of = np.unique(np.r_[then.owner, now.owner], return_inverse=True)
    change = np.zeros((len(found), bins))
    for sign, side, owner in ((-1.0, then, of[: len(then.owner)]), (1.0, now, of[len(then.owner) :])):
        weight = side.weights
        np.add.at(change, (owner, side.binned), sign * weight)
        change -= sign * np.bincount(owner, weight, minlength=len(found))[:, None] * side.shares(bins)
    return np.asarray(change * np.sqrt(len(found) / max(len(found) - 1, 1)))


def _alone(then: Side, now: Side, pooled: NDArray[np.float64]) -> float:
    """Return the variance that independent leads with these shares would give, in the units of the weights."""
    shares = ((side.shares(len(pooled)), side.size) for side in (then, now))
    return sum(float((share * (1.0 - share) / pooled).sum()) / size for share, size in shares)


def _drawn(
    pooled: NDArray[np.float64],
    sizes: NDArray[np.int64],
    accounts: float,
    index: float,
    seed: int,
) -> NDArray[np.float64]:
    """Return sorted indices of samples from one population; many only where a few say that it matters."""
    rng = np.random.default_rng(seed)
    for n in (_FIRST_DRAWS, DRAWS):
        drawn = stability_index(rng.multinomial(sizes[0], pooled, n), rng.multinomial(sizes[1], pooled, n))
        drawn *= accounts / rng.chisquare(accounts, n)
        if (drawn >= index).mean() > _WORTH_MORE:
            break
    return np.sort(drawn)
