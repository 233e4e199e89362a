"""Shares of moments that converted, with intervals that know that moments of one account go together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from leadlight.training.bootstrap import Interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["counted", "distinct", "effective_number", "in_words", "share_among", "wilson"]

_Z: Final = 1.959964


def wilson(share: float, n: float) -> Interval:
    """Return a share with its 95 % interval (Wilson 1927, JASA 22:209).

    Parameters
    ----------
    share : float
    n : float
        How many independent cases stand behind it; need not be whole.

    Examples
    --------
    >>> [round(bound, 3) for bound in wilson(90 / 218, 218)]
    [0.413, 0.35, 0.479]
    >>> [round(bound, 3) for bound in wilson(0.0, 40)]
    [0.0, 0.0, 0.088]
    """
    if n <= 0:
        return Interval(float("nan"), float("nan"), float("nan"))
    square = _Z * _Z / n
    middle = (share + square / 2) / (1 + square)
    half = _Z / (1 + square) * math.sqrt(share * (1 - share) / n + square / (4 * n))
    return Interval(share, max(middle - half, 0.0), min(middle + half, 1.0))


def effective_number(converted: NDArray[np.bool_], owner: NDArray[np.int64]) -> float:
    """Return how many independent moments tell as much about their share as these do.

    The share's variance is that of sums by account (Korn, Graubard 1998, Survey Methodology 24:193); never more than
    there are moments. Where all moments have one outcome, no variance can be seen: then each account counts once.

    Examples
    --------
    >>> alone = np.arange(100)
    >>> round(effective_number(alone % 4 == 0, alone))
    100
    >>> round(effective_number(np.repeat(alone % 4 == 0, 5), np.repeat(alone, 5)))  # each five times says no more
    100
    """
    n = len(converted)
    if n == 0:
        return 0.0
    _, of = np.unique(owner, return_inverse=True)
    share = float(converted.mean())
    gaps = np.bincount(of, converted - share)
    variance = float(gaps @ gaps) / n**2
    if share in (0.0, 1.0) or variance == 0.0:
        return float(len(gaps))
    return min(share * (1 - share) / variance, float(n))


def share_among(converted: NDArray[np.bool_], owner: NDArray[np.int64]) -> Interval:
    """Return the share of moments that converted, with a 95 % interval for whole accounts."""
    share = float(converted.mean()) if len(converted) else float("nan")
    return wilson(share, effective_number(converted, owner))


def in_words(share: float) -> str:
    """Write a share with two figures that say something.

    Examples
    --------
    >>> [in_words(share) for share in (0.3049, 0.05, 0.0123, 0.0, 1.0, float("nan"))]
    ['0.30', '0.050', '0.012', '0', '1', 'not known']
    """
    if not math.isfinite(share):
        return "not known"
    if share in (0.0, 1.0):
        return f"{share:g}"
    digits = 2 if share >= 0.1 else 1 - math.floor(math.log10(share))
    return f"{share:.{digits}f}"


def counted(number: int, one: str, many: str | None = None) -> str:
    """Write a number with what it counts.

    Examples
    --------
    >>> counted(1, "lead"), counted(1200, "lead"), counted(0, "match", "matches")
    ('1 lead', '1,200 leads', '0 matches')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def distinct(codes: NDArray[Any]) -> int:
    """Count distinct values."""
    return len(np.unique(codes))
