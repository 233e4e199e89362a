"""Compile the loops once, so that no later process waits for it (numba keeps the machine code beside the modules)."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import numpy as np

from leadlight.core.catalog import Catalog, Condition, Feature, Rule, Topic, Vocabulary
from leadlight.core.clock import DAY
from leadlight.features import account, activity, cycle, profile
from leadlight.features.build import build
from leadlight.features.names import Names
from leadlight.features.online import timeline_of
from leadlight.features.timeline import Moments
from leadlight.features.topics import attribute_topic

__all__ = ["small_catalog", "warm"]


_ASKED_FOR: Final = ("scipy.linalg.cython_blas", "cffi")
"""What numba looks for at its first call, only to know whether it could multiply matrices and call C libraries."""


def warm() -> None:
    """Run every compiled loop once with the types that training and serving use."""
    with _not_found(_ASKED_FOR):
        _run_all()


@contextmanager
def _not_found(names: Sequence[str]) -> Iterator[None]:
    """Keep numba from loading libraries that no loop of ours needs: a sixth of the service's start.

    Where numba has looked before, or a library was loaded before, nothing is changed.
    """
    hidden = [name for name in names if name not in sys.modules and "numba.np.arraymath" not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment] # Python's way to say that a module is not there
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


def _run_all() -> None:
    catalog = small_catalog()
    lead = {"lead_id": "one", "created_at": 0, "account_id": "a", "attributes": {"source": "web", "employees": 5.0}}
    event = {"lead_id": "two", "occurred_at": DAY, "recorded_at": DAY}
    act, step = {**event, "type": "web_visit", "value": 1.0}, {**event, "stage": "new"}
    change = {**event, "attribute": "employees", "value": "6"}
    others = {"leads": [{"lead_id": "two", "created_at": 0}], "activities": [act], "stage_changes": [step]}
    timeline = timeline_of(catalog.vocabulary, lead, [act, act], [step], [change], others)
    build(catalog, timeline, Moments(np.array([0]), np.array([3 * DAY])))


def small_catalog() -> Catalog:
    """Return a catalog that uses every family."""
    vocabulary = Vocabulary(
        ("web_visit",), ("email",), ("new", "sql"), {"source": "category", "employees": "number"}, {"source": ("web",)}
    )
    names = Names()
    features: list[Feature] = []
    topics: list[Topic] = []
    for drawn in (
        activity.draw_overall(vocabulary, names),
        cycle.draw(vocabulary, "sql", names),
        account.draw(vocabulary, "sql", names, has_activities=True),
    ):
        features += drawn[0]
        topics += drawn[1]
    kind, topic = activity.draw_type("web_visit", vocabulary, names, has_value=True)
    features += [
        *kind,
        activity.card_feature("card.visit", Rule("visit", Condition("activity", "web_visit"), 1).when, topic),
    ]
    topics.append(topic)
    for name, what in vocabulary.attributes.items():
        topics.append(attribute_topic(name, name, name, what))
        features.append(profile.draw_attribute(topics[-1], name, what, vocabulary.levels.get(name, ())))
    return Catalog(tuple(features), {topic.name: topic for topic in topics}, vocabulary, True, "sql")
