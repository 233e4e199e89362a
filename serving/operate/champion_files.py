"""The files of the champion's cache, all of one version, while another may be promoted."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Final

__all__ = ["champion_files"]

_TRIES: Final = 100
_SECONDS: Final = 0.05


@contextmanager
def champion_files(folder: Path) -> Iterator[dict[str, BufferedReader]]:
    """Give the champion's files, opened, by their path in its folder; none where there is no champion.

    A promotion moves the old folder away and a new one in: files that are open stay whole meanwhile.
    """
    with ExitStack() as stack:
        for _ in range(_TRIES):
            files = _opened(folder, stack)
            if files is not None or not _is_promoting(folder):
                yield files or {}
                return
            stack.close()
            time.sleep(_SECONDS)
        if folder.exists():
            raise TimeoutError(f"{folder} is being replaced all the time; try again.")
        yield {}  # a promotion that died left its workplace behind


def _is_promoting(folder: Path) -> bool:
    """Return whether a folder that could not be read will be there in a moment, or is there again."""
    return _has_workplace(folder) or folder.exists() or _has_workplace(folder)


def _has_workplace(folder: Path) -> bool:
    return any(folder.parent.glob(".champion-*"))


def _opened(folder: Path, stack: ExitStack) -> dict[str, BufferedReader] | None:
    """Open all files; None where there is no folder, or another took its place meanwhile."""
    try:
        root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        stack.callback(os.close, root)
        files = dict(sorted(_below(root, "", stack)))
        return files if os.path.samestat(os.fstat(root), folder.stat()) else None
    except FileNotFoundError:
        return None


def _below(folder: int, prefix: str, stack: ExitStack) -> Iterator[tuple[str, BufferedReader]]:
    for name in os.listdir(folder):
        handle = os.open(name, os.O_RDONLY, dir_fd=folder)
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            stack.callback(os.close, handle)
            yield from _below(handle, f"{prefix}{name}/", stack)
        else:
            yield f"{prefix}{name}", stack.enter_context(os.fdopen(handle, "rb"))
