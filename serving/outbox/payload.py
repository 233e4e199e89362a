"""What the CRM is told of a lead whose score changed, and how a message is shown to whoever looks it up."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from leadlight.core.clock import time_text
from leadlight.serving.store.outbox_table import WAITING, Message

__all__ = ["SCORE_CHANGED", "as_dict", "score_changed"]

SCORE_CHANGED: Final = "lead.score_changed"


def score_changed(
    *,
    at: int,
    lead_id: str,
    score: int,
    band: str,
    grade: str,
    previous_score: int | None,
    previous_band: str | None,
    receipt_id: str | None,
    why: Sequence[str],
    model_version: int,
) -> dict[str, Any]:
    """Return the payload for `leadlight.serving.store.outbox_table.enqueue`.

    Parameters
    ----------
    at : int
        When the score was worked out, microseconds since 1970 UTC: of two messages of a lead the later one holds.
    lead_id, score, band, grade
        As they are now.
    previous_score, previous_band
        What the CRM was told before; None both where it was told nothing yet.
    receipt_id : str or None
    why : sequence of str
        The strongest reasons in words.
    model_version : int
    """
    previous = None if previous_score is None else {"score": previous_score, "band": previous_band}
    data = {
        "lead_id": lead_id,
        "score": score,
        "band": band,
        "grade": grade,
        "previous": previous,
        "receipt_id": receipt_id,
        "why": list(why),
        "model_version": model_version,
    }
    return {"type": SCORE_CHANGED, "timestamp": time_text(at), "data": data}


def as_dict(message: Message) -> dict[str, Any]:
    """Return a message as the API and the command line show it."""
    return {
        "message_id": message.message_id,
        "lead_id": message.lead_id,
        "state": message.state,
        "created_at": time_text(message.created_at),
        "next_attempt_at": time_text(message.next_attempt_at) if message.state == WAITING else None,
        "attempts": message.attempts,
        "last_error": message.last_error,
        "delivered_at": None if message.delivered_at is None else time_text(message.delivered_at),
        "payload": json.loads(message.payload),
    }
