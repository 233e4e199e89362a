"""The rules of the hand-picked points in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from leadlight.core.catalog import Condition, Rule

__all__ = ["in_words", "named"]


def in_words(when: Condition) -> str:
    """Say a rule's condition in one line.

    Examples
    --------
    >>> in_words(Condition("activity", "demo_request", within_days=30))
    'demo_request in the last 30 days'
    >>> in_words(Condition("attribute", "employees", at_least=200))
    'employees at least 200'
    """
    if when.subject == "stage":
        return f"stage is {' or '.join(when.any_of)}"
    parts = [when.name]
    if when.at_least is not None:
        parts.append(f"at least {when.at_least:g}" + (" times" if when.subject == "activity" else ""))
    if when.at_most is not None:
        parts.append(f"at most {when.at_most:g}" + (" times" if when.subject == "activity" else ""))
    if when.any_of:
        parts.append(f"is {' or '.join(when.any_of)}")
    if when.known is not None:
        parts.append("is known" if when.known else "is not known")
    if when.within_days is not None:
        parts.append(f"in the last {when.within_days:g} days")
    return " ".join(parts)


def named(rules: Sequence[Rule]) -> Mapping[str, str]:
    """Return what to call each rule: as the agreement does, and where it gives no name like its condition.

    Examples
    --------
    >>> bare = Rule("rule_1", Condition("attribute", "employees", at_least=200), 10.0)
    >>> given = Rule("VP title", Condition("attribute", "title", any_of=("VP",)), 15.0)
    >>> dict(named([bare, given]))
    {'rule_1': 'employees at least 200', 'VP title': 'VP title'}
    """
    return {
        rule.name: in_words(rule.when) if rule.name == f"rule_{number}" else rule.name
        for number, rule in enumerate(rules, start=1)
    }
