"""Two receipts of one lead, and what made the difference: `leadlight.serving.changes` by real models and the store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from leadlight.core.errors import LeadlightError
from leadlight.serving.changes import Change, Corners, Said, tell_apart
from leadlight.serving.past_values import ReadKnown, row_of, row_under
from leadlight.serving.scorer import Answer, Scorer
from leadlight.serving.store.receipts import Receipt
from leadlight.serving.words import say

__all__ = ["NotSeparable", "Side", "ToldApart", "in_order", "tell"]


class NotSeparable(LeadlightError):
    """What another model would have said of a receipt's data can't be known here.

    Attributes
    ----------
    receipt : Receipt
    """

    code = "not_separable"

    def __init__(self, receipt: Receipt) -> None:
        super().__init__(f"the columns of receipt {receipt.receipt_id} don't come out of the store")
        self.receipt = receipt


class Side(NamedTuple):
    """A receipt, and the model that made it."""

    receipt: Receipt
    scorer: Scorer


@dataclass(frozen=True, slots=True)
class ToldApart:
    """A change and its reasons in words.

    Attributes
    ----------
    change : Change
    texts : dict of str to str
        By the code of each reason group that the data's part names.
    holds : dict of str to bool
        Whether the text says what is so on the new side, not what no longer is.
    same_model : bool
    """

    change: Change
    texts: dict[str, str]
    holds: dict[str, bool]
    same_model: bool


def in_order(one: Receipt, other: Receipt) -> tuple[Receipt, Receipt]:
    """Return the older receipt, then the newer one: by the moment asked about, then by when it was made."""
    first, last = sorted((one, other), key=lambda receipt: (receipt.as_of, receipt.made_at, receipt.receipt_id))
    return first, last


def tell(old: Side, new: Side, read: ReadKnown, language: str) -> ToldApart:
    """Tell what happened from what the model did.

    Parameters
    ----------
    old, new : Side
    read : callable
        Reads a lead as it was known at a moment; asked only where the models look at other columns.
    language : {"en", "es"}

    Raises
    ------
    NotSeparable
        If the store does not hold what a receipt was scored with.
    """
    old_row, new_row = row_of(old.receipt, old.scorer.model.catalog), row_of(new.receipt, new.scorer.model.catalog)
    answers = (
        _answer(old.scorer, old_row, old.receipt, language),
        _answer(old.scorer, _under(new, old, read), new.receipt, language),
        _answer(new.scorer, _under(old, new, read), old.receipt, language),
        _answer(new.scorer, new_row, new.receipt, language),
    )
    scorers = (old.scorer, old.scorer, new.scorer, new.scorer)
    change = tell_apart(Corners(*(_said(scorer, answer) for scorer, answer in zip(scorers, answers, strict=True))))
    texts, holds = _words(answers, language)
    return ToldApart(change, texts, holds, old.scorer is new.scorer)


def _under(side: Side, other: Side, read: ReadKnown) -> NDArray[np.float64]:
    row = row_under(side.receipt, side.scorer.model.catalog, other.scorer.model.catalog, read)
    if row is None:
        raise NotSeparable(side.receipt)
    return row


def _answer(scorer: Scorer, row: NDArray[np.float64], receipt: Receipt, language: str) -> Answer:
    return scorer.explain(row, receipt.lead_id, receipt.as_of, language=language, reasons=None)


def _said(scorer: Scorer, answer: Answer) -> Said:
    groups = scorer.model.catalog.groups
    return Said(answer.score, answer.log_odds, dict(zip(groups, answer.shares.impacts, strict=True)))


def _words(answers: tuple[Answer, Answer, Answer, Answer], language: str) -> tuple[dict[str, str], dict[str, bool]]:
    """Return what each group says of the new data, by the new model before the old one; else what no longer holds."""
    old, old_model, new_model, new = ({reason.code: reason.text for reason in answer.reasons} for answer in answers)
    now = {**old_model, **new}
    before = {**new_model, **old}
    texts = {code: say("change.no_longer", language, text=text) for code, text in before.items()} | now
    return texts, {code: code in now for code in texts}
