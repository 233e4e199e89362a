"""The shelf: every model version that ever served here, as plain folders, so that its scores can be shown again.

Nothing here knows of MLflow: a receipt outlives the tracking server. A folder is put there whole, in one rename, and
never changed afterwards.

Numbers may begin anew, where a tracking database was lost or replaced. A version of other content then goes beside
the one of the same number (``3``, then ``3~2``), for receipts of both may exist; whoever asks tries them all.
"""

from __future__ import annotations

import filecmp
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from leadlight.core import artifact
from leadlight.core.disk import sync
from leadlight.core.errors import ModelContractError, NothingThere
from leadlight.core.settings import Settings

__all__ = ["Shelf"]

_NOTE: Final = "version.json"
"""Which version the champion's folder holds; no part of the model."""

_AGAIN: Final = "~"
_SCRATCH: Final = ".keeping-"


class Shelf:
    """Keeps model folders by version.

    Parameters
    ----------
    settings : Settings
        ``model_shelf`` is used; made on first use.
    """

    def __init__(self, settings: Settings) -> None:
        self._root = settings.model_shelf

    def keep(self, folder: Path, version: int, *, unread: bool = False) -> bool:
        """Copy a model's folder there, unless it is there already; return whether it was copied.

        Parameters
        ----------
        folder : Path
            As `leadlight.core.artifact.save` writes it.
        version : int
        unread : bool
            Take it as it is, without a look whether it can be read: it was vouched for when it was backed up, and may
            be of a format that this release does not know.

        Raises
        ------
        OSError
            If the disk does not take it, or the folder is gone meanwhile; then nothing is kept.
        ModelContractError
            If it can't be read, or another version was put into the folder meanwhile; then nothing is kept either.
        """
        if any(_same(folder, there) for there in self.folders(version)):
            return False
        self._root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._root, prefix=_SCRATCH) as scratch:
            copy = Path(scratch) / "model"
            shutil.copytree(folder, copy, ignore=shutil.ignore_patterns(_NOTE))
            _refuse_another(folder, version)
            if not unread:
                artifact.load(copy)  # what can't be read is of no use later
            copy.chmod(0o755)
            _write_through(copy)
            return self._put(copy, version)

    def _put(self, copy: Path, version: int) -> bool:
        """Give the copy its name; of several processes that keep the same model at once, one does."""
        while True:
            there = self.folders(version)
            if any(_same(copy, one) for one in there):
                return False
            try:
                copy.rename(self._root / _name(version, len(there) + 1))
            except OSError:
                if len(self.folders(version)) == len(there):
                    raise
                continue
            sync(self._root)
            return True

    def load(self, version: int) -> artifact.TrainedModel:
        """Return a version's model; of several that bore the number the last.

        Raises
        ------
        NothingThere
            If it never served here.
        ModelContractError
            If this release can't read it.
        """
        there = self.folders(version)
        if not there:
            known = ", ".join(map(str, self.versions())) or "none"
            raise NothingThere(f"Model version {version} is not kept in {self._root}; kept there: {known}.")
        return artifact.load(there[-1])

    def folders(self, version: int) -> tuple[Path, ...]:
        """Return the folders of a version, the last one last: one, unless numbers began anew; empty if none is kept."""
        return tuple(self._there(version))

    def _there(self, version: int) -> Iterator[Path]:
        time = 1
        while (path := self._root / _name(version, time)).is_dir():
            yield path
            time += 1

    def every(self) -> tuple[tuple[int, Path], ...]:
        """Return each folder with its version, those of one number in their order."""
        return tuple((version, folder) for version in self.versions() for folder in self.folders(version))

    def versions(self) -> tuple[int, ...]:
        """Return the versions that are kept, in order."""
        try:
            names = [path.name for path in self._root.iterdir()]
        except FileNotFoundError:
            return ()
        return tuple(sorted(int(name) for name in names if name.isdecimal()))


def _name(version: int, time: int) -> str:
    return str(version) if time == 1 else f"{version}{_AGAIN}{time}"


def _files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != _NOTE)


def _same(one: Path, other: Path) -> bool:
    """Return whether two folders hold the same model, byte for byte."""
    names = _files(one)
    if names != _files(other):
        return False
    _, differ, unreadable = filecmp.cmpfiles(one, other, names, shallow=False)
    if unreadable:
        raise OSError(f"{', '.join(unreadable)} in {one} can't be compared with what is kept in {other}.")
    return not differ


def _refuse_another(folder: Path, version: int) -> None:
    """Refuse a champion's folder that another version was put into while it was copied."""
    try:
        now = json.loads((folder / _NOTE).read_text())["version"]
    except FileNotFoundError:
        if folder.is_dir():
            return  # a folder without a note is nobody's to replace
        raise
    if now != version:
        raise ModelContractError(f"Version {now} was promoted while version {version} was being kept.")


def _write_through(folder: Path) -> None:
    for path in folder.iterdir():
        sync(path)
    sync(folder)
