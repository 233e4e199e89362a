"""Whether the leads of today look like those that the model was taught for: input by input, and by score.

The reference are the leads that were open on the model's training day, one row a lead, as was known then. Their columns
are not stored: the history at hand, asked as of that day with the model's own catalog, gives them again. A flat export
has no days; its older rows are the reference where its order tells them apart, else only the scores are compared with
those that the model keeps.

Bins come from the reference alone. Every index is held against its own no-change limit (`stability`), Holm over
all columns. Drift prompts a look, never a retrain: whether the model suffers, only matured predictions tell.

A queue that grows older moves everything that grows with age (days since, totals), with nothing else changed. So what
moved is compared once more among leads of the same age: the leads of then weighted to the ages of today.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from leadlight.features.timeline import Timeline
from leadlight.training.holm import holm
from leadlight.training.watch.columns import SCORE, Bin, Column, Cut, SameAge, bins_of, told
from leadlight.training.watch.leads import Leads, given_again, sides
from leadlight.training.watch.stability import LIMIT_AT, Side, compare
from leadlight.training.watch.words import moved_words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.core.artifact import TrainedModel
    from leadlight.core.history import History

__all__ = ["TOO_SMALL_TO_MATTER", "Bin", "Column", "Drift", "drift"]

TOO_SMALL_TO_MATTER: Final = 0.01
"""Indices up to this are left alone however many leads there are: no share moved by more than a few hundredths."""

_REWRITTEN: Final = (
    "The history no longer gives the scores of the model's training day: it was rewritten since, by an import, a merge "
    "or a mapping. The inputs of then are told as they stand in it today; scores are compared with those that the "
    "model keeps."
)


@dataclass(frozen=True)
class Drift:
    """How far today's leads differ from those of the model's training day.

    Attributes
    ----------
    leads_then, leads_now : int
        One row each.
    columns : tuple of Column
        The furthest beyond their limits first; empty where the leads of then are not known apart.
    score : Column or None
    notes : tuple of str
        What was compared with what, and what could not be.
    age : pair of float or None
        Median age of the leads in days, then and now; None where it is not known.
    """

    leads_then: int
    leads_now: int
    columns: tuple[Column, ...]
    score: Column | None
    notes: tuple[str, ...]
    age: tuple[float, float] | None = None

    @property
    def drifted(self) -> tuple[Column, ...]:
        """The drifted columns, one of each topic (the plainest, else the strongest), the score last."""
        inputs = [column for column in self.columns if column.drifted]
        ranked = sorted(inputs, key=lambda column: (not column.by_age, column.plain, column.index))
        chosen = {column.topic: column for column in ranked}
        found = [column for column in inputs if chosen[column.topic] is column]
        return (*found, *([self.score] if self.score is not None and self.score.drifted else []))


def drift(
    history: History, model: TrainedModel, *, as_of: int | None, seed: int = 0, timeline: Timeline | None = None
) -> Drift:
    """Compare the leads that are open now with those that were on the model's training day.

    Parameters
    ----------
    history : History
    model : TrainedModel
    as_of : int or None
        Now, microseconds UTC; None for a flat export.
    seed : int
        For drawn samples where bins hold few leads.
    timeline : Timeline, optional
        The history encoded by the model's vocabulary, where the caller has it already.
    """
    timeline = Timeline.from_history(history, model.catalog.vocabulary) if timeline is None else timeline
    found = sides(history, model, timeline, as_of)
    then, now = found.then, found.now
    if not len(now):
        return Drift(0 if then is None else len(then), 0, (), None, (found.said, "No lead is open now."))
    again = then is not None and given_again(history, model, timeline, then)
    return Drift(
        leads_then=len(model.reference) if then is None else len(then),
        leads_now=len(now),
        columns=() if then is None else _columns(model, then, now, seed),
        score=_score(model, then if again else None, now, len(history.leads), seed),
        notes=(found.said, _REWRITTEN) if then is not None and not again else (found.said,),
        age=None if then is None or not model.catalog.dated else (then.median_age, now.median_age),
    )


def _columns(model: TrainedModel, then: Leads, now: Leads, seed: int) -> tuple[Column, ...]:
    """Compare every input, and what moved once more at equal age; Holm over all of them."""
    weights = _weights(model, now.matrix)
    features = [model.catalog.features[number] for number in model.catalog.inputs]
    cuts = [
        Cut.of(feature, then.matrix[:, number], now.matrix[:, number])
        for feature, number in zip(features, model.catalog.inputs, strict=True)
    ]
    found = [compare(Side(cut.then, then.owner), Side(cut.now, now.owner), seed=seed) for cut in cuts]
    beyond = _stand([moved.chance for moved in found])
    itself = _at_equal_age(then, now, cuts, beyond, seed)
    columns = []
    for feature, cut, moved, stands, still in zip(features, cuts, found, beyond, itself, strict=True):
        drifted = stands and moved.index > TOO_SMALL_TO_MATTER
        column = told(model, feature, cut, moved, weights[feature.topic])
        columns.append(replace(column, drifted=drifted, by_age=drifted and not still))
    return tuple(sorted(columns, key=lambda column: (not column.drifted, column.by_age, -column.index, column.name)))


def _at_equal_age(then: Leads, now: Leads, cuts: list[Cut], beyond: list[bool], seed: int) -> list[bool]:
    """Return which of the columns that moved did so among leads of the same age too."""
    same = SameAge.of(then.age, now.age)
    chances = [
        same.chance(cut, then.owner, now.owner, seed) if stands else 1.0
        for cut, stands in zip(cuts, beyond, strict=True)
    ]
    return _stand(chances)


def _stand(chances: list[float]) -> list[bool]:
    """Return which findings stand when all are looked at together."""
    return [adjusted <= 1.0 - LIMIT_AT for adjusted in holm(chances)]


def _score(model: TrainedModel, then: Leads | None, now: Leads, n_leads: int, seed: int) -> Column:
    """Compare the scores; where the leads of then are not known, with those that the model keeps, each by itself."""
    was = model.reference if then is None else then.log_odds
    owner = n_leads + np.arange(len(was)) if then is None else then.owner
    scores = (model.percentile(said).astype(np.float64) for said in (was, now.log_odds))
    cut = Cut.by_tenths(*scores)
    moved = compare(Side(cut.then, owner), Side(cut.now, now.owner), seed=seed)
    drifted = moved.chance <= 1.0 - LIMIT_AT and moved.index > TOO_SMALL_TO_MATTER
    at_equal_age = 0.0 if then is None else SameAge.of(then.age, now.age).chance(cut, then.owner, now.owner, seed)
    return Column(
        name=SCORE,
        label="Score",
        topic=SCORE,
        plain=True,
        index=moved.index,
        limit=moved.limit,
        chance=moved.chance,
        drifted=drifted,
        by_age=drifted and at_equal_age > 1.0 - LIMIT_AT,
        weight=None,
        bins=bins_of(cut.names, moved),
        text=moved_words("Score", cut.names, moved, cut.edges, cut.was, cut.are),
    )


def _weights(model: TrainedModel, matrix: NDArray[np.float64]) -> dict[str, float]:
    """Return each topic's share of what moves the scores: the spread of its contributions."""
    contributions, topics = model.score(matrix).contributions, [f.topic for f in model.catalog.features]
    spread = {
        topic: float(contributions[:, [i for i, t in enumerate(topics) if t == topic]].sum(axis=1).std())
        for topic in dict.fromkeys(topics)
    }
    total = sum(spread.values())
    return {topic: value / total if total > 0 else 0.0 for topic, value in spread.items()}
