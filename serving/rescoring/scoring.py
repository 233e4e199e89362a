"""Stored leads in, scores out: the same features and the same bits as a request with the same record gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from leadlight.agreement.stages import Standing, follow
from leadlight.core.stages import reached
from leadlight.features.build import build
from leadlight.features.online import timeline_of_crowd
from leadlight.features.timeline import Moments
from leadlight.serving.ledger.reading import Known, stages_in_order
from leadlight.serving.pages_data import Band
from leadlight.serving.scorer import Scorer

__all__ = ["Fresh", "looks_at_accounts", "packed", "score_known", "unpacked"]

_LAYOUT: Final = "<f8"


@dataclass(frozen=True, slots=True)
class Fresh:
    """A lead's score at a moment.

    Attributes
    ----------
    lead_id : str
    as_of : int
        Microseconds.
    is_open : bool
        Whether the lead is in the queue: neither closed nor converted.
    stage : str or None
    account_id, owner_id : str or None
    row : array of shape (n_features,)
        What the model looked at.
    log_odds : float
    score : int
    band : {"hot", "warm", "cold"}
    """

    lead_id: str
    as_of: int
    is_open: bool
    stage: str | None
    account_id: str | None
    owner_id: str | None
    row: NDArray[np.float64]
    log_odds: float
    score: int
    band: Band


def looks_at_accounts(scorer: Scorer) -> bool:
    """Return whether a model looks at what a lead's colleagues do."""
    return any(feature.primitive.startswith("account_") for feature in scorer.model.catalog.features)


def score_known(scorer: Scorer, known: Known, as_of: int) -> list[Fresh]:
    """Score the leads that were asked for and may be scored.

    Left out are those who object, and those that were not there yet.

    Parameters
    ----------
    scorer : Scorer
    known : Known
        As it was at ``as_of``.
    as_of : int
        Microseconds.
    """
    known = _without_objecting(known, as_of)
    places = [
        place
        for place, lead in enumerate(known.leads[: known.asked])
        if max(lead["created_at"], lead["recorded_at"]) < as_of
    ]
    if not places:
        return []
    model = scorer.model
    timeline = timeline_of_crowd(model.catalog.vocabulary, known)
    rows = np.array(places, np.int64)
    matrix = build(model.catalog, timeline, Moments(rows, np.full(len(rows), as_of, np.int64)))
    scored = model.score(matrix)
    stages = _stages_by_lead(known.stage_changes)
    goal = reached(model.catalog.goal_stage)
    return [
        _fresh(scorer, known.leads[place], stages, goal, as_of, *parts)
        for place, *parts in zip(places, matrix, scored.log_odds.tolist(), scored.score.tolist(), strict=True)
    ]


def _without_objecting(known: Known, as_of: int) -> Known:
    """Leave out who objects: asked about beside their colleagues, they would count as a colleague of theirs."""
    asked = [lead for lead in known.leads[: known.asked] if lead["objected_at"] is None]
    others = [
        lead for lead in known.leads[known.asked :] if lead["objected_at"] is None or lead["objected_at"] >= as_of
    ]
    return replace(known, leads=[*asked, *others], asked=len(asked))


def _fresh(
    scorer: Scorer,
    lead: Mapping[str, Any],
    stages: Mapping[str, Sequence[str]],
    goal: frozenset[str],
    as_of: int,
    row: NDArray[np.float64],
    log_odds: float,
    score: int,
) -> Fresh:
    mine = stages.get(lead["lead_id"], ())
    standing = Standing()
    for stage in mine:
        standing = follow(standing, stage, goal)
    return Fresh(
        lead["lead_id"],
        as_of,
        standing.open and not standing.converted,
        mine[-1] if mine else None,
        lead["account_id"],
        lead["owner_id"],
        row,
        log_odds,
        score,
        scorer.model.band(score),
    )


def _stages_by_lead(changes: Sequence[dict[str, Any]]) -> dict[str, list[str]]:
    """Return each lead's stages in order of time; at one instant in the order of the usual ladder."""
    found: dict[str, list[str]] = {}
    for row in stages_in_order(changes):
        found.setdefault(row["lead_id"], []).append(row["stage"])
    return found


def packed(row: NDArray[np.float64]) -> bytes:
    """Return a row of features as the store keeps it.

    Examples
    --------
    >>> unpacked(packed(np.array([1.5, np.nan]))).tolist()
    [1.5, nan]
    """
    return row.astype(_LAYOUT).tobytes()


def unpacked(features: bytes) -> NDArray[np.float64]:
    """Return what `packed` was given."""
    return np.frombuffer(features, _LAYOUT).astype(np.float64)
