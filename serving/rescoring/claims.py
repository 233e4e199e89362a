"""Who scores which leads next: claims are leases in the database, so that several processes share the work.

A claim ends when the work is written, or by itself when its time is over: a killed process delays, it drops nothing.
A change that comes while a lead is being scored raises the lead's generation; then the lead stays to be scored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Connection,
    Integer,
    Select,
    Table,
    bindparam,
    case,
    literal,
    or_,
    select,
    tuple_,
)

from leadlight.serving.ledger.stale import ACCOUNT_CHANGED, LEAD_CHANGED, TIME_PASSED
from leadlight.serving.store.schema import LEADS, META, RESCORING, RESCORING_ACCOUNTS, SCORES
from leadlight.serving.store.sql import AT_ONCE, any_of, is_true, parts, upsert

__all__ = [
    "Claims",
    "claim_accounts",
    "claim_leads",
    "finish_accounts",
    "finish_leads",
    "give_way",
    "held",
    "note_version",
    "postpone",
    "put_accounts_on_list",
    "sweep",
]

LEASE: Final = 30_000_000
"""How long a claim lasts, microseconds."""

_COMMITTED: Final = 2_000_000
"""By when a change that was told is committed, microseconds: a score of that time may have been made without it."""

_PATIENCE_MILLISECONDS: Final = 100

_VERSION: Final = "version_to_score_by"


@dataclass(frozen=True, slots=True)
class Claims:
    """What was claimed.

    Attributes
    ----------
    until : int
        When the claim ends, microseconds: it also tells this claim from any other of the same row.
    generations : mapping of str to int
        By name.
    """

    until: int
    generations: Mapping[str, int]

    def __bool__(self) -> bool:
        return bool(self.generations)

    @property
    def names(self) -> list[str]:
        """What was claimed, in the one order in which rows are locked."""
        return sorted(self.generations)


def give_way(connection: Connection) -> None:
    """Wait only shortly for rows that others hold, until the end of the transaction; SQLite has one writer anyway.

    Those who tell of many leads at once lock them in any order. PostgreSQL would look only after a second whether two
    wait for each other, and all that tell would wait with them.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {_PATIENCE_MILLISECONDS}")


def claim_leads(connection: Connection, most: int, now: int, clock: int) -> Claims:
    """Claim the most urgent leads.

    Parameters
    ----------
    connection : Connection
        Within a transaction.
    most : int
    now : int
        The service's time, microseconds; what is listed for later waits.
    clock : int
        The machine's, microseconds: leases run in real time.
    """
    order = (RESCORING.c.urgency, RESCORING.c.since)
    return _claim(connection, RESCORING, RESCORING.c.lead_id, order, most, now, clock)


def claim_accounts(connection: Connection, most: int, now: int, clock: int) -> Claims:
    """Claim the accounts that have waited longest; see `claim_leads`."""
    key = RESCORING_ACCOUNTS.c.account_id
    return _claim(connection, RESCORING_ACCOUNTS, key, (RESCORING_ACCOUNTS.c.since,), most, now, clock)


def _claim(
    connection: Connection, table: Table, key: Any, order: Sequence[Any], most: int, now: int, clock: int
) -> Claims:
    free = (
        select(key, table.c.generation)
        .where(table.c.claimed_until < clock, table.c.since <= now)
        .order_by(*order)
        .limit(most)
        .with_for_update(skip_locked=True)  # but for SQLite, which has one writer at a time
    )
    found = Claims(clock + LEASE, {row[0]: row.generation for row in connection.execute(free)})
    for part in parts(found.names):
        connection.execute(table.update().where(key.in_(part)).values(claimed_until=found.until))
    return found


def held(connection: Connection, claims: Claims) -> set[str]:
    """Return which claimed leads are still ours to write, and hold them until the end of the transaction.

    Who was erased, merged or objects meanwhile is not among them, nor what another process took over when our time
    was up: nothing may be written of them.
    """
    found: set[str] = set()
    for part in parts(claims.names):
        asked = (
            select(RESCORING.c.lead_id)
            .where(RESCORING.c.lead_id.in_(part), RESCORING.c.claimed_until == claims.until)
            .order_by(RESCORING.c.lead_id)
            .with_for_update()
        )
        found.update(connection.execute(asked).scalars())
    return found


def finish_leads(connection: Connection, claims: Claims, ahead: Mapping[str, int]) -> None:
    """Take scored leads off the list; those that changed meanwhile stay, free to be claimed.

    Parameters
    ----------
    connection : Connection
    claims : Claims
    ahead : mapping of str to int
        Leads that have to be scored again from a time on, microseconds.
    """
    table = RESCORING.c
    later = (
        RESCORING.update()
        .where(
            table.lead_id == bindparam("name"),
            table.generation == bindparam("seen"),
            table.claimed_until == claims.until,
        )
        .values(since=bindparam("from_then"), urgency=LEAD_CHANGED, claimed_until=0)
    )
    if ahead:
        seen = claims.generations
        rows = [{"name": name, "seen": seen[name], "from_then": when + 1} for name, when in sorted(ahead.items())]
        connection.execute(later, rows)
    _finish(connection, RESCORING, RESCORING.c.lead_id, claims)


def finish_accounts(connection: Connection, claims: Claims) -> None:
    """Take accounts off the list; see `finish_leads`."""
    _finish(connection, RESCORING_ACCOUNTS, RESCORING_ACCOUNTS.c.account_id, claims)


def _finish(connection: Connection, table: Table, key: Any, claims: Claims) -> None:
    if not claims:
        return
    done, others = _finishing(table, key)
    for part in parts(claims.names, AT_ONCE // 2):  # two values of each
        seen = [(name, claims.generations[name]) for name in part]
        connection.execute(done, {"ours": claims.until, "seen": seen})
        connection.execute(others, {"ours": claims.until, "values": part})


@cache
def _finishing(table: Table, key: Any) -> tuple[Any, Any]:
    ours = table.c.claimed_until == bindparam("ours")
    unchanged = tuple_(key, table.c.generation).in_(bindparam("seen", expanding=True))
    return table.delete().where(unchanged, ours), table.update().where(any_of(key, "values"), ours).values(
        claimed_until=0
    )


def postpone(connection: Connection, claims: Claims, names: Iterable[str], until: int) -> None:
    """Leave leads that could not be scored alone for a while."""
    for part in parts(sorted(names)):
        ours = (RESCORING.c.lead_id.in_(part), RESCORING.c.claimed_until == claims.until)
        connection.execute(RESCORING.update().where(*ours).values(claimed_until=until))


def put_accounts_on_list(connection: Connection, claims: Claims, now: int) -> None:
    """List the leads of claimed accounts whose score may not know of the change: what it did concerns them all."""
    given = {"urgency": ACCOUNT_CHANGED, "listed_at": now}
    for part in parts(claims.names):
        connection.execute(_listing_accounts(connection.dialect.name), {**given, "values": list(part)})


@cache
def _listing_accounts(dialect: str) -> Any:
    old = (
        select(LEADS.c.lead_id)
        .join(RESCORING_ACCOUNTS, RESCORING_ACCOUNTS.c.account_id == LEADS.c.account_id)
        .outerjoin(SCORES, SCORES.c.lead_id == LEADS.c.lead_id)
        .where(
            any_of(RESCORING_ACCOUNTS.c.account_id, "values"),
            LEADS.c.merged_into.is_(None),
            LEADS.c.objected_at.is_(None),
            or_(
                SCORES.c.lead_id.is_(None),
                is_true(SCORES.c.is_open) & (SCORES.c.as_of <= RESCORING_ACCOUNTS.c.since + _COMMITTED),
            ),
        )
        .order_by(LEADS.c.lead_id)
    )
    return _listing(dialect, old)


def note_version(connection: Connection, version: int) -> None:
    """Write down which version scores are to be by: the one that was taken up last, by whichever process."""
    new = upsert(connection.dialect.name, META)
    kept = new.on_conflict_do_update(index_elements=["name"], set_={"value": new.excluded.value})
    connection.execute(kept, [{"name": _VERSION, "value": str(version)}])


def sweep(connection: Connection, version: int, older_than: int, most: int, now: int) -> int:
    """List leads that another model scored, or that were scored too long ago; return how many, at most ``most``.

    While two versions serve, only processes of the one that was taken up last list what the other scored: else both
    would score all leads for ever.
    """
    wanted = connection.execute(select(META.c.value).where(META.c.name == _VERSION)).scalar_one_or_none()
    waiting = select(RESCORING.c.lead_id)
    other = or_(SCORES.c.model_version < version, SCORES.c.model_version > version)  # ranges, which an index knows
    other_model = select(SCORES.c.lead_id).where(other, SCORES.c.lead_id.not_in(waiting))
    old = select(SCORES.c.lead_id).where(
        is_true(SCORES.c.is_open), SCORES.c.as_of < older_than, SCORES.c.lead_id.not_in(waiting)
    )
    listed = 0
    for found in (other_model, old) if wanted in (None, str(version)) else (old,):
        if listed < most:
            listed += _put_on_list(connection, found.limit(most - listed), TIME_PASSED, now)
    return listed


def _put_on_list(connection: Connection, leads: Select[tuple[str]], urgency: int, now: int) -> int:
    listing = _listing(connection.dialect.name, leads).execution_options(preserve_rowcount=True)
    return connection.execute(listing, {"urgency": urgency, "listed_at": now}).rowcount


def _listing(dialect: str, leads: Select[tuple[str]]) -> Any:
    """Return what lists leads, of a cause ``urgency`` at a time ``listed_at``; those that wait already stay."""
    names = ["lead_id", "urgency", "since", "generation", "claimed_until"]
    given = (bindparam("urgency", type_=Integer), bindparam("listed_at", type_=BigInteger))
    found = leads.add_columns(*given, literal(0), literal(0))
    new = upsert(dialect, RESCORING).from_select(names, found.where(literal(1) == 1))
    sooner = case((new.excluded.since < RESCORING.c.since, new.excluded.since), else_=RESCORING.c.since)
    raised = {"generation": RESCORING.c.generation + 1, "since": sooner}
    return new.on_conflict_do_update(index_elements=["lead_id"], set_=raised)
