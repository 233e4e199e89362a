"""Putting a backup back: all of it, in one transaction, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy import Connection, Engine, inspect
from sqlalchemy.exc import SQLAlchemyError

from leadlight.core.errors import BrokenBackup, Unavailable, UsageError
from leadlight.core.secret import known_secret
from leadlight.core.settings import Settings
from leadlight.serving.operate.archive import Archive
from leadlight.serving.operate.carried import Replaced, erasures_in, object_again, revoke_again, what_stands
from leadlight.serving.operate.home_files import stage
from leadlight.serving.operate.loading import continue_numbers, load_table
from leadlight.serving.operate.manifest import SECRET, Manifest, read_manifest, secret_fingerprint
from leadlight.serving.store.database import Database
from leadlight.serving.store.erasure_journal import JOURNAL_FILE, ErasureJournal
from leadlight.serving.store.plain_error import plain
from leadlight.serving.store.schema import META, METADATA
from leadlight.serving.store.upgrade import NEWEST, alone, revision_of, walk

__all__ = ["Reapply", "Restored", "restore"]

Reapply = Callable[[Connection, bytes, set[str]], int]
"""Erases the leads that have these tokens by a secret, within the connection's transaction; returns how many."""

_VERSION_TABLE: Final = "alembic_version"
_WAIT: Final = "30s"
"""How long PostgreSQL waits for others to let go of the tables."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did.

    Attributes
    ----------
    manifest : Manifest
        Of the backup.
    revision : str
        The step that the tables stand at now.
    forgotten : int
        Erasures that the backup did not know of and that were made again.
    erased : int
        Leads that this took out.
    objected : int
        Leads whose objection to profiling only the replaced database knew of; it stands.
    revoked : int
        Keys that only the replaced database knew to be revoked; they stay so.
    lacks_secret : bool
        Whether the backup was made with a secret that is neither in this home nor in ``LEADLIGHT_SECRET``: without it
        neither erased ids nor sessions can be told.
    """

    manifest: Manifest
    revision: str
    forgotten: int
    erased: int
    objected: int
    revoked: int
    lacks_secret: bool


class _Again(NamedTuple):
    """What the tables were told once more; see `Restored`."""

    forgotten: int
    erased: int
    objected: int
    revoked: int


def restore(settings: Settings, path: Path, *, replace: bool = False, reapply: Reapply | None = None) -> Restored:
    """Put a backup into the settings' database and home.

    It is read and held against its manifest first; what is torn, truncated or altered is refused before anything is
    written. Then the tables are made as they stood when it was taken, filled, brought up to date, and rid of all who
    were erased since, in one transaction; after that the champion is put in its place. Objections and revoked keys that
    the replaced database knew of stand.

    Parameters
    ----------
    settings : Settings
    path : Path
        The backup.
    replace : bool
        Give up what the database and the home hold now.
    reapply : callable, optional
        Needed where the journal of this home, or the database that is replaced, knows erasures that the backup does
        not.

    Raises
    ------
    BrokenBackup
        If it is not whole, or not as it was written.
    UsageError
        If something would be lost and ``replace`` is not set.
    Unavailable
        If the file or the database is not there, or the secret that erasures hang on.
    ModelContractError
        If a newer release keeps this database.
    """
    with _named(path), path.open("rb") as file:
        archive = Archive(file)
        manifest = read_manifest(archive)
        with stage(archive, manifest, settings, replace=replace) as files:
            secrets = _Secrets(known_secret(settings), files.secret)
            _refuse_another_secret(settings, manifest, secrets, replace)
            again = _into_database(Database(settings.database), archive, manifest, settings, replace, reapply, secrets)
            files.put_in_place()
    lacks_secret = manifest.secret is not None and secrets.afterwards is None
    return Restored(manifest, NEWEST, *again, lacks_secret=lacks_secret)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Say which file it is that is broken."""
    try:
        yield
    except BrokenBackup as error:
        raise BrokenBackup(f"{path} was not restored: {error}", error.problems) from None


@dataclass(frozen=True, slots=True)
class _Secrets:
    """The secret that is in effect here, and the one that the backup brings; None where there is none."""

    here: bytes | None
    brought: bytes | None

    @property
    def afterwards(self) -> bytes | None:
        """The one that tokens of erased leads hang on once all is restored."""
        return self.here if self.brought is None else self.brought

    @property
    def changes(self) -> bool:
        """Whether tokens that were made here can't be told any more."""
        return self.here is not None and self.here != self.afterwards


def _refuse_another_secret(settings: Settings, manifest: Manifest, secrets: _Secrets, replace: bool) -> None:
    """Refuse where tokens would stay behind that nobody could tell, and where a secret would be lost unasked."""
    path = settings.home_path / SECRET
    name = str(path) if settings.secret is None else "LEADLIGHT_SECRET"
    if secrets.brought is None:
        if manifest.secret is None or secrets.here is None or secret_fingerprint(secrets.here) == manifest.secret:
            return
        raise UsageError(
            f"{name} is not the secret that the backup was made with, so those erased before could not be told. Put "
            "the old home's secret there, or take this one away to restore without it."
        )
    if not secrets.changes:
        return
    if settings.secret is not None:
        raise UsageError(
            "LEADLIGHT_SECRET is another secret than the backup's, and would go on to count. Set it to the backup's, "
            "or unset it."
        )
    if not replace:
        raise UsageError(
            f"{path} is another one than the backup's. Name another LEADLIGHT_HOME, or give it up with --replace."
        )
    if _journal(settings).read():
        raise UsageError(
            f"The backup brings another secret.key, under which the erasures in {JOURNAL_FILE} of "
            f"{settings.home_path} can't be told. Restore into a home of its own, or move both files away."
        )


def _journal(settings: Settings) -> ErasureJournal:
    return ErasureJournal(settings.home_path / JOURNAL_FILE)


def _into_database(
    database: Database,
    archive: Archive,
    manifest: Manifest,
    settings: Settings,
    replace: bool,
    reapply: Reapply | None,
    secrets: _Secrets,
) -> _Again:
    engine = database.unopened()
    try:
        with alone(engine) as connection:
            _make_way(engine, connection)
            replaced = _clear(connection, replace)
            if replaced.erased and secrets.changes:
                raise UsageError(
                    f"The database that is to be replaced knows {len(replaced.erased):,} erasures, which can't be told "
                    "under the secret.key that the backup brings. Restore into an empty database."
                )
            walk(connection, manifest.revision)
            for table in manifest.tables:
                with archive.open(table.member.name) as packed:
                    load_table(connection, table, packed)
            walk(connection)
            tokens = _forgotten_since(connection, replaced.erased, _journal(settings).read())
            erased = _erase_again(connection, tokens, reapply, secrets.afterwards) if tokens else 0
            objected = object_again(connection, replaced.objected)
            revoked = revoke_again(connection, replaced.revoked)
            continue_numbers(connection)
            return _Again(len(tokens), erased, objected, revoked)
    except SQLAlchemyError as error:
        raise Unavailable(
            f"The database did not take the backup and is as it was before: {plain(error)}. Check "
            "LEADLIGHT_DATABASE_URL, and stop the service that uses it."
        ) from None
    finally:
        engine.dispose()


def _make_way(engine: Engine, connection: Connection) -> None:
    """Don't wait for ever for a service that uses the tables."""
    if engine.dialect.name != "sqlite":
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_WAIT}'")


def _clear(connection: Connection, replace: bool) -> Replaced:
    """Take away the tables that are there; return what they knew that must stand."""
    if (stands_at := revision_of(connection)) is not None and stands_at > NEWEST:
        walk(connection)  # says that a newer release has it
    quote = connection.dialect.identifier_preparer.quote
    there = set(inspect(connection).get_table_names())
    ours = [table.name for table in METADATA.sorted_tables if table.name in there]
    if ours and connection.dialect.name != "sqlite":
        connection.exec_driver_sql(f"LOCK TABLE {', '.join(map(quote, ours))} IN ACCESS EXCLUSIVE MODE")
    if not replace:
        _refuse_to_lose({name: _count(connection, quote(name)) for name in ours if name != META.name})
    replaced = what_stands(connection, ours)
    for name in [*ours, *({_VERSION_TABLE} & there)]:
        connection.exec_driver_sql(f"DROP TABLE {quote(name)}")
    return replaced


def _count(connection: Connection, table: str) -> int:
    found: int = connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
    return found


def _refuse_to_lose(rows: Mapping[str, int]) -> None:
    held = [f"{count:,} {name.replace('_', ' ')}" for name, count in rows.items() if count]
    if held:
        raise UsageError(
            f"The database is not empty: it holds {', '.join(held)}. Name another with LEADLIGHT_DATABASE_URL, or give "
            "all that up with --replace."
        )


def _forgotten_since(connection: Connection, *known: Mapping[str, int]) -> set[str]:
    """Return the tokens whose erasure the restored tables do not know of, or know an earlier one of.

    They are told by the tables, not by the backup's time: an erasure may have been written to the journal just before
    the snapshot and committed just after it, and clocks are set back.
    """
    if not any(known):
        return set()
    there = erasures_in(connection)
    return {token for some in known for token, at in some.items() if there.get(token, at - 1) < at}


def _erase_again(connection: Connection, tokens: set[str], reapply: Reapply | None, secret: bytes | None) -> int:
    if secret is None:
        raise Unavailable(
            f"{len(tokens):,} leads were erased since the backup, and can't be told without the secret.key of the home "
            "that it was made in. Put that file into this home, or set LEADLIGHT_SECRET, then restore again."
        )
    if reapply is None:
        raise Unavailable(f"{len(tokens):,} leads were erased since the backup, and nothing here erases them again.")
    return reapply(connection, secret, tokens)
