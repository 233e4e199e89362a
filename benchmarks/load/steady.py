"""A mixture of calls at an even pace for a long time: does memory stay flat, and do answers stay fast?"""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.callers import open_loop
from benchmarks.load.cases import CASES, Company
from benchmarks.load.fill import Running

__all__ = ["GOAL_MB_PER_HOUR", "MIXTURE", "measure_steady", "mixed"]

MIXTURE: Final = {"score": 40, "stored": 25, "activity": 25, "queue": 10}
"""Calls of each kind among a hundred."""

GOAL_MB_PER_HOUR: Final = 10.0
"""What counts as flat."""

_PART: Final = 10.0
"""Seconds between two looks at the memory."""

_WARM: Final = 0.25
"""The first part of the time, in which caches fill; growth is told of what follows."""


@dataclass(frozen=True)
class Part:
    """What was seen in a few seconds."""

    at: float
    megabytes: float
    p50_ms: float
    p99_ms: float


def measure_steady(
    store: Running, company: Company, per_second: float, minutes: float, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Send the mixture at an even pace; return memory and waits over time.

    Growth is the slope of the straight line through what the process holds in memory (its resident set).
    """
    calls, parts = mixed(company), []
    for number in range(max(4, round(minutes * 60 / _PART))):
        seen = open_loop(store.address, calls, per_second=per_second, seconds=_PART)
        parts.append(Part(number * _PART, _resident(store), seen.wait_ms(0.5), seen.wait_ms(0.99)))
        if number % 6 == 5:
            tell(f"minute {number // 6 + 1}: {parts[-1].megabytes:.1f} MB, p99 {parts[-1].p99_ms:.1f} ms")
    later = parts[round(_WARM * len(parts)) :]
    slope = statistics.linear_regression([part.at for part in later], [part.megabytes for part in later]).slope
    return {
        "minutes": round(len(parts) * _PART / 60, 2),
        "calls_per_second": per_second,
        "megabytes_after_warm_up": round(later[0].megabytes, 1),
        "megabytes_at_the_end": round(later[-1].megabytes, 1),
        "megabytes_per_hour": round(slope * 3600, 2),
        "p50_ms": round(statistics.median(part.p50_ms for part in later), 2),
        "p99_ms": round(statistics.median(part.p99_ms for part in later), 2),
        "worst_p99_ms": round(max(part.p99_ms for part in later), 2),
    }


def mixed(company: Company) -> Iterator[bytes]:
    """Yield calls of all kinds without end, each kind as often as the mixture says."""
    rng = random.Random(3)
    turns = {name: _again(company, name) for name in MIXTURE}
    names, weights = list(MIXTURE), list(MIXTURE.values())
    while True:
        yield next(turns[rng.choices(names, weights)[0]])


def _again(company: Company, name: str) -> Iterator[bytes]:
    while True:
        yield from CASES[name].requests(company)


def _resident(store: Running) -> float:
    lines = Path(f"/proc/{store.child.pid}/status").read_text().splitlines()
    [held] = [line.split()[1] for line in lines if line.startswith("VmRSS:")]
    return int(held) / 1024
