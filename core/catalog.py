"""The catalog: what a model looks at, as data that travels inside the model.

Columns that nobody described make features too, so a catalog differs from company to company. This module
says what a catalog *is*; `leadlight.features.catalog` says how one is drawn up from a company's history,
and `leadlight.features.build` computes its columns.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, Final, Literal, Self

__all__ = [
    "CODE_NOT_KNOWN",
    "CODE_OTHER",
    "COMPONENTS",
    "LANGUAGES",
    "NOT_KNOWN",
    "OTHER",
    "Catalog",
    "Component",
    "Condition",
    "Feature",
    "Rule",
    "Topic",
    "Vocabulary",
    "level_word",
]

Component = Literal["fit", "interest", "cycle"]
COMPONENTS: Final = ("fit", "interest", "cycle")
LANGUAGES: Final = ("en", "es")

NOT_KNOWN: Final = "(not known)"
OTHER: Final = "(other)"
CODE_NOT_KNOWN: Final = 0
CODE_OTHER: Final = 1
"""Levels 0 and 1 of every category: a missing value is a level of its own; rare and unseen ones share one."""


def level_word(value: object) -> str:
    """Spell a category's value as the door for data does; empty is not known.

    Trimmed, yes and no in small letters, 3.0 as 3: one value has one spelling, wherever it comes from.

    Examples
    --------
    >>> [level_word(value) for value in (" web ", 3.0, 1234567.0, 2.5, True, None, float("nan"))]
    ['web', '3', '1234567', '2.5', 'true', '', '']
    """
    if value is None or value != value:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of the model's input.

    Attributes
    ----------
    name : str
        The column, unique in the catalog: ``"demo_request.count_30d"``, ``"source"``.
    primitive, version : str, int
        Which computation of `leadlight.features` yields it; a model is refused where they are not known.
    params : mapping
        The primitive's parameters, JSON-ready: ``{"type": "demo_request", "days": 30}``.
    kind : {"number", "category"}
        A category's column holds level codes (0 not known, 1 other, 2 ... the levels); a number's missing value is NaN.
    component : {"fit", "interest", "cycle"}
    topic : str
        What it is about: features of one topic share evidence and wording.
    group : str
        The reason it counts towards: its topic, or the topics it moves together with. All topics of a group
        are of one component, so that components are sums of reasons.
    monotone : {-1, 0, 1}
        Which way it may push, where it measures a lead's own voluntary act; 0: any.
    levels : tuple of str
        Names of codes 2, 3, ... of a category; empty for a number.
    card : bool
        Whether it only feeds the hand-picked points: learned models do not see it.
    """

    name: str
    primitive: str
    version: int
    params: Mapping[str, Any]
    kind: Literal["number", "category"]
    component: Component
    topic: str
    group: str
    monotone: int = 0
    levels: tuple[str, ...] = ()
    card: bool = False

    def level_name(self, code: float) -> str:
        """Return the name of a level's code, ``(not known)`` and ``(other)`` included."""
        place = int(code)
        return self.levels[place - 2] if place >= 2 else (NOT_KNOWN, OTHER)[place]


@dataclass(frozen=True, slots=True)
class Topic:
    """What one or more features are about, and the words for it.

    Attributes
    ----------
    name : str
    component : {"fit", "interest", "cycle"}
    label : mapping of language to str
        A heading: ``{"en": "Demo request", "es": "Solicitud de demo"}``.
    wording : tuple of (condition, mapping of language to template)
        Sentences in order; the first whose condition holds is said. A condition is ``{"feature": name,
        "is": "missing" | "known" | "zero" | "one" | "many" | "positive" | "other" | "any"}`` ("many": more than
        one; "other": a category's rare and unseen levels), or a list of such that must all hold (empty: always);
        templates name features in braces with a format: ``{demo_request.days_since:ago}``,
        ``{demo_request.count_30d:count}``, ``{source:level}``, ``{employees:number}``, ``{stage.days:days}``.
    evidence : str or None
        The feature by whose value past leads are counted.
    """

    name: str
    component: Component
    label: Mapping[str, str]
    wording: tuple[tuple[Any, Mapping[str, str]], ...]
    evidence: str | None = None


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words that events and attributes may use, in the order of their codes.

    Attributes
    ----------
    activity_types, channels, stages : tuple of str
        Code = position; what is not listed gets ``len`` (others share one code).
    attributes : mapping of str to {"number", "category"}
        The raw attributes that features look at, in order.
    levels : mapping of str to tuple of str
        For each category attribute all the levels that any feature or rule names; level codes as in `Feature`.
    doers : mapping of str to {"lead", "rep", "system"}
        Who does an activity of a type.
    """

    activity_types: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    doers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Catalog:
    """All features of a model, in the order of its columns.

    Attributes
    ----------
    features : tuple of Feature
    topics : mapping of str to Topic
    vocabulary : Vocabulary
    dated : bool
        Whether leads have times; False for a model of a flat export, which has profile features only.
    goal_stage : str
        The stage whose reaching is the conversion.
    left_out : mapping of str to str
        Columns that make no feature, and why.
    """

    features: tuple[Feature, ...]
    topics: Mapping[str, Topic]
    vocabulary: Vocabulary
    dated: bool
    goal_stage: str
    left_out: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(feature.name for feature in self.features)

    @cached_property
    def position(self) -> Mapping[str, int]:
        """Column number of each feature."""
        return {name: i for i, name in enumerate(self.columns)}

    @cached_property
    def inputs(self) -> tuple[int, ...]:
        """Column numbers that learned models see (the rest only feed the points)."""
        return tuple(i for i, feature in enumerate(self.features) if not feature.card)

    @cached_property
    def categories(self) -> tuple[tuple[int, Feature], ...]:
        """Column number and feature of each category."""
        return tuple((i, feature) for i, feature in enumerate(self.features) if feature.kind == "category")

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """Reason groups, in order of first appearance."""
        return tuple(dict.fromkeys(feature.group for feature in self.features))

    @cached_property
    def group_component(self) -> Mapping[str, Component]:
        """Component of each reason group."""
        return {feature.group: feature.component for feature in self.features}

    @cached_property
    def primitives(self) -> tuple[tuple[str, int], ...]:
        """Primitives and versions that computing these features takes."""
        return tuple(sorted({(feature.primitive, feature.version) for feature in self.features}))

    def regroup(self, groups: Mapping[str, str]) -> Self:
        """Return the catalog with reason groups renamed by topic: ``{topic: group}``."""
        features = tuple(replace(f, group=groups.get(f.topic, f.group)) for f in self.features)
        return replace(self, features=features)

    def to_dict(self) -> dict[str, Any]:
        """Return the catalog as JSON-ready data; `from_dict` reads it back equal."""
        return {
            "features": [asdict(feature) for feature in self.features],
            "topics": [asdict(topic) for topic in self.topics.values()],
            "vocabulary": asdict(self.vocabulary),
            "dated": self.dated,
            "goal_stage": self.goal_stage,
            "left_out": dict(self.left_out),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild a catalog from `to_dict`'s data."""
        features = tuple(Feature(**{**f, "levels": tuple(f["levels"])}) for f in data["features"])
        topics = {t["name"]: _topic(t) for t in data["topics"]}
        return cls(
            features,
            topics,
            _vocabulary(data["vocabulary"]),
            data["dated"],
            data["goal_stage"],
            data["left_out"],
        )

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the catalog's canonical JSON, hex."""
        text = json.dumps(self.to_dict(), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def _topic(data: Mapping[str, Any]) -> Topic:
    wording = tuple((condition, texts) for condition, texts in data["wording"])
    return Topic(data["name"], data["component"], data["label"], wording, data["evidence"])


def _vocabulary(data: Mapping[str, Any]) -> Vocabulary:
    return Vocabulary(
        tuple(data["activity_types"]),
        tuple(data["channels"]),
        tuple(data["stages"]),
        dict(data["attributes"]),
        {name: tuple(levels) for name, levels in data["levels"].items()},
        dict(data["doers"]),
    )


@dataclass(frozen=True, slots=True)
class Condition:
    """What a rule of the hand-picked points asks of a lead at a moment.

    Attributes
    ----------
    subject : {"activity", "attribute", "stage"}
    name : str
        The activity type, the attribute, or ``"stage"``.
    within_days : float, optional
        For activities: how far back they count; None: ever.
    at_least, at_most : float, optional
        For activities a count (default at least 1); for attributes a number.
    any_of : tuple of str
        For attributes and stages: one of these values.
    known : bool, optional
        For attributes: whether it has a value.
    """

    subject: Literal["activity", "attribute", "stage"]
    name: str
    within_days: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    any_of: tuple[str, ...] = ()
    known: bool | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the hand-picked points.

    Attributes
    ----------
    name : str
        Stable within the agreement: ``"rule_1"`` unless the agreement names it.
    when : Condition
    points : float
    """

    name: str
    when: Condition
    points: float
