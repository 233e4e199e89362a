"""Clocks that are fair to everybody: contenders take turns, and only what was measured in the same round is compared.

A machine that others use too is slow for a second and fast again. So in each round every contender has its turn before
any has another, the order moves on by one each time, and a ratio is the median over rounds of the ratio of the
rounds' own medians. Threads of OpenMP go on spinning for a while after a parallel call: who asks for a second thread
comes last in a round, with a pause after each call.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FLUSHED_MB: Final = 96
PAUSE_S: Final = 0.01

Call = Callable[[int], object]
"""Asked with the number of the turn, so that each turn may bring another row."""


@dataclass
class Times:
    """Microseconds by contender and round.

    Attributes
    ----------
    by_round : dict of name to list of lists
        One inner list a round, in the order measured.
    """

    by_round: dict[str, list[list[float]]] = field(default_factory=dict)

    def add(self, name: str, micros: Sequence[float]) -> None:
        self.by_round.setdefault(name, []).append(list(micros))

    def p50(self, name: str) -> float:
        """Return the median over rounds of each round's median."""
        return statistics.median(self._medians(name))

    def p99(self, name: str) -> float:
        """Return the 99th percentile over all rounds' calls."""
        return float(np.quantile(np.concatenate([np.asarray(r) for r in self.by_round[name]]), 0.99))

    def ratio(self, slow: str, fast: str) -> float:
        """Return how many times as long `slow` takes as `fast`: the median over rounds."""
        return statistics.median(self._ratios(slow, fast))

    def ratio_range(self, slow: str, fast: str) -> tuple[float, float]:
        """Return the smallest and the largest ratio of any round."""
        found = self._ratios(slow, fast)
        return min(found), max(found)

    def latencies(self) -> dict[str, dict[str, float]]:
        return {name: {"p50_us": self.p50(name), "p99_us": self.p99(name)} for name in self.by_round}

    def medians(self) -> dict[str, float]:
        return {name: self.p50(name) for name in self.by_round}

    def _medians(self, name: str) -> list[float]:
        return [statistics.median(found) for found in self.by_round[name]]

    def _ratios(self, slow: str, fast: str) -> list[float]:
        # Who was measured in fewer rounds, being too slow, was measured in the first ones.
        return [a / b for a, b in zip(self._medians(slow), self._medians(fast), strict=False)]


def in_turn(
    contenders: Mapping[str, Call],
    turns: range,
    *,
    running: int = 1,
    before: Callable[[], object] | None = None,
    pause: float = 0.0,
    rows: Mapping[str, int] | None = None,
) -> dict[str, list[float]]:
    """Let every contender call in each turn; return microseconds a row by contender.

    Parameters
    ----------
    running : int
        How many calls a contender makes when it is its turn.
    before : callable, optional
        Done before every call, unmeasured: say, emptying the caches.
    pause : float
        Seconds to wait after each call.
    rows : mapping, optional
        How many rows one call of a contender does; 1 where not named.
    """
    names = list(contenders)
    found: dict[str, list[float]] = {name: [] for name in names}
    for turn in turns:
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            for number in range(turn * running, (turn + 1) * running):
                if before is not None:
                    before()
                began = time.perf_counter()
                contenders[name](number)
                found[name].append((time.perf_counter() - began) * 1e6 / (rows or {}).get(name, 1))
                if pause:
                    time.sleep(pause)
    return found


class Flush:
    """Touches more memory than the caches hold, so that the next call finds nothing of its own there."""

    def __init__(self, megabytes: int = FLUSHED_MB) -> None:
        self._block: NDArray[np.float64] = np.zeros(megabytes * 2**20 // 8)

    def __call__(self) -> None:
        self._block += 1.0


def seconds_of(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
