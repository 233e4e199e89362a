"""Reasons: a lead's exact shares of the log-odds, by reason group, in plain words.

A reason sums the contributions of all columns of its group. What is not shown is never lost: it is summed as
``other_reasons_impact``, and each component is the sum of all its reasons, shown or not.

Most of a reason is the same for many leads: all but its impact and its text depends on the topic, the direction and
the cell of earlier leads alone. That part is a `Frame`; each is worked out and written as JSON once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from leadlight.core.artifact import TrainedModel
from leadlight.core.catalog import CODE_NOT_KNOWN, COMPONENTS, LANGUAGES, Component
from leadlight.features.wording import sayers
from leadlight.serving.evidence import Finding, cells, find
from leadlight.serving.json_text import members, written
from leadlight.serving.pages_data import Direction
from leadlight.serving.words import say

__all__ = ["Explainer", "Frame", "Reason", "Shares", "why_of"]

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


@dataclass(frozen=True)
class Frame:
    """What a reason says whatever the lead's own numbers are. Answers share it: none may change it.

    Attributes
    ----------
    code : str
        The reason group.
    component : {"fit", "interest", "cycle"}
    direction : {"raises", "lowers"}
        Which way it pushes.
    direction_text : str
        "raises the score", or "raises here, given the rest" where earlier leads alone point the other way.
    finding : Finding
        What became of earlier leads alike.
    """

    code: str
    component: Component
    direction: Direction
    direction_text: str
    finding: Finding

    @cached_property
    def before(self) -> bytes:
        """The JSON before the impact."""
        head = {"code": self.code, "component": self.component, "direction": self.direction}
        return b'{%b,"impact":' % members(head)

    @cached_property
    def after(self) -> bytes:
        """The JSON after the text."""
        evidence = {"evidence": self.finding.document, "evidence_text": self.finding.sentence}
        return b",%b}" % members({"direction_text": self.direction_text, **evidence})


class Reason(NamedTuple):
    """One reason in words.

    Attributes
    ----------
    frame : Frame
    impact : float
        Log-odds.
    text : str
        What is so: "Requested a demo 3 days ago"; for what is not known it says so, whatever the impact's sign.
    not_known : bool
    """

    frame: Frame
    impact: float
    text: str
    not_known: bool

    @property
    def code(self) -> str:
        """The reason group."""
        return self.frame.code

    @property
    def component(self) -> Component:
        """The question that it belongs to."""
        return self.frame.component

    @property
    def direction(self) -> Direction:
        """Which way it pushes."""
        return self.frame.direction

    @property
    def direction_text(self) -> str:
        """The direction in words."""
        return self.frame.direction_text

    @property
    def finding(self) -> Finding:
        """What became of earlier leads alike."""
        return self.frame.finding

    def json(self) -> bytes:
        """Return what answers and receipts carry, by `leadlight.serving.api.answer_schemas.ReasonAnswer`."""
        frame = self.frame
        return b"".join((frame.before, written(self.impact), b',"text":', written(self.text), frame.after))


class Explainer:
    """Turns contributions into reasons.

    Parameters
    ----------
    model : TrainedModel
    """

    def __init__(self, model: TrainedModel) -> None:
        catalog = model.catalog
        groups = catalog.groups
        place = {group: i for i, group in enumerate(groups)}
        self._group_of = np.array([place[feature.group] for feature in catalog.features], dtype=np.int64)
        components = [catalog.group_component[group] for group in groups]
        self._component_of = np.array([COMPONENTS.index(c) for c in components], dtype=np.int64)
        self._voices = {language: [_voices(model, group, language) for group in groups] for language in LANGUAGES}

    def shares(self, contributions: NDArray[np.float64]) -> list[Shares]:
        """Split leads' log-odds by reason group.

        Parameters
        ----------
        contributions : array of shape (n_leads, n_features)
            As in `leadlight.core.artifact.Scored`.
        """
        n_leads, n_groups, n_components = len(contributions), len(self._component_of), len(COMPONENTS)
        impacts = _summed(contributions, self._group_of, n_groups)
        components = _summed(impacts, self._component_of, n_components).tolist()
        order = np.argsort(-np.abs(impacts), axis=1, kind="stable").tolist()
        values = impacts.tolist()
        return [
            Shares(
                values[i],
                dict(zip(COMPONENTS, components[i], strict=True)),
                [group for group in order[i] if values[i][group] != 0.0],
            )
            for i in range(n_leads)
        ]

    def reasons(
        self,
        values: Sequence[float],
        contributions: Sequence[float],
        shares: Shares,
        *,
        as_of: int,
        limit: int | None,
        language: str,
    ) -> list[Reason]:
        """Put the strongest reasons in words.

        Parameters
        ----------
        values, contributions : sequence of float, n_features long
        shares : Shares
            Of the same contributions.
        as_of : int
            Microseconds; "yesterday" goes by its calendar day.
        limit : int or None
            How many; None: all.
        language : {"en", "es"}
        """
        voices, impacts = self._voices[language], shares.impacts
        return [
            _leading(voices[group], contributions, impacts[group]).reason(values, impacts[group], as_of)
            for group in shares.ranked[:limit]
        ]


def _summed(numbers: NDArray[np.float64], to: NDArray[np.int64], width: int) -> NDArray[np.float64]:
    """Sum each row's columns by where they belong, in their order; shape (n, width)."""
    rows = np.arange(len(numbers))[:, None] * width
    sums = np.bincount((rows + to).ravel(), weights=numbers.ravel(), minlength=len(numbers) * width)
    return np.asarray(sums, np.float64).reshape(-1, width)


class _Voice:
    """What speaks for a reason group: one topic of it, in one language."""

    def __init__(self, model: TrainedModel, topic: str, columns: list[int], language: str) -> None:
        catalog = model.catalog
        self.columns = columns
        self._model = model
        self._topic = topic
        self._language = language
        self._sayer = sayers(catalog)[language][topic]
        evidence = model.evidence.get(topic)
        self._cell_of = None if evidence is None else cells(evidence)
        self._counted = -1 if evidence is None else catalog.position[evidence.feature]
        features = [catalog.features[column] for column in columns]
        self._group = features[0].group
        # an activity or stage that is missing did not happen, which is known
        self._may_lack = not any(feature.primitive.startswith(_EVENTS) for feature in features)
        self._categories = [feature.kind == "category" for feature in features]
        self._frames: dict[tuple[int | None, bool], Frame] = {}

    def reason(self, values: Sequence[float], impact: float, as_of: int) -> Reason:
        """Put the group's impact on a lead in words."""
        cell = None if self._cell_of is None else self._cell_of(values[self._counted])
        raises = impact > 0
        frame = self._frames.get((cell, raises))
        if frame is None:
            frame = self._frames[cell, raises] = self._frame(values, impact)
        return Reason(frame, impact, self._sayer.say(values, as_of), self._may_lack and self._lacks(values))

    def _frame(self, values: Sequence[float], impact: float) -> Frame:
        finding = find(self._model, self._topic, values, impact, self._language)
        direction: Direction = "raises" if impact > 0 else "lowers"
        key = f"direction.{direction}.given_rest" if finding.contradicts else f"direction.{direction}"
        component = self._model.catalog.group_component[self._group]
        return Frame(self._group, component, direction, say(key, self._language), finding)

    def _lacks(self, values: Sequence[float]) -> bool:
        """Say whether nothing is known of all that it speaks of."""
        for column, category in zip(self.columns, self._categories, strict=True):
            value = values[column]
            if not (value == CODE_NOT_KNOWN if category else value != value):
                return False
        return True


def _voices(model: TrainedModel, group: str, language: str) -> list[_Voice]:
    """Return the voices of a group's topics, in the catalog's order."""
    topics: dict[str, list[int]] = {}
    for column, feature in enumerate(model.catalog.features):
        if feature.group == group:
            topics.setdefault(feature.topic, []).append(column)
    return [_Voice(model, topic, columns, language) for topic, columns in topics.items()]


def _leading(voices: list[_Voice], parts: Sequence[float], impact: float) -> _Voice:
    """Return the voice that speaks for a group.

    It is the one with the largest share *in the group's direction*: what pushes the other way can't say why.
    """
    if len(voices) == 1:
        return voices[0]
    way = math.copysign(1.0, impact)
    return max(voices, key=lambda voice: way * math.fsum(parts[column] for column in voice.columns))


def why_of(reasons: Sequence[Reason]) -> Sequence[Reason]:
    """Return what a list says of a lead: the two strongest reasons that raise, else the strongest of all.

    One alone is often that a lead is busy; the second says with what.
    """
    raising = [reason for reason in reasons if reason.impact > 0]
    return raising[:2] or reasons[:1]
