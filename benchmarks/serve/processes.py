"""Child processes that never outlive the benchmark, each in a group of its own, so that grandchildren end with it."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.callers import Refused, Stalled

__all__ = ["Broken", "Child", "cores", "ends_on_signals", "pin", "running"]

_GRACE: Final = 5.0
_DIES_WITH_PARENT: Final = 1  # PR_SET_PDEATHSIG of prctl(2)
_TAIL: Final = 3000


class Broken(RuntimeError):
    """A child process ended before its time."""


@dataclass
class Child:
    """A running process.

    Attributes
    ----------
    process : Popen
    log : Path
        What it wrote to standard error (and to standard output, unless that is read here).
    """

    process: subprocess.Popen[str]
    log: Path = field(repr=False)

    @property
    def pid(self) -> int:
        """Its process id, which is its group's too."""
        return self.process.pid

    def tail(self) -> str:
        """Return the end of what it wrote."""
        return self.log.read_text(errors="replace")[-_TAIL:]

    def check(self) -> None:
        """Raise if it has ended."""
        if self.process.poll() is not None:
            raise Broken(f"{_name(self.process)} ended with {self.process.returncode}:\n{self.tail()}")

    def wait_until(self, ready: Callable[[], bool], seconds: float, pause: float = 0.05) -> None:
        """Return once it is ready.

        Raises
        ------
        Broken
            If it ended, or is not ready in time.
        """
        end = time.monotonic() + seconds
        while not ready():
            self.check()
            if time.monotonic() > end:
                raise Broken(f"{_name(self.process)} was not ready within {seconds:g} s:\n{self.tail()}")
            time.sleep(pause)

    def first_line(self) -> str:
        """Return the first line that it prints; it must have been started with ``reads=True``."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        if not line:
            self.process.wait()
            self.check()
        return line

    def finish(self) -> None:
        """Wait for its own end.

        Raises
        ------
        Broken
            If it ended badly.
        """
        if self.process.wait() != 0:
            self.check()

    def processor_seconds(self) -> float | None:
        """Return the processor time of its whole group up to now; None where the system does not tell (Linux does)."""
        ticks = [_ticks(path) for path in Path("/proc").glob("[0-9]*/stat") if _group(path) == self.pid]
        return sum(ticks) / os.sysconf("SC_CLK_TCK") if ticks else None


@contextmanager
def running(
    command: Sequence[str | Path],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    core: int | None = None,
    reads: bool = False,
    folder: Path | None = None,
) -> Iterator[Child]:
    """Start a process and end it with its whole group when the block is left, however it is left.

    Parameters
    ----------
    log : Path
        Where it writes.
    environment : mapping, optional
        On top of this process's.
    core : int, optional
        The only core that it may use.
    reads : bool
        Whether its standard output is read here.
    folder : Path, optional
        Its working folder.
    """
    with log.open("ab") as sink:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if reads else sink,
            stderr=sink,
            env={**os.environ, **(environment or {})},
            cwd=folder,
            text=True,
            start_new_session=True,
            preexec_fn=_dies_with_parent(),  # safe: this process has one thread
        )
    try:
        pin(process.pid, core)
        yield Child(process, log)
    finally:
        _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    """Ask the group to end, then make it; those who ended already are no mistake."""
    _signal(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE)
    _signal(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _signal(group: int, what: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, what)


def _dies_with_parent() -> Callable[[], None] | None:
    """Return what makes a child end when this process is killed outright; only Linux can."""
    if not sys.platform.startswith("linux"):
        return None
    tell = ctypes.CDLL(None).prctl
    return lambda: tell(_DIES_WITH_PARENT, signal.SIGTERM)


@contextmanager
def ends_on_signals() -> Iterator[None]:
    """Let a request to terminate unwind like Ctrl-C, so that every block above is left in order."""

    def leave(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def cores() -> tuple[int | None, int | None]:
    """Return a core for the server and another for the client; None where there are not two, or none can be chosen."""
    if not hasattr(os, "sched_getaffinity"):
        return None, None
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[0], allowed[1]) if len(allowed) > 1 else (None, None)


def pin(pid: int, core: int | None) -> None:
    """Keep a process (0: this one) on one core."""
    if core is not None:
        os.sched_setaffinity(pid, {core})


def _name(process: subprocess.Popen[str]) -> str:
    assert isinstance(process.args, list)
    return " ".join(str(part) for part in process.args[:6])


def _fields(path: Path) -> list[str]:
    """Return the fields of a process after its name, which may hold blanks."""
    try:
        return path.read_text().rpartition(")")[2].split()
    except OSError:  # it has just ended
        return []


def _group(path: Path) -> int:
    fields = _fields(path)
    return int(fields[2]) if fields else -1


def _ticks(path: Path) -> int:
    fields = _fields(path)
    return int(fields[11]) + int(fields[12]) if fields else 0


def ends_in_words(main: Callable[[], None]) -> None:
    """Run a benchmark; what keeps it from its figures is told without a traceback."""
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
    except (Broken, Refused, Stalled) as error:
        sys.exit(str(error))
