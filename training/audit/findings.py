"""What the audit hands over: signs, the verdict on each field, and what follows from it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Final, Literal

from leadlight.training.bootstrap import Interval

__all__ = ["Audit", "FieldAudit", "Filled", "Kind", "Sign", "VerdictWord", "Weight"]

VerdictWord = Literal["proved", "suspected", "asked", "clean"]
Kind = Literal["clock", "purity", "fill_age", "value_age", "running_total", "text", "filled_together", "harmless"]
"""What a sign rests on; docs/leak-audit.md describes each."""

Weight = Literal["proof", "alone", "sign", "hint", "none"]
"""``proof`` and ``alone`` settle it; so do two ``sign`` of different kinds; a ``hint`` counts only beside words."""

ORDER: Final[tuple[VerdictWord, ...]] = ("proved", "suspected", "asked", "clean")


@dataclass(frozen=True)
class Sign:
    """One piece of evidence.

    Attributes
    ----------
    kind : str
    weight : {"proof", "alone", "sign", "hint", "none"}
    text : str
        One plain sentence with its figures.
    figures : mapping of str to number, text or Interval
        The same for programs.
    """

    kind: Kind
    weight: Weight
    text: str
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Filled:
    """Where a field has a value at all.

    Attributes
    ----------
    share : float
        Of all leads.
    converted, others : Interval or None
        Of the leads that converted and of those that did not, among those whose outcome may be looked at.
    by_age : tuple of float
        Of each fifth of the leads, the oldest first; empty without an order.
    """

    share: float
    converted: Interval | None = None
    others: Interval | None = None
    by_age: tuple[float, ...] = ()


@dataclass(frozen=True)
class FieldAudit:
    """What was found out about one field.

    Attributes
    ----------
    name, label : str
        As the history calls it, as people do.
    table : {"leads", "attribute_changes", "activities"}
    verdict : {"proved", "suspected", "asked", "clean"}
    signs : tuple of Sign
        The weightiest first.
    auc_alone : Interval or None
        Area under the ROC curve of this field alone, cross-fitted. A dated attribute is looked at as exported: that is
        the trap which features at a moment avoid. None with too few outcomes.
    model_with, model_without : Interval or None
        Area of a quick model of the fields that are kept, with this one and without it: what is at stake if it stays
        and should not, or goes and should not. Only for fields that say something.
    at_stake : Interval or None
        Their paired difference.
    filled : Filled or None
    question : str or None
        For the data's owner, to be answered by yes or no; None where there is nothing to ask.
    answered : {"creation", "moment"} or None
        What the mapping says already.
    caught_by_name_only : bool
        It is quarantined, and would not be without the words of its name, label or values.
    advice, advice_if_known : str
        The line of ``[leads.attributes]`` for "no, only afterwards" and for "yes, known by then".
    column : str
        The file's spelling.
    """

    name: str
    label: str
    table: str
    verdict: VerdictWord
    signs: tuple[Sign, ...] = ()
    auc_alone: Interval | None = None
    model_with: Interval | None = None
    model_without: Interval | None = None
    at_stake: Interval | None = None
    filled: Filled | None = None
    question: str | None = None
    answered: str | None = None
    caught_by_name_only: bool = False
    advice: str = ""
    advice_if_known: str = ""
    column: str = ""

    @property
    def is_leak(self) -> bool:
        """Whether it is proved or suspected and the mapping has not answered."""
        return self.verdict in ("proved", "suspected") and self.answered is None

    @property
    def reason(self) -> str:
        """Why it is left out, in one line."""
        return f"{self.verdict} leak: {'; '.join(sign.text for sign in self.signs if sign.weight != 'none')}"


@dataclass(frozen=True)
class Audit:
    """The audit of a history.

    Attributes
    ----------
    fields : tuple of FieldAudit
        The gravest verdict first, then by what the field says alone.
    outcome : str
        What counted as converted.
    leads, conversions : int
        Whose outcome was looked at.
    order : str or None
        What took the place of time; None: nothing, so that no sign could rest on a lead's age.
    too_few : str or None
        Why outcomes could not be looked at, with their count.
    notes : tuple of str
    """

    fields: tuple[FieldAudit, ...]
    outcome: str
    leads: int
    conversions: int
    order: str | None = None
    too_few: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def leaks(self) -> tuple[FieldAudit, ...]:
        """The fields to leave out."""
        return tuple(found for found in self.fields if found.is_leak)

    @property
    def questions(self) -> tuple[FieldAudit, ...]:
        """The fields that the data's owner is asked about, answered ones left out."""
        return tuple(found for found in self.fields if found.question is not None and found.answered is None)

    @property
    def left_out(self) -> Mapping[str, str]:
        """Attribute names and why each is left out: proved or suspected, and not answered by the mapping."""
        return {found.name: found.reason for found in self.leaks if found.table != "activities"}

    def of(self, name: str) -> FieldAudit:
        """Return the audit of a field.

        Raises
        ------
        KeyError
            If there is none of that name.
        """
        for found in self.fields:
            if found.name == name:
                return found
        raise KeyError(name)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready values; missing numbers are null."""
        told: dict[str, Any] = _plain(self)
        for plain, found in zip(told["fields"], self.fields, strict=True):
            plain["is_leak"] = found.is_leak
        return told | {"left_out": dict(self.left_out)}


def _plain(value: Any) -> Any:
    if isinstance(value, Interval):
        return {name: _plain(number) for name, number in value._asdict().items()}
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
