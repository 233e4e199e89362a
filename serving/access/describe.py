"""What the reference says of keys: who may make each call, and how it is refused to others."""

from __future__ import annotations

from typing import Any, Final

from leadlight.serving.access.table import RULES, UNLISTED

__all__ = ["describe_access"]

_SCHEME: Final = "key"
_REFUSALS: Final = {
    "401": "No key, or one that opens nothing",
    "403": "The key's role may not make this call, or a browser's session sent no token",
    "429": "Too many requests by this key, or too many wrong keys; Retry-After says when to try again",
}


def describe_access(document: dict[str, Any]) -> None:
    """Add keys, roles and their refusals to an OpenAPI document."""
    scheme = {"type": "http", "scheme": "bearer", "description": "A key from `leadlight keys create`."}
    document["components"]["securitySchemes"] = {_SCHEME: scheme}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _describe(operation, method.upper(), path)


def _describe(operation: dict[str, Any], method: str, path: str) -> None:
    rule = RULES.get((method, path), UNLISTED)
    if rule.is_open:
        return
    operation["security"] = [{_SCHEME: []}]
    may = f"May be called by: {', '.join(sorted(rule.roles))}."
    operation["description"] = f"{operation.get('description', '')}\n\n{may}".strip()
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
    for status, said in _REFUSALS.items():
        operation["responses"].setdefault(status, {"description": said, "content": content})
