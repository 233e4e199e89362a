"""How each neighbour is looked at."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from sqlalchemy import func, select

from leadlight.core.clock import Clock, to_micros
from leadlight.serving.champion import Champion, Starting
from leadlight.serving.operate.neighbours import OK, Check, Found
from leadlight.serving.store.database import Database
from leadlight.serving.store.plain_error import plain
from leadlight.serving.store.schema import META, OUTBOX
from leadlight.serving.store.spool import Spool

__all__ = ["champion_check", "database_check", "outbox_check", "spool_check"]

_LATE: Final = 5 * 60 * 1_000_000
"""Microseconds after its time that a message may leave before the outbox counts as degraded."""


def database_check(database: Database) -> Check:
    """Ask the database something that it must open its tables for."""

    def look() -> Found:
        with database.reading() as connection:
            connection.execute(select(META.c.name).limit(1)).all()
        return OK

    return look


def spool_check(path: Path) -> Check:
    """See whether receipts wait, and whether one could be put there.

    Parameters
    ----------
    path : Path
        Of the spool's file.
    """
    spool = Spool(path)

    def look() -> Found:
        place = path if path.exists() else path.parent
        if (path.exists() and not path.is_file()) or not os.access(place, os.W_OK):
            return Found("down", "it can't be written")
        return Found("degraded", "receipts wait for the database") if spool.waiting else OK

    return look


def outbox_check(database: Database, clock: Clock) -> Check:
    """See whether messages to the CRM are late or were given up."""
    waits, dead = OUTBOX.c.state == "waiting", OUTBOX.c.state == "dead"

    def look() -> Found:
        with database.reading() as connection:
            first = connection.execute(select(func.min(OUTBOX.c.next_attempt_at)).where(waits)).scalar_one()
            given_up = connection.execute(select(func.count()).select_from(OUTBOX).where(dead)).scalar_one()
        if first is not None and to_micros(clock.now()) - first > _LATE:
            return Found("degraded", "messages are late")
        return Found("degraded", f"{given_up:,} messages were given up") if given_up else OK

    return look


def champion_check(champion: Champion, cache: Path) -> Check:
    """See whether a model serves, and whether the service would find one if it were started anew.

    Parameters
    ----------
    champion : Champion
    cache : Path
        The champion's folder.
    """

    def look() -> Found:
        try:
            _ = champion.scorer
        except Starting:
            return Found("degraded", "being loaded")
        except Exception as error:
            return Found("down", f"no model serves: {plain(error)}")
        if (cache / "version.json").is_file():
            return OK
        return Found("degraded", "the cache is gone: a restart would find no model")

    return look
