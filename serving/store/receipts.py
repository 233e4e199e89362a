"""A receipt: everything needed to show again, bit for bit, what was scored and why."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from leadlight.serving.store.packed import packed, unpacked

__all__ = ["SCHEMA_VERSION", "ErasedReceipt", "Receipt", "Slip"]

SCHEMA_VERSION: Final = 1
"""Form of a receipt; a reader that meets another one knows so."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was scored, with what, and what came out.

    Attributes
    ----------
    receipt_id : str
        Sorts by the time it was made.
    lead_id : str
    as_of, made_at : int
        Microseconds since 1970 UTC: the moment that was asked about, and when the answer was made.
    model_name, model_version, model_kind : str, int, str
    agreement_version, catalog_fingerprint : str
    probability_status : str
        Whether the probability was shown; the receipt keeps it either way.
    values : mapping of column to number, text or None
        The model's whole input, as `leadlight.core.artifact.decode` writes it.
    score : int
    probability, log_odds, base_log_odds : float
    components : mapping of str to float
    reasons : sequence of mapping
        As answered: code, component, direction, impact, text, evidence.
    other_reasons_impact : float
    language : str
        Of the reasons' texts.
    schema_version : int
    """

    receipt_id: str
    lead_id: str
    as_of: int
    made_at: int
    model_name: str
    model_version: int
    model_kind: str
    agreement_version: str
    catalog_fingerprint: str
    probability_status: str
    values: Mapping[str, float | str | None]
    score: int
    probability: float
    log_odds: float
    base_log_odds: float
    components: Mapping[str, float]
    reasons: Sequence[Mapping[str, Any]]
    other_reasons_impact: float
    language: str
    schema_version: int = SCHEMA_VERSION

    def as_dict(self) -> dict[str, Any]:
        """Return the receipt's fields, JSON-ready; not copied, for that would cost more than scoring."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_packed(cls, stored: bytes) -> Receipt:
        """Read back what a `Slip` holds."""
        return cls(**json.loads(unpacked(stored)))


@dataclass(frozen=True, slots=True)
class ErasedReceipt:
    """What is left of a receipt whose lead was erased, or objected to profiling.

    Attributes
    ----------
    receipt_id : str
    lead_id : str
        Where the lead was erased, what is kept of its id.
    made_at, erased_at : int
        Microseconds since 1970 UTC.
    model_version : int
    score : int
    """

    receipt_id: str
    lead_id: str
    made_at: int
    erased_at: int
    model_version: int
    score: int


class Slip(NamedTuple):
    """A receipt as the stores keep it: its JSON, and what it is found by.

    Attributes
    ----------
    receipt_id, lead_id : str
    as_of, made_at : int
        Microseconds since 1970 UTC.
    model_version, agreement_version : int, str
    packed : bytes
        The whole receipt as one line of JSON, compressed; floats read back to the same bits.
    score : int
        What outlives the erasure of the rest.
    schema_version : int
    """

    receipt_id: str
    lead_id: str
    as_of: int
    made_at: int
    model_version: int
    agreement_version: str
    packed: bytes
    score: int
    schema_version: int = SCHEMA_VERSION

    @classmethod
    def of(cls, found: Mapping[str, Any], text: bytes) -> Slip:
        """Return the slip of a receipt: of what it says, and the JSON that says it."""
        return cls(
            found["receipt_id"],
            found["lead_id"],
            found["as_of"],
            found["made_at"],
            found["model_version"],
            found["agreement_version"],
            packed(text),
            found["score"],
            found["schema_version"],
        )
