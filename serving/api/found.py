"""Receipts as the API finds them: there, erased, or not there at all."""

from __future__ import annotations

from typing import Final

from leadlight.core.errors import Unavailable
from leadlight.serving.api.problems import NotNow, Refusal
from leadlight.serving.desk import Desk
from leadlight.serving.ledger.reading import read_lead
from leadlight.serving.store.ids import is_receipt_id
from leadlight.serving.store.receipts import ErasedReceipt, Receipt

__all__ = ["ErasedReceiptRefusal", "find_receipt"]

_SHOWN: Final = 100


class ErasedReceiptRefusal(Refusal):
    """A receipt of which little is left; the problem document says what."""

    def __init__(self, left: ErasedReceipt) -> None:
        super().__init__("erased_receipt")
        self.members = {
            "receipt_id": left.receipt_id,
            "made_at": left.made_at,
            "model_version": left.model_version,
            "score": left.score,
        }


def find_receipt(desk: Desk, receipt_id: str, own: str | None = None) -> Receipt:
    """Return a receipt; it may wait for the database, so it belongs into a thread.

    Parameters
    ----------
    desk : Desk
    receipt_id : str
    own : str or None
        Whose leads alone the caller may see; None: all.

    Raises
    ------
    Refusal
        If there is none of this id, or it was erased.
    NotNow
        If the database, which may have it, does not answer.
    """
    if not is_receipt_id(receipt_id):
        raise Refusal("no_receipt", receipt_id=receipt_id[:_SHOWN])
    try:
        found = desk.keeper.get(receipt_id)
    except Unavailable:
        raise NotNow("unavailable", "detail.receipts_unavailable") from None
    if found is None:
        raise Refusal("no_receipt", receipt_id=receipt_id)
    if isinstance(found, ErasedReceipt):
        raise ErasedReceiptRefusal(found)
    if own is not None and not _is_of(desk, found, own):
        raise Refusal("no_receipt", receipt_id=receipt_id)
    return found


def _is_of(desk: Desk, found: Receipt, own: str) -> bool:
    lead = desk.memory.read(lambda connection: read_lead(connection, found.lead_id))
    return lead is not None and lead["owner_id"] == own
