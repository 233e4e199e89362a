"""What Prometheus is told of the outbox; no word of any lead."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client import Counter
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from leadlight.core.clock import Clock, to_micros
from leadlight.serving.store.outbox_table import Backlog

__all__ = ["OUTCOMES", "OutboxMetrics"]

OUTCOMES: Final = ("delivered", "failed", "dead")
"""Of an attempt: taken, to be tried again, given up."""

_SECOND: Final = 1_000_000


class OutboxMetrics(Collector):
    """Counts attempts, and tells how much waits and for how long.

    The backlog is what the sender last saw, at most some seconds ago, so that nobody who asks waits for the database;
    its age grows by itself. It is the same for all processes of one database.

    Parameters
    ----------
    clock : Clock

    Attributes
    ----------
    counts : Counter
        Attempts of this process.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._backlog: Backlog | None = None
        self.counts = Counter("leadlight_outbox_sent", "Webhooks sent, by what came of it.", ["outcome"], registry=None)
        for outcome in OUTCOMES:
            self.counts.labels(outcome)  # told from the start, as 0

    def sent(self, outcome: str) -> None:
        """Count an attempt, by one of `OUTCOMES`."""
        self.counts.labels(outcome).inc()

    def saw(self, backlog: Backlog) -> None:
        """Remember what waits."""
        self._backlog = backlog

    def collect(self) -> Iterator[Metric]:
        """Yield what Prometheus is told."""
        if self._backlog is not None:
            waiting, oldest = self._backlog
            age = 0 if oldest is None else max(0, to_micros(self._clock.now()) - oldest)
            yield GaugeMetricFamily("leadlight_outbox_waiting", "Webhooks that wait to be taken.", value=waiting)
            yield GaugeMetricFamily(
                "leadlight_outbox_oldest_seconds", "Age of the oldest webhook that waits; 0: none.", value=age / _SECOND
            )
