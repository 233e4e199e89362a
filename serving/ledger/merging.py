"""Two leads that are one person: the history is joined, and past moments stay as they were.

From the merge on the surviving lead has the events of both; the other is closed and leads on to it. The copies are
known since now, so that nothing changes for moments before.
"""

from __future__ import annotations

from sqlalchemy import Connection, select

from leadlight.serving.ledger.versions import EVENT_KINDS, Events, end_versions
from leadlight.serving.store.schema import DECISIONS, LEADS, RESCORING, SCORES
from leadlight.serving.store.sql import parts

__all__ = ["merge_leads"]


def merge_leads(connection: Connection, gone: str, into: str, into_created: int, now: int) -> None:
    """Join a lead's history to another's.

    Parameters
    ----------
    connection : Connection
    gone, into : str
        Two leads that are known and not merged yet.
    into_created : int
        When the surviving lead was created: no stage lies before.
    now : int
        Microseconds.
    """
    for events in EVENT_KINDS.values():
        _hand_over(connection, events, gone, into, into_created, now)
    connection.execute(
        LEADS.update().where(LEADS.c.lead_id == gone).values(merged_into=into, merged_at=now, touched_at=now)
    )
    connection.execute(LEADS.update().where(LEADS.c.lead_id == into).values(touched_at=now))
    connection.execute(DECISIONS.update().where(DECISIONS.c.lead_id == gone).values(lead_id=into))
    connection.execute(RESCORING.delete().where(RESCORING.c.lead_id == gone))
    connection.execute(SCORES.delete().where(SCORES.c.lead_id == gone))


def _hand_over(connection: Connection, events: Events, gone: str, into: str, into_created: int, now: int) -> None:
    table = events.table
    asked = select(table).where(table.c.lead_id == gone, table.c.superseded_at.is_(None)).order_by(table.c.row_id)
    rows = connection.execute(asked).mappings().all()
    end_versions(connection, table, [row["row_id"] for row in rows], now)
    copies = [{**events.moved(row, into, into_created), "recorded_at": None} for row in rows]  # recorded now
    for part in parts(copies):
        events.add(connection, part, now)
