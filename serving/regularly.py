"""What the running service looks at every now and then, each beside the requests."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from sqlalchemy.exc import SQLAlchemyError

from leadlight.serving.store.plain_error import plain

__all__ = ["Look", "regularly"]

Look = tuple[str, float, Callable[[], object]]
"""What is looked at, in words for the log; the seconds between two looks; what looks."""

_log = logging.getLogger("leadlight.serving")


@asynccontextmanager
async def regularly(*looks: Look) -> AsyncIterator[None]:
    """Call functions in threads while the block runs, each after so many seconds again.

    Parameters
    ----------
    *looks : Look
        What fails is tried again; that it fails is logged when it begins to, and again when it ends.
    """
    ending = asyncio.Event()
    tasks = [asyncio.create_task(_again_and_again(*look, ending)) for look in looks]
    try:
        yield
    finally:
        ending.set()  # not cancelled: a look that is under way in its thread needs what is closed afterwards
        await asyncio.gather(*tasks)


async def _again_and_again(name: str, seconds: float, look: Callable[[], object], ending: asyncio.Event) -> None:
    failing = False
    while not ending.is_set():
        try:
            await asyncio.to_thread(look)
        except Exception as error:  # whatever it is, the next look may do better
            if not failing:
                _say(name, error)
            failing = True
        else:
            if failing:
                _log.info("%s can be read again", name)
            failing = False
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ending.wait(), seconds)


def _say(name: str, error: Exception) -> None:
    if isinstance(error, SQLAlchemyError | OSError):
        _log.warning("%s can't be read, what was known stands: %s", name, plain(error))
    else:
        _log.error("%s can't be read, what was known stands", name, exc_info=error)
