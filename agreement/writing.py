"""An agreement written back as ``agreement.toml``: what `leadlight.agreement.terms.parse` reads as the same terms."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date

from leadlight.agreement import terms
from leadlight.agreement.queue import Queue
from leadlight.agreement.terms import Agreement
from leadlight.core.catalog import Condition, Rule

__all__ = ["to_toml"]


def to_toml(agreement: Agreement, *, heading: str = "") -> str:
    """Write an agreement; what nobody agreed on stays unsaid.

    Parameters
    ----------
    agreement : Agreement
    heading : str
        Comment lines on top, without their ``#``.

    Examples
    --------
    >>> print(to_toml(terms.parse("conversion = { stage = 'sql' }")), end="")
    [conversion]
    stage = "sql"
    """
    comment = "".join(f"# {line}".rstrip() + "\n" for line in heading.splitlines())
    return comment + "\n".join([*_sections(agreement), *map(_rule, agreement.rules)])


def _sections(agreement: Agreement) -> Iterator[str]:
    conversion = {
        "stage": None if terms.NO_STAGE in agreement.defaults else agreement.stage,
        "within_days": None if terms.NO_HORIZON in agreement.defaults else agreement.within_days,
        "base_rate": agreement.base_rate,
    }
    agreed = dict(agreement.grades) != dict(terms.DEFAULT_GRADES) or terms.NO_GRADES not in agreement.defaults
    sections: tuple[tuple[str, Mapping[str, object]], ...] = (
        ("conversion", conversion),
        ("capacity", {"leads_per_week": agreement.leads_per_week}),
        ("grades", agreement.grades if agreed else {}),
        ("segments", {"by": list(agreement.segments) or None}),
        ("queue", {} if agreement.queue is None else _queue(agreement.queue)),
    )
    for name, keys in sections:
        said = {key: value for key, value in keys.items() if value is not None}
        if said:
            yield f"[{name}]\n" + "".join(f"{key} = {_value(value)}\n" for key, value in said.items())


def _queue(queue: Queue) -> dict[str, object]:
    days = [date.fromisoformat(day) for day in queue.holidays]
    return {"floor": queue.floor, "window_days": queue.window_days, "holidays": days or None}


def _rule(rule: Rule) -> str:
    when = ", ".join(f"{key} = {_value(value)}" for key, value in _condition(rule.when).items())
    return f"[[scorecard]]\nname = {_value(rule.name)}\nwhen = {{ {when} }}\npoints = {_value(rule.points)}\n"


def _condition(when: Condition) -> dict[str, object]:
    if when.subject == "stage":
        return {"stage": list(when.any_of)}
    asked = {
        "within_days": when.within_days,
        "at_least": when.at_least,
        "at_most": when.at_most,
        "any_of": list(when.any_of) or None,
        "known": when.known,
    }
    return {when.subject: when.name, **{key: value for key, value in asked.items() if value is not None}}


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        # JSON's escapes are TOML's; the one sign that only TOML refuses is delete.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return repr(value)
