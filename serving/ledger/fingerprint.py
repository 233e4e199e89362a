"""A digest of rows that does not depend on their order: two stores that say the same have the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

__all__ = ["Fingerprint"]

_KEYS: Final = ("leadlight-row-01", "leadlight-row-02")
_MOST: Final = 2**64


class Fingerprint:
    """Sums of digests of rows, table by table.

    Two digests of 64 bits each stand for a row. They tell contents apart that differ by chance or by work; they are no
    proof against somebody who looks for two that collide.
    """

    def __init__(self) -> None:
        self._sums: dict[str, tuple[int, ...]] = {}
        self._said: dict[str, str] = {}

    def add(self, name: str, said: Any) -> None:
        """Add something small that is no table, JSON-ready."""
        self._said[name] = json.dumps(said)

    def add_rows(self, table: str, columns: Mapping[str, pa.Array | pa.ChunkedArray]) -> None:
        """Add rows of a table, as columns."""
        frame = pd.DataFrame({name: _plain(cells) for name, cells in columns.items()})
        before = self._sums.get(table, (0,) * (1 + len(_KEYS)))
        more = [int(pd.util.hash_pandas_object(frame, index=False, hash_key=key).sum()) for key in _KEYS]
        self._sums[table] = tuple((one + two) % _MOST for one, two in zip(before, (len(frame), *more), strict=True))

    def hexdigest(self) -> str:
        """Return the digest of all that was added, SHA-256 in hex."""
        whole = [sorted(self._sums.items()), sorted(self._said.items())]
        return hashlib.sha256(json.dumps(whole).encode()).hexdigest()


def _plain(cells: pa.Array | pa.ChunkedArray) -> Any:
    if pa.types.is_integer(cells.type):
        return cells.to_numpy(zero_copy_only=False) if isinstance(cells, pa.Array) else cells.to_numpy()
    if pa.types.is_floating(cells.type):
        return np.asarray(cells.to_pandas(), dtype=np.float64)
    return cells.fill_null("\x00").to_pandas().astype(object)  # a sign that no text holds: nothing is not ""
