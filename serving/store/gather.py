"""Doing together what many callers wait for, in one thread: one commit for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

__all__ = ["Gathered"]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Gathered(Generic[_Item, _Result]):
    """Hands what waits to a thread, group by group.

    While a group is being worked at, those that come meanwhile gather to the next. Each caller goes on once its own
    group is done. One alone is worked at at once.

    Parameters
    ----------
    work : callable
        Takes the items of a group and returns a result, or an exception to raise, for each.
    name : str
        Of the thread.
    most : int
        Items of a group.
    """

    def __init__(
        self, work: Callable[[Sequence[_Item]], Sequence[_Result | Exception]], name: str, *, most: int = 1_000
    ) -> None:
        self._work = work
        self._most = most
        self._waiting: list[tuple[_Item, asyncio.Future[_Result]]] = []
        self._working: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, name)

    async def do(self, item: _Item) -> _Result:
        """Have an item worked at; return its result or raise its exception."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[_Result] = loop.create_future()
        self._waiting.append((item, done))
        if self._working is None:
            self._working = loop.create_task(self._all())
        return await done

    async def _all(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._group(group)
        finally:
            self._working = None

    async def _group(self, group: list[tuple[_Item, asyncio.Future[_Result]]]) -> None:
        items = [item for item, _ in group]
        try:
            results = await asyncio.get_running_loop().run_in_executor(self._thread, self._work, items)
        except Exception as error:  # whatever it is, each caller must learn of it
            results = [error] * len(group)
        for (_, done), result in zip(group, results, strict=True):
            if done.done():  # who has gone does not wait
                continue
            if isinstance(result, Exception):
                done.set_exception(result)
            else:
                done.set_result(result)

    def close(self) -> None:
        """End the thread; what was handed over is done first."""
        self._thread.shutdown()
