"""What a backup says of itself: where it comes from, and what each of its members must hold."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, Final

from leadlight.core.errors import BrokenBackup
from leadlight.serving.operate.archive import Archive, ArchiveWriter, Member
from leadlight.serving.store.upgrade import NEWEST

__all__ = [
    "CHAMPION",
    "MODELS",
    "SECRET",
    "Manifest",
    "TableMember",
    "read_manifest",
    "secret_fingerprint",
    "write_manifest",
]

FORMAT: Final = 1
CHAMPION: Final = "champion/"
"""Members below it are the champion's cache."""

MODELS: Final = "models/"
"""Members below it are the versions that served, each in a folder of its name on the shelf."""

SECRET: Final = "secret.key"
"""A member, and a file in the home, of the same name."""

_NAME: Final = "manifest.json"
_SEAL: Final = "manifest.sha256"


@dataclass(frozen=True, slots=True)
class TableMember:
    """One table's rows.

    Attributes
    ----------
    table : str
    columns : tuple of str
        In the order of each row's values.
    rows : int
    member : Member
    """

    table: str
    columns: tuple[str, ...]
    rows: int
    member: Member


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything that a backup promises.

    Attributes
    ----------
    release : str
        Of Leadlight.
    revision : str
        The step of `leadlight.serving.store.migrations` that the tables stood at.
    taken_at : int
        Microseconds since 1970 UTC, by the service's clock.
    secret : str or None
        Fingerprint of the secret that was in effect, which tokens of erased leads hang on; None where there was none.
    tables : tuple of TableMember
    files : tuple of Member
        The champion's, those of the models that served, and the secret where it was asked for.
    """

    release: str
    revision: str
    taken_at: int
    secret: str | None
    tables: tuple[TableMember, ...]
    files: tuple[Member, ...]

    @property
    def rows(self) -> dict[str, int]:
        """How many rows each table has."""
        return {table.table: table.rows for table in self.tables}


def secret_fingerprint(secret: bytes) -> str:
    """Return what tells one secret from another and gives neither away: it is long and random."""
    return hashlib.sha256(b"leadlight backup\0" + secret).hexdigest()[:16]


def write_manifest(archive: ArchiveWriter, manifest: Manifest) -> None:
    """Put the manifest, and its digest, at the end of an archive."""
    text = json.dumps({"format": FORMAT, **asdict(manifest)}, indent=1).encode() + b"\n"
    with archive.member(_NAME) as file:
        file.write(text)
    with archive.member(_SEAL) as file:
        file.write(hashlib.sha256(text).hexdigest().encode() + b"\n")


def read_manifest(archive: Archive) -> Manifest:
    """Read the manifest, and hold every member against it.

    Raises
    ------
    BrokenBackup
        If anything is missing, added or altered, or a newer release made the backup.
    """
    with archive.open(_NAME) as file, archive.open(_SEAL) as seal:
        text, sealed = file.read(), seal.read()
    if sealed != hashlib.sha256(text).hexdigest().encode() + b"\n":
        raise BrokenBackup(f"{_NAME} is altered.")
    manifest = _parsed(text)
    members = [*(table.member for table in manifest.tables), *manifest.files]
    if archive.names != (*(member.name for member in members), _NAME, _SEAL):
        raise BrokenBackup("its members are not those that its manifest lists.")
    for member in members:
        if archive.digest(member.name) != member:
            raise BrokenBackup(f"{member.name} is altered.")
    return manifest


def _parsed(text: bytes) -> Manifest:
    try:
        document: dict[str, Any] = json.loads(text)
        form, revision, release = document.pop("format"), str(document["revision"]), document["release"]
        if form != FORMAT or revision > NEWEST:
            raise BrokenBackup(f"a newer release of Leadlight made it ({release}, step {revision}): restore with that.")
        tables, files = document.pop("tables"), document.pop("files")
        return Manifest(
            **document,
            tables=tuple(
                TableMember(one["table"], tuple(one["columns"]), int(one["rows"]), Member(**one["member"]))
                for one in tables
            ),
            files=tuple(Member(**one) for one in files),
        )
    except (ValueError, TypeError, KeyError) as error:
        raise BrokenBackup(f"its manifest can't be read ({type(error).__name__}).") from None
