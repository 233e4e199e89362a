"""The files of a backup on their way into a home: written beside first, put in place once the tables are there."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Final

from leadlight.core.disk import sync
from leadlight.core.errors import BrokenBackup, UsageError
from leadlight.core.secret import known_secret
from leadlight.core.settings import Settings
from leadlight.core.shelf import Shelf
from leadlight.serving.operate.archive import Archive, Member
from leadlight.serving.operate.champion_files import champion_files
from leadlight.serving.operate.manifest import CHAMPION, MODELS, SECRET, Manifest

__all__ = ["StagedFiles", "stage"]

_AT_ONCE: Final = 1 << 20
_OWNER_ONLY: Final = 0o600


class StagedFiles:
    """Files that lie in a folder of the home, whole and on the disk, under no name that anybody looks at.

    Parameters
    ----------
    settings : Settings
    folder : Path
    """

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings = settings
        self._folder = folder

    @property
    def secret(self) -> bytes | None:
        """The secret that the backup brings; None where it brings none."""
        return known_secret(self._settings.model_copy(update={"home": self._folder, "secret": None}))

    def put_in_place(self) -> None:
        """Let them take the names that the service looks at; what bore them is given up.

        Models join those that are kept here: a version of the same number and another content goes beside it. They come
        last: without them the service runs, only old receipts can't be shown again.
        """
        fresh, place = self._folder / CHAMPION, self._settings.champion_cache
        if fresh.exists():
            if place.exists():
                place.rename(self._folder / "old")
            fresh.rename(place)
        if self._settings.secret is None and (self._folder / SECRET).exists():
            (self._folder / SECRET).replace(self._settings.home_path / SECRET)
        sync(self._settings.home_path)
        brought = Shelf(self._settings.model_copy(update={"home": self._folder}))
        for version, folder in brought.every():
            Shelf(self._settings).keep(folder, version, unread=True)


@contextmanager
def stage(archive: Archive, manifest: Manifest, settings: Settings, *, replace: bool) -> Iterator[StagedFiles]:
    """Write the backup's files into the home, under names that nobody looks at; what is left of them goes at the end.

    Raises
    ------
    UsageError
        If the home has another champion and ``replace`` is not set.
    BrokenBackup
        If a file would not lie where it belongs.
    """
    for member in manifest.files:
        path = PurePosixPath(member.name)
        if ".." in path.parts or not (member.name == SECRET or member.name.startswith((CHAMPION, MODELS))):
            raise BrokenBackup(f"{member.name} is no file of a home.")
    home = settings.home_path
    if not replace:
        _refuse_to_lose(manifest, settings)
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home, prefix=".champion-restored-") as scratch:
        for member in manifest.files:
            _write(archive, member, Path(scratch) / member.name)
        yield StagedFiles(settings, Path(scratch))


def _write(archive: Archive, member: Member, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY if member.name == SECRET else 0o666)
    with archive.open(member.name) as source, os.fdopen(handle, "wb") as file:
        while part := source.read(_AT_ONCE):
            file.write(part)
        file.flush()
        os.fsync(file.fileno())
    sync(path.parent)


def _refuse_to_lose(manifest: Manifest, settings: Settings) -> None:
    brought = {m.name.removeprefix(CHAMPION): m.sha256 for m in manifest.files if m.name.startswith(CHAMPION)}
    with champion_files(settings.champion_cache) as files:
        here = {name: hashlib.file_digest(file, "sha256").hexdigest() for name, file in files.items()}
    if brought and here and here != brought:
        raise UsageError(
            f"{settings.champion_cache} holds another champion than the backup. Name another LEADLIGHT_HOME, or give "
            "it up with --replace."
        )
