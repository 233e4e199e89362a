"""Remember what was worked out for an object that can't be hashed (it holds mappings) but never changes."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Final, TypeVar

__all__ = ["by_identity"]

Key = TypeVar("Key")
Value = TypeVar("Value")

_KEPT: Final = 32


def by_identity(work_out: Callable[[Key], Value]) -> Callable[[Key], Value]:
    """Keep the results for the last few objects, told apart by identity.

    The object is kept beside the result: as long as an entry stands, no other object can get its address.
    """
    kept: dict[int, tuple[Key, Value]] = {}
    making_room = Lock()

    def remembered(key: Key) -> Value:
        entry = kept.get(id(key))
        if entry is None:
            entry = (key, work_out(key))
            with making_room:
                while len(kept) >= _KEPT:
                    del kept[next(iter(kept))]
                kept[id(key)] = entry
        return entry[1]

    return remembered
