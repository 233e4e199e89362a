"""What Prometheus is told of drift; no word of any lead: the columns bear the names that `/v1/model` has, too."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from leadlight.core.artifact import TrainedModel
from leadlight.core.clock import Clock, to_micros
from leadlight.core.stability import binned, chance_limit, stability_index, tenths
from leadlight.serving.drift.leads import AskedLeads, Leads, StoredLeads

__all__ = ["ENOUGH", "SCORE", "DriftMetrics", "Moved", "compare"]

ENOUGH: Final = 200
"""Leads on either side under which nothing is said: by chance alone the index would then often be above .1."""

SCORE: Final = "score"
_FRESH: Final = 30.0
"""Seconds for which what was found is told again."""


@dataclass(frozen=True, slots=True)
class Moved:
    """How far one column moved.

    Attributes
    ----------
    index : float
        Population stability index.
    limit : float
        What it exceeds by chance once in a hundred times.
    not_known : float or None
        By how much the share of leads without a value grew; None for the score.
    """

    index: float
    limit: float
    not_known: float | None = None


def compare(leads: Leads) -> dict[str, Moved]:
    """Compare leads with those that were open on their model's training day; empty where either are too few."""
    model = leads.scorer.model
    if len(leads.scores) < ENOUGH:
        return {}
    found = {SCORE: _score(model, leads)} if len(model.reference) >= ENOUGH else {}
    for spread in model.spreads:
        then = np.array(spread.leads)
        if then.sum() < ENOUGH:
            continue
        column = model.catalog.position[spread.feature]
        now = spread.count(model.catalog.features[column], leads.matrix[:, column])
        grew = float(now[0] / now.sum() - then[0] / then.sum())
        found[spread.feature] = Moved(float(stability_index(then, now)), chance_limit(then, now), grew)
    return found


def _score(model: TrainedModel, leads: Leads) -> Moved:
    """Compare scores over tenths of the reference leads' own: even where many of those are equal."""
    reference = model.percentile(model.reference).astype(np.float64)
    edges = tenths(reference)
    then, now = (np.bincount(binned(scores, edges), minlength=len(edges) + 2) for scores in (reference, leads.scores))
    used = (then + now) > 0
    return Moved(float(stability_index(then[used], now[used])), chance_limit(then, now))


class DriftMetrics(Collector):
    """Tells how far the leads of requests, and those of the store, moved.

    Parameters
    ----------
    asked : AskedLeads
    stored : StoredLeads
    clock : Clock
        The service's.
    seconds : callable
        A clock that only runs forward.
    """

    def __init__(
        self, asked: AskedLeads, stored: StoredLeads, clock: Clock, *, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        self._asked = asked
        self._stored = stored
        self._clock = clock
        self._seconds = seconds
        self._told: tuple[float, Mapping[str, tuple[int, dict[str, Moved]]]] | None = None

    def describe(self) -> Iterator[Metric]:
        """Yield what is told, without figures: the registry asks when nothing is known yet."""
        yield from _families()

    def collect(self) -> Iterator[Metric]:
        """Yield what Prometheus is told."""
        leads, index, limit, not_known = families = _families()
        for whose, (count, columns) in self._found().items():
            leads.add_metric((whose,), count)
            for name, moved in columns.items():
                index.add_metric((whose, name), moved.index)
                limit.add_metric((whose, name), moved.limit)
                if moved.not_known is not None:
                    not_known.add_metric((whose, name), moved.not_known)
        yield from families

    def _found(self) -> Mapping[str, tuple[int, dict[str, Moved]]]:
        now = self._seconds()
        if self._told is not None and now - self._told[0] < _FRESH:
            return self._told[1]
        sides = {"stored": self._stored.leads, "asked": self._asked.leads(to_micros(self._clock.now()))}
        found = {
            whose: (len(leads.scores), compare(leads)) for whose, leads in sides.items() if leads and len(leads.scores)
        }
        self._told = now, found
        return found


def _families() -> tuple[GaugeMetricFamily, GaugeMetricFamily, GaugeMetricFamily, GaugeMetricFamily]:
    labels = ("leads", "column")
    return (
        GaugeMetricFamily(
            "leadlight_drift_leads", "Leads that drift is told of: of the store, or of requests.", labels=("leads",)
        ),
        GaugeMetricFamily(
            "leadlight_drift_index", "Population stability index beside the model's training day.", labels=labels
        ),
        GaugeMetricFamily(
            "leadlight_drift_chance_limit", "What the index exceeds by chance once in a hundred times.", labels=labels
        ),
        GaugeMetricFamily(
            "leadlight_drift_not_known_change", "By how much the share of leads without a value grew.", labels=labels
        ),
    )
