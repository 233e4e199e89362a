"""Many looks at once: what one in twenty looks would show by chance must not count as found."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["holm", "upper_tail"]


def holm(chances: Sequence[float]) -> list[float]:
    """Adjust p-values for being many (Holm 1979, Scandinavian Journal of Statistics 6:65).

    Parameters
    ----------
    chances : sequence of float
        One p-value a look, in any order.

    Returns
    -------
    list of float
        In the same order; those below .05 hold together at 5 %, whatever their dependence.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    adjusted, least = [0.0] * len(chances), 0.0
    for rank, i in enumerate(sorted(range(len(chances)), key=lambda i: chances[i])):
        least = max(least, min(1.0, (len(chances) - rank) * chances[i]))
        adjusted[i] = least
    return adjusted


def upper_tail(z: float) -> float:
    """Return the chance that a standard normal number exceeds ``z``.

    Examples
    --------
    >>> round(upper_tail(1.959964), 4)
    0.025
    """
    return 0.5 * math.erfc(z / math.sqrt(2.0))
