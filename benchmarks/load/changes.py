"""How long a lead whose facts changed waits for its new score, while changes come at an even pace."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks.callers import open_loop
from benchmarks.load.cases import CASES, Company
from benchmarks.load.fill import Running
from sqlalchemy import func, select

from leadlight.serving.ledger.stale import ACCOUNT_CHANGED, LEAD_CHANGED
from leadlight.serving.store.schema import RESCORING

__all__ = ["GOAL_SECONDS", "measure_changes"]

GOAL_SECONDS: Final = 5.0
_LOOKS: Final = 0.2
"""Seconds between two looks at what waits; a wait may have been longer by as much."""


@dataclass
class Waits:
    """What a look at the store, again and again, saw.

    Attributes
    ----------
    oldest : list of float
        Seconds that the lead had waited that waited longest, of those that changed themselves.
    others : list of float
        The same of leads that wait because something about their account changed.
    most : int
        Leads that waited at once.
    """

    oldest: list[float] = field(default_factory=list)
    others: list[float] = field(default_factory=list)
    most: int = 0


def measure_changes(store: Running, company: Company, per_second: float, seconds: float) -> dict[str, Any]:
    """Tell of one activity a call at an even pace, and look what waits meanwhile; return the figures."""
    store.settle()
    with _watched(store) as waits:
        answered = open_loop(store.address, CASES["activity"].requests(company), per_second=per_second, seconds=seconds)
        began = time.perf_counter()
        store.settle()
        after = time.perf_counter() - began
    return {
        "changes_per_second": round(answered.per_second, 1),
        "seconds": round(answered.seconds, 1),
        "answered_p50_ms": round(answered.wait_ms(0.5), 2),
        "answered_p99_ms": round(answered.wait_ms(0.99), 2),
        "longest_wait_s": round(max(waits.oldest, default=0.0), 2),
        "longest_wait_of_the_account_s": round(max(waits.others, default=0.0), 2),
        "most_waiting": waits.most,
        "settled_after_s": round(after, 2),
    }


@contextmanager
def _watched(store: Running) -> Iterator[Waits]:
    waits, stop = Waits(), threading.Event()

    def look() -> None:
        while not stop.wait(_LOOKS):
            _look(store, waits)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield waits
    finally:
        stop.set()
        watcher.join()


def _look(store: Running, waits: Waits) -> None:
    counted = select(RESCORING.c.urgency, func.count(), func.min(RESCORING.c.since)).group_by(RESCORING.c.urgency)
    with store.database.reading() as connection:
        rows, now = connection.execute(counted).all(), store.now()
    for urgency, _, since in rows:
        if urgency in (LEAD_CHANGED, ACCOUNT_CHANGED):
            (waits.oldest if urgency == LEAD_CHANGED else waits.others).append((now - since) / 1e6)
    waits.most = max(waits.most, sum(count for _, count, _ in rows))
