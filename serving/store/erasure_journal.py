"""Whom we forgot, written down beside the database: a backup that is restored brings nobody back."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

__all__ = ["ErasureJournal"]


class ErasureJournal:
    """A file of JSON lines, one erased id's token each.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, tokens: Sequence[str], at: int) -> None:
        """Append tokens; on the disk when it returns."""
        lines = "".join(json.dumps({"token": token, "erased_at": at}) + "\n" for token in tokens)
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "ab") as file:
            file.write(lines.encode())
            file.flush()
            os.fsync(file.fileno())
