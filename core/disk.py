"""Writing through to the disk: what was written outlives a crash only from then on.

Who still has the file open that it wrote calls ``os.fsync`` on that very handle: it hears of every failed write.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["sync"]


def sync(path: Path) -> None:
    """Wait until a folder's entries, or a file's content, are on the disk.

    A new name outlives a crash only once its folder is written through too.

    Parameters
    ----------
    path : Path

    Raises
    ------
    OSError
        If the disk does not take it.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
