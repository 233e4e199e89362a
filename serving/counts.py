"""What several processes of one service count: each in files of its own, which whoever is asked adds up.

Prometheus's client maps these files into memory. They lie in the home, where nobody tidies up, and their room is taken
before any process starts: one that touches a page for which the disk has no room is ended by the system.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, values
from prometheus_client.multiprocess import MultiProcessCollector

from leadlight.core.errors import Unavailable

__all__ = ["count_in", "counts_of_all", "room_for_counts"]

_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The variable in which the client looks for its folder."""

_KINDS: Final = ("counter", "histogram")
_BYTES: Final = 1 << 20
"""Of a file: an address and status take 2.5 kB, and all of them together come to some hundred."""


@contextmanager
def room_for_counts(home: Path, port: int, processes: int) -> Iterator[Path]:
    """Make a folder in which so many processes count; it goes with the service.

    Raises
    ------
    Unavailable
        If the home does not take it.
    """
    folder = home / "metrics" / str(port)  # nobody else has the port; one who was killed left his folder behind
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True)
        for number in range(processes):
            for kind in _KINDS:
                (folder / f"{kind}_{number}.db").write_bytes(bytes(_BYTES))
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise Unavailable(f"The home has no room for what the processes count, {folder}: {error.strerror}.") from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def count_in(folder: Path, number: int) -> None:
    """Have this process count in its own files from now on.

    Whoever takes the place of one that ended has its number, and goes on with its counts.
    """
    os.environ[_FOLDER] = str(folder)
    values.ValueClass = values.MultiProcessValue(lambda: number)


def counts_of_all() -> CollectorRegistry | None:
    """Return what all processes counted; None where this one counts alone."""
    folder = os.environ.get(_FOLDER)
    if folder is None:
        return None
    found = CollectorRegistry()
    MultiProcessCollector(found, folder)
    return found
