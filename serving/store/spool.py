"""The spool: where receipts wait, on this machine's disk, while the database does not answer."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

from leadlight.core.disk import sync
from leadlight.serving.store.packed import unpacked
from leadlight.serving.store.receipts import Receipt, Slip

__all__ = ["SPOOL_FILE", "Spool"]

SPOOL_FILE: Final = "receipts.spool.jsonl"
"""In the home: receipts that wait for the database."""

_PART: Final = 4_194_304
"""Bytes that are handed over at a time: who adds waits for no more than that, and memory holds no more."""


class Spool:
    """A file of JSON lines, one receipt each, written through to the disk before `add` returns.

    Several processes may share it: each takes a lock on the file for as long as it writes or empties it.

    Parameters
    ----------
    path : Path
        Made on first use.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def waiting(self) -> bool:
        """Whether any receipt waits."""
        try:
            return self._path.stat().st_size > 0
        except FileNotFoundError:
            return False

    def add(self, receipts: Sequence[Slip]) -> None:
        """Append receipts; when this returns they survive a crash.

        Raises
        ------
        OSError
            If the disk does not take them.
        """
        with self._locked() as file:
            file.seek(0, os.SEEK_END)
            _end_torn_line(file)
            file.write(b"".join(unpacked(receipt.packed) + b"\n" for receipt in receipts))
            _sync(file)

    def empty_into(self, take: Callable[[list[Slip]], object], part: int = _PART) -> int:
        """Hand all waiting receipts to ``take``, part by part, and forget each once it has returned; return how many.

        A crash in between leaves them here, so ``take`` must not mind meeting one twice. The end of the file goes
        first: that alone can be cut off.

        Parameters
        ----------
        take : callable
        part : int
            Bytes that are handed over at a time, one receipt at least.
        """
        taken = 0
        while self.waiting:
            with self._locked() as file:
                start = _last_part(file, part)
                receipts = list(_read(file, start))
                if receipts:
                    take(receipts)
                file.truncate(start)
                _sync(file)
            taken += len(receipts)
        return taken

    def forget(self, lead_ids: Collection[str]) -> int:
        """Take out the receipts of leads; return how many."""
        if not self.waiting:
            return 0
        forgotten = 0
        with self._locked() as file, self._path.open("r+b") as same:  # the other one can only append
            for start, line in list(_lines(file)):
                receipt = _receipt(line)
                if receipt is not None and receipt["lead_id"] in lead_ids:
                    same.seek(start)
                    same.write(b" " * len(line.rstrip(b"\n")))  # in place: a crash in between harms no other line
                    forgotten += 1
            _sync(same)
        return forgotten

    def find(self, receipt_id: str) -> Receipt | None:
        """Return a waiting receipt, or None."""
        if not self.waiting:
            return None
        with self._locked() as file:
            receipts = (_receipt(line) for _, line in _lines(file))
            found = next((one for one in receipts if one is not None and one["receipt_id"] == receipt_id), None)
        return None if found is None else Receipt(**found)

    @contextmanager
    def _locked(self) -> Iterator[BinaryIO]:
        new = not self._path.exists()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if new:
                sync(self._path.parent)
            yield file


def _last_part(file: BinaryIO, size: int) -> int:
    """Return where the lines begin that make up the last so many bytes, or the last one where it is longer."""
    end = file.seek(0, os.SEEK_END)
    while size < end:
        start = end - size
        file.seek(start)
        first = file.read(size - 1).find(b"\n")  # the last line's own end is none before it
        if first >= 0:
            return start + first + 1
        size *= 2
    return 0


def _read(file: BinaryIO, start: int = 0) -> Iterator[Slip]:
    """Yield the receipts; see `_receipt`."""
    for _, line in _lines(file, start):
        found = _receipt(line)
        if found is not None:
            yield Slip.of(found, line.rstrip(b"\n"))


def _lines(file: BinaryIO, start: int = 0) -> Iterator[tuple[int, bytes]]:
    """Yield each line from a place on, and where it starts."""
    file.seek(start)
    for line in file:
        yield start, line
        start += len(line)


def _receipt(line: bytes) -> dict[str, Any] | None:
    """Return what a line says; one torn by a crash was never acknowledged and says nothing, as a blank one does."""
    try:
        found: dict[str, Any] = json.loads(line)
    except (json.JSONDecodeError, UnicodeDecodeError):
        return None
    return found


def _end_torn_line(file: BinaryIO) -> None:
    """Keep what a crash left half-written from swallowing the next receipt."""
    if file.tell() > 0:
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":
            file.write(b"\n")


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
