"""Receipts as the API finds them: there, erased, or not there at all."""

from __future__ import annotations

import logging
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from leadlight.core.errors import Unavailable
from leadlight.serving.api.problems import NotNow, Refusal
from leadlight.serving.desk import Desk
from leadlight.serving.ledger.ledger import ErasedLead, UnknownLead
from leadlight.serving.store.ids import is_receipt_id
from leadlight.serving.store.packed import DamagedReceipt
from leadlight.serving.store.receipts import ErasedReceipt, Receipt

__all__ = ["ErasedReceiptRefusal", "find_receipt"]

_SHOWN: Final = 100
_log = logging.getLogger("leadlight.serving")


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
        If there is none of this id that the caller may see, or it was erased, or is damaged.
    NotNow
        If the database, which may have it, does not answer.
    """
    if not is_receipt_id(receipt_id):
        raise Refusal("no_receipt", receipt_id=receipt_id[:_SHOWN])
    try:
        found = desk.keeper.get(receipt_id)
    except Unavailable:
        raise NotNow("unavailable", "detail.receipts_unavailable") from None
    except DamagedReceipt as damage:
        if not _may_see(desk, str(damage.context["lead_id"]), own):
            raise Refusal("no_receipt", receipt_id=receipt_id) from None
        _log.error("receipt %s is damaged; a backup from before holds it, and the disk is to be checked", receipt_id)
        raise Refusal("damaged_receipt", receipt_id=receipt_id) from None
    if found is None or not _may_see(desk, found.lead_id, own):
        raise Refusal("no_receipt", receipt_id=receipt_id)
    if isinstance(found, ErasedReceipt):
        raise ErasedReceiptRefusal(found)
    return found


def _may_see(desk: Desk, lead_id: str, own: str | None) -> bool:
    if own is None:
        return True

    try:
        desk.memory.read(lambda connection: desk.memory.ledger.known_to(connection, lead_id, own))
    except (UnknownLead, ErasedLead):
        return False
    except (SQLAlchemyError, OSError):
        raise NotNow("unavailable", "detail.store_unavailable") from None
    return True
