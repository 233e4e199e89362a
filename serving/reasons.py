"""Reasons: a lead's exact shares of the log-odds, by reason group, in plain words.

A reason sums the contributions of all columns of its group. What is not shown is never lost: it is summed as
``other_reasons_impact``, and each component is the sum of all its reasons, shown or not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from leadlight.core.artifact import TrainedModel
from leadlight.core.catalog import CODE_NOT_KNOWN, COMPONENTS, Component
from leadlight.features import wording
from leadlight.serving.evidence import Finding, Findings
from leadlight.serving.pages_data import Direction
from leadlight.serving.words import say

__all__ = ["Explainer", "Reason", "Shares", "why_of"]

_EVENTS: Final = ("activity_", "stage_")
"""How the primitives of what happens begin."""


@dataclass(frozen=True, slots=True)
class Shares:
    """A lead's log-odds split by reason group.

    Attributes
    ----------
    impacts : list of float
        Log-odds by group, in the catalog's order of groups.
    components : dict of str to float
        Sum over the groups of each component.
    ranked : list of int
        Groups with an impact, strongest first; ties in the catalog's order.
    """

    impacts: list[float]
    components: dict[str, float]
    ranked: list[int]

    def rest(self, shown: int) -> float:
        """Return the sum of the impacts that are not among the strongest ``shown``."""
        return math.fsum(self.impacts[group] for group in self.ranked[shown:])


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason in words.

    Attributes
    ----------
    code : str
        The reason group.
    component : {"fit", "interest", "cycle"}
    impact : float
        Log-odds.
    text : str
        What is so: "Requested a demo 3 days ago"; for what is not known it says so, whatever the impact's sign.
    not_known : bool
    finding : Finding
        What became of earlier leads alike.
    direction_text : str
        "raises the score", or "raises here, given the rest" where earlier leads alone point the other way.
    """

    code: str
    component: Component
    impact: float
    text: str
    not_known: bool
    finding: Finding
    direction_text: str

    @property
    def direction(self) -> Direction:
        """Which way it pushes."""
        return "raises" if self.impact > 0 else "lowers"

    def as_dict(self) -> dict[str, Any]:
        """Return what an answer carries."""
        return {
            "code": self.code,
            "component": self.component,
            "direction": self.direction,
            "impact": self.impact,
            "text": self.text,
            "direction_text": self.direction_text,
            "evidence": self.finding.document,
            "evidence_text": self.finding.sentence,
        }


class Explainer:
    """Turns contributions into reasons.

    Parameters
    ----------
    model : TrainedModel
    """

    def __init__(self, model: TrainedModel) -> None:
        catalog = model.catalog
        self._model = model
        self._findings = Findings(model)
        self._groups = catalog.groups
        place = {group: i for i, group in enumerate(self._groups)}
        self._group_of = np.array([place[feature.group] for feature in catalog.features], dtype=np.int64)
        components = [catalog.group_component[group] for group in self._groups]
        self._component_of = np.array([COMPONENTS.index(c) for c in components], dtype=np.int64)
        self._columns = [self._by_topic(group) for group in self._groups]

    def _by_topic(self, group: str) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for i, feature in enumerate(self._model.catalog.features):
            if feature.group == group:
                found.setdefault(feature.topic, []).append(i)
        return found

    def shares(self, contributions: NDArray[np.float64]) -> Shares:
        """Split a lead's log-odds by reason group.

        Parameters
        ----------
        contributions : array of shape (n_features,)
            One row of `leadlight.core.artifact.Scored.contributions`.
        """
        impacts = np.bincount(self._group_of, weights=contributions, minlength=len(self._groups))
        sums = np.bincount(self._component_of, weights=impacts, minlength=len(COMPONENTS)).tolist()
        order = np.argsort(-np.abs(impacts), kind="stable").tolist()
        values = impacts.tolist()
        ranked = [group for group in order if values[group] != 0.0]
        return Shares(values, dict(zip(COMPONENTS, sums, strict=True)), ranked)

    def reasons(
        self,
        row: NDArray[np.float64],
        contributions: NDArray[np.float64],
        shares: Shares,
        *,
        as_of: int,
        limit: int | None,
        language: str,
    ) -> list[Reason]:
        """Put the strongest reasons in words.

        Parameters
        ----------
        row, contributions : array of shape (n_features,)
        shares : Shares
            Of the same contributions.
        as_of : int
            Microseconds; "yesterday" goes by its calendar day.
        limit : int or None
            How many; None: all.
        language : {"en", "es"}
        """
        values, parts = row.tolist(), contributions.tolist()
        return [
            self._reason(group, values, parts, shares.impacts[group], as_of, language)
            for group in shares.ranked[:limit]
        ]

    def _reason(
        self,
        group: int,
        values: list[float],
        parts: list[float],
        impact: float,
        as_of: int,
        language: str,
    ) -> Reason:
        catalog, name = self._model.catalog, self._groups[group]
        topic, columns = self._leading_topic(group, parts, impact)
        finding = self._findings.of(topic, values, impact, language)
        direction = f"direction.{'raises' if impact > 0 else 'lowers'}"
        return Reason(
            code=name,
            component=catalog.group_component[name],
            impact=impact,
            text=wording.say(catalog.topics[topic], catalog, values, language, as_of=as_of),
            not_known=all(self._is_not_known(column, values[column]) for column in columns),
            finding=finding,
            direction_text=say(f"{direction}.given_rest" if finding.contradicts else direction, language),
        )

    def _leading_topic(self, group: int, parts: list[float], impact: float) -> tuple[str, list[int]]:
        """Return the topic that speaks for the group, and its columns.

        It is the one with the largest share *in the group's direction*: what pushes the other way can't say why.
        """
        topics = self._columns[group]
        if len(topics) == 1:
            return next(iter(topics.items()))
        way = math.copysign(1.0, impact)
        name = max(topics, key=lambda topic: way * math.fsum(parts[column] for column in topics[topic]))
        return name, topics[name]

    def _is_not_known(self, column: int, value: float) -> bool:
        """Say whether a value is not known; an activity or stage that is missing did not happen, which is known."""
        feature = self._model.catalog.features[column]
        if feature.primitive.startswith(_EVENTS):
            return False
        return value == CODE_NOT_KNOWN if feature.kind == "category" else math.isnan(value)


def why_of(reasons: Sequence[Reason]) -> Sequence[Reason]:
    """Return what a list says of a lead: the two strongest reasons that raise, else the strongest of all.

    One alone is often that a lead is busy; the second says with what.
    """
    raising = [reason for reason in reasons if reason.impact > 0]
    return raising[:2] or reasons[:1]
