"""One at a time: a lock on a file that ends with the process that holds it, however it ends.

The kernel keeps it (``flock``), so a killed process leaves no stale lock behind; what stands in the file only says who
holds it. It holds on one machine, and on a shared folder where the file system passes locks on; hosts that share
nothing but a tracking server have to look there.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

__all__ = ["Holder", "Taken", "alone"]


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock.

    Attributes
    ----------
    pid : int or None
        None where the holder has not said yet.
    host : str
    since : str
        When it was taken, ISO 8601 in UTC.
    """

    pid: int | None
    host: str
    since: str

    def __str__(self) -> str:
        return "another process" if self.pid is None else f"process {self.pid} on {self.host}, since {self.since}"


class Taken(Exception):
    """Another process holds the lock.

    Attributes
    ----------
    holder : Holder
    """

    def __init__(self, holder: Holder) -> None:
        super().__init__(f"held by {holder}")
        self.holder = holder


@contextmanager
def alone(path: Path, now: datetime) -> Iterator[None]:
    """Hold a lock while the block runs; do not wait for it.

    Parameters
    ----------
    path : Path
        The lock's file; it is made, with its folder, and stays: removing it would let two processes hold "the" lock.
    now : datetime
        Aware; told to whoever finds the lock taken.

    Raises
    ------
    Taken
        If another process holds it; also if another block of this process does.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:  # "w" would wipe the holder's name before we know that it is free
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise Taken(_holder(file.read())) from None
        file.truncate(0)
        said = {"pid": os.getpid(), "host": socket.gethostname(), "since": now.isoformat(timespec="seconds")}
        file.write(json.dumps(said) + "\n")
        file.flush()
        yield
        file.truncate(0)


def _holder(text: str) -> Holder:
    """Read who holds the lock; between taking it and saying so there is a moment in which nobody is named."""
    try:
        said = json.loads(text)
        return Holder(int(said["pid"]), str(said["host"]), str(said["since"]))
    except (ValueError, KeyError, TypeError):
        return Holder(None, "", "")
