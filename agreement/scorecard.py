"""The hand-picked points: the ``[[scorecard]]`` lines of an agreement, read and checked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeGuard

from leadlight.core.catalog import Condition, Rule, level_word
from leadlight.core.errors import Problem

__all__ = ["read_rules"]

_CONDITION_KEYS: Final[Mapping[str, frozenset[str]]] = {
    "activity": frozenset({"within_days", "at_least", "at_most"}),
    "attribute": frozenset({"at_least", "at_most", "any_of", "known"}),
    "stage": frozenset(),
}


def read_rules(lines: object, problems: list[Problem]) -> tuple[Rule, ...]:
    """Read the lines of a scorecard.

    Parameters
    ----------
    lines : list of dict
        As TOML gives them: ``{"when": {...}, "points": 25, "name": "asked for a demo"}``.
    problems : list of Problem
        What is wrong is added here, line by line.

    Examples
    --------
    >>> read_rules([{"when": {"activity": "demo_request", "within_days": 30}, "points": 25}], [])
    (Rule(name='rule_1', when=Condition(subject='activity', name='demo_request', within_days=30.0, at_least=None, \
at_most=None, any_of=(), known=None), points=25.0),)
    """
    if not isinstance(lines, Sequence) or isinstance(lines, str):
        problems.append(Problem("[[scorecard]]", "not_a_list", "write each rule as its own [[scorecard]] section"))
        return ()
    read = (_read_rule(number, line, problems) for number, line in enumerate(lines, start=1))
    rules = tuple(rule for rule in read if rule is not None)
    _refuse_same_names(rules, problems)
    return rules


def _read_rule(number: int, line: object, problems: list[Problem]) -> Rule | None:
    where = f"[[scorecard]] rule {number}"
    if not isinstance(line, dict) or not isinstance(line.get("when"), dict):
        problems.append(
            Problem(
                where,
                "no_condition",
                "needs when = { activity = ... } or { attribute = ... } or { stage = ... }",
            )
        )
        return None
    unknown = sorted(line.keys() - {"when", "points", "name"})
    if unknown:
        problems.append(Problem(where, "unknown_key", f"no key {unknown}; known: name, points, when"))
    points = line.get("points")
    if not _finite(points):
        problems.append(Problem(where, "no_points", f"points must be a number, got {points!r}"))
        return None
    condition = _read_condition(where, line["when"], problems)
    return None if condition is None else Rule(str(line.get("name", f"rule_{number}")), condition, float(points))


def _read_condition(where: str, when: Mapping[str, Any], problems: list[Problem]) -> Condition | None:
    subjects = [subject for subject in _CONDITION_KEYS if subject in when]
    if len(subjects) != 1:
        problems.append(
            Problem(where, "one_subject", f"name exactly one of activity, attribute, stage; got {subjects}")
        )
        return None
    subject = subjects[0]
    found = len(problems)
    unknown = sorted(when.keys() - _CONDITION_KEYS[subject] - {subject})
    if unknown:
        known = ", ".join(sorted(_CONDITION_KEYS[subject])) or "nothing else"
        problems.append(Problem(where, "unknown_key", f"{unknown} can't be asked of {subject}; known: {known}"))
    for key in ("within_days", "at_least", "at_most"):
        if key in when and not (_finite(when[key]) and (key != "within_days" or when[key] > 0)):
            problems.append(Problem(where, "not_a_number", f"{key} must be a number (days above 0), got {when[key]!r}"))
    if "any_of" in when and not isinstance(when["any_of"], list):
        problems.append(Problem(where, "not_a_list", f"any_of must be a list, got {when['any_of']!r}"))
    if subject == "attribute" and not {"at_least", "at_most", "any_of", "known"} & when.keys():
        problems.append(Problem(where, "asks_nothing", "an attribute needs at_least, at_most, any_of or known"))
    if len(problems) > found:
        return None
    if subject == "stage":
        names = when["stage"] if isinstance(when["stage"], list) else [when["stage"]]
        return Condition("stage", "stage", any_of=tuple(map(level_word, names)))
    return Condition(
        "activity" if subject == "activity" else "attribute",
        str(when[subject]),
        within_days=_number(when, "within_days"),
        at_least=_number(when, "at_least"),
        at_most=_number(when, "at_most"),
        any_of=tuple(level_word(value) for value in when.get("any_of", [])),
        known=when.get("known"),
    )


def _number(when: Mapping[str, Any], key: str) -> float | None:
    return None if when.get(key) is None else float(when[key])


def _finite(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _refuse_same_names(rules: tuple[Rule, ...], problems: list[Problem]) -> None:
    names = [rule.name for rule in rules]
    for name in sorted({name for name in names if names.count(name) > 1}):
        problems.append(Problem("[[scorecard]]", "same_name", f"two rules are named {name!r}; give each its own name"))
