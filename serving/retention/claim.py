"""Which process does it: a lease in the database, and when it was last done."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Final

from sqlalchemy import Connection, select

from leadlight.core.clock import DAY
from leadlight.serving.store.schema import META
from leadlight.serving.store.sql import upsert

__all__ = ["LEASE", "Turn", "claim", "give_back", "hold", "read_turn"]

LEASE: Final = 120_000_000
"""How long a claim lasts unless it is renewed, microseconds of the machine's clock: longer than any one step takes."""

_NAME: Final = "retention"


@dataclass(frozen=True, slots=True)
class Turn:
    """Whose turn it is; times in microseconds since 1970 UTC by the machine's clock.

    Attributes
    ----------
    by : str
        The name of who claimed it last.
    until : int
        When that claim ends; 0: it is over.
    done : int or None
        When it was last done to the end.
    """

    by: str = ""
    until: int = 0
    done: int | None = None

    def is_due(self, since: int, now: int) -> bool:
        """Return whether it has to be done: daily, and once after a time (a start); nobody being at it."""
        return self.until <= now and (self.done is None or self.done < since or self.done <= now - DAY)


def read_turn(connection: Connection) -> Turn:
    """Read whose turn it is."""
    found = connection.execute(select(META.c.value).where(META.c.name == _NAME)).scalar_one_or_none()
    return Turn() if found is None else Turn(**json.loads(found))


def claim(connection: Connection, by: str, now: int, since: int | None = None) -> bool:
    """Claim it; return whether it is ours now.

    Parameters
    ----------
    connection : Connection
        Within a transaction that may write.
    by : str
        Ours alone.
    now : int
    since : int, optional
        Only if it is due by `Turn.is_due`; without, whenever nobody is at it.
    """
    turn = _locked(connection)
    if turn.until > now if since is None else not turn.is_due(since, now):
        return False
    _write(connection, Turn(by, now + LEASE, turn.done))
    return True


def hold(connection: Connection, by: str, now: int) -> bool:
    """Renew a claim; return False where another has taken over because its time was up."""
    turn = _locked(connection)
    if turn.by != by:
        return False
    _write(connection, Turn(by, now + LEASE, turn.done))
    return True


def give_back(connection: Connection, by: str, done: int | None = None) -> None:
    """End a claim, and note when it was done if it was."""
    turn = _locked(connection)
    if turn.by == by:
        _write(connection, Turn(by, 0, turn.done if done is None else done))


def _locked(connection: Connection) -> Turn:
    """Read whose turn it is, and let nobody else change that until the end of the transaction."""
    new = upsert(connection.dialect.name, META).on_conflict_do_nothing(index_elements=["name"])
    connection.execute(new, [{"name": _NAME, "value": json.dumps(asdict(Turn()))}])
    connection.execute(select(META.c.value).where(META.c.name == _NAME).with_for_update())  # void on SQLite: one writes
    return read_turn(connection)


def _write(connection: Connection, turn: Turn) -> None:
    connection.execute(META.update().where(META.c.name == _NAME).values(value=json.dumps(asdict(turn))))
