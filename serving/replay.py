"""A receipt shown again: its stored values scored by its own model, and held against what it says, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from leadlight.core.artifact import TrainedModel, encode_values
from leadlight.core.errors import ModelContractError
from leadlight.serving.reasons import Reason
from leadlight.serving.scorer import Answer, Scorer
from leadlight.serving.store.receipts import Receipt

__all__ = ["ROUNDING", "Difference", "Replayed", "replay", "replay_with"]

ROUNDING: Final = 1e-12
"""How far numbers may lie apart, as a share of their size, on another release or family of processors."""

_NUMBERS: Final = ("score", "probability", "log_odds", "base_log_odds", "other_reasons_impact")

Value = float | str | None


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not what the receipt says.

    Attributes
    ----------
    what : str
        ``"log_odds"``, ``"components.fit"``, ``"reasons[0].impact"``, ...
    receipt, now : number or text
        None where there is none.
    """

    what: str
    receipt: Value
    now: Value

    @property
    def is_rounding(self) -> bool:
        """Whether only the last digits differ."""
        one, other = self.receipt, self.now
        if not isinstance(one, float) or not isinstance(other, float):
            return False
        return abs(one - other) <= ROUNDING * max(1.0, abs(one), abs(other))


@dataclass(frozen=True, slots=True)
class Replayed:
    """What the model says today of a receipt's values.

    Attributes
    ----------
    score : int
    log_odds : float
    differences : tuple of Difference
        Of score, probability, log-odds, base, components, and each listed reason's code and impact.
    """

    score: int
    log_odds: float
    differences: tuple[Difference, ...]

    @property
    def same_bits(self) -> bool:
        """Whether every number and every reason is exactly the receipt's."""
        return not self.differences

    @property
    def is_rounding(self) -> bool:
        """Whether only last digits differ, as on another release or family of processors."""
        return all(difference.is_rounding for difference in self.differences)


def replay(receipt: Receipt, model: TrainedModel) -> Replayed:
    """Score a receipt's stored values again.

    Raises
    ------
    ModelContractError
        If the model is not the one that the receipt was made with: another catalog, another agreement.
    """
    return replay_with(receipt, Scorer(model, receipt.model_version, name=receipt.model_name))


def replay_with(receipt: Receipt, scorer: Scorer) -> Replayed:
    """Do as `replay`, with a model that is ready to score.

    Raises
    ------
    ModelContractError
    """
    _refuse_another(receipt, scorer.model)
    row = encode_values(scorer.model.catalog, receipt.values)
    answer = scorer.explain(
        row, receipt.lead_id, receipt.as_of, language=receipt.language, reasons=len(receipt.reasons)
    )
    return Replayed(answer.score, answer.log_odds, tuple(_differences(receipt, answer)))


def _refuse_another(receipt: Receipt, model: TrainedModel) -> None:
    for what, mine, own in (
        ("catalog", model.catalog.fingerprint, receipt.catalog_fingerprint),
        ("agreement", str(model.agreement["version"]), receipt.agreement_version),
    ):
        if mine != own:
            raise ModelContractError(
                f"Receipt {receipt.receipt_id} was made by {receipt.model_name} version {receipt.model_version}, "
                f"whose {what} is not this model's. Replay it with that version."
            )


def _differences(receipt: Receipt, answer: Answer) -> Iterator[Difference]:
    for name in _NUMBERS:
        yield from _unlike(name, getattr(receipt, name), getattr(answer, name))
    now = answer.shares.components
    for name in dict.fromkeys([*receipt.components, *now]):
        yield from _unlike(f"components.{name}", receipt.components.get(name), now.get(name))
    yield from _reasons(receipt.reasons, answer.reasons)


def _reasons(before: Sequence[Mapping[str, Any]], now: Sequence[Reason]) -> Iterator[Difference]:
    for place in range(max(len(before), len(now))):
        one = before[place] if place < len(before) else {}
        other = now[place] if place < len(now) else None
        yield from _unlike(f"reasons[{place}].code", one.get("code"), other and other.code)
        yield from _unlike(f"reasons[{place}].impact", one.get("impact"), other and other.impact)


def _unlike(what: str, receipt: Value, now: Value) -> Iterator[Difference]:
    if _bits(receipt) != _bits(now):
        yield Difference(what, receipt, now)


def _bits(value: Value) -> str | None:
    """Write a number so that every bit shows, the sign of zero too; JSON may have made a whole one of it."""
    return value if value is None or isinstance(value, str) else float(value).hex()
