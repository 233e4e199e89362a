"""What imported histories' mappings said of the data as a whole: of attributes, of who acts, of how far they reach."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, select

from leadlight.serving.store.schema import ATTRIBUTES, META
from leadlight.serving.store.sql import upsert

__all__ = ["Facts", "read_facts", "remember", "write_facts"]

_MARK: Final = "imported"


@dataclass(frozen=True)
class Facts:
    """What mappings said.

    Attributes
    ----------
    attributes : tuple of dict
        Rows of `leadlight.serving.store.schema.ATTRIBUTES`.
    doers : dict of str to {"lead", "rep", "system"}
        Who does an activity of a type.
    not_personal : frozenset of str
        Attributes that look like personal data, of which the mapping says that they are none.
    until : int or None
        The latest instant that an imported history knows of, microseconds.
    """

    attributes: tuple[dict[str, Any], ...] = ()
    doers: dict[str, str] = field(default_factory=dict)
    not_personal: frozenset[str] = frozenset()
    until: int | None = None


def read_facts(connection: Connection) -> Facts:
    """Read what all imports so far said."""
    rows = connection.execute(select(ATTRIBUTES).order_by(ATTRIBUTES.c.name)).mappings()
    text = connection.execute(select(META.c.value).where(META.c.name == _MARK)).scalar()
    said = {} if text is None else json.loads(text)
    return Facts(
        tuple(dict(row) for row in rows),
        said.get("doers", {}),
        frozenset(said.get("not_personal", ())),
        said.get("until"),
    )


def write_facts(connection: Connection, facts: Facts) -> None:
    """Add what an import says; of two that speak of the same the later one counts."""
    before = read_facts(connection)
    if facts.attributes:
        new = upsert(connection.dialect.name, ATTRIBUTES)
        columns = {name: new.excluded[name] for name in ("kind", "known", "label")}
        connection.execute(new.on_conflict_do_update(index_elements=["name"], set_=columns), list(facts.attributes))
    said = {
        "doers": {**before.doers, **facts.doers},
        "not_personal": sorted(before.not_personal | facts.not_personal),
        "until": max((one for one in (before.until, facts.until) if one is not None), default=None),
    }
    remember(connection, _MARK, json.dumps(said, sort_keys=True))


def remember(connection: Connection, name: str, value: str) -> None:
    """Write a fact about the store itself over."""
    new = upsert(connection.dialect.name, META)
    connection.execute(
        new.on_conflict_do_update(index_elements=["name"], set_={"value": new.excluded.value}),
        [{"name": name, "value": value}],
    )
