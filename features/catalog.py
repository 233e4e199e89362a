"""Draw up a catalog: which features this company's history makes, from the learning part alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leadlight.core.catalog import Catalog, Component, Condition, Feature, Rule, Topic, Vocabulary
from leadlight.core.history import Attribute, History
from leadlight.features import account, activity, cycle, profile, topics
from leadlight.features.encode import positions_of
from leadlight.features.groups import merge_groups
from leadlight.features.names import Names
from leadlight.features.timeline import number_of
from leadlight.features.vocabulary import Learned, common_levels, gather, learned_part

__all__ = ["draw_up", "merge_groups"]

MIN_LEADS: Final = 20
"""Words that fewer leads share tell more about these leads than about leads; they fold into (other)."""


def draw_up(
    history: History,
    *,
    rules: Sequence[Rule],
    goal_stage: str,
    lead_rows: NDArray[np.bool_] | None = None,
    before: int | None = None,
    min_leads: int = MIN_LEADS,
) -> Catalog:
    """Draw up the catalog of a company's history.

    Parameters
    ----------
    history : History
    rules : sequence of Rule
        The hand-picked points; each gets a 0/1 column ``card.<name>``, also where it can't be judged here (then
        always 0).
    goal_stage : str
        The stage whose reaching is the conversion.
    lead_rows : ndarray of shape (n_leads,), dtype bool, optional
        The learning side. Nothing else of the history is looked at.
    before : int, optional
        Microseconds; nothing that became known later is looked at.
    min_leads : int
        Rarer words share the level ``(other)``.

    Returns
    -------
    Catalog
        Each topic is its own reason group; `merge_groups` joins those that move together.
    """
    learned = learned_part(history, lead_rows, before, min_leads)
    # A flat export knows outcomes without dates: nothing there can be asked "as of".
    dated = history.is_dated and not history.is_flat
    drawing = _Drawing(learned, gather(learned, rules, goal_stage, dated=dated), goal_stage, dict(history.excluded))
    drawing.names.taken.update(f"card.{rule.name}" for rule in rules)
    if dated:
        drawing.activities()
        drawing.cycle()
        drawing.account()
    drawing.profile()
    for rule in rules:
        drawing.rule(rule)
    return Catalog(
        tuple(drawing.features), drawing.topics, drawing.vocabulary_used(), dated, goal_stage, drawing.left_out
    )


@dataclass
class _Drawing:
    """A catalog in the making."""

    learned: Learned
    vocabulary: Vocabulary
    goal_stage: str
    left_out: dict[str, str]
    features: list[Feature] = field(default_factory=list)
    topics: dict[str, Topic] = field(default_factory=dict)
    names: Names = field(default_factory=Names)
    about: dict[tuple[str, str], Topic] = field(default_factory=dict)
    """Topic of each (subject, name) that a rule may ask about."""
    unjudged: dict[tuple[str, str], Topic] = field(default_factory=dict)
    """Topic of each (subject, name) that some rule asks about in vain: apart, so that the next rule does so too."""

    def add(self, features: Iterable[Feature], topics: Iterable[Topic]) -> None:
        """Take in what a family has drawn."""
        self.topics.update({topic.name: topic for topic in topics})
        for feature in features:
            self.features.append(feature)
            self.names.taken.add(feature.name)

    def activities(self) -> None:
        """Add all that activities make."""
        table = self.learned.activities
        kinds = list(self.vocabulary.activity_types)
        if (positions_of(table["type"], kinds) < 0).any():
            kinds.append(activity.OTHER_TYPES)
        if not kinds:
            return
        self.add(*activity.draw_overall(self.vocabulary, self.names))
        valued = table[table["value"].notna()]
        for kind in kinds:
            of_kind = valued["type"] == kind if kind != activity.OTHER_TYPES else ~valued["type"].isin(kinds)
            has_value = valued["lead_id"][of_kind].nunique() >= self.learned.min_leads
            features, topic = activity.draw_type(kind, self.vocabulary, self.names, has_value=bool(has_value))
            self.about["activity", kind] = topic
            self.add(features, [topic])

    def cycle(self) -> None:
        """Add where leads stand in the revenue cycle."""
        features, topics = cycle.draw(self.vocabulary, self.goal_stage, self.names)
        self.add(features, topics)
        named = {feature.primitive: feature.topic for feature in features}
        if "stage_current" in named:
            self.about["stage", "stage"] = self.topics[named["stage_current"]]

    def account(self) -> None:
        """Add what colleagues do, where leads have accounts at all."""
        if self.learned.leads["account_id"].notna().any():
            has_activities = any(f.primitive in activity.OPERATIONS for f in self.features)
            drawn = account.draw(self.vocabulary, self.goal_stage, self.names, has_activities=has_activities)
            self.add(*drawn)

    def profile(self) -> None:
        """Add the attributes, those that nobody described too."""
        for attribute in self.learned.attributes:
            topic = profile.attribute_topic(attribute.name, attribute.label, attribute.kind, self.names)
            self.about["attribute", attribute.name] = topic
            values = self.learned.attribute_values(attribute)["value"]
            levels = self._levels(attribute)
            why_not = _says_nothing(attribute, values, levels)
            if why_not is not None:
                self.left_out[attribute.name] = why_not
            else:
                self.add([profile.draw_attribute(topic, attribute.name, attribute.kind, levels)], [topic])

    def _levels(self, attribute: Attribute) -> tuple[str, ...]:
        return tuple(sorted(common_levels(self.learned, attribute))) if attribute.kind == "category" else ()

    def rule(self, rule: Rule) -> None:
        """Add the 0/1 column of a hand-picked rule."""
        name, when = f"card.{rule.name}", rule.when
        topic = self._topic_of(when)
        self.topics.setdefault(topic.name, topic)
        why_not = _cannot_judge(when, self.vocabulary)
        if why_not is not None:
            self.left_out[name] = why_not
            self.features.append(profile.never_feature(name, topic))
        elif when.subject == "activity":
            self.features.append(activity.card_feature(name, when, topic))
        elif when.subject == "stage":
            self.features.append(cycle.card_feature(name, when, topic))
        else:
            self.features.append(profile.card_feature(name, when, topic, self.vocabulary.attributes[when.name]))

    def _topic_of(self, when: Condition) -> Topic:
        """Return what a rule is about; all that ask for the same in vain share a topic."""
        asked = when.subject, when.name
        if asked in self.about:
            return self.about[asked]
        if asked not in self.unjudged:
            components: dict[str, Component] = {"activity": "interest", "attribute": "fit", "stage": "cycle"}
            name = self.names.topic(when.name, fallback="rule")
            self.unjudged[asked] = topics.unjudged_topic(name, components[when.subject], when.name)
        return self.unjudged[asked]

    def vocabulary_used(self) -> Vocabulary:
        """Return the vocabulary with the attributes that some feature looks at."""
        used = {feature.params.get("attribute") for feature in self.features}
        attributes = {name: kind for name, kind in self.vocabulary.attributes.items() if name in used}
        levels = {name: levels for name, levels in self.vocabulary.levels.items() if name in used}
        return replace(self.vocabulary, attributes=attributes, levels=levels)


def _says_nothing(attribute: Attribute, values: pd.Series[Any], levels: tuple[str, ...]) -> str | None:
    """Return why an attribute makes no feature; None where it makes one. Mostly missing is still something."""
    missing = bool(values.isna().any())
    different = int(values.nunique())
    if different == 0:
        return "no lead has a value"
    if not missing and different == 1:
        return "every lead has the same value"
    if attribute.kind == "category" and not missing and not levels:
        return "no value is shared by enough leads"
    return None


def _is_there(when: Condition, vocabulary: Vocabulary) -> bool:
    """Whether the history has what a rule asks about; a dated one has every activity, if only that nobody did it."""
    if when.subject == "attribute":
        return when.name in vocabulary.attributes
    return when.name in vocabulary.activity_types if when.subject == "activity" else bool(vocabulary.stages)


def _cannot_judge(when: Condition, vocabulary: Vocabulary) -> str | None:
    """Return why a rule can't be judged on this history; None where it can."""
    if not _is_there(when, vocabulary):
        return f"the history has no {when.subject} {when.name!r}: this rule never applies"
    kind = vocabulary.attributes.get(when.name) if when.subject == "attribute" else None
    if kind == "category" and (when.at_least is not None or when.at_most is not None):
        return f"{when.name!r} is no number: at_least and at_most never apply"
    if kind == "number" and when.any_of and not any(number_of(word) == number_of(word) for word in when.any_of):
        return f"{when.name!r} is a number: none of {list(when.any_of)} can be met"
    return None
