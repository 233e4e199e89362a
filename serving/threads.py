"""Threads beside the event loop: few that may wait for the database, and others that compute.

Each kind has its own, so that a database that hangs holds up no score. They are few because only one runs Python at a
time: more would hold more memory and more connections, and be no faster.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar

__all__ = ["bound_waiting", "computed"]

_WAITING: Final = 8
_COMPUTING: Final = 4

_limiter: Final[RunVar[CapacityLimiter]] = RunVar("leadlight_computing")
_Result = TypeVar("_Result")


def bound_waiting() -> None:
    """Bound the threads that the framework takes for whatever may wait; called within the event loop."""
    to_thread.current_default_thread_limiter().total_tokens = _WAITING


async def computed(act: Callable[..., _Result], *given: Any) -> _Result:
    """Call a function that computes in a thread, and return what it returns."""
    try:
        limiter = _limiter.get()
    except LookupError:
        limiter = CapacityLimiter(_COMPUTING)
        _limiter.set(limiter)
    return await to_thread.run_sync(act, *given, limiter=limiter)
