"""Whether the base rate stands still: a chance learned at one level is wrong at another, however good the ranking."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from leadlight.training.bootstrap import Interval
from leadlight.training.chances.shares import counted, distinct, effective_number, in_words, share_among
from leadlight.training.choice import RATIO_LIMITS
from leadlight.training.holm import upper_tail

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.training.moments import Moments

__all__ = ["BaseRate", "Block", "base_rate"]

_MOST_MONTHS: Final = 36
"""A longer history is told in quarters of a year."""

_TENTHS: Final = 10
_WORTH_NAMING: Final = 50
"""Leads of a stretch of time from which on it is named: the first weeks of a history are a handful."""

_BEYOND_CHANCE: Final = 0.01
_NOTICEABLE: Final = 0.1
"""Smallest spread between stretches of time, as a share of the base rate, that is called a move."""


@dataclass(frozen=True)
class Block:
    """One stretch of time.

    Attributes
    ----------
    name : str
        ``"2025-03"``, ``"2025 Q1"``, or ``"tenth 3"`` of a flat export's order.
    rate : Interval
        Share of its moments that converted; Wilson's interval for whole accounts.
    moments, leads, conversions : int
        ``leads`` and ``conversions`` count distinct leads.
    """

    name: str
    rate: Interval
    moments: int
    leads: int
    conversions: int


@dataclass(frozen=True)
class BaseRate:
    """How the share of moments that convert went over time.

    Attributes
    ----------
    blocks : tuple of Block
        Earliest first.
    taught, measured : Interval or None
        The share in the part that taught and in the part that measures.
    moved : bool
        Whether the blocks differ beyond chance, and noticeably.
    spread : float
        Standard deviation of the true rate over the blocks, as a share of the base rate; what chance explains is
        taken off (DerSimonian, Laird 1986, Controlled Clinical Trials 7:177).
    words : tuple of str
    """

    blocks: tuple[Block, ...]
    taught: Interval | None
    measured: Interval | None
    moved: bool
    spread: float
    words: tuple[str, ...]


def base_rate(
    moments: Moments,
    *,
    flat: bool,
    learn: NDArray[np.bool_] | None = None,
    test: NDArray[np.bool_] | None = None,
) -> BaseRate:
    """Follow the base rate through time.

    Parameters
    ----------
    moments : Moments
        Mature.
    flat : bool
        Whether ``when`` is a rank; then its tenths take the place of months. Without an order (all ranks alike)
        there is one block.
    learn, test : ndarray of shape (n_moments,), dtype bool, optional
        The parts that taught and that measure.
    """
    number, names = _blocks(moments.when, flat)
    blocks = tuple(_block(name, moments.take(number == b)) for b, name in enumerate(names))
    chance, spread = _differ(moments, number, len(names))
    moved = chance < _BEYOND_CHANCE and spread > _NOTICEABLE
    taught, measured = (_part(moments, mask) for mask in (learn, test))
    words = (_how_it_went(blocks, moved, spread), *_what_it_means(taught, measured))
    return BaseRate(blocks, taught, measured, moved, spread, words)


def _blocks(when: NDArray[np.int64], flat: bool) -> tuple[NDArray[np.int64], list[str]]:
    """Return each moment's block and the blocks' names; every block has a moment."""
    if flat:
        edges = np.unique(np.quantile(when, np.arange(1, _TENTHS) / _TENTHS)) if len(when) else np.empty(0)
        number = np.unique(np.searchsorted(edges, when, side="left"), return_inverse=True)[1]
        return number, [f"tenth {b + 1}" for b in range(int(number.max(initial=-1)) + 1)]
    month = when.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)
    if len(month) and month.max() - month.min() >= _MOST_MONTHS:
        quarters, number = np.unique(month // 3, return_inverse=True)
        return number, [f"{1970 + q // 4} Q{q % 4 + 1}" for q in quarters.tolist()]
    months, number = np.unique(month, return_inverse=True)
    return number, [f"{1970 + m // 12}-{m % 12 + 1:02d}" for m in months.tolist()]


def _block(name: str, mine: Moments) -> Block:
    return Block(name, share_among(mine.converted, mine.owner), len(mine), distinct(mine.lead), mine.conversions)


def _part(moments: Moments, mask: NDArray[np.bool_] | None) -> Interval | None:
    if mask is None or not mask.any():
        return None
    return share_among(moments.converted[mask], moments.owner[mask])


def _differ(moments: Moments, number: NDArray[np.int64], n_blocks: int) -> tuple[float, float]:
    """Return the chance that blocks of one rate differ so much, and the spread that chance leaves unexplained.

    Cochran's Q with weights by the number of independent moments. Leads that stand in several blocks make these alike,
    so the chance is rather too large.
    """
    common = float(moments.converted.mean()) if len(moments) else 0.0
    if n_blocks < 2 or common in (0.0, 1.0):
        return 1.0, 0.0
    inside = [number == b for b in range(n_blocks)]
    size = np.array([effective_number(moments.converted[mine], moments.owner[mine]) for mine in inside])
    rate = np.array([moments.converted[mine].mean() for mine in inside])
    weight = size / (common * (1 - common))
    middle = float(weight @ rate / weight.sum())
    q = float(weight @ (rate - middle) ** 2)
    excess = max(q - (n_blocks - 1), 0.0)
    between = excess / max(float(weight.sum() - weight @ weight / weight.sum()), 1e-12)
    return _chi_square_tail(q, n_blocks - 1), float(np.sqrt(between)) / common


def _chi_square_tail(q: float, freedom: int) -> float:
    """Return the chance of a chi-square above ``q`` (Wilson, Hilferty 1931, PNAS 17:684).

    Examples
    --------
    >>> round(_chi_square_tail(16.92, 9), 2)
    0.05
    """
    spread = 2 / (9 * freedom)
    return upper_tail(((q / freedom) ** (1 / 3) - (1 - spread)) / spread**0.5)


def _how_it_went(blocks: tuple[Block, ...], moved: bool, spread: float) -> str:
    if len(blocks) < 2:
        return "There is no order in time, so nobody can tell whether the base rate moves."
    large = [block for block in blocks if block.leads >= _WORTH_NAMING]
    blocks = tuple(large) if len(large) > 1 else blocks
    low, high = (pick(blocks, key=lambda block: block.rate.value) for pick in (min, max))
    ends = f"from {_rate(blocks[0])} to {_rate(blocks[-1])}"
    if moved:
        return f"The base rate moves: {ends}; lowest {_rate(low)}, highest {_rate(high)}."
    often = "no more than chance explains" if spread == 0 else "hardly more than chance explains"
    return f"The base rate stands still: {ends}; the stretches of time differ {often}."


def _rate(block: Block) -> str:
    low, high = in_words(block.rate.low), in_words(block.rate.high)
    return f"{in_words(block.rate.value)} in {block.name} ({low} to {high}; {counted(block.leads, 'lead')})"


def _what_it_means(taught: Interval | None, measured: Interval | None) -> Iterator[str]:
    """Say whether what teaches and what measures convert alike; if not, chances can't be right in both."""
    if taught is None or measured is None or taught.value <= 0:
        return
    both = (
        f"{in_words(taught.value)} converted of what taught, {in_words(measured.value)} "
        f"({in_words(measured.low)} to {in_words(measured.high)}) of the latest moments that measure"
    )
    low, high = RATIO_LIMITS
    apart = measured.high / taught.value < low or measured.low / taught.value > high
    if apart:
        yield (
            f"{both}: {measured.value / taught.value:.1f} times as many. Chances learned at the one level are wrong at "
            "the other; that is a reason to show ranks only."
        )
    else:
        yield f"{both}: near enough for chances to carry over."
