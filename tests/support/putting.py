"""One lead told to a ledger; the service tells many at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from leadlight.serving.ledger.leads import Outcome, ToldLead
from leadlight.serving.ledger.ledger import Ledger

__all__ = ["put_lead"]


def put_lead(ledger: Ledger, connection: Connection, lead: Mapping[str, Any], now: int) -> tuple[str, Outcome]:
    """Return the id that the lead goes by today, and what came of it."""
    [put] = ledger.put_told(connection, [ToldLead(lead, now)])
    return put
