"""Threads beside the event loop: few that may wait for the database, and others that compute.

Each kind has its own, so that whoever waits for a database that hangs holds up no score; only a batch waits for its
own receipts where it was computed. They are few because only one runs Python at a time: more would hold more memory and
more connections, and be no faster.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from typing import Any, Final, TypeVar

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar

__all__ = ["bound_threads", "computed"]

_WAITING: Final = 8
_COMPUTING: Final = 4

_HEAPS: Final = 2
_M_ARENA_MAX: Final = -8
"""Of the C library's ``mallopt``: how many heaps there may be."""

_limiter: Final[RunVar[CapacityLimiter]] = RunVar("leadlight_computing")
_Result = TypeVar("_Result")


def bound_threads() -> None:
    """Bound the threads that the framework takes for whatever may wait, and the heaps of all; within the event loop.

    glibc gives each thread a heap of its own, and each keeps the most that it ever needed: a process whose threads come
    and go grows for hours, though nothing is held. Other C libraries have no such heaps.
    """
    to_thread.current_default_thread_limiter().total_tokens = _WAITING
    if sys.platform == "linux":
        set_option = getattr(ctypes.CDLL(None), "mallopt", None)
        if set_option is not None:
            set_option(_M_ARENA_MAX, _HEAPS)


async def computed(act: Callable[..., _Result], *given: Any) -> _Result:
    """Call a function that computes in a thread, and return what it returns."""
    try:
        limiter = _limiter.get()
    except LookupError:
        limiter = CapacityLimiter(_COMPUTING)
        _limiter.set(limiter)
    return await to_thread.run_sync(act, *given, limiter=limiter)
