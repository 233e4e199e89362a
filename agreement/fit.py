"""Whether an agreement and a history speak of the same things.

What the agreement names and the data lacks is said, not passed over: points that never apply, a goal that nobody
reached.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from leadlight.agreement.terms import Agreement
from leadlight.core.attributes import tidy
from leadlight.core.catalog import Condition, level_word
from leadlight.core.errors import Problem
from leadlight.core.history import Attribute, History
from leadlight.core.sections import near_miss
from leadlight.core.stages import CLOSED, LADDER, RECYCLED, reached

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["goal_problem", "meaning", "misfits"]


def meaning(stage: str, goal: str) -> str:
    """Say in words what a stage means to the learner.

    Examples
    --------
    >>> meaning("closed_lost", "customer"), meaning("Closed Lost", "customer")
    ('out of the queue', 'a step on the way')
    """
    if stage in reached(goal):
        return "the conversion"
    if stage in RECYCLED:
        return "resting"
    return "out of the queue" if stage in CLOSED else "a step on the way"


def goal_problem(terms: Agreement, history: History) -> Problem | None:
    """Say that no lead ever reached the goal, and which stages there are.

    Returns
    -------
    Problem or None
        None where one did, where no stage was ever recorded, for a flat export, which has none, and where all stages
        are usual ones and the goal is too: then nobody got there yet.
    """
    counts = _reached_instead(terms, history)
    if counts is None or _nobody_yet(terms, counts):
        return None
    message = (
        f"no lead ever reached {terms.stage!r}; the stages there are: {_listed(counts)}. Name one of them in "
        f"agreement.toml, [conversion] stage, or respell it in dataset.toml: [stage_changes.values.stage] "
        f'"its name in the export" = "{terms.stage}"'
    )
    return Problem("agreement.toml [conversion] stage", "goal_never_reached", message)


def _reached_instead(terms: Agreement, history: History) -> pd.Series[int] | None:
    """Return how often each stage was reached, where stages are known and the goal is not among them."""
    counts = history.stage_changes["stage"].value_counts()
    if history.is_flat or not len(counts) or reached(terms.stage) & set(counts.index):
        return None
    return counts


def _nobody_yet(terms: Agreement, counts: pd.Series[int]) -> bool:
    """Whether all stages are usual ones and the goal is too: then nobody may have got there yet."""
    return {terms.stage, *counts.index} <= {*LADDER, *RECYCLED, *CLOSED}


def _listed(counts: pd.Series[int]) -> str:
    return ", ".join(f"{stage!r} ({count:,})" for stage, count in counts.head(20).items())


def misfits(terms: Agreement, history: History) -> tuple[str, ...]:
    """Name what the agreement speaks of in vain.

    Rules of points that can never apply to this history, segments by an attribute that it lacks, and stages whose
    spelling alone keeps them from being one of ours.
    """
    attributes = {attribute.name: attribute for attribute in history.attributes}
    named = []
    counts = _reached_instead(terms, history)
    if counts is not None and _nobody_yet(terms, counts):
        named.append(
            f"no lead has reached the goal {terms.stage!r}, so there is nothing to learn from; if that is not what "
            f"counts as conversion, name another stage in agreement.toml, [conversion] stage. There are: "
            f"{_listed(counts)}"
        )
    for rule in terms.rules:
        why = _why_never(rule.when, history, attributes)
        if why is not None:
            named.append(f"The points of {rule.name!r} never apply: {why}")
    for name in terms.segments:
        why = _why_not_there(name, history, attributes)
        if why is not None:
            named.append(f"There are no segments by {name!r}: {why}")
    return (*named, *_nearly_ours(history))


def _why_never(when: Condition, history: History, attributes: dict[str, Attribute]) -> str | None:
    if when.subject == "activity":
        return _absent("activity of type", when.name, tuple(history.activities["type"].dropna().unique()))
    if when.subject == "stage":
        there = set(history.stage_changes["stage"].dropna().unique())
        if there & set(when.any_of):
            return None
        return _absent("stage", " or ".join(when.any_of), tuple(sorted(there)))
    absent = _why_not_there(when.name, history, attributes)
    return absent or _why_not_its_values(when, history, attributes[when.name])


def _why_not_there(name: str, history: History, attributes: dict[str, Attribute]) -> str | None:
    if name in attributes:
        return None
    left_out = next((why for label, why in history.excluded.items() if name in {label, tidy(label)}), None)
    if left_out is not None:
        return f"the attribute {name!r} is left out ({left_out})"
    return _absent("attribute", name, tuple(attributes))


def _absent(what: str, name: str, there: tuple[str, ...]) -> str | None:
    if name in there:
        return None
    return f"there is no {what} {name!r} in the data; {near_miss(name, there) if there else 'there is none at all'}"


def _why_not_its_values(when: Condition, history: History, attribute: Attribute) -> str | None:
    if attribute.kind == "category" and (when.at_least is not None or when.at_most is not None):
        return f"the values of {when.name!r} are words, not numbers (see kind in docs/dataset-toml.md)"
    if not when.any_of:
        return None
    moved = history.attribute_changes
    values = moved.loc[moved["attribute"] == when.name, "value"] if attribute.known == "dated" else None
    seen = history.leads[when.name] if values is None else values
    there = {level_word(value) for value in seen.dropna().unique()}
    if there & set(when.any_of):
        return None
    wanted = " or ".join(repr(value) for value in when.any_of)
    return f"no lead's {when.name!r} is {wanted}; {near_miss(when.any_of[0], tuple(sorted(there)))}"


def _nearly_ours(history: History) -> Iterator[str]:
    """Yield the stages whose spelling alone keeps them from being one of the usual ones."""
    for stage in sorted(history.stage_changes["stage"].dropna().unique()):
        usual = tidy(stage)
        if stage != usual and usual in {*LADDER, *RECYCLED, *CLOSED}:
            yield (
                f"The stage {stage!r} is taken as a step on the way; if it is {usual!r}, say so in dataset.toml: "
                f'[stage_changes.values.stage] "{stage}" = "{usual}"'
            )
