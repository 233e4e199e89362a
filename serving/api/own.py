"""Whose leads a caller may see: a rep's key may be bound to one owner."""

from __future__ import annotations

from fastapi import Request

from leadlight.serving.access.caller import caller_of

__all__ = ["owner_of"]


def owner_of(request: Request) -> str | None:
    """Return whose leads alone the caller may see; None: all.

    Raises
    ------
    LookupError
        If nobody asked who calls: then nobody's leads may be shown.
    """
    return caller_of(request).owner_id
