"""The one table of who may call what; what is not in it, only an admin may.

`docs/access.md` shows it, and tests hold every route of the app, every role and that page against it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["ADMIN", "ROLES", "RULES", "UNLISTED", "Rule", "as_markdown", "plain_path"]

ADMIN: Final = "admin"
ROLES: Final = ("crm", "rep", "analyst", ADMIN)


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may call a route.

    Attributes
    ----------
    roles : frozenset of str
    is_open : bool
        Everybody may, without a key; nobody is asked who they are.
    is_page : bool
        Answers people: without a session they are led to ``/login``, and refused in HTML.
    """

    roles: frozenset[str]
    is_open: bool = False
    is_page: bool = False


def _only(*roles: str) -> Rule:
    return Rule(frozenset(roles))


_OPEN: Final = Rule(frozenset(ROLES), is_open=True)
_ALL: Final = _only(*ROLES)
_SCORING: Final = _only("crm", "analyst", ADMIN)
_TELLING: Final = _only("crm", ADMIN)
_DECIDING: Final = _only("crm", "rep", ADMIN)
_ADMIN: Final = _only(ADMIN)
_PAGE: Final = Rule(frozenset({"rep", "analyst", ADMIN}), is_page=True)

UNLISTED: Final = _ADMIN
"""The rule of a route that nobody put into the table."""

RULES: Final[Mapping[tuple[str, str], Rule]] = {
    ("GET", "/healthz"): _OPEN,
    ("GET", "/readyz"): _OPEN,
    ("GET", "/docs"): _OPEN,
    ("GET", "/openapi.json"): _OPEN,
    ("GET", "/static"): _OPEN,
    ("GET", "/login"): _OPEN,
    ("POST", "/login"): _OPEN,
    ("POST", "/logout"): _OPEN,
    ("POST", "/v1/score"): _SCORING,
    ("POST", "/v1/score/batch"): _SCORING,
    ("PUT", "/v1/leads/{lead_id}"): _TELLING,
    ("POST", "/v1/activities"): _TELLING,
    ("POST", "/v1/stage-changes"): _TELLING,
    ("DELETE", "/v1/activities/{activity_id}"): _TELLING,
    ("DELETE", "/v1/stage-changes/{change_id}"): _TELLING,
    ("POST", "/v1/leads/{lead_id}/merge"): _TELLING,
    ("GET", "/v1/leads"): _ALL,
    ("GET", "/v1/leads/{lead_id}"): _ALL,
    ("GET", "/v1/leads/{lead_id}/scores"): _ALL,
    ("GET", "/v1/receipts/{receipt_id}"): _ALL,
    ("GET", "/v1/receipts/{receipt_id}/changes"): _ALL,
    ("POST", "/v1/leads/{lead_id}/decisions"): _DECIDING,
    ("DELETE", "/v1/leads/{lead_id}"): _TELLING,
    ("PUT", "/v1/leads/{lead_id}/objection"): _TELLING,
    ("DELETE", "/v1/leads/{lead_id}/objection"): _TELLING,
    ("GET", "/v1/leads/{lead_id}/export"): _ADMIN,
    ("GET", "/v1/outbox"): _ADMIN,
    ("POST", "/v1/outbox/{message_id}/retry"): _ADMIN,
    ("GET", "/v1/model"): _ALL,
    ("GET", "/metrics"): _only("analyst", ADMIN),
    ("GET", "/"): _PAGE,
    ("GET", "/leads"): _PAGE,
    ("GET", "/leads/{lead_id}"): _PAGE,
    ("POST", "/leads/{lead_id}/decisions"): Rule(frozenset({"rep", ADMIN}), is_page=True),
}
"""By method and the route's path, its parameters by name only. HEAD counts as GET."""

_CONVERTOR: Final = re.compile(r":\w+}")


def plain_path(path: str) -> str:
    """Return a route's path without what its parameters may hold.

    Examples
    --------
    >>> plain_path("/leads/{lead_id:path}")
    '/leads/{lead_id}'
    """
    return _CONVERTOR.sub("}", path)


def as_markdown() -> str:
    """Return the table as it stands in ``docs/access.md``."""
    lines = [f"| call | no key | {' | '.join(ROLES)} |", f"|---|{'---|' * (len(ROLES) + 1)}"]
    for (method, path), rule in RULES.items():
        marks = [rule.is_open, *(role in rule.roles for role in ROLES)]
        lines.append(f"| `{method} {path}` | {' | '.join('yes' if mark else '-' for mark in marks)} |")
    return "\n".join(lines) + "\n"
