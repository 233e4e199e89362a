"""What takes long is made once in a run of the tests, by whoever needs it first; each process has a copy of its own."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

__all__ = ["made_once"]


def made_once(folders: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return this process's copy of a folder.

    Parameters
    ----------
    folders : TempPathFactory
    name : str
    make : callable
        Makes the folder whose path it is given; it lasts as long as the run, so what names it by that path goes on.
    """
    own = folders.getbasetemp()
    common = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    made, done = common / f"once-{name}", common / f"once-{name}.done"
    with (common / f"once-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(made, ignore_errors=True)  # of a process that failed halfway
            make(made)
            done.touch()
    return Path(shutil.copytree(made, folders.mktemp(name) / name))
