"""The pages of the store's leads: scores as they were last worked out, receipts for what is shown.

Nothing is held in memory but counts, for seconds: a page is read from the store each time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final, TypeVar, cast

from sqlalchemy import ColumnElement, Connection, and_, func, select, tuple_
from sqlalchemy.exc import SQLAlchemyError

from leadlight.core.clock import FixedClock, from_micros
from leadlight.core.errors import Unavailable
from leadlight.serving.desk import Desk
from leadlight.serving.ledger.ledger import ErasedLead, UnknownLead
from leadlight.serving.ledger.reading import (
    Known,
    attributes_of,
    latest_stage,
    read_attributes,
    read_known,
    read_lead,
)
from leadlight.serving.page_parts import Place, agreement_facts, model_facts, queue_row, score_parts
from leadlight.serving.pages_data import (
    Band,
    Deciding,
    Decision,
    DecisionEntry,
    LeadMoved,
    LeadPage,
    LeadUnscored,
    QueuePage,
    QueueRow,
)
from leadlight.serving.scorer import Scorer
from leadlight.serving.showing import (
    Filters,
    Shown,
    find_stretch,
    give_receipts,
    read_scores,
    shown_before,
    still_there,
)
from leadlight.serving.store.plain_error import plain
from leadlight.serving.store.schema import DECISIONS, LEADS, SCORES
from leadlight.serving.store.sql import is_true
from leadlight.serving.timeline_entries import timeline_of

__all__ = ["StoredPages"]

_log = logging.getLogger("leadlight.serving")

_COUNTED_FOR: Final = 3.0
"""Seconds for which counts per band and the list of owners are kept."""

_DECISIONS_SHOWN: Final = 10

_BANDS: Final[tuple[Band, ...]] = ("hot", "warm", "cold")
_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True)
class _Counted:
    """What the whole queue holds, or that of one owner.

    Attributes
    ----------
    bands : mapping of band to int
    owners : tuple of str
    nothing_told : bool
    at : float
        Seconds, of a clock that only goes on.
    """

    bands: Mapping[str, int]
    owners: tuple[str, ...]
    nothing_told: bool
    at: float


class StoredPages:
    """The open leads of the store, ranked by their last scores, and any lead that it holds.

    A lead's rank is its place within the list that is shown, hence within the filters and, for a rep bound to an
    owner, within their own leads; on the lead's own page it is the place among all open leads that the reader may see.

    Parameters
    ----------
    desk : Desk
    seconds : callable
        A clock that only goes on: tells how old counts are.
    """

    def __init__(self, desk: Desk, seconds: Callable[[], float] = time.monotonic) -> None:
        self._desk = desk
        self._seconds = seconds
        self._lock = Lock()
        self._counted: dict[tuple[str | None, int], _Counted] = {}

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
        """See `leadlight.serving.pages_data.Pages.queue`."""
        scorer = self._scorer()
        filters = Filters(owner=own or owner, band=band, minimum_score=minimum_score)
        now = self._desk.now()

        def read(connection: Connection) -> tuple[list[Mapping[str, Any]], int, _Counted]:
            found, total = find_stretch(connection, scorer, filters, offset, limit)
            whole = total if filters == Filters(owner=own) else None
            return found, total, self._counts(connection, scorer, own, whole)

        found, total, counted = self._asked(lambda: self._desk.memory.read(read))
        ranks = {row["lead_id"]: offset + place for place, row in enumerate(found, 1)}
        shown, spelled = self._asked(lambda: self._show(scorer, found, now, language)) if found else ([], {})
        return QueuePage(
            rows=tuple(_row(scorer, one, ranks[one.answer.lead_id], spelled) for one in shown),
            total=total,
            offset=offset,
            limit=limit,
            band=band,
            counts=counted.bands,
            as_of=from_micros(now if self._fixed_clock else min((one.answer.as_of for one in shown), default=now)),
            fixed_clock=self._fixed_clock,
            model=model_facts(scorer, language),
            agreement=agreement_facts(scorer),
            language=language,
            degraded=self._desk.keeper.degraded,
            minimum_score=minimum_score,
            owner=None if own is not None else owner,
            owners=counted.owners,
            nothing_told=counted.nothing_told,
        )

    def lead(
        self, lead_id: str, *, language: str, own: str | None = None
    ) -> LeadPage | LeadMoved | LeadUnscored | None:
        """See `leadlight.serving.pages_data.Pages.lead`; a lead that has left the queue has a page without a rank."""
        scorer = self._scorer()
        try:
            return self._asked(lambda: self._lead(scorer, lead_id, language, own))
        except UnknownLead:
            return None
        except ErasedLead:
            return LeadUnscored("erased")

    def _lead(
        self, scorer: Scorer, asked: str, language: str, own: str | None
    ) -> LeadPage | LeadMoved | LeadUnscored | None:
        memory, now = self._desk.memory, self._desk.now()
        lead_id, lead, row = memory.read(lambda connection: _look_up(connection, self._desk, asked, own))
        if lead is None:
            return None
        if lead_id != asked:
            return LeadMoved(lead_id)
        if lead["objected_at"] is not None:
            return LeadUnscored("objected")
        shown: list[Shown] = [] if row is None else self._show(scorer, [row], now, language)[0]
        if not shown:  # not scored yet; or erased, or objected, at this very moment: the next look says which
            return LeadUnscored("unscored")
        around = memory.read(lambda connection: _around(connection, shown[0], own, now))
        return self._page(scorer, shown[0], around, language)

    def _page(self, scorer: Scorer, shown: Shown, around: _Around, language: str) -> LeadPage | None:
        if not around.known.leads:  # erased since
            return None
        lead, answer = around.known.leads[0], shown.answer
        attributes = attributes_of(lead, around.known.attribute_changes)
        stage = latest_stage(around.known.stage_changes)
        timeline, left_out = timeline_of(
            around.known.activities, around.known.stage_changes, lead["created_at"], language
        )
        place = Place(around.rank, lead["account_id"], lead["owner_id"], stage)
        return LeadPage(
            row=queue_row(scorer, answer, place, shown.receipt_id, _spelling(attributes)),
            open_leads=around.open_leads,
            created_at=from_micros(lead["created_at"]),
            timeline=timeline,
            timeline_left_out=left_out,
            as_of=self._desk.clock.now() if self._fixed_clock else from_micros(answer.as_of),
            fixed_clock=self._fixed_clock,
            degraded=self._desk.keeper.degraded,
            deciding=Deciding(self._desk.ids.next(), around.decisions),
            **score_parts(scorer, answer, _spelling(attributes)),
        )

    def _scorer(self) -> Scorer:
        self._desk.champion.look_again()  # a model may have been promoted since the start
        return self._desk.champion.scorer

    @property
    def _fixed_clock(self) -> bool:
        return isinstance(self._desk.clock, FixedClock)

    def _show(
        self, scorer: Scorer, rows: Sequence[Mapping[str, Any]], now: int, language: str
    ) -> tuple[list[Shown], dict[str, dict[str, Any]]]:
        """Return scores in words with their receipts, and leads' attributes by id; only new receipts are written."""

        def read(connection: Connection) -> tuple[list[Shown] | None, dict[str, dict[str, Any]]]:
            before = shown_before(scorer, still_there(connection, rows), language=language, reasons=None)
            return before, self._attributes(connection, before or (), now)

        def write(connection: Connection) -> tuple[list[Shown], dict[str, dict[str, Any]]]:
            given = give_receipts(connection, scorer, rows, self._desk.ids, now, language=language, reasons=None)
            return given, self._attributes(connection, given, now)

        shown, attributes = self._desk.memory.read(read)
        if shown is None:
            shown, attributes = self._desk.memory.write_here(write)
        self._desk.metrics.scored(scorer, [one.answer for one in shown])
        return shown, attributes

    def _attributes(self, connection: Connection, shown: Sequence[Shown], now: int) -> dict[str, dict[str, Any]]:
        return read_attributes(connection, [one.answer.lead_id for one in shown], now + 1)

    def _counts(self, connection: Connection, scorer: Scorer, own: str | None, whole: int | None) -> _Counted:
        """Return counts that are seconds old at most, and never contradict a list of ``whole`` leads."""
        key, now = (own, scorer.version), self._seconds()
        with self._lock:
            found = self._counted.get(key)
        if found is not None and now - found.at < _COUNTED_FOR and whole in (None, sum(found.bands.values())):
            return found
        found = _count(connection, scorer, own, now)
        with self._lock:
            self._counted = {other: kept for other, kept in self._counted.items() if now - kept.at < _COUNTED_FOR}
            self._counted[key] = found
        return found

    def _asked(self, act: Callable[[], _Made]) -> _Made:
        try:
            return act()
        except (SQLAlchemyError, OSError) as error:
            _log.warning("the store does not answer: %s", plain(error))
            raise Unavailable("The database does not answer; try again later.") from None


def _look_up(
    connection: Connection, desk: Desk, asked: str, own: str | None
) -> tuple[str, dict[str, Any] | None, Mapping[str, Any] | None]:
    """Return the id that a lead goes by, the lead, and its score where it has one."""
    lead_id = desk.memory.ledger.known_to(connection, asked, own)
    return lead_id, read_lead(connection, lead_id), read_scores(connection, [lead_id]).get(lead_id)


@dataclass(frozen=True, slots=True)
class _Around:
    """What a lead's page shows beside the score.

    Attributes
    ----------
    known : Known
    decisions : tuple of DecisionEntry
    rank : int or None
    open_leads : int
    """

    known: Known
    decisions: tuple[DecisionEntry, ...]
    rank: int | None
    open_leads: int


def _around(connection: Connection, shown: Shown, own: str | None, now: int) -> _Around:
    lead_id, table = shown.answer.lead_id, DECISIONS.c
    decided = (
        select(table.decided_at, table.decision, table.reason)
        .where(table.lead_id == lead_id)
        .order_by(table.decided_at.desc(), table.decision_id.desc())
        .limit(_DECISIONS_SHOWN)
    )
    rank = _count_open(connection, own, shown.row) + 1 if shown.row["is_open"] else None
    return _Around(
        read_known(connection, [lead_id], now + 1, colleagues=False),
        tuple(
            DecisionEntry(from_micros(at), cast("Decision", decision), reason)
            for at, decision, reason in connection.execute(decided)
        ),
        rank,
        _count_open(connection, own),
    )


def _count_open(connection: Connection, own: str | None, before: Mapping[str, Any] | None = None) -> int:
    """Return how many leads are in the queue, or before one of them."""
    scores, wanted = SCORES.c, _open_to(own)
    if before is not None:
        mine = tuple_(before["score"], before["log_odds"], before["lead_id"])
        wanted.append(tuple_(scores.score, scores.log_odds, scores.lead_id) > mine)
    return connection.execute(select(func.count()).select_from(SCORES).where(and_(*wanted))).scalar_one()


def _open_to(own: str | None) -> list[ColumnElement[bool]]:
    is_open = is_true(SCORES.c.is_open)
    return [is_open] if own is None else [is_open, SCORES.c.owner_id == own]


def _count(connection: Connection, scorer: Scorer, own: str | None, now: float) -> _Counted:
    scores = SCORES.c
    by_score = select(scores.score, func.count()).where(and_(*_open_to(own))).group_by(scores.score)
    bands: dict[str, int] = dict.fromkeys(_BANDS, 0)
    for score, leads in connection.execute(by_score):
        bands[scorer.model.band(score)] += leads
    owners: list[str] = []
    if own is None:
        named = select(scores.owner_id).where(*_open_to(None), scores.owner_id.is_not(None)).group_by(scores.owner_id)
        owners = sorted(connection.execute(named).scalars())
    nothing = not any(bands.values()) and connection.execute(select(LEADS.c.lead_id).limit(1)).first() is None
    return _Counted(bands, tuple(owners), nothing, now)


def _row(scorer: Scorer, shown: Shown, rank: int, spelled: Mapping[str, Mapping[str, Any]]) -> QueueRow:
    row = shown.row
    place = Place(rank, row["account_id"], row["owner_id"], row["stage"])
    return queue_row(scorer, shown.answer, place, shown.receipt_id, _spelling(spelled.get(row["lead_id"], {})))


def _spelling(attributes: Mapping[str, Any]) -> Callable[[str], str | None]:
    """Return a look-up of attributes as the CRM spells them."""
    return lambda name: None if attributes.get(name) is None else str(attributes[name])
