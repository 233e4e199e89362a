"""What moves scores in general: how much each reason weighs among the open leads, and a worded example each way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from leadlight.features.wording import say

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.core.artifact import Evidence, TrainedModel

__all__ = ["Driver", "Drivers", "Example", "drivers"]

LOW, HIGH = 0.05, 0.95
"""Between these quantiles lie the impacts that are called usual; examples stand at them."""

SHOWN: Final = 6
"""Reasons of a lead that are looked at for contradictions: about what a page shows."""


@dataclass(frozen=True)
class Example:
    """What a lead's reason reads like, and its impact in log-odds."""

    text: str
    impact: float


@dataclass(frozen=True)
class Driver:
    """One reason group.

    Attributes
    ----------
    group, label : str
        The catalog's name; what people call it.
    component : {"fit", "interest", "cycle"}
    strength : float
        Mean absolute impact, log-odds.
    share : float
        Of the strength of all groups.
    low, high : float
        Impacts, log-odds, between which nine of ten leads lie.
    raises, lowers : Example or None
        A lead at either end of that; None where hardly any lead is raised (lowered).
    """

    group: str
    label: str
    component: str
    strength: float
    share: float
    low: float
    high: float
    raises: Example | None
    lowers: Example | None


@dataclass(frozen=True)
class Drivers:
    """What moves the scores of the reference population.

    Attributes
    ----------
    leads : int
    groups : tuple of Driver
        Strongest first; groups without any impact are left out.
    reasons, contradicted : int
        The strongest `SHOWN` reasons of all leads with enough earlier leads beside them, and how many of these point
        the other way than what became of those earlier leads ("raises here, given the rest").
    """

    leads: int
    groups: tuple[Driver, ...]
    reasons: int
    contradicted: int


def drivers(model: TrainedModel, matrix: NDArray[np.float64]) -> Drivers:
    """Say what moves a model's scores.

    Parameters
    ----------
    model : TrainedModel
    matrix : ndarray of shape (n_leads, n_features)
        Catalog columns of the reference population.
    """
    contributions = model.score(matrix).contributions
    groups = [_Group.of(model, group, contributions) for group in model.catalog.groups]
    total = sum(group.strength for group in groups) or 1.0
    found = [group.told(model, matrix, total) for group in groups if group.strength > 0]
    reasons, contradicted = _contradictions(model, matrix, groups)
    return Drivers(len(matrix), tuple(sorted(found, key=lambda d: -d.strength)), reasons, contradicted)


@dataclass(frozen=True)
class _Group:
    """A reason group with its impacts.

    Attributes
    ----------
    topics : tuple of str
    parts : ndarray of shape (n_leads, n_topics)
        Impact by topic.
    impact : ndarray of shape (n_leads,)
    """

    name: str
    topics: tuple[str, ...]
    parts: NDArray[np.float64]
    impact: NDArray[np.float64]

    @classmethod
    def of(cls, model: TrainedModel, name: str, contributions: NDArray[np.float64]) -> _Group:
        features = model.catalog.features
        topics = tuple(dict.fromkeys(f.topic for f in features if f.group == name))
        columns = [[i for i, f in enumerate(features) if f.group == name and f.topic == topic] for topic in topics]
        parts = np.stack([contributions[:, own].sum(axis=1) for own in columns], axis=1)
        return cls(name, topics, parts, parts.sum(axis=1))

    @property
    def strength(self) -> float:
        return float(np.abs(self.impact).mean()) if len(self.impact) else 0.0

    @property
    def leading(self) -> NDArray[np.int64]:
        """Which topic speaks for the group, lead by lead: the largest share in the group's direction."""
        return np.asarray(np.argmax(np.sign(self.impact)[:, None] * self.parts, axis=1))

    def told(self, model: TrainedModel, matrix: NDArray[np.float64], total: float) -> Driver:
        low, high = (float(q) for q in np.quantile(self.impact, (LOW, HIGH)))
        weight = np.abs(self.parts).mean(axis=0)
        spoken = [self.topics[i] for i in np.argsort(-weight, kind="stable") if weight[i] > 0]
        return Driver(
            group=self.name,
            label=" + ".join(model.catalog.topics[topic].label["en"] for topic in spoken),
            component=model.catalog.group_component[self.name],
            strength=self.strength,
            share=self.strength / total,
            low=low,
            high=high,
            raises=self._example(model, matrix, high, 1) if high > 0 else None,
            lowers=self._example(model, matrix, low, -1) if low < 0 else None,
        )

    def _example(self, model: TrainedModel, matrix: NDArray[np.float64], impact: float, way: int) -> Example:
        """Return the reason of the lead whose impact is nearest, of those that it moves this way."""
        moved = np.flatnonzero(way * self.impact > 0)
        lead = int(moved[np.argmin(np.abs(self.impact[moved] - impact))])
        topic = model.catalog.topics[self.topics[self.leading[lead]]]
        return Example(say(topic, model.catalog, matrix[lead].tolist()), float(self.impact[lead]))


def _contradictions(model: TrainedModel, matrix: NDArray[np.float64], groups: Sequence[_Group]) -> tuple[int, int]:
    """Count the strongest reasons with evidence, and those that the evidence speaks against."""
    if not len(matrix) or not groups:
        return 0, 0
    impacts = np.stack([group.impact for group in groups], axis=1)
    strongest = np.zeros(impacts.shape, bool)
    np.put_along_axis(strongest, np.argsort(-np.abs(impacts), axis=1, kind="stable")[:, :SHOWN], True, axis=1)
    reasons = contradicted = 0
    for group, shown in zip(groups, (strongest & (impacts != 0)).T, strict=True):
        for number, topic in enumerate(group.topics):
            spoken = np.flatnonzero(shown & (group.leading == number))
            if topic not in model.evidence or not len(spoken):
                continue
            evidence, impact = model.evidence[topic], group.impact[spoken]
            value = matrix[spoken, model.catalog.position[evidence.feature]]
            _, first, of = np.unique(_cell_numbers(evidence, value), return_index=True, return_inverse=True)
            cells = [evidence.cell(float(value[one])) for one in first]
            reasons += int(np.array([cell.enough for cell in cells])[of].sum())
            against = np.array([[cell.speaks_against(way, model.baseline) for way in (-1.0, 1.0)] for cell in cells])
            contradicted += int(against[of, (impact > 0).astype(np.int64)].sum())
    return reasons, contradicted


def _cell_numbers(evidence: Evidence, value: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the number of each value's cell, as `Evidence.cell_number` does one by one; -1 for a missing number."""
    by_edges = evidence.edges or len(evidence.cells) == 1
    known = np.nan_to_num(value)
    number = np.searchsorted(evidence.edges, known, side="right") if by_edges else known.astype(np.int64)
    return np.where(np.isnan(value), -1, number)
