r"""Rows as JSON lines that read back to the same values, whatever database they came from.

A row is a list of its values. JSON has no bytes and no infinite numbers: they are written as ``{"base64": ...}`` and
``{"float": "nan" | "inf" | "-inf"}``. Finite floats are written with the digits that read back to the same bits.

>>> row_of(line_of((None, True, 0.1, float("-inf"), b"\x00\xff", "ñ")))
[None, True, 0.1, -inf, b'\x00\xff', 'ñ']
"""

from __future__ import annotations

import json
import math
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any, Final

__all__ = ["line_of", "row_of"]


def _beyond_json(value: object) -> dict[str, str]:
    if isinstance(value, bytes | memoryview):
        return {"base64": b64encode(value).decode("ascii")}
    raise TypeError(f"a {type(value).__name__} can't be backed up")


_write: Final = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_beyond_json
).encode


def line_of(row: Sequence[Any]) -> str:
    """Write a row's values as one line, without its end."""
    values = list(row)
    try:
        return _write(values)
    except ValueError:
        return _write([_finite(value) for value in values])


def row_of(line: str | bytes) -> list[Any]:
    """Read a row's values."""
    values: list[Any] = json.loads(line)
    return [_unwrapped(value) if type(value) is dict else value for value in values]


def _finite(value: Any) -> Any:
    return {"float": str(value)} if isinstance(value, float) and not math.isfinite(value) else value


def _unwrapped(value: dict[str, str]) -> bytes | float:
    return b64decode(value["base64"]) if "base64" in value else float(value["float"])
