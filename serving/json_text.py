"""JSON as the service writes it: numbers read back to the same bits, and what was written once is not written twice."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic_core import to_json

__all__ = ["is_whole", "members", "spliced", "written"]


_BAD_CHARACTER: Final = re.compile("[\ud800-\udfff\x00]")


def is_whole(text: str) -> bool:
    """Return whether a text holds neither NUL nor half a character, so that any database takes it."""
    return _BAD_CHARACTER.search(text) is None


def written(value: Any) -> bytes:
    """Return a value as compact JSON in UTF-8; floats get the fewest digits that read back to the same bits."""
    return to_json(value)


def members(value: Mapping[str, Any]) -> bytes:
    """Return an object's members without its braces, to be put among others.

    Examples
    --------
    >>> members({"a": 1, "b": "é"}).decode()
    '"a":1,"b":"é"'
    """
    return to_json(value)[1:-1]


def spliced(before: Mapping[str, Any], key: str, text: bytes, after: Mapping[str, Any]) -> bytes:
    """Return an object of which one member is JSON already; neither mapping may be empty.

    Examples
    --------
    >>> spliced({"a": 1}, "b", b"[2,3]", {"c": None}).decode()
    '{"a":1,"b":[2,3],"c":null}'
    """
    return b'%b,"%b":%b,%b' % (to_json(before)[:-1], key.encode(), text, to_json(after)[1:])
