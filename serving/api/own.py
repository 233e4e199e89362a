"""Whose leads a caller may see: a rep's key may be bound to one owner."""

from __future__ import annotations

from fastapi import Request

from leadlight.serving.api.problems import Refusal

__all__ = ["only_own", "owner_of"]


def owner_of(request: Request) -> str | None:
    """Return whose leads alone the caller may see; None: all."""
    caller = getattr(request.state, "caller", None)
    return None if caller is None else caller.owner_id


def only_own(request: Request, owner: str | None, lead_id: str) -> None:
    """Refuse, as if it were not there, a lead of another owner than the caller's.

    Raises
    ------
    Refusal
    """
    own = owner_of(request)
    if own is not None and own != owner:
        raise Refusal("no_lead", lead_id=lead_id)
