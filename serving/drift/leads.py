"""The leads that are compared: such as requests bring, and such as the store keeps; of many a fair sample.

A lead counts once, by its last score, however often it is asked about. Which of many are looked at is decided by a hash
of their ids, so that busy leads are not preferred. What pages show is not counted: they show the strongest first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from leadlight.core.clock import DAY
from leadlight.serving.rescoring.scoring import unpacked
from leadlight.serving.scorer import Answer, Scorer
from leadlight.serving.store.database import Database
from leadlight.serving.store.schema import SCORES
from leadlight.serving.store.sql import in_pages, is_true, parts

__all__ = ["MOST", "AskedLeads", "Leads", "StoredLeads"]

MOST: Final = 4_000
"""Leads that are kept; of so many the index is told to about .01."""

_EVERY: Final = 900.0
"""Seconds between two looks at the store."""

_AGAIN: Final = 60.0
"""The same where leads were still being scored by a new model."""

_NEARLY_ALL: Final = 0.9
"""Share of the leads looked at that the model has to have scored: those that it came to first are no fair sample."""

_AT_ONCE: Final = 5_000


@dataclass(frozen=True, slots=True)
class Leads:
    """Leads as a model saw them.

    Attributes
    ----------
    scorer : Scorer
        Whose model.
    scores : array of shape (n_leads,)
    matrix : array of shape (n_leads, n_features)
    """

    scorer: Scorer
    scores: NDArray[np.float64]
    matrix: NDArray[np.float64]

    @classmethod
    def of(cls, scorer: Scorer, scores: Sequence[int], rows: Sequence[NDArray[np.float64]]) -> Leads:
        """Put rows together."""
        width = len(scorer.model.catalog.features)
        return cls(scorer, np.array(scores, np.float64), np.array(rows, np.float64).reshape(len(rows), width))


class AskedLeads:
    """The leads of the last day's requests.

    Parameters
    ----------
    most : int
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = Lock()
        self._scorer: Scorer | None = None
        self._mask = 0
        self._kept: dict[int, tuple[int, int, NDArray[np.float64]]] = {}

    def add(self, scorer: Scorer, answers: Sequence[Answer], now: int) -> None:
        """Take answers to requests in; what was asked about an earlier day does not count.

        Parameters
        ----------
        scorer : Scorer
        answers : sequence of Answer
        now : int
            Microseconds.
        """
        with self._lock:
            if scorer is not self._scorer:
                self._scorer, self._mask, self._kept = scorer, 0, {}
            kept, mask, recent = self._kept, self._mask, now - DAY
            for answer in answers:
                number = hash(answer.lead_id)
                if not number & mask and answer.as_of > recent:
                    kept[number] = now, answer.score, answer.row.copy()  # a copy: the row is part of a larger array
            while len(self._kept) > self._most:
                self._mask = 2 * self._mask + 1
                self._kept = {number: found for number, found in self._kept.items() if not number & self._mask}

    def leads(self, now: int) -> Leads | None:
        """Return the leads of the last day; None where nothing was ever asked."""
        with self._lock:
            self._kept = {number: found for number, found in self._kept.items() if found[0] > now - DAY}
            if self._mask and 4 * len(self._kept) < self._most:
                self._mask >>= 1
            found, scorer = list(self._kept.values()), self._scorer
        if scorer is None:
            return None
        return Leads.of(scorer, [score for _, score, _ in found], [row for _, _, row in found])


class StoredLeads:
    """The store's open leads, by their last scores, as they were at the last look.

    Parameters
    ----------
    database : Database
    scorer : callable
        Returns the scorer, None while there is none.
    seconds : callable
        A clock that only runs forward.
    most : int
    """

    def __init__(
        self,
        database: Database,
        scorer: Callable[[], Scorer | None],
        *,
        seconds: Callable[[], float] = time.monotonic,
        most: int = MOST,
    ) -> None:
        self._database = database
        self._scorer = scorer
        self._seconds = seconds
        self._most = most
        self._next = 0.0
        self.leads: Leads | None = None

    def look(self) -> None:
        """Look at the store if it is time to, or another model serves; it takes a second for a million leads."""
        scorer = self._scorer()
        if scorer is None:
            return
        same = self.leads is not None and self.leads.scorer is scorer
        if same and self._seconds() < self._next:
            return
        with self._database.reading() as connection:
            chosen = self._chosen(connection)
            leads = _scored_by(connection, scorer, chosen)
        scored = len(leads.scores) >= _NEARLY_ALL * len(chosen)
        self.leads = leads if scored else Leads.of(scorer, [], [])
        self._next = self._seconds() + (_EVERY if scored else _AGAIN)

    def _chosen(self, connection: Connection) -> list[str]:
        """Return a fair sample of the open leads."""
        chosen: list[str] = []
        mask = 0
        asked = select(SCORES.c.lead_id).where(is_true(SCORES.c.is_open))
        for (lead_id,) in in_pages(connection, asked, SCORES.c.lead_id, _AT_ONCE):
            if not hash(lead_id) & mask:
                chosen.append(lead_id)
                if len(chosen) > self._most:
                    mask = 2 * mask + 1
                    chosen = [one for one in chosen if not hash(one) & mask]
        return chosen


def _scored_by(connection: Connection, scorer: Scorer, lead_ids: Sequence[str]) -> Leads:
    """Return those leads that a model has scored; laid out in place: a look must not raise what the process holds."""
    scores = np.empty(len(lead_ids))
    matrix = np.empty((len(lead_ids), len(scorer.model.catalog.features)))
    found = 0
    for part in parts(lead_ids):
        kept = select(SCORES.c.score, SCORES.c.features).where(
            SCORES.c.lead_id.in_(part), SCORES.c.model_version == scorer.version
        )
        for score, features in connection.execute(kept):
            scores[found], matrix[found] = score, unpacked(features)
            found += 1
    return Leads(scorer, scores[:found], matrix[:found])
