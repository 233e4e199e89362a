"""A backup of everything that the service remembers, in one file, taken while it runs and writes."""

from __future__ import annotations

import gzip
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import BinaryIO, Final, cast

from sqlalchemy import Connection, Table, select
from sqlalchemy.exc import SQLAlchemyError

from leadlight.core.clock import Clock, to_micros
from leadlight.core.disk import sync
from leadlight.core.errors import Unavailable
from leadlight.core.secret import known_secret
from leadlight.core.settings import Settings
from leadlight.core.shelf import Shelf
from leadlight.serving.operate.archive import ArchiveWriter
from leadlight.serving.operate.champion_files import champion_files
from leadlight.serving.operate.manifest import (
    CHAMPION,
    MODELS,
    SECRET,
    Manifest,
    TableMember,
    secret_fingerprint,
    write_manifest,
)
from leadlight.serving.operate.rows import line_of
from leadlight.serving.store.database import Database
from leadlight.serving.store.plain_error import plain
from leadlight.serving.store.postgres import unhurried
from leadlight.serving.store.receipt_table import ReceiptTable
from leadlight.serving.store.schema import METADATA
from leadlight.serving.store.spool import SPOOL_FILE, Spool
from leadlight.serving.store.upgrade import revision_of

__all__ = ["back_up"]

_AT_ONCE: Final = 1_000
"""Rows that are held in memory."""

_LEVEL: Final = 1
"""Of compression: the next ones take twice the time for a tenth of the room."""

_MICROS: Final = 1_000_000


def back_up(settings: Settings, out: Path, *, clock: Clock, with_secret: bool = False) -> Manifest:
    """Write a backup; the service may run and write meanwhile.

    All tables are read in one snapshot. Receipts that wait in this home's spool are put into the database first. The
    file appears, for its owner only, when it is whole and on the disk; one of that name is replaced.

    Parameters
    ----------
    settings : Settings
        Its database, the champion's cache and, if asked for, the secret that is in effect are backed up.
    out : Path
        The file.
    clock : Clock
    with_secret : bool
        Put the secret in, as a ``secret.key``: then whoever has the file can tell whom we forgot.

    Returns
    -------
    Manifest
        What the backup holds.

    Raises
    ------
    Unavailable
        If the database does not answer, or there is no secret to put in.
    OSError
        If the file can't be written.
    """
    secret = _secret(settings, needed=with_secret)
    database = Database(settings.database)
    try:
        with _whole(out) as file:
            database.open()
            Spool(settings.home_path / SPOOL_FILE).empty_into(ReceiptTable(database).add_missing)
            return _write(file, database, settings, clock, secret, with_secret=with_secret)
    except SQLAlchemyError as error:
        raise Unavailable(f"The database does not answer, so there is no backup: {plain(error)}.") from None
    finally:
        database.close()


def _secret(settings: Settings, *, needed: bool) -> bytes | None:
    found = known_secret(settings)
    if found is None and needed:
        raise Unavailable(f"There is no {settings.home_path / SECRET} to put in; leave --with-secret away.")
    return found


@contextmanager
def _whole(out: Path) -> Iterator[BinaryIO]:
    """Give a file beside the wanted one, which takes its name only when the block ends well."""
    handle, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "w+b", buffering=1 << 20) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(out)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync(out.parent)


def _write(
    file: BinaryIO, database: Database, settings: Settings, clock: Clock, secret: bytes | None, *, with_secret: bool
) -> Manifest:
    taken_at = to_micros(clock.now())
    archive = ArchiveWriter(file, taken_at // _MICROS)
    with database.reading() as connection, unhurried(connection):
        revision = revision_of(connection)
        assert revision is not None  # it was opened
        tables = tuple(_write_table(archive, connection, table) for table in METADATA.sorted_tables)
    with champion_files(settings.champion_cache) as files:
        for name, source in files.items():
            with archive.member(f"{CHAMPION}{name}") as member:
                shutil.copyfileobj(source, member)
    _write_models(archive, settings)
    if secret is not None and with_secret:
        with archive.member(SECRET) as member:
            member.write(secret.hex().encode() + b"\n")
    manifest = Manifest(
        release=metadata.version("leadlight"),
        revision=revision,
        taken_at=taken_at,
        secret=None if secret is None else secret_fingerprint(secret),
        tables=tables,
        files=archive.members[len(tables) :],
    )
    write_manifest(archive, manifest)
    archive.close()
    return manifest


def _write_models(archive: ArchiveWriter, settings: Settings) -> None:
    """Put in every version that served: receipts are made again by them."""
    for _, folder in Shelf(settings).every():
        for path in sorted(folder.iterdir()):
            with path.open("rb") as source, archive.member(f"{MODELS}{folder.name}/{path.name}") as member:
                shutil.copyfileobj(source, member)


def _write_table(archive: ArchiveWriter, connection: Connection, table: Table) -> TableMember:
    columns = tuple(column.name for column in table.columns)
    rows = 0
    asked = select(table).execution_options(yield_per=_AT_ONCE)
    with (
        connection.execute(asked) as streamed,  # closed also where the disk is full in the middle
        archive.member(f"tables/{table.name}.jsonl.gz") as member,
        gzip.GzipFile("", "wb", _LEVEL, cast(BinaryIO, member), mtime=0) as packed,
    ):
        for part in streamed.partitions():
            packed.write("".join([line_of(row) + "\n" for row in part]).encode())
            rows += len(part)
    return TableMember(table.name, columns, rows, archive.members[-1])
