"""A history that lies in files, taken into the store: fast, in parts that each stand alone, and as often as one likes.

A part is some accounts with all their leads and all that happened to them, so that nobody is ever scored half. How far
it came is written in the part's own transaction: whoever runs it again after a crash goes on behind the last part that
was committed. Rows are told as the ledger tells them, so they are the same whichever way they came.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Final, Self

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from leadlight.core.clock import to_micros
from leadlight.core.errors import UsageError
from leadlight.core.history import TABLES, History
from leadlight.core.privacy import personal_reason
from leadlight.features.encode import micros_of, positions_of
from leadlight.serving.ledger.facts import Facts, remember, write_facts
from leadlight.serving.ledger.jobs import run_job
from leadlight.serving.ledger.persons import Persons, beside, find_persons, token_of
from leadlight.serving.ledger.stale import TIME_PASSED, mark_accounts, mark_leads
from leadlight.serving.ledger.versions import EVENT_KINDS
from leadlight.serving.store.database import Database
from leadlight.serving.store.schema import ERASURES, LEADS, META
from leadlight.serving.store.sql import analyze, insert_many, parts

__all__ = ["Counts", "import_history", "is_empty", "was_taken"]

Row = dict[str, Any]
Ints = NDArray[np.int64]

_ROWS_AT_ONCE: Final = 5_000
_MOST_ROWS: Final = 4 * _ROWS_AT_ONCE
"""Where an account is larger than that, it is taken in several parts."""

_PAUSE: Final = 0.005
"""Seconds between two parts in which a service on the same SQLite file gets its turn for sure."""

_FOR_BULK: Final = {"cache_size": "-262144", "wal_autocheckpoint": "8000", "synchronous": "NORMAL"}
"""SQLite, for the import's own connection: indexes of digests are written all over, so pages have to be at hand and to
go to their places seldom. What a power cut takes back it takes with the mark of how far we came; see `_AS_USUAL`."""

_AS_USUAL: Final = {"synchronous": "FULL", "wal_autocheckpoint": "1000", "cache_size": "-2000"}

_MARK: Final = "import:"
_FORMAT: Final = 1
"""Raised when parts are cut otherwise: then what was begun before is begun anew."""


@dataclass
class Counts:
    """What became of a history's rows; the numbers add up to all of them.

    Attributes
    ----------
    leads, activities, stage_changes, attribute_changes : int
        Rows that are new in the store.
    duplicates : int
        Rows that were there already.
    skipped_erased : int
        Rows of leads that were erased; they are not taken in.
    differing : int
        Of the duplicates: leads that the store knows with another account, owner or attribute. They stay as they are,
        for nobody can tell which of the two is the newer; what changed is told by PUT.
    """

    leads: int = 0
    activities: int = 0
    stage_changes: int = 0
    attribute_changes: int = 0
    duplicates: int = 0
    skipped_erased: int = 0
    differing: int = 0

    def add(self, more: Self) -> None:
        """Count more rows."""
        for name, count in asdict(more).items():
            setattr(self, name, getattr(self, name) + count)


def import_history(
    database: Database,
    secret: bytes,
    history: History,
    *,
    now: int,
    progress: Callable[[int, int], object],
) -> Counts:
    """Take a history into the store.

    Parameters
    ----------
    database : Database
        A service may be at work on it meanwhile.
    secret : bytes
        Tells erased ids; see `leadlight.core.secret.secret_of`.
    history : History
        With dates.
    now : int
        Microseconds.
    progress : callable
        Called with the rows done and all rows, after each part.

    Returns
    -------
    Counts
        Rows that an earlier run which ended early has taken in count as duplicates.

    Raises
    ------
    UsageError
        If it is a flat export.
    sqlalchemy.exc.SQLAlchemyError, OSError
        If the database does not answer; what was committed before stays.
    """
    if history.is_flat or history.ended_at is None:
        raise UsageError(
            "This is a flat export: it says which leads converted, but not what happened when, so there is nothing to "
            "keep. Export activities and stage changes with their times (README, 'A history with dates'), or train on "
            "the folder with --data."
        )
    return _Import(database, secret, history, now).run(progress)


def is_empty(connection: Connection) -> bool:
    """Return whether the store holds no lead."""
    return connection.execute(select(LEADS.c.lead_id).limit(1)).first() is None


def was_taken(connection: Connection, history: History) -> bool:
    """Return whether this history was taken in, as a whole or in part."""
    return connection.execute(select(META.c.value).where(META.c.name == _mark_of(history))).first() is not None


def _mark_of(history: History) -> str:
    return f"{_MARK}{_FORMAT}:{history.fingerprint}"


@dataclass(frozen=True)
class _Part:
    """Places in the order of leads, and the rows of each table that belong to them."""

    first: int
    after: int
    leads: list[Row]
    events: dict[str, list[Row]]

    @property
    def rows(self) -> int:
        return len(self.leads) + sum(map(len, self.events.values()))


class _Import:
    def __init__(self, database: Database, secret: bytes, history: History, now: int) -> None:
        self.database = database
        self.secret = secret
        self.history = history
        self.now = now
        self.mark = _mark_of(history)
        self.frames = {name: getattr(history, name) for name in EVENT_KINDS}
        ids = history.leads["lead_id"]
        self.order = _by_account(history.leads["account_id"])
        place = np.empty(len(ids), np.int64)
        place[self.order] = np.arange(len(ids))
        self.rows_of = {
            name: _Grouped.of(place[positions_of(frame["lead_id"], ids)], len(ids))
            for name, frame in self.frames.items()
        }
        sizes = 1 + sum(np.diff(grouped.start) for grouped in self.rows_of.values())
        self.rows_before = np.concatenate([[0], np.cumsum(sizes)])
        self.attributes_at = self._attributes_at()

    def _attributes_at(self) -> Ints:
        """Return since when each lead's attributes are known."""
        recorded = micros_of(self.history.leads["recorded_at"])
        facts = _facts_of(self.history)
        if any(row["known"] == "exported" for row in facts.attributes if row["name"] not in _moving(self.history)):
            return np.full_like(recorded, _end_of(self.history))
        return recorded

    def run(self, progress: Callable[[int, int], object]) -> Counts:
        self._set(_FOR_BULK)
        try:
            counts = self._take_all(progress)
        finally:
            self._set(_AS_USUAL)
        with self.database.writing() as connection:  # whose commit returns when all before it is on the disk, too
            remember(connection, self.mark, str(len(self.order)))
        return counts

    def _take_all(self, progress: Callable[[int, int], object]) -> Counts:
        begun, erased = self._begin()
        counts = self._counted_before(begun, erased)
        all_rows = int(self.rows_before[-1])
        analyzed = 0
        for first, after in self._cuts(begun):
            part = self._part(first, after)  # outside the transaction: others may write meanwhile
            counts.add(run_job(self.database, partial(self._take, part=part)))
            done = int(self.rows_before[after])
            progress(done, all_rows)
            if self.database.is_sqlite:
                time.sleep(_PAUSE)
            elif done >= 2 * analyzed or done == all_rows:  # the service scores what is there already
                self._analyze()
                analyzed = done
        return counts

    def _analyze(self) -> None:
        with self.database.writing() as connection:
            analyze(connection, [LEADS, *(kind.table for kind in EVENT_KINDS.values())])

    def _set(self, pragmas: Mapping[str, str]) -> None:
        if self.database.is_sqlite:
            with self.database.outside() as connection:
                for name, value in pragmas.items():
                    connection.exec_driver_sql(f"PRAGMA {name}={value}")

    def _begin(self) -> tuple[int, NDArray[np.bool_]]:
        """Write down what the mapping said; return how many leads an earlier run took, and who was erased."""
        with self.database.writing() as connection:
            write_facts(connection, _facts_of(self.history))
            begun = connection.execute(select(META.c.value).where(META.c.name == self.mark)).scalar()
            gone = self._erased(connection)
        return int(begun or 0), gone

    def _erased(self, connection: Connection) -> NDArray[np.bool_]:
        """Say which leads, in the order of parts, were erased."""
        tokens = set(connection.execute(select(ERASURES.c.token)).scalars())
        if not tokens:
            return np.zeros(len(self.order), np.bool_)
        ids = self.history.leads["lead_id"].to_numpy()[self.order]
        return np.array([token_of(self.secret, str(one)) in tokens for one in ids])

    def _counted_before(self, begun: int, erased: NDArray[np.bool_]) -> Counts:
        sizes = np.diff(self.rows_before)[:begun]
        gone = int(sizes[erased[:begun]].sum())
        return Counts(duplicates=int(sizes.sum()) - gone, skipped_erased=gone)

    def _cuts(self, begun: int) -> Iterator[tuple[int, int]]:
        """Yield parts as places from and to, cut where an account ends as far as that can be."""
        codes = pd.factorize(self.history.leads["account_id"].iloc[self.order])[0]
        starts = np.flatnonzero(np.concatenate([[True], (codes[1:] != codes[:-1]) | (codes[1:] < 0), [True]]))
        first, n_leads = begun, len(self.order)
        while first < n_leads:
            wished = int(np.searchsorted(self.rows_before, self.rows_before[first] + _ROWS_AT_ONCE))
            most = int(np.searchsorted(self.rows_before, self.rows_before[first] + _MOST_ROWS))
            after = int(starts[np.searchsorted(starts, min(wished, n_leads))])
            after = max(first + 1, min(after, most, n_leads))
            yield first, after
            first = after

    def _part(self, first: int, after: int) -> _Part:
        leads = self._lead_rows(first, after)
        events = {}
        for name, grouped in self.rows_of.items():
            rows = _rows_of(self.frames[name].take(grouped.between(first, after)), TABLES[name])
            if name == "attribute_changes":
                _encode_values(rows, self._kinds)
            kind = EVENT_KINDS[name]
            events[name] = [kind.told(row, self.now) for row in rows]
        return _Part(first, after, leads, events)

    @property
    def _kinds(self) -> dict[str, str]:
        return {attribute.name: attribute.kind for attribute in self.history.attributes}

    def _lead_rows(self, first: int, after: int) -> list[Row]:
        places = self.order[first:after]
        frame = self.history.leads.take(places)
        rows = _rows_of(frame, TABLES["leads"])
        attributes = _rows_of(frame, _stored(self.history))
        for row, known, at in zip(rows, attributes, self.attributes_at[places].tolist(), strict=True):
            row["attributes"] = json.dumps({name: value for name, value in known.items() if value is not None})
            row["attributes_at"] = at
            row["touched_at"] = self.now
        return rows

    def _take(self, connection: Connection, part: _Part) -> Counts:
        """Take a part in, within one transaction."""
        beside(connection)
        persons = find_persons(connection, self.secret, [row["lead_id"] for row in part.leads])
        counts = Counts()
        new = [
            row for row in part.leads if row["lead_id"] not in persons.erased and not _is_there(persons, row["lead_id"])
        ]
        colleagues = _accounts_there(connection, {row["account_id"] for row in new} - {None})
        insert_many(connection, LEADS, new)
        counts.leads = len(new)
        counts.differing = _count_differing(connection, part.leads)
        touched = {row["lead_id"] for row in new}
        for name, rows in part.events.items():
            changed = self._add_events(connection, name, rows, persons)
            setattr(counts, name, len(changed))
            touched.update(lead_id for leads in changed for lead_id in leads)
        counts.skipped_erased = self._rows_of_erased(part, persons)
        taken = counts.leads + counts.activities + counts.stage_changes + counts.attribute_changes
        counts.duplicates = part.rows - counts.skipped_erased - taken
        earlier = touched - {row["lead_id"] for row in new}
        if not earlier <= persons.account.keys():  # leads of which an event turned out to be another's
            persons = find_persons(connection, self.secret, earlier)
            touched -= earlier - persons.account.keys()
            earlier &= persons.account.keys()
        mark_accounts(connection, colleagues | {persons.account[one] for one in earlier}, self.now)
        # since the history's end: a service whose clock stands there, as a demo's does, has to score them too
        mark_leads(connection, touched, min(self.now, _end_of(self.history)), TIME_PASSED)
        for some in parts(sorted(earlier)):
            connection.execute(LEADS.update().where(LEADS.c.lead_id.in_(some)).values(touched_at=self.now))
        remember(connection, self.mark, str(part.after))
        return counts

    def _add_events(
        self, connection: Connection, name: str, rows: list[Row], persons: Persons
    ) -> list[tuple[str, ...]]:
        """Append events; return the leads that each one that was new changed."""
        kind = EVENT_KINDS[name]
        taken = [row for row in rows if row["lead_id"] not in persons.erased] if persons.erased else rows
        if any(one != persons.current[one] for one in persons.current):
            taken = [
                row if one["lead_id"] == row["lead_id"] else kind.told({**one, "recorded_at": None}, self.now)
                for row in taken
                for one in (kind.as_of_today(row, persons),)
            ]
        return [leads for leads in kind.append(connection, taken, self.now) if leads]

    def _rows_of_erased(self, part: _Part, persons: Persons) -> int:
        if not persons.erased:
            return 0
        tables = [part.leads, *part.events.values()]
        return sum(row["lead_id"] in persons.erased for rows in tables for row in rows)


@dataclass(frozen=True)
class _Grouped:
    """Rows of a table, grouped by their lead's place; within one in the order of the file."""

    start: Ints
    order: Ints

    @classmethod
    def of(cls, place: Ints, n_leads: int) -> Self:
        start = np.concatenate([[0], np.cumsum(np.bincount(place, minlength=n_leads))])
        return cls(start.astype(np.int64), np.argsort(place, kind="stable"))

    def between(self, first: int, after: int) -> Ints:
        return self.order[self.start[first] : self.start[after]]


def _by_account(accounts: pd.Series[str]) -> Ints:
    """Return the leads' rows so that those of an account follow each other; else as they come."""
    codes, known = pd.factorize(accounts)
    first_row = np.full(len(known) + 1, len(codes), np.int64)
    np.minimum.at(first_row, codes, np.arange(len(codes)))
    turn = np.where(codes < 0, np.arange(len(codes)), first_row[codes])
    return np.argsort(turn, kind="stable")


def _rows_of(frame: pd.DataFrame, columns: tuple[str, ...]) -> list[Row]:
    """Return a frame as plain rows: times as microseconds, None where there is nothing."""
    if not columns:
        return [{} for _ in range(len(frame))]
    cells = [_cells(frame[column]) for column in columns]
    return [dict(zip(columns, row, strict=True)) for row in zip(*cells, strict=True)]


def _cells(column: pd.Series[Any]) -> list[Any]:
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return list(micros_of(column).tolist())
    if column.dtype == np.float64:
        return [None if value != value else value for value in column.tolist()]
    return list(pa.array(column, pa.large_string(), from_pandas=True).to_pylist())


def _encode_values(rows: list[Row], kinds: dict[str, str]) -> None:
    """Write the values of attributes as the store keeps them; one that several rows share is written once."""
    spelled: dict[tuple[str, str | None], str] = {}
    for row in rows:
        kind, value = kinds[row["attribute"]], row["value"]
        text = spelled.get((kind, value))
        if text is None:
            said = value if value is None or kind == "category" else float(value)
            text = spelled[kind, value] = json.dumps(said)
        row["value"] = text


def _end_of(history: History) -> int:
    assert history.ended_at is not None  # flat exports were refused
    return to_micros(history.ended_at.to_pydatetime())


def _moving(history: History) -> set[str]:
    return {attribute.name for attribute in history.attributes if attribute.known == "dated"}


def _stored(history: History) -> tuple[str, ...]:
    """Return the attributes whose value in ``leads`` counts; a column of one value too, as later leads may differ."""
    moving = _moving(history)
    return tuple(str(name) for name in history.leads if name not in TABLES["leads"] and name not in moving)


def _facts_of(history: History) -> Facts:
    """Return what the mapping said that no row can say."""
    described = {
        one.name: {
            "name": one.name,
            "kind": one.kind,
            "known": (one.answered or "exported") if one.known == "dated" else one.known,
            "label": one.label,
        }
        for one in history.attributes
    }
    for name in _stored(history):  # of one value: the door took it for no attribute, and says no more of it
        kind = "number" if history.leads[name].dtype == np.float64 else "category"
        described.setdefault(name, {"name": name, "kind": kind, "known": "exported", "label": name})
    return Facts(
        attributes=tuple(described.values()),
        doers=dict(history.doers),
        not_personal=frozenset(name for name in described if _looks_personal(history, name)),
        until=_end_of(history),
    )


def _looks_personal(history: History, name: str) -> bool:
    """Tell what the door would have kept out, had the mapping not said that it is no personal data."""
    changes = history.attribute_changes
    values = changes["value"][changes["attribute"] == name] if name in _moving(history) else history.leads[name]
    if values.dtype == np.float64:
        values = values.dropna().map(str).astype("str")
    text = pa.chunked_array([pa.array(values, pa.large_string(), from_pandas=True)])
    return personal_reason(name, text) is not None


def _is_there(persons: Persons, lead_id: str) -> bool:
    return persons.is_known(lead_id) or persons.current[lead_id] != lead_id


def _count_differing(connection: Connection, told: list[Row]) -> int:
    """Return how many leads the store holds otherwise than an export says; those just taken in are the same."""
    said = {row["lead_id"]: row for row in told}
    differing = 0
    for part in parts(sorted(said)):
        columns = (LEADS.c.lead_id, LEADS.c.account_id, LEADS.c.owner_id, LEADS.c.attributes)
        for lead_id, account_id, owner_id, attributes in connection.execute(
            select(*columns).where(LEADS.c.lead_id.in_(part))
        ):
            row = said[lead_id]
            here = (account_id, owner_id, json.loads(attributes))
            differing += here != (row["account_id"], row["owner_id"], json.loads(row["attributes"]))
    return differing


def _accounts_there(connection: Connection, accounts: set[Any]) -> set[str | None]:
    """Return which accounts have leads already."""
    found: set[str | None] = set()
    for part in parts(sorted(accounts)):
        asked = select(LEADS.c.account_id).where(LEADS.c.account_id.in_(part)).distinct()
        found.update(connection.execute(asked).scalars())
    return found
