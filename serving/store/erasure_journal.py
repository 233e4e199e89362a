"""The journal of erasures: on this machine's disk, outside the database, so that no restore forgets whom we forgot."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from leadlight.core.disk import sync

__all__ = ["JOURNAL_FILE", "ErasureJournal"]

JOURNAL_FILE: Final = "erasures.jsonl"
"""In the home."""

_OWNER_ONLY: Final = 0o600


class ErasureJournal:
    """A file of JSON lines, one erasure each: the lead's token and when it was erased.

    A token is a keyed digest of the lead's id, so the file names nobody. It is only ever appended to. Several processes
    may share it: each takes a lock on the file for as long as it reads or writes it.

    Parameters
    ----------
    path : Path
        Made on first use, for its owner only.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, tokens: Iterable[str], at: int) -> None:
        """Append erasures; when this returns they survive a crash.

        Call it before the erasure's transaction commits: an erasure that is in the journal but not in the database is
        made good by a restore, the other way round it would be lost by one.

        Parameters
        ----------
        tokens : iterable of str
        at : int
            When they were erased, in microseconds since 1970 UTC by the service's clock.

        Raises
        ------
        OSError
            If the disk does not take them.
        """
        lines = [json.dumps({"token": token, "erased_at": at}).encode() + b"\n" for token in tokens]
        if not lines:
            return
        new = not self._path.exists()
        with self._locked(os.O_RDWR | os.O_CREAT, fcntl.LOCK_EX) as file:
            end = file.seek(0, os.SEEK_END)
            file.write((b"\n" if _is_torn(file, end) else b"") + b"".join(lines))
            file.flush()
            os.fsync(file.fileno())
        if new:
            sync(self._path.parent)

    def read(self) -> dict[str, int]:
        """Return each token with the last time that it was erased; empty where there is no journal.

        A line torn by a crash was never acknowledged and is passed over.
        """
        found: dict[str, int] = {}
        try:
            with self._locked(os.O_RDONLY, fcntl.LOCK_SH) as file:
                for token, at in _read(file):
                    found[token] = max(at, found.get(token, at))
        except FileNotFoundError:
            return {}
        return found

    @contextmanager
    def _locked(self, flags: int, lock: int) -> Iterator[BinaryIO]:
        if flags & os.O_CREAT:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._path, flags, _OWNER_ONLY)
        with os.fdopen(handle, "r+b" if flags & os.O_RDWR else "rb") as file:
            fcntl.flock(file, lock)
            yield file


def _read(file: BinaryIO) -> Iterator[tuple[str, int]]:
    for line in file:
        try:
            entry = json.loads(line)
            yield str(entry["token"]), int(entry["erased_at"])
        except (ValueError, TypeError, KeyError):
            continue


def _is_torn(file: BinaryIO, end: int) -> bool:
    """Return whether a crash left half a line, which must not swallow the next one; leaves the file at its end."""
    if end == 0:
        return False
    file.seek(-1, os.SEEK_END)
    return file.read(1) != b"\n"
