"""What pydantic says of a body's shape, as problems in our words."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from leadlight.core.errors import Problem
from leadlight.serving.words import say

__all__ = ["Shapes", "Where"]

_RULES: Final[Mapping[str, str]] = {
    "missing": "missing",
    "extra_forbidden": "unknown_key",
    "model_type": "not_an_object",
    "model_attributes_type": "not_an_object",
    "dict_type": "not_an_object",
    "list_type": "not_a_list",
    "string_type": "not_text",
    "string_too_short": "too_short",
    "string_pattern_mismatch": "too_short",
    "string_too_long": "too_long",
    "too_long": "too_many",
    "float_type": "not_number",
    "literal_error": "not_one_of",
    "not_a_time": "not_a_time",
    "no_time_zone": "no_time_zone",
    "too_early": "too_early",
    "not_a_value": "not_a_value",
    "out_of_range": "out_of_range",
}
"""Our rule for each kind of error that pydantic reports."""

_NO_NAME: Final = '""'
"""How an empty name is written."""

Where = tuple[int | str, ...]


@dataclass(frozen=True)
class Shapes:
    """Says what is wrong with a body's shape.

    Attributes
    ----------
    language : {"en", "es"}
    keys : mapping of tuple to tuple of str
        Known keys by place, list positions left out.
    with_attributes : collection of tuple
        Places where an unknown key may have been meant as an attribute.
    """

    language: str
    keys: Mapping[tuple[str, ...], tuple[str, ...]]
    with_attributes: Collection[tuple[str, ...]] = ()

    def problem(self, where: Where, rule: str, **values: object) -> Problem:
        """Return one problem in words."""
        return Problem(_spell(where), rule, say(f"rule.{rule}", self.language, **values))

    def problems(self, error: ValidationError) -> list[Problem]:
        """Return everything that pydantic found."""
        return [
            self._found(found["type"], found["loc"], found.get("ctx", {}))
            for found in error.errors(include_url=False, include_input=False)
        ]

    def _found(self, kind: str, where: Where, context: Mapping[str, Any]) -> Problem:
        rule = _RULES.get(kind, "invalid")
        if rule == "unknown_key":
            place = tuple(part for part in where[:-1] if isinstance(part, str))
            hint = say("rule.unknown_key.hint", self.language) if place in self.with_attributes else ""
            return self.problem(where, rule, known=", ".join(self.keys.get(place, ())), hint=hint)
        if rule == "too_many" and where[-1] == "attributes":
            rule = "too_many_attributes"
        return self.problem(where, rule, limit=context.get("max_length", ""), known=context.get("expected", ""))


def _spell(where: Where) -> str:
    """Write a place as people do.

    Examples
    --------
    >>> _spell(("activities", 3, "occurred_at")), _spell(())
    ('activities[3].occurred_at', 'body')
    """
    text = ""
    for part in where:
        if part == "[key]":
            continue
        text += f"[{part}]" if isinstance(part, int) else f".{part[:100] or _NO_NAME}"
    return text.removeprefix(".") or "body"
