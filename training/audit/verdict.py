"""From signs to a verdict, and to the question that only the data's owner can answer.

Leaks without clocks cannot be told from strong honest predictors by statistics alone. Hence a field is quarantined only
for two signs of different kinds, or for one that no honest field gives; what is merely strong is kept, and asked about.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from leadlight.core.attributes import tidy
from leadlight.training.audit.findings import Sign, VerdictWord
from leadlight.training.bootstrap import Interval

if TYPE_CHECKING:
    from leadlight.core.history import Attribute

__all__ = ["STRONG", "advice", "question", "weigh"]

STRONG: Final = 0.6
"""Lower bound of the area alone from which on an undated field is asked about."""

_SOMETHING: Final = 0.5
_PAIRS: Final = (
    ({"text"}, {"purity", "fill_age", "value_age"}),
    ({"judged"}, {"fill_age"}),
)
"""Hints that count beside these signs: words beside what the figures merely suggest."""


def weigh(signs: Sequence[Sign], alone: Interval | None) -> VerdictWord:
    """Return the verdict that signs give; ``alone`` is None where no outcome could be looked at."""
    if any(sign.weight == "proof" for sign in signs):
        return "proved"
    if any(sign.weight == "alone" for sign in signs):
        return "suspected"
    says_something = (alone is not None and alone.low > _SOMETHING) or any(s.kind == "purity" for s in signs)
    if says_something and _two_kinds(signs):
        return "suspected"
    if alone is not None and alone.low >= STRONG:
        return "asked"
    doubtful = any(sign.weight == "sign" and sign.kind != "text" for sign in signs)
    return "asked" if says_something and doubtful else "clean"


def _two_kinds(signs: Sequence[Sign]) -> bool:
    certain = {sign.kind for sign in signs if sign.weight == "sign"}
    if len(certain) >= 2:
        return True
    all_ = {"judged" if sign.kind == "text" and sign.weight == "hint" else sign.kind for sign in signs}
    return any(words <= all_ and all_ & beside for words, beside in _PAIRS)


def question(label: str, verdict: VerdictWord) -> str | None:
    """Return the question to the data's owner; None where there is none."""
    if verdict == "clean":
        return None
    return (
        f"Is {label!r} known, with the value that this export has, while it is still open whether the lead will "
        "convert (so that nobody fills it in or changes it afterwards)?"
    )


def advice(attribute: Attribute, known: str) -> str:
    """Return the line of ``[leads.attributes]`` in dataset.toml that answers for an attribute.

    Examples
    --------
    >>> from leadlight.core.history import Attribute
    >>> advice(Attribute("tags", "category", "exported", "Tags", column="Tags"), "after")
    '"Tags" = { known = "after" }'
    """
    column = attribute.column or attribute.label
    said = [f"known = {_quoted(known)}"]
    if attribute.label != column:
        said.insert(0, f"label = {_quoted(attribute.label)}")
    if attribute.name != tidy(column) and attribute.name != column:
        said.insert(0, f"name = {_quoted(attribute.name)}")
    return f"{_quoted(column)} = {{ {', '.join(said)} }}"


def _quoted(text: str) -> str:
    escaped = (
        text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
    )
    return f'"{escaped}"'
