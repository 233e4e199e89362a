"""What the service tells Prometheus of itself; no word of any lead.

Each app has registries of its own, so that two in one process do not add up; what several processes of one service
count does, whichever of them is asked. Counting costs some microseconds a request: the counters of a route and status
are looked up once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import perf_counter
from typing import Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.metrics_core import InfoMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leadlight.serving.champion import Champion
from leadlight.serving.counts import counts_of_all
from leadlight.serving.drift.leads import AskedLeads
from leadlight.serving.operate.request_log import route_of
from leadlight.serving.scorer import Answer, Scorer

__all__ = ["CONTENT_TYPE_LATEST", "Measured", "Metrics"]

disable_created_metrics()  # one more series for each, which files of several processes do not have

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SCORES: Final = tuple(range(10, 101, 10))


class Metrics:
    """Counts what one app does.

    Parameters
    ----------
    champion : Champion
        Whose model is told at ``leadlight_model_info``.

    Attributes
    ----------
    asked : AskedLeads
        Leads that were scored by request.
    """

    def __init__(self, champion: Champion) -> None:
        self._counted = CollectorRegistry(auto_describe=True)
        self._seen = CollectorRegistry(auto_describe=True)
        self._seconds = Histogram(
            "leadlight_request_seconds",
            "Time from a request's first bytes to its answer's last, by route and status.",
            ["route", "status"],
            buckets=_SECONDS,
            registry=self._counted,
        )
        self._scores = Histogram(
            "leadlight_score",
            "Scores shown or sent; those of the model's reference leads are spread evenly from 0 to 100.",
            buckets=_SCORES,
            registry=self._counted,
        )
        self._fallback = Counter(
            "leadlight_explanations_fallback",
            "Scores explained by LightGBM itself, because the fast explanation refused the model.",
            ["reason"],
            registry=self._counted,
        )
        self.asked = AskedLeads()
        self._of_route: dict[tuple[str, int], Histogram] = {}
        self._seen.register(_Model(champion))

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        found = self._of_route.get((route, status))
        if found is None:
            found = self._of_route[route, status] = self._seconds.labels(route, str(status))
        found.observe(seconds)

    def scored(self, scorer: Scorer, answers: Sequence[Answer]) -> None:
        """Count scores, and those that could not be explained the fast way."""
        for answer in answers:
            self._scores.observe(answer.score)
        if scorer.refused is not None:
            self._fallback.labels(scorer.refused).inc(len(answers))

    def register(self, seen: Collector, counts: Collector | None = None) -> None:
        """Tell what another part of the service sees, and what it counts, too.

        Of several processes the one that is asked tells what it sees, and what all of them counted.
        """
        self._seen.register(seen)
        if counts is not None:
            self._counted.register(counts)

    def text(self) -> bytes:
        """Return everything in Prometheus's text format."""
        return generate_latest(counts_of_all() or self._counted) + generate_latest(self._seen)


class _Model(Collector):
    """Tells which model serves, once there is one."""

    def __init__(self, champion: Champion) -> None:
        self._champion = champion

    def collect(self) -> Iterator[InfoMetricFamily]:
        """Yield what Prometheus is told."""
        told = InfoMetricFamily("leadlight_model", "The model that serves.", labels=("name", "version", "kind"))
        if self._champion.is_ready:
            scorer = self._champion.scorer
            told.add_metric((), {"name": scorer.name, "version": str(scorer.version), "kind": scorer.model.kind})
        yield told


class Measured:
    """Times every request of an app.

    Parameters
    ----------
    app : ASGI application
    metrics : Metrics
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = perf_counter(), 500  # what fails is answered further out

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            self._metrics.answered(route_of(scope), status, perf_counter() - started)
