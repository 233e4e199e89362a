"""Wait for something that another thread or process does."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["wait_for"]


def wait_for(done: Callable[[], bool], seconds: float = 60.0) -> None:
    """Return once it is done; fail when it takes too long."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "not ready in time"
        time.sleep(0.01)
