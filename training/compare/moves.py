"""Two models on the leads that are open now: which leads move, by how much, and why.

A lead's difference in log-odds is split exactly: what the reasons say, group by group, what every lead starts from,
and what calibration makes of it. With calibration ``log_odds = intercept + slope * raw`` and
``raw = base + shares``,

    difference = mean slope x (base' - base + shares' - shares)
                 + (intercept' - intercept) + (slope' - slope) x mean raw,

where a mean is that of the two models. Each model joins topics to reason groups in its own way; here topics are one
group where either model joins them, so that no weight seems to move which only changed its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.stats import rankdata

from leadlight.core.clock import to_micros
from leadlight.core.errors import ModelContractError
from leadlight.features.build import build, check_primitives
from leadlight.features.timeline import Moments as Asked
from leadlight.features.timeline import Timeline
from leadlight.features.wording import sayers
from leadlight.training.compare.making import made_differently
from leadlight.training.moments import open_leads
from leadlight.training.report import plain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.core.artifact import TrainedModel
    from leadlight.core.catalog import Catalog
    from leadlight.core.history import History

__all__ = ["Comparison", "Move", "Why", "compare"]

BANDS: Final = ("hot", "warm", "cold")

STEPS: Final = (0, 5, 10, 20)
"""Largest move of each class, in points of score; the last class has no end."""


@dataclass(frozen=True)
class Why:
    """One reason group's part in a move.

    Attributes
    ----------
    group : str
    log_odds : float
        Its share of the difference.
    text : str
        What is so of the lead.
    """

    group: str
    log_odds: float
    text: str


@dataclass(frozen=True)
class Move:
    """One lead under both models.

    Attributes
    ----------
    lead_id : str
    score, place, band : pair
        Before and after; a place is counted among the open leads, 1 is first.
    log_odds : pair of float
    base, calibration : float
        Parts of the difference in log-odds; with those of all groups they add up to it.
    why : tuple of Why
        All groups with a part, the largest first.
    """

    lead_id: str
    score: tuple[int, int]
    place: tuple[int, int]
    band: tuple[str, str]
    log_odds: tuple[float, float]
    base: float
    calibration: float
    why: tuple[Why, ...]


@dataclass(frozen=True)
class Comparison:
    """What changes from one model to another.

    Attributes
    ----------
    leads : int
        Open leads, scored by both.
    rank_correlation : float
        Spearman's, of the log-odds; NaN where either scores all leads alike.
    moved_by : mapping of str to int
        Leads by how far their score moves: ``"0"``, ``"1 to 5"``, ..., ``"more than 20"``.
    median_move : float
        Of the score; what all leads move alike is often the new reference population.
    bands : mapping of band to mapping of band to int
        Leads by band before and after.
    furthest : tuple of Move
        The leads whose score moves most; ties by the difference in log-odds.
    made_differently : mapping of str to tuple of str
        What differs in recipe, features, data and agreement, in words.
    """

    leads: int
    rank_correlation: float
    moved_by: Mapping[str, int]
    median_move: float
    bands: Mapping[str, Mapping[str, int]]
    furthest: tuple[Move, ...] = field(repr=False)
    made_differently: Mapping[str, tuple[str, ...]]

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON-ready data."""
        told = plain(self)
        assert isinstance(told, dict)
        return told


def compare(
    before: TrainedModel, after: TrainedModel, history: History, *, as_of: int | None = None, top: int = 10
) -> Comparison:
    """Score a history's open leads with both models and explain the differences.

    Parameters
    ----------
    before, after : TrainedModel
    history : History
    as_of : int, optional
        Microseconds UTC. Default: the history's end.
    top : int
        How many leads to explain.

    Raises
    ------
    ModelContractError
        If a model looks at times and the history has none, or needs features that this code can't compute.
    """
    moment = as_of if as_of is not None else to_micros(history.ended_at.to_pydatetime()) if history.ended_at else 0
    rows = _open(history, (before, after), moment)
    one, two = (_Scored.by(model, history, rows, moment) for model in (before, after))
    place = [rankdata(-np.round(scored.log_odds, 9), method="min").astype(int) for scored in (one, two)]
    moved = two.score - one.score
    split = _Split.of(one, two)
    order = np.lexsort((-np.abs(two.log_odds - one.log_odds), -np.abs(moved)))[:top]
    ids = history.leads["lead_id"].to_numpy()[rows]
    furthest = tuple(_move(i, str(ids[i]), one, two, (place[0][i], place[1][i]), split, moment) for i in order.tolist())
    return Comparison(
        leads=len(rows),
        rank_correlation=_correlation(place[0], place[1]),
        moved_by=dict(_by_step(np.abs(moved))),
        median_move=float(np.median(moved)) if len(moved) else 0.0,
        bands=_bands(one, two),
        furthest=furthest,
        made_differently=made_differently(before, after),
    )


def _open(history: History, models: tuple[TrainedModel, TrainedModel], moment: int) -> NDArray[np.int64]:
    """Return the leads that are open by the goal of each model that has dates; all where none has."""
    rows = np.arange(len(history.leads), dtype=np.int64)
    for model in models:
        check_primitives(model.catalog, "the model")
        if not model.catalog.dated:
            continue
        if not history.is_dated:
            raise ModelContractError(
                "One of the models was trained on a dated history and looks at times, but this one is an undated "
                "export. Compare them on a history with dates."
            )
        rows = np.intersect1d(rows, open_leads(history, goal_stage=model.catalog.goal_stage, as_of=moment))
    return rows


@dataclass(frozen=True)
class _Scored:
    """One model's answer for the open leads."""

    model: TrainedModel
    matrix: NDArray[np.float64]
    base: float
    shares: NDArray[np.float64]
    raw: NDArray[np.float64]
    log_odds: NDArray[np.float64]
    score: NDArray[np.int64]

    @classmethod
    def by(cls, model: TrainedModel, history: History, rows: NDArray[np.int64], moment: int) -> _Scored:
        timeline = Timeline.from_history(history, model.catalog.vocabulary)
        matrix = build(model.catalog, timeline, Asked(rows, np.full(len(rows), moment, np.int64)))
        base, shares, raw = model.ranker.contributions(matrix)
        log_odds = model.calibration.intercept + model.calibration.slope * raw
        return cls(model, matrix, base, shares, raw, log_odds, model.percentile(log_odds))


@dataclass(frozen=True)
class _Split:
    """Every lead's difference in log-odds: ``base + calibration + by_group.sum(axis=1)``.

    Attributes
    ----------
    groups : mapping of str to tuple of str
        Topics of each common group, by its name.
    base : float
    calibration : ndarray of shape (n_leads,)
    by_group : ndarray of shape (n_leads, n_groups)
    slope : float
        The mean slope.
    """

    groups: Mapping[str, tuple[str, ...]]
    base: float
    calibration: NDArray[np.float64]
    by_group: NDArray[np.float64]
    slope: float

    @classmethod
    def of(cls, one: _Scored, two: _Scored) -> _Split:
        groups = _common_groups(one.model.catalog, two.model.catalog)
        was, now = one.model.calibration, two.model.calibration
        slope = (was.slope + now.slope) / 2.0
        sums = [_by_group(scored, groups) for scored in (one, two)]
        calibration = now.intercept - was.intercept + (now.slope - was.slope) * (one.raw + two.raw) / 2.0
        return cls(groups, slope * (two.base - one.base), calibration, slope * (sums[1] - sums[0]), slope)


def _common_groups(one: Catalog, two: Catalog) -> dict[str, tuple[str, ...]]:
    """Join the topics that either model joins; a group bears the name of its first topic."""
    leader = {f.topic: f.topic for catalog in (two, one) for f in catalog.features}
    order = {topic: i for i, topic in enumerate(leader)}

    def find(topic: str) -> str:
        while leader[topic] != topic:
            topic = leader[topic]
        return topic

    for catalog in (two, one):
        first: dict[str, str] = {}
        for feature in catalog.features:
            pair = find(feature.topic), find(first.setdefault(feature.group, feature.topic))
            leader[max(pair, key=order.__getitem__)] = min(pair, key=order.__getitem__)
    topics: dict[str, list[str]] = {}
    for topic in leader:
        topics.setdefault(find(topic), []).append(topic)
    return {name: tuple(members) for name, members in topics.items()}


def _by_group(scored: _Scored, groups: Mapping[str, tuple[str, ...]]) -> NDArray[np.float64]:
    """Return raw log-odds by common group; shape (n_leads, n_groups), 0 for a group that the model lacks."""
    place = {topic: i for i, topics in enumerate(groups.values()) for topic in topics}
    sums = np.zeros((len(scored.shares), len(groups)))
    for column, feature in enumerate(scored.model.catalog.features):
        sums[:, place[feature.topic]] += scored.shares[:, column]
    return sums


def _move(i: int, lead_id: str, one: _Scored, two: _Scored, place: tuple[int, int], split: _Split, moment: int) -> Move:
    parts = split.by_group[i]
    order = [int(g) for g in np.argsort(-np.abs(parts), kind="stable") if parts[g] != 0.0]
    names = list(split.groups)
    why = (
        Why(names[g], float(parts[g]), _said(split.groups[names[g]], i, one, two, split.slope, moment)) for g in order
    )
    score = int(one.score[i]), int(two.score[i])
    return Move(
        lead_id,
        score,
        (int(place[0]), int(place[1])),
        (one.model.band(score[0]), two.model.band(score[1])),
        (float(one.log_odds[i]), float(two.log_odds[i])),
        split.base,
        float(split.calibration[i]),
        tuple(why),
    )


def _said(topics: tuple[str, ...], i: int, one: _Scored, two: _Scored, slope: float, moment: int) -> str:
    """Say what is so of the lead: the topic of the group with the largest part in the difference."""
    parts = {topic: slope * (_of_topic(two, topic, i) - _of_topic(one, topic, i)) for topic in topics}
    topic = max(parts, key=lambda name: abs(parts[name]))
    speaker = two if topic in _topics_of(two) else one
    text = sayers(speaker.model.catalog)["en"][topic].say(speaker.matrix[i].tolist(), moment)
    if topic not in _topics_of(two):
        return f"{text} (no longer looked at)"
    return text if topic in _topics_of(one) else f"{text} (newly looked at)"


def _topics_of(scored: _Scored) -> set[str]:
    return {feature.topic for feature in scored.model.catalog.features}


def _of_topic(scored: _Scored, topic: str, i: int) -> float:
    features = scored.model.catalog.features
    return float(sum(scored.shares[i, column] for column, f in enumerate(features) if f.topic == topic))


def _correlation(one: NDArray[Any], two: NDArray[Any]) -> float:
    """Return Spearman's rank correlation, ties at their middle."""
    a, b = rankdata(one), rankdata(two)
    if len(a) < 2 or a.std() == 0.0 or b.std() == 0.0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def _by_step(distance: NDArray[np.int64]) -> Iterator[tuple[str, int]]:
    below = -1
    for end in STEPS:
        name = str(end) if end == below + 1 else f"{below + 1} to {end}"
        yield name, int(((distance > below) & (distance <= end)).sum())
        below = end
    yield f"more than {below}", int((distance > below).sum())


def _bands(one: _Scored, two: _Scored) -> dict[str, dict[str, int]]:
    found = {before: dict.fromkeys(BANDS, 0) for before in BANDS}
    for before, after in zip(one.score.tolist(), two.score.tolist(), strict=True):
        found[one.model.band(before)][two.model.band(after)] += 1
    return found
