"""What Prometheus is told of stored scores: how many are out of date, and for how long."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection, func, select

from leadlight.core.clock import Clock, to_micros
from leadlight.serving.ledger.stale import LEAD_CHANGED
from leadlight.serving.store.schema import RESCORING

__all__ = ["RescoringMetrics"]

_SECOND: Final = 1_000_000


class RescoringMetrics(Collector):
    """Tells what the rescorer last saw, so that nobody who asks waits for the database; the age grows by itself.

    Parameters
    ----------
    clock : Clock
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: tuple[int, int | None] | None = None

    def look(self, connection: Connection) -> None:
        """Count what waits, and see since when the longest waiting change of a lead itself does."""
        waiting = connection.execute(select(func.count()).select_from(RESCORING)).scalar_one()
        changed = select(func.min(RESCORING.c.since)).where(RESCORING.c.urgency == LEAD_CHANGED)
        self._seen = waiting, connection.execute(changed).scalar_one()

    def collect(self) -> Iterator[Metric]:
        """Yield what Prometheus is told."""
        if self._seen is None:
            return
        waiting, oldest = self._seen
        age = 0 if oldest is None else max(0, to_micros(self._clock.now()) - oldest)
        yield GaugeMetricFamily("leadlight_rescoring_waiting", "Leads that wait to be scored again.", value=waiting)
        yield GaugeMetricFamily(
            "leadlight_rescoring_oldest_seconds",
            "How long the oldest change of a lead waits to be scored; 0: none does.",
            value=age / _SECOND,
        )
