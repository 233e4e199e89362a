"""The desk: what one running service works with, and the one way to put a score on record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from leadlight.core.clock import Clock, to_micros
from leadlight.core.settings import Settings
from leadlight.serving.champion import Champion
from leadlight.serving.scorer import Answer, Scorer
from leadlight.serving.store.ids import ReceiptIds
from leadlight.serving.store.keeper import ReceiptKeeper

__all__ = ["Desk", "Kept"]


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of the receipts of some answers.

    Attributes
    ----------
    receipt_ids : list of str or None
        One an answer; None where a receipt could be kept nowhere.
    degraded : tuple of str
    """

    receipt_ids: list[str | None]
    degraded: tuple[str, ...]


@dataclass(frozen=True)
class Desk:
    """Everything that answering takes.

    Attributes
    ----------
    settings : Settings
    clock : Clock
    champion : Champion
    keeper : ReceiptKeeper
    ids : ReceiptIds
    """

    settings: Settings
    clock: Clock
    champion: Champion
    keeper: ReceiptKeeper
    ids: ReceiptIds

    def now(self) -> int:
        """Return the service's time in microseconds."""
        return to_micros(self.clock.now())

    def keep(self, scorer: Scorer, answers: Sequence[Answer]) -> Kept:
        """Write the receipts of answers durably, in one transaction, before the answers are sent."""
        if not answers:
            return Kept([], self.keeper.degraded)
        now = self.now()
        receipts = [scorer.receipt(answer, self.ids.next(), now) for answer in answers]
        degraded = self.keeper.keep(receipts)
        lost = "receipt_spool" in degraded
        return Kept([None if lost else receipt.receipt_id for receipt in receipts], degraded)
