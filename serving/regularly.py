"""What the running service looks at every now and then, each beside the requests."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from sqlalchemy.exc import SQLAlchemyError

from leadlight.serving.store.plain_error import plain

__all__ = ["regularly"]

_log = logging.getLogger("leadlight.serving")


@asynccontextmanager
async def regularly(*looks: tuple[float, Callable[[], object]]) -> AsyncIterator[None]:
    """Call functions in threads while the block runs, each after so many seconds again.

    Parameters
    ----------
    *looks : tuple of (float, callable)
        What fails is logged and tried again.
    """
    ending = asyncio.Event()
    tasks = [asyncio.create_task(_again_and_again(seconds, look, ending)) for seconds, look in looks]
    try:
        yield
    finally:
        ending.set()  # not cancelled: a look that is under way in its thread needs what is closed afterwards
        await asyncio.gather(*tasks)


async def _again_and_again(seconds: float, look: Callable[[], object], ending: asyncio.Event) -> None:
    while not ending.is_set():
        try:
            await asyncio.to_thread(look)
        except (SQLAlchemyError, OSError) as error:
            _log.debug("the store does not answer: %s", plain(error))
        except Exception:
            _log.exception("%s failed; it is tried again", getattr(look, "__qualname__", "a look"))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ending.wait(), seconds)
