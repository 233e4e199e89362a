"""What is known of a lead and what is not, as people call it; only what the model looks at, so never a name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leadlight.core.catalog import CODE_NOT_KNOWN, CODE_OTHER, Catalog, Feature
from leadlight.features.wording import number_text
from leadlight.features.words import level_name
from leadlight.serving.scorer import Answer
from leadlight.serving.words import say

__all__ = ["attributes", "headline", "missing_labels"]

_ROLES: Final = ("title", "job_title", "role", "seniority", "occupation", "job", "department")
_TRADES: Final = ("industry", "sector", "product")

LookUp = Callable[[str], str | None]


def attributes(catalog: Catalog, row: NDArray[np.float64], raw: LookUp, language: str) -> tuple[tuple[str, str], ...]:
    """Return the attributes that have a value, as (label, value).

    Parameters
    ----------
    row : array of shape (n_features,)
    raw : callable
        The history's own spelling of an attribute, for values too rare to be a level; None where it has none.
    """
    found = []
    for place, feature in enumerate(catalog.features):
        if feature.primitive in ("attribute_number", "attribute_category"):
            value = _value(feature, float(row[place]), raw, language)
            if value is not None:
                found.append((catalog.topics[feature.topic].label[language], value))
    return tuple(found)


def _value(feature: Feature, value: float, raw: LookUp, language: str) -> str | None:
    if feature.kind == "number":
        return None if np.isnan(value) else number_text(value, language)
    if value == CODE_NOT_KNOWN:
        return None
    if value == CODE_OTHER:
        return raw(str(feature.params["attribute"])) or say("value.other", language)
    return level_name(feature.level_name(value), language)


def headline(catalog: Catalog, row: NDArray[np.float64], raw: LookUp, language: str) -> str:
    """Return what the lead is: its role and its trade, where the history has such attributes; else empty."""
    values = {}
    for place, feature in enumerate(catalog.features):
        if feature.primitive == "attribute_category":
            values[str(feature.params["attribute"]).lower()] = _value(feature, float(row[place]), raw, language)
    parts = [next((values[name] for name in names if values.get(name)), None) for names in (_ROLES, _TRADES)]
    return ", ".join(part for part in parts if part)


def missing_labels(catalog: Catalog, answer: Answer) -> tuple[str, ...]:
    """Return what is not known of the lead, as people call it, what weighs most in the score first."""
    weight = {group: abs(answer.shares.impacts[i]) for i, group in enumerate(catalog.groups)}
    topics = {}
    for feature in catalog.features:
        if feature.primitive in ("attribute_number", "attribute_category"):
            topics[str(feature.params["attribute"])] = (feature, catalog.topics[feature.topic].label[answer.language])
        elif feature.primitive == "account_colleagues":
            topics["account"] = (feature, say("missing.account", answer.language))
    named = [topics[name] for name in answer.missing]
    named.sort(key=lambda item: -weight[item[0].group])
    return tuple(label for _, label in named)
