"""The desk: what one running service works with, and the one way to put a score on record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from leadlight.core.clock import Clock, time_text, to_micros
from leadlight.core.settings import Settings
from leadlight.serving.champion import Champion
from leadlight.serving.ledger.memory import Memory
from leadlight.serving.metrics import Metrics
from leadlight.serving.past_models import PastModels
from leadlight.serving.scorer import Answer, Scorer
from leadlight.serving.store.ids import ReceiptIds
from leadlight.serving.store.keeper import Keeper
from leadlight.serving.store.receipts import Slip
from leadlight.serving.store.together import KeptTogether
from leadlight.serving.together import AnsweredTogether

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
    keeper : Keeper
    ids : ReceiptIds
    metrics : Metrics
    memory : Memory
    """

    settings: Settings
    clock: Clock
    champion: Champion
    keeper: Keeper
    ids: ReceiptIds
    metrics: Metrics
    memory: Memory

    def now(self) -> int:
        """Return the service's time in microseconds."""
        return to_micros(self.clock.now())

    def clock_text(self) -> str:
        """Return the service's time as people read it."""
        return time_text(self.now(), "seconds")

    @cached_property
    def answering(self) -> AnsweredTogether:
        """Answers all requests in flight."""
        return AnsweredTogether()

    @cached_property
    def keeping(self) -> KeptTogether:
        """Writes the receipts of all requests in flight."""
        return KeptTogether(self.keeper)

    @cached_property
    def past_models(self) -> PastModels:
        """Finds the models that made receipts."""
        return PastModels(self.settings, self.champion)

    def keep(self, scorer: Scorer, answers: Sequence[Answer]) -> Kept:
        """Write the receipts of answers durably, in one transaction, before the answers are sent."""
        slips = self._slips(scorer, answers)
        return _kept(slips, self.keeper.keep(slips)) if slips else self._unkept(answers)

    async def keep_soon(self, scorer: Scorer, answers: Sequence[Answer]) -> Kept:
        """Do as `keep`, together with what other requests wait for; holds up no other answer."""
        slips = self._slips(scorer, answers)
        return _kept(slips, await self.keeping.keep(slips)) if slips else self._unkept(answers)

    def _slips(self, scorer: Scorer, answers: Sequence[Answer]) -> list[Slip]:
        """Return the receipts of answers; none for a keeper that keeps nothing."""
        self.metrics.scored(scorer, answers)
        if not self.keeper.keeps:
            return []
        now = self.now()
        return [scorer.slip(answer, self.ids.next(), now) for answer in answers]

    def _unkept(self, answers: Sequence[Answer]) -> Kept:
        return Kept([None] * len(answers), self.keeper.degraded)

    def close(self) -> None:
        """Write what is still to be written, and close the stores."""
        self.keeping.close()
        self.memory.close()
        self.keeper.close()


def _kept(slips: Sequence[Slip], degraded: tuple[str, ...]) -> Kept:
    lost = "receipt_spool" in degraded
    return Kept([None if lost else slip.receipt_id for slip in slips], degraded)
