"""What Prometheus is told of retention; no word of any lead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from threading import Lock
from typing import Final

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from leadlight.serving.retention.limits import KINDS

__all__ = ["RetentionMetrics"]

_SECOND: Final = 1_000_000


class RetentionMetrics(Collector):
    """Counts what this process erased, and tells when any process last came to the end of it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._erased: Counter[str] = Counter()
        self._done: int | None = None

    def erased(self, kind: str, count: int) -> None:
        """Count what was erased, by one of `leadlight.serving.retention.limits.KINDS`."""
        with self._lock:
            self._erased[kind] += count

    def saw(self, done: int | None) -> None:
        """Remember when it was last done, microseconds; None: never yet."""
        self._done = done

    def collect(self) -> Iterator[Metric]:
        """Yield what Prometheus is told."""
        erased = CounterMetricFamily(
            "leadlight_retention_erased", "What was erased because its time was over, by kind.", labels=("kind",)
        )
        with self._lock:
            counts = dict(self._erased)
        for kind in KINDS:
            erased.add_metric((kind,), counts.get(kind, 0))
        yield erased
        if self._done is not None:
            yield GaugeMetricFamily(
                "leadlight_retention_done_timestamp_seconds",
                "When all that was due had last been erased, by whichever process; seconds since 1970.",
                value=self._done / _SECOND,
            )
