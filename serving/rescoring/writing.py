"""Writing scores down, and telling the CRM of those that changed enough: one transaction, so that both are true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from leadlight.serving.outbox.payload import score_changed
from leadlight.serving.reasons import why_of
from leadlight.serving.rescoring.scoring import Fresh, packed
from leadlight.serving.scorer import Scorer
from leadlight.serving.store.ids import ReceiptIds
from leadlight.serving.store.outbox_table import enqueue
from leadlight.serving.store.receipt_table import insert_receipts
from leadlight.serving.store.schema import SCORES
from leadlight.serving.store.sql import parts, upsert

__all__ = ["Teller", "write_scores"]


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

    def tell(self, connection: Connection, scorer: Scorer, fresh: Sequence[Fresh], now: int) -> int:
        """Put messages into the outbox, each with the receipt of its score; return how many."""
        told = _told(connection, [one.lead_id for one in fresh])
        news = [one for one in fresh if one.is_open and self._is_news(one, told[one.lead_id])]
        if not news:
            return 0
        answers = scorer.explain_each([(one.row, one.lead_id, one.as_of) for one in news])
        slips = [scorer.slip(answer, self.ids.next(), now) for answer in answers]
        insert_receipts(connection, slips)
        for one, answer, slip in zip(news, answers, slips, strict=True):
            score, band = told[one.lead_id]
            payload = score_changed(
                at=now,
                lead_id=one.lead_id,
                score=one.score,
                band=one.band,
                grade=answer.grade,
                previous_score=score,
                previous_band=band,
                receipt_id=slip.receipt_id,
                why=[reason.text for reason in why_of(answer.reasons)],
                model_version=scorer.version,
            )
            enqueue(connection, one.lead_id, payload, now)
            connection.execute(
                SCORES.update()
                .where(SCORES.c.lead_id == one.lead_id)
                .values(told_score=one.score, told_band=one.band, receipt_id=slip.receipt_id)
            )
        return len(news)

    def _is_news(self, fresh: Fresh, told: tuple[int | None, str | None]) -> bool:
        score, band = told
        return score is None or band != fresh.band or abs(fresh.score - score) >= self.step


def _told(connection: Connection, lead_ids: Sequence[str]) -> dict[str, tuple[int | None, str | None]]:
    found: dict[str, tuple[int | None, str | None]] = {}
    for part in parts(lead_ids):
        asked = select(SCORES.c.lead_id, SCORES.c.told_score, SCORES.c.told_band).where(SCORES.c.lead_id.in_(part))
        found.update({lead_id: (score, band) for lead_id, score, band in connection.execute(asked)})
    return found


def write_scores(connection: Connection, scorer: Scorer, fresh: Sequence[Fresh]) -> None:
    """Write scores over those before; a score that was shown keeps its receipt elsewhere."""
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
    new = upsert(connection, SCORES)
    written = {name: new.excluded[name] for name in rows[0] if name != "lead_id"}
    connection.execute(new.on_conflict_do_update(index_elements=["lead_id"], set_=written), rows)
