"""How long what is kept, as the settings say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from leadlight.core.clock import DAY
from leadlight.core.settings import Settings

__all__ = ["KINDS", "Limits"]

KINDS: Final = ("leads", "untold", "receipts", "messages")
"""What goes: leads; events of leads that were never told; what receipts say; webhooks that were sent or given up."""

_HOUR: Final = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """The times before which things go; microseconds, None: never.

    Attributes
    ----------
    leads : int or None
        Leads, told or not, of which nothing was heard since then.
    receipts : int or None
        Receipts made before, and messages to the CRM.
    tried : int or None
        Messages that still wait; earlier than ``receipts`` where they are tried for longer.
    """

    leads: int | None
    receipts: int | None
    tried: int | None

    @classmethod
    def of(cls, settings: Settings, now: int) -> Self:
        """Return the limits at a time, microseconds."""
        leads = now - settings.retain_leads_days * DAY if settings.retain_leads_days else None
        receipts = now - settings.retain_receipts_days * DAY if settings.retain_receipts_days else None
        tried = None if receipts is None else min(receipts, now - int(settings.webhook_keep_trying_hours * _HOUR))
        return cls(leads, receipts, tried)
