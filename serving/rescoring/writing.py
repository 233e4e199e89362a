"""Writing scores down, and telling the CRM of those that changed enough: one transaction, so that both are true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from leadlight.core.clock import from_micros
from leadlight.serving.ledger.sql import parts, upsert
from leadlight.serving.reasons import why_of
from leadlight.serving.rescoring.scoring import Fresh, packed
from leadlight.serving.scorer import Answer, Scorer
from leadlight.serving.store.ids import ReceiptIds
from leadlight.serving.store.outbox_table import enqueue
from leadlight.serving.store.receipt_table import insert_receipts
from leadlight.serving.store.schema import SCORES

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
            payload = _payload(scorer, answer, slip.receipt_id, told[one.lead_id], now)
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


def _payload(
    scorer: Scorer, answer: Answer, receipt_id: str, told: tuple[int | None, str | None], now: int
) -> Mapping[str, Any]:
    return {
        "type": "lead.score_changed",
        "timestamp": _text(now),
        "data": {
            "lead_id": answer.lead_id,
            "as_of": _text(answer.as_of),
            "score": answer.score,
            "band": answer.band,
            "grade": answer.grade,
            "probability": scorer.shown_probability(answer),
            "previous": None if told[0] is None else {"score": told[0], "band": told[1]},
            "why": [reason.text for reason in why_of(answer.reasons)],
            "receipt_id": receipt_id,
            "model_version": scorer.version,
        },
    }


def _text(micros: int) -> str:
    return from_micros(micros).isoformat().replace("+00:00", "Z")


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
