"""When anything was last heard of a lead: what happened to it, and what was told of it, whichever is later.

What the service does by itself is not counted: that it scored a lead, showed it or sent its score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, Subquery, Table, func, select, tuple_, union

from leadlight.serving.ledger.facts import remember
from leadlight.serving.ledger.persons import names_today
from leadlight.serving.store.schema import (
    ACTIVITIES,
    ATTRIBUTE_CHANGES,
    DECISIONS,
    LEAD_MOVES,
    LEADS,
    META,
    STAGE_CHANGES,
)
from leadlight.serving.store.sql import parts

__all__ = [
    "heard_of",
    "heard_of_ids",
    "idle_erased",
    "ids_of_events",
    "not_told",
    "note_idle_erased",
    "untouched",
]

_EVENTS: Final[tuple[Table, ...]] = (ACTIVITIES, STAGE_CHANGES, ATTRIBUTE_CHANGES)
"""Tables of what happened; it may be told before its lead is."""

_OF_EVENTS: Final = ("occurred_at", "recorded_at", "superseded_at")
_TIMES: Final[Mapping[Table, tuple[str, ...]]] = {
    LEADS: ("created_at", "recorded_at", "attributes_at", "merged_at", "objected_at", "touched_at"),
    **dict.fromkeys(_EVENTS, _OF_EVENTS),
    LEAD_MOVES: ("recorded_at",),
    DECISIONS: ("decided_at",),
}
"""Columns that tell when something happened or was told; microseconds."""


_ERASED_BEFORE: Final = "idle_leads_erased_before"


def note_idle_erased(connection: Connection, before: int) -> None:
    """Note that leads of which nothing was heard since a time (microseconds) were erased: training has to know."""
    remember(connection, _ERASED_BEFORE, str(max(before, idle_erased(connection) or before)))


def idle_erased(connection: Connection) -> int | None:
    """Return since when nothing was heard of those who were erased for that, microseconds; None: nobody was."""
    found = connection.execute(select(META.c.value).where(META.c.name == _ERASED_BEFORE)).scalar_one_or_none()
    return None if found is None else int(found)


def heard_of(connection: Connection, lead_ids: Sequence[str]) -> dict[str, int]:
    """Return when anything was last heard of persons, under whatever ids they have gone by.

    Parameters
    ----------
    connection : Connection
    lead_ids : sequence of str
        As they go by today. Ids of which nothing is known are not in the answer.
    """
    person = names_today(connection, lead_ids)
    found: dict[str, int] = {}
    for name, when in heard_of_ids(connection, sorted(person)).items():
        found[person[name]] = max(when, found.get(person[name], when))
    return found


def heard_of_ids(connection: Connection, names: Sequence[str]) -> dict[str, int]:
    """Return when anything was last heard under each of some ids."""
    found: dict[str, int] = {}
    for part in parts(names):
        for table, columns in _TIMES.items():
            latest = [func.max(table.c[name]) for name in columns]
            asked = select(table.c.lead_id, *latest).where(table.c.lead_id.in_(part)).group_by(table.c.lead_id)
            for lead_id, *times in connection.execute(asked):
                when = max(time for time in times if time is not None)
                found[lead_id] = max(when, found.get(lead_id, when))
    return found


def untouched(connection: Connection, before: int, after: tuple[int, str], most: int) -> list[tuple[int, str]]:
    """Return when leads were last told of and their ids, where that was before a time; the longest ago first.

    They are candidates only: something of them may lie ahead of when it was told. Merged ids are passed over.

    Parameters
    ----------
    connection : Connection
    before : int
        Microseconds.
    after : tuple of (int, str)
        The last that was returned before; all leads of an import were told at one time.
    most : int
        How many to return at most.
    """
    own = func.coalesce(LEADS.c.merged_into, "") == ""  # so that SQLite takes the index of times, not that of merges
    place = tuple_(LEADS.c.touched_at, LEADS.c.lead_id)
    asked = select(LEADS.c.touched_at, LEADS.c.lead_id).where(LEADS.c.touched_at < before, own, place > tuple_(*after))
    rows = connection.execute(asked.order_by(LEADS.c.touched_at, LEADS.c.lead_id).limit(most))
    return [(told_at, lead_id) for told_at, lead_id in rows]


def ids_of_events(connection: Connection, after: str, most: int) -> list[str]:
    """Return the next different ids under which anything is told to have happened, in the database's order."""
    together = union(*(select(_ids_in(table, after, most).c.lead_id) for table in _EVENTS)).subquery()
    asked = select(together.c.lead_id).order_by(together.c.lead_id).limit(most)
    return list(connection.execute(asked).scalars())


def _ids_in(table: Table, after: str, most: int) -> Subquery:
    """Go from id to id by the index: asked for different ones, PostgreSQL may read all rows for the first few."""
    first = select(func.min(table.c.lead_id).label("lead_id")).where(table.c.lead_id > after)
    walk = first.cte(f"ids_of_{table.name}", recursive=True)
    other = table.alias()
    further = select(func.min(other.c.lead_id)).where(other.c.lead_id > walk.c.lead_id).scalar_subquery()
    walk = walk.union_all(select(further).where(walk.c.lead_id.is_not(None)))
    return select(walk.c.lead_id).where(walk.c.lead_id.is_not(None)).limit(most).subquery()


def not_told(connection: Connection, lead_ids: Sequence[str]) -> list[str]:
    """Return which ids are no lead's, not even a merged one's."""
    there: set[str] = set()
    for part in parts(lead_ids):
        there.update(connection.execute(select(LEADS.c.lead_id).where(LEADS.c.lead_id.in_(part))).scalars())
    return [lead_id for lead_id in lead_ids if lead_id not in there]
