"""Answers that are kept for retries and name a lead: whoever is erased must not live on in them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Final

from sqlalchemy import Connection, func, select

from leadlight.serving.json_text import written
from leadlight.serving.store.schema import IDEMPOTENCY_KEYS
from leadlight.serving.store.sql import in_pages, parts

__all__ = ["answers_naming", "forget_answers"]

_STRINGS: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_FEW: Final = 10
"""Names up to which the database looks for each; more are looked for together, in one reading of all answers."""

_AT_ONCE: Final = 1_000


def answers_naming(connection: Connection, names: Collection[str], since: int | None = None) -> dict[str, list[str]]:
    """Return the keys of the answers that name some leads, by lead id.

    Parameters
    ----------
    connection : Connection
    names : collection of str
        Ids.
    since : int, optional
        Microseconds: only answers given from then on.
    """
    table = IDEMPOTENCY_KEYS.c
    recent = [] if since is None else [table.created_at >= since]
    found: dict[str, list[str]] = {name: [] for name in names}
    spelled = {written(name).decode(): name for name in names}
    if len(names) <= _FEW:
        for text, name in spelled.items():
            named = func.replace(table.answer, text, "") != table.answer  # SQLite's LIKE takes l-1 for L-1
            asked = select(table.key).where(named, *recent)
            found[name] = list(connection.execute(asked).scalars())
        return found
    everything = select(table.key, table.answer).where(*recent)
    for key, answer in in_pages(connection, everything, table.key, _AT_ONCE):
        for text in spelled.keys() & set(_STRINGS.findall(answer)):
            found[spelled[text]].append(key)
    return found


def forget_answers(connection: Connection, keys: Iterable[str]) -> None:
    """Forget answers by their keys."""
    for part in parts(sorted(set(keys))):
        connection.execute(IDEMPOTENCY_KEYS.delete().where(IDEMPOTENCY_KEYS.c.key.in_(part)))
