"""A tar file of plain members that any `tar` unpacks, read so strictly that no altered byte passes.

`tarfile` forgives much: it ends quietly at a broken header. Here each header must be the one that we would write, what
fills a block must be zeros, and the file must end where it should; what the members hold, the manifest vouches for.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from leadlight.core.errors import BrokenBackup

__all__ = ["Archive", "ArchiveWriter", "Member"]

_BLOCK: Final = 512
_END: Final = bytes(2 * _BLOCK)
_AT_ONCE: Final = 1 << 20
_OWNER_ONLY: Final = 0o600


@dataclass(frozen=True, slots=True)
class Member:
    """What a member holds.

    Attributes
    ----------
    name : str
    size : int
        Bytes.
    sha256 : str
    """

    name: str
    size: int
    sha256: str


class _Sink(io.RawIOBase):
    """Passes bytes on, counts them and takes their digest."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        """Return that it is."""
        return True

    def write(self, data: Any, /) -> int:
        """Take bytes."""
        part = bytes(data)
        self._file.write(part)
        self._digest.update(part)
        self.size += len(part)
        return len(part)

    def sha256(self) -> str:
        """Return the digest of all that was written."""
        return self._digest.hexdigest()


class ArchiveWriter:
    """Writes members one after another; each may be of any length that is not known before.

    Parameters
    ----------
    file : binary file
        At its beginning, and one that can seek: a header is written once its member's length is known.
    seconds : int
        Since 1970 UTC: the time that the members bear.
    """

    def __init__(self, file: BinaryIO, seconds: int) -> None:
        self._file = file
        self._seconds = seconds
        self._written: list[Member] = []

    @property
    def members(self) -> tuple[Member, ...]:
        """What was written so far."""
        return tuple(self._written)

    @contextmanager
    def member(self, name: str) -> Iterator[io.RawIOBase]:
        """Give a file to write one member to."""
        start = self._file.tell()
        self._file.write(bytes(_BLOCK))
        sink = _Sink(self._file)
        yield sink
        self._file.write(bytes(-sink.size % _BLOCK))
        end = self._file.tell()
        self._file.seek(start)
        self._file.write(_header(name, sink.size, self._seconds))
        self._file.seek(end)
        self._written.append(Member(name, sink.size, sink.sha256()))

    def close(self) -> None:
        """Write the end of the archive; the file stays open."""
        self._file.write(_END)


class Archive:
    """Reads members back.

    Parameters
    ----------
    file : binary file
        One that can seek.

    Raises
    ------
    BrokenBackup
        If it is no archive of ours, or not a whole one.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._places = dict(_index(file))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all members, in their order."""
        return tuple(self._places)

    def open(self, name: str) -> io.BufferedReader:
        """Give a file to read one member from; two at once do not disturb each other.

        Raises
        ------
        BrokenBackup
            If there is no such member.
        """
        if name not in self._places:
            raise BrokenBackup(f"{name} is missing in it.")
        start, size = self._places[name]
        return io.BufferedReader(_Window(self._file, start, size), _AT_ONCE)

    def digest(self, name: str) -> Member:
        """Read a member once, and return what it holds."""
        found, size = hashlib.sha256(), 0
        with self.open(name) as file:
            while part := file.read(_AT_ONCE):
                found.update(part)
                size += len(part)
        return Member(name, size, found.hexdigest())


class _Window(io.RawIOBase):
    """A part of a file, as a file."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self._file = file
        self._at = start
        self._end = start + size

    def readable(self) -> bool:
        """Return that it is."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Read into a buffer; return how many bytes."""
        room = memoryview(buffer).cast("B")
        self._file.seek(self._at)
        part = self._file.read(min(len(room), self._end - self._at))
        room[: len(part)] = part
        self._at += len(part)
        return len(part)


def _header(name: str, size: int, seconds: int) -> bytes:
    """Return a member's header; a name that needs more than one block is refused, for ours are short."""
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = size, seconds, _OWNER_ONLY
    made = info.tobuf(tarfile.GNU_FORMAT)
    if len(made) != _BLOCK:
        raise ValueError(f"{name} is too long a name for a member")
    return made


def _index(file: BinaryIO) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield the name and the place of each member, in order; every byte between them must be as we write it."""
    end = file.seek(0, io.SEEK_END)
    at, seen = 0, set()
    while True:
        file.seek(at)
        header = file.read(_BLOCK)
        if header == bytes(_BLOCK):
            break
        name, size = _read_header(header)
        start, filled = at + _BLOCK, -size % _BLOCK
        if start + size + filled > end:
            raise BrokenBackup(f"it ends within {name}.")
        file.seek(start + size)
        if name in seen or file.read(filled) != bytes(filled):
            raise BrokenBackup(f"it is altered at {name}.")
        yield name, (start, size)
        seen.add(name)
        at = start + size + filled
    file.seek(at)
    if file.read(len(_END) + 1) != _END:
        raise BrokenBackup("its end is not as it was written.")


def _read_header(header: bytes) -> tuple[str, int]:
    try:
        info = tarfile.TarInfo.frombuf(header, "utf-8", "strict")
        as_written = _header(info.name, info.size, int(info.mtime)) == header
    except (tarfile.HeaderError, ValueError):
        as_written = False
    if not as_written:
        raise BrokenBackup("it is cut off, altered, or no backup of Leadlight.")
    return info.name, info.size
