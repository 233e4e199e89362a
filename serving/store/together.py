"""Commits together: one transaction for all receipts that wait, instead of one wait for the disk each."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from leadlight.serving.store.keeper import Keeper
from leadlight.serving.store.receipts import Slip

__all__ = ["KeptTogether"]

_Waiting = list[tuple[Sequence[Slip], "asyncio.Future[tuple[str, ...]]"]]


class KeptTogether:
    """Hands the receipts of all requests in flight to a keeper, group by group.

    While a group is being written those that come meanwhile gather to the next. Each caller goes on once its own
    group is durably kept. One request alone is written at once.

    Parameters
    ----------
    keeper : Keeper
    """

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._waiting: _Waiting = []
        self._writing: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "receipts")

    async def keep(self, receipts: Sequence[Slip]) -> tuple[str, ...]:
        """Keep receipts durably; see `leadlight.serving.store.keeper.ReceiptKeeper.keep`."""
        loop = asyncio.get_running_loop()
        kept: asyncio.Future[tuple[str, ...]] = loop.create_future()
        self._waiting.append((receipts, kept))
        if self._writing is None:
            self._writing = loop.create_task(self._write())
        return await kept

    async def _write(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting, []
                await self._write_group(group)
        finally:
            self._writing = None

    async def _write_group(self, group: _Waiting) -> None:
        receipts = [receipt for mine, _ in group for receipt in mine]
        try:
            degraded = await asyncio.get_running_loop().run_in_executor(self._thread, self._keeper.keep, receipts)
        except Exception as error:  # whatever it is, each caller must learn of it
            for _, kept in group:
                if not kept.done():
                    kept.set_exception(error)
            return
        for _, kept in group:
            if not kept.done():  # who has gone does not wait
                kept.set_result(degraded)

    def close(self) -> None:
        """End the writing thread; what was handed over is written first."""
        self._thread.shutdown()
