"""The `leadlight` command as processes that have their libraries loaded: importing them takes seconds of each run.

One process loads what the commands load and then waits; for each run it forks one that becomes the command: the
installed script, with the environment, folder, arguments, output files and exit code of a process of its own.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import runpy
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any, NoReturn

__all__ = ["LEADLIGHT", "WarmCommands", "environment"]

LEADLIGHT = str(Path(sys.executable).with_name("leadlight"))
ROOMS = ("agreement", "cli", "core", "features", "serving", "training", "treeshap")
LIBRARIES = ("alembic.command", "mlflow.pyfunc", "mlflow.store.tracking.sqlalchemy_store", "pyarrow.parquet")


def environment(home: str | os.PathLike[str] | None = None) -> dict[str, str]:
    """Return this process's environment without its shell's settings of ours."""
    shell = ("LEADLIGHT_", "MLFLOW_", "COLUMNS")
    left = {name: value for name, value in os.environ.items() if not name.startswith(shell)}
    return left if home is None else {**left, "LEADLIGHT_HOME": str(home)}


class WarmCommands:
    """Runs `leadlight` as :func:`subprocess.run` does, one run at a time; ``close`` ends the process that waits."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=environment(),
                pass_fds=[theirs.fileno()], start_new_session=True,
            )  # fmt: skip
        self._socket = ours
        self._answers = ours.makefile("r", encoding="utf-8")

    def run(
        self, arguments: Sequence[str], *, env: dict[str, str], cwd: Path | None, timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """Run the command to its end; whoever takes longer than ``timeout`` seconds is killed."""
        with tempfile.TemporaryDirectory() as scratch:
            out, err = Path(scratch) / "out", Path(scratch) / "err"
            order = {"argv": [LEADLIGHT, *arguments], "env": env, "cwd": str(cwd or Path.cwd())}
            self._socket.settimeout(None)
            self._socket.sendall(json.dumps({**order, "out": str(out), "err": str(err)}).encode() + b"\n")
            pid = int(self._answer())
            self._socket.settimeout(timeout)
            try:
                code = int(self._answer())
            except TimeoutError:
                os.kill(pid, 9)
                self.close()
                raise subprocess.TimeoutExpired(order["argv"], timeout, out.read_text(), err.read_text()) from None
            return subprocess.CompletedProcess(order["argv"], code, out.read_text("utf-8"), err.read_text("utf-8"))

    def _answer(self) -> str:
        line = self._answers.readline()
        assert line, "the process that starts commands has ended; standard error says why"
        return line

    def close(self) -> None:
        """End the process that waits."""
        self._answers.close()
        self._socket.close()
        self._process.wait(timeout=60)


def load() -> None:
    """Import what commands import when they run, MLflow quietened as the registry does it."""
    from leadlight.core import registry

    registry._quieten()
    for name in LIBRARIES:
        import_module(name)
    for room in ROOMS:
        for found in walk_packages(import_module(f"leadlight.{room}").__path__, f"leadlight.{room}."):
            if ".migrations." not in found.name:  # what stands there runs when it is imported
                import_module(found.name)
    for room in ("features", "treeshap"):
        import_module(f"leadlight.{room}.warm").warm()  # reads the compiled loops from their cache
    gc.collect()
    gc.freeze()  # children share these pages as long as nobody writes into them


def orders(channel: socket.socket) -> dict[str, Any]:
    """Fork for each order that comes in; return it in the child only, and end with whoever gives them."""
    for line in channel.makefile("r", encoding="utf-8"):
        pid = os.fork()
        if pid == 0:
            channel.close()
            return json.loads(line)
        channel.sendall(f"{pid}\n".encode())
        channel.sendall(f"{os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])}\n".encode())
    sys.exit()


def become(order: dict[str, Any]) -> None:
    """Take over what makes a process: its environment, folder, arguments and output."""
    import numpy as np

    for number, path in ((1, order["out"]), (2, order["err"])):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(order["env"])
    os.chdir(order["cwd"])
    sys.argv = order["argv"]
    np.random.seed()  # noqa: NPY002 - whoever draws from it unseeded shall not draw what the run before drew


def run_script() -> int:
    """Run the installed script as Python runs a script; return its exit code."""
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as ended:
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)  # noqa: T201 - so does Python
            return 1
        return ended.code or 0
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def end(code: int) -> NoReturn:
    """Wait for threads and run exit handlers, as Python does; only taking a thousand modules apart is left out."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    sys.path[0] = str(Path(LEADLIGHT).parent)  # as where the script itself is started
    load()
    become(orders(socket.socket(fileno=int(sys.argv[1]))))
    end(run_script())
