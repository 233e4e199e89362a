"""Writing scores down, and telling the CRM of those that changed enough: one transaction, so that both are true."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select

from leadlight.serving.outbox.payload import score_changed
from leadlight.serving.reasons import why_of
from leadlight.serving.rescoring.scoring import Fresh, packed
from leadlight.serving.scorer import Answer, Scorer
from leadlight.serving.store.ids import ReceiptIds
from leadlight.serving.store.outbox_table import enqueue
from leadlight.serving.store.receipt_table import insert_receipts
from leadlight.serving.store.receipts import Slip
from leadlight.serving.store.schema import SCORES
from leadlight.serving.store.sql import any_of, parts, upsert

__all__ = ["News", "Teller", "write_scores"]


@dataclass(frozen=True, slots=True)
class News:
    """A score that the CRM is to be told of, with its receipt.

    Attributes
    ----------
    fresh : Fresh
    before : tuple of (int or None, str or None)
        Score and band that it was told last.
    slip : Slip
    payload : mapping
    """

    fresh: Fresh
    before: tuple[int | None, str | None]
    slip: Slip
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Teller:
    """Tells the CRM of scores that changed.

    Attributes
    ----------
    step : int
        Least change of the score that is told; a change of the band always is.
    ids : ReceiptIds
    """

    step: int
    ids: ReceiptIds

    def prepare(self, connection: Connection, scorer: Scorer, fresh: Sequence[Fresh], now: int) -> list[News]:
        """Put in words what is to be told; that takes long, so nobody who writes should wait for it."""
        told = _told(connection, [one.lead_id for one in fresh])
        news = [one for one in fresh if one.is_open and self._is_news(one, told.get(one.lead_id, _NOTHING))]
        answers = scorer.explain_each([(one.row, one.lead_id, one.as_of) for one in news])
        return [
            self._news(scorer, one, answer, told.get(one.lead_id, _NOTHING), now)
            for one, answer in zip(news, answers, strict=True)
        ]

    def tell(self, connection: Connection, news: Sequence[News], written: Collection[str], now: int) -> int:
        """Put messages into the outbox, each with the receipt of its score; return how many.

        Parameters
        ----------
        connection : Connection
            In which the scores have been written.
        news : sequence of News
        written : collection of str
            Leads whose score was written; another's is told by who wrote it.
        now : int
            Microseconds.
        """
        told = _told(connection, [one.fresh.lead_id for one in news])
        still = [one for one in news if one.fresh.lead_id in written and told[one.fresh.lead_id] == one.before]
        insert_receipts(connection, [one.slip for one in still])
        for one in still:
            enqueue(connection, one.fresh.lead_id, one.payload, now)
        told_now = [
            {
                "told": one.fresh.lead_id,
                "score_now": one.fresh.score,
                "band_now": one.fresh.band,
                "by": one.slip.receipt_id,
            }
            for one in still
        ]
        if told_now:
            connection.execute(_TELLING, told_now)
        return len(still)

    def _is_news(self, fresh: Fresh, told: tuple[int | None, str | None]) -> bool:
        score, band = told
        return score is None or band != fresh.band or abs(fresh.score - score) >= self.step

    def _news(
        self, scorer: Scorer, fresh: Fresh, answer: Answer, before: tuple[int | None, str | None], now: int
    ) -> News:
        slip = scorer.slip(answer, self.ids.next(), now)
        payload = score_changed(
            at=now,
            lead_id=fresh.lead_id,
            score=fresh.score,
            band=fresh.band,
            grade=answer.grade,
            previous_score=before[0],
            previous_band=before[1],
            receipt_id=slip.receipt_id,
            why=[reason.text for reason in why_of(answer.reasons)],
            model_version=scorer.version,
        )
        return News(fresh, before, slip, payload)


_NOTHING: Final = (None, None)
_TOLD: Final = select(SCORES.c.lead_id, SCORES.c.told_score, SCORES.c.told_band).where(
    any_of(SCORES.c.lead_id, "values")
)
_TELLING: Final = (
    SCORES.update()
    .where(SCORES.c.lead_id == bindparam("told"))
    .values(told_score=bindparam("score_now"), told_band=bindparam("band_now"), receipt_id=bindparam("by"))
)


def _told(connection: Connection, lead_ids: Sequence[str]) -> dict[str, tuple[int | None, str | None]]:
    found: dict[str, tuple[int | None, str | None]] = {}
    for part in parts(lead_ids):
        rows = connection.execute(_TOLD, {"values": part})
        found.update({lead_id: (score, band) for lead_id, score, band in rows})
    return found


def write_scores(connection: Connection, scorer: Scorer, fresh: Sequence[Fresh]) -> None:
    """Write scores over older ones; a score that was shown keeps its receipt elsewhere."""
    if not fresh:
        return
    rows = [
        {
            "lead_id": one.lead_id,
            "as_of": one.as_of,
            "is_open": one.is_open,
            "log_odds": one.log_odds,
            "score": one.score,
            "band": one.band,
            "stage": one.stage,
            "account_id": one.account_id,
            "owner_id": one.owner_id,
            "model_version": scorer.version,
            "features": packed(one.row),
            "receipt_id": None,
        }
        for one in sorted(fresh, key=lambda one: one.lead_id)
    ]
    connection.execute(_writing(connection.dialect.name, tuple(rows[0])), rows)


@cache
def _writing(dialect: str, names: tuple[str, ...]) -> Any:
    new = upsert(dialect, SCORES)
    written = {name: new.excluded[name] for name in names if name != "lead_id"}
    newer = SCORES.c.as_of <= new.excluded.as_of
    return new.on_conflict_do_update(index_elements=["lead_id"], set_=written, where=newer)
