"""The ranked queue: a history's open leads, scored in memory, as the pages show them.

Scores are worked out once for all; words, evidence and receipts only for the leads that are shown: every score
that a person sees has a receipt.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leadlight.core.artifact import TrainedModel
from leadlight.core.clock import FixedClock, from_micros
from leadlight.core.history import History
from leadlight.features.timeline import Timeline
from leadlight.serving.batch import CHUNK, current_stages, matrix_of, open_leads
from leadlight.serving.desk import Desk
from leadlight.serving.events import Events
from leadlight.serving.page_parts import Place, agreement_facts, model_facts, queue_row, score_parts
from leadlight.serving.pages_data import Band, LeadPage, QueuePage, QueueRow
from leadlight.serving.scorer import Answer, Scorer

__all__ = ["RankedQueue"]


@dataclass(frozen=True)
class _Ranking:
    """Open leads by rank; every array has one entry a lead, the strongest first.

    Attributes
    ----------
    rows : array
        Row in ``history.leads``.
    matrix : array of shape (n_leads, n_features)
    score : array, dtype int64
    points_rank : array or None
        None where the agreement has no points; equal points share the best rank.
    """

    rows: NDArray[np.int64]
    matrix: NDArray[np.float64]
    score: NDArray[np.int64]
    points_rank: NDArray[np.int64] | None

    @classmethod
    def of(cls, model: TrainedModel, history: History, as_of: int) -> _Ranking:
        rows = open_leads(history, model.catalog, as_of)
        timeline = Timeline.from_history(history, model.catalog.vocabulary)
        matrix = matrix_of(model.catalog, timeline, rows, as_of)
        parts = [model.score(matrix[start : start + CHUNK]) for start in range(0, len(rows), CHUNK)]
        log_odds = np.concatenate([np.zeros(0), *(part.log_odds for part in parts)])
        score = np.concatenate([np.zeros(0, np.int64), *(part.score for part in parts)])
        ids = history.leads["lead_id"].to_numpy()[rows].astype(str)
        order = np.lexsort((ids, -np.round(log_odds, 9)))
        matrix = matrix[order]
        points_rank = _shared_ranks(model.scorecard_points(matrix)) if model.points else None
        return cls(rows[order], matrix, score[order], points_rank)


def _shared_ranks(points: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return ranks from 1, the most points first; equals share the best.

    Examples
    --------
    >>> _shared_ranks(np.array([5.0, 20.0, 5.0])).tolist()
    [2, 1, 2]
    """
    return np.searchsorted(np.sort(-points), -points, side="left").astype(np.int64) + 1


class RankedQueue:
    """The open leads of a history at the clock's time.

    Parameters
    ----------
    desk : Desk
        Its clock says the moment; its keeper takes the receipts of what is shown.
    scorer : Scorer
    history : History
    """

    def __init__(self, desk: Desk, scorer: Scorer, history: History) -> None:
        self._desk, self._scorer, self._history = desk, scorer, history
        self._as_of = desk.now()
        self._ranking = _Ranking.of(scorer.model, history, self._as_of)
        leads = history.leads.iloc[self._ranking.rows]
        self._ids: list[str] = leads["lead_id"].tolist()
        self._place = {lead_id: place for place, lead_id in enumerate(self._ids)}
        self._accounts = _or_none(leads["account_id"])
        self._owners = _or_none(leads["owner_id"])
        self._stages = _or_none(leads["lead_id"].map(current_stages(history, self._as_of)).astype("str"))
        self._created = leads["created_at"].tolist()
        self._bands = np.array([scorer.model.band(int(score)) for score in self._ranking.score], dtype="U4")
        self._owner_of = np.array(self._owners, dtype=object)
        self._all_owners = tuple(sorted({name for name in self._owners if name is not None}))
        self._events = Events(history, self._ids)
        self._receipts: dict[str, str] = {}
        self._shown: dict[tuple[int, str], QueueRow] = {}
        self._lock = Lock()

    def queue(
        self,
        *,
        language: str,
        offset: int = 0,
        limit: int = 50,
        band: Band | None = None,
        minimum_score: int = 0,
        owner: str | None = None,
        own: str | None = None,
    ) -> QueuePage:
        """Return one page of the ranked list."""
        mine = np.ones(len(self._ids), bool) if own is None else self._owner_of == own
        chosen = mine & (self._ranking.score >= minimum_score)
        if band is not None:
            chosen &= self._bands == band
        if owner is not None:
            chosen &= self._owner_of == owner
        places = np.flatnonzero(chosen)
        rows, degraded = self._rows(places[offset : offset + limit].tolist(), language)
        return QueuePage(
            rows=rows,
            total=len(places),
            offset=offset,
            limit=limit,
            band=band,
            counts={name: int((mine & (self._bands == name)).sum()) for name in ("hot", "warm", "cold")},
            as_of=from_micros(self._as_of),
            fixed_clock=self._fixed_clock,
            model=model_facts(self._scorer, language),
            agreement=agreement_facts(self._scorer),
            language=language,
            degraded=degraded,
            minimum_score=minimum_score,
            owner=owner,
            owners=self._all_owners if own is None else (),
        )

    def lead(self, lead_id: str, *, language: str, own: str | None = None) -> LeadPage | None:
        """Return a lead's page; None if no open lead has this id."""
        place = self._place.get(lead_id)
        if place is None or own not in (None, self._owners[place]):
            return None
        [answer] = self._answers([place], language)
        receipt_ids, degraded = self._keep([answer])
        timeline, left_out = self._events.timeline(lead_id, self._created[place], self._as_of, language)
        return LeadPage(
            row=self._row(place, answer, receipt_ids[0]),
            open_leads=len(self._ids),
            created_at=None if self._created[place] is pd.NaT else self._created[place].to_pydatetime(),
            timeline=timeline,
            timeline_left_out=left_out,
            as_of=from_micros(self._as_of),
            fixed_clock=self._fixed_clock,
            degraded=degraded,
            **score_parts(self._scorer, answer, self._raw(place)),
        )

    @property
    def _fixed_clock(self) -> bool:
        return isinstance(self._desk.clock, FixedClock)

    def _answers(self, places: Sequence[int], language: str) -> list[Answer]:
        """Explain leads together: one by one each would pay for what a call to the model costs."""
        if not places:
            return []
        matrix, ids = self._ranking.matrix[places], [self._ids[place] for place in places]
        return self._scorer.explain_all(matrix, ids, self._as_of, language=language, reasons=None)

    def _keep(self, answers: Sequence[Answer]) -> tuple[list[str | None], tuple[str, ...]]:
        """Write receipts for what was not shown before; the scores stand still, so one a lead is enough."""
        with self._lock:
            new = [answer for answer in answers if answer.lead_id not in self._receipts]
            kept = self._desk.keep(self._scorer, new)
            for answer, receipt_id in zip(new, kept.receipt_ids, strict=True):
                if receipt_id is not None:
                    self._receipts[answer.lead_id] = receipt_id
            return [self._receipts.get(answer.lead_id) for answer in answers], kept.degraded

    def _rows(self, places: Sequence[int], language: str) -> tuple[tuple[QueueRow, ...], tuple[str, ...]]:
        """Return rows of the list and what is degraded; scores stand still, so a row is made once a language."""
        new = [place for place in places if (place, language) not in self._shown]
        answers = self._answers(new, language)
        receipt_ids, degraded = self._keep(answers)
        made = {
            place: self._row(place, answer, receipt_id)
            for place, answer, receipt_id in zip(new, answers, receipt_ids, strict=True)
        }
        self._shown.update({(place, language): row for place, row in made.items() if row.receipt_id is not None})
        rows = tuple(made[place] if place in made else self._shown[place, language] for place in places)
        return rows, degraded

    def _row(self, place: int, answer: Answer, receipt_id: str | None) -> QueueRow:
        ranks = self._ranking.points_rank
        beside = Place(
            place + 1,
            self._accounts[place],
            self._owners[place],
            self._stages[place],
            None if ranks is None else int(ranks[place]),
        )
        return queue_row(self._scorer, answer, beside, receipt_id, self._raw(place))

    def _raw(self, place: int) -> Callable[[str], str | None]:
        """Return a look-up of the lead's attributes as the history spells them."""
        leads, row = self._history.leads, int(self._ranking.rows[place])
        fixed = {attribute.name for attribute in self._history.attributes if attribute.known != "dated"}

        def look_up(name: str) -> str | None:
            value = leads[name].iloc[row] if name in fixed else None
            return None if value is None or pd.isna(value) else str(value)

        return look_up


def _or_none(column: pd.Series[str]) -> list[str | None]:
    return [None if pd.isna(value) else str(value) for value in column]
