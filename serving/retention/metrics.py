"""What Prometheus is told of retention; no word of any lead."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client import Counter
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from leadlight.serving.retention.limits import KINDS

__all__ = ["RetentionMetrics"]

_SECOND: Final = 1_000_000


class RetentionMetrics(Collector):
    """Counts what was erased, and tells when any process last came to the end of it.

    Attributes
    ----------
    counts : Counter
        What this process erased.
    """

    def __init__(self) -> None:
        self._done: int | None = None
        self.counts = Counter(
            "leadlight_retention_erased", "What was erased because its time was over, by kind.", ["kind"], registry=None
        )
        for kind in KINDS:
            self.counts.labels(kind)  # told from the start, as 0

    def erased(self, kind: str, count: int) -> None:
        """Count what was erased, by one of `leadlight.serving.retention.limits.KINDS`."""
        self.counts.labels(kind).inc(count)

    def saw(self, done: int | None) -> None:
        """Remember when it was last done, microseconds; None: never yet."""
        self._done = done

    def collect(self) -> Iterator[Metric]:
        """Yield what Prometheus is told."""
        if self._done is not None:
            yield GaugeMetricFamily(
                "leadlight_retention_done_timestamp_seconds",
                "When all that was due had last been erased, by whichever process; seconds since 1970.",
                value=self._done / _SECOND,
            )
