"""Receipts kept together: one transaction for all that wait."""

from __future__ import annotations

from collections.abc import Sequence

from leadlight.serving.store.gather import Gathered
from leadlight.serving.store.keeper import Keeper
from leadlight.serving.store.receipts import Slip

__all__ = ["KeptTogether"]


class KeptTogether:
    """Hands the receipts of all requests in flight to a keeper, group by group.

    Parameters
    ----------
    keeper : Keeper
    """

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._gathered: Gathered[Sequence[Slip], tuple[str, ...]] = Gathered(self._keep_all, "receipts")

    async def keep(self, receipts: Sequence[Slip]) -> tuple[str, ...]:
        """Keep receipts durably; see `leadlight.serving.store.keeper.ReceiptKeeper.keep`."""
        return await self._gathered.do(receipts)

    def _keep_all(self, groups: Sequence[Sequence[Slip]]) -> list[tuple[str, ...] | Exception]:
        degraded = self._keeper.keep([receipt for group in groups for receipt in group])
        return [degraded] * len(groups)

    def close(self) -> None:
        """End the writing thread; what was handed over is written first."""
        self._gathered.close()
