"""The keeper of receipts: the database while it answers, the spool while it does not."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Final, Protocol

from sqlalchemy.exc import SQLAlchemyError

from leadlight.core.errors import Unavailable
from leadlight.serving.store.plain_error import plain
from leadlight.serving.store.receipt_table import ReceiptTable
from leadlight.serving.store.receipts import ErasedReceipt, Receipt, Slip
from leadlight.serving.store.spool import Spool

__all__ = ["Keeper", "KeepsNothing", "ReceiptKeeper"]

_RETRY_SECONDS: Final = 5.0
"""How long a database that failed is left alone by those who look for a receipt."""

_log = logging.getLogger("leadlight.serving.receipts")


class Keeper(Protocol):
    """What takes receipts and gives them back."""

    keeps: bool
    """Whether it keeps anything at all; where not, no receipt is made."""

    @property
    def degraded(self) -> tuple[str, ...]:
        """What does not work at present."""
        ...

    def open(self) -> None:
        """Make ready; a failure only degrades."""
        ...

    def close(self) -> None:
        """Let go of what is open."""
        ...

    def keep(self, receipts: Sequence[Slip]) -> tuple[str, ...]:
        """Keep receipts durably and return what is degraded."""
        ...

    def catch_up(self) -> None:
        """Look whether what failed works again, and do what was left undone; called now and then, in a thread."""
        ...

    def get(self, receipt_id: str) -> Receipt | ErasedReceipt | None:
        """Return a receipt or what is left of it, None if there is none."""
        ...


class KeepsNothing:
    """Keeps nothing, so that receipts can be told from the rest of a score's price. No setting leads here."""

    keeps = False
    degraded: tuple[str, ...] = ()

    def open(self) -> None:
        """Need nothing."""

    def close(self) -> None:
        """Hold nothing."""

    def keep(self, receipts: Sequence[Slip]) -> tuple[str, ...]:  # noqa: ARG002 - the keeper's interface
        """Forget them."""
        return ()

    def catch_up(self) -> None:
        """Leave nothing undone."""

    def get(self, receipt_id: str) -> Receipt | None:  # noqa: ARG002 - the keeper's interface
        """Find none."""
        return None


class ReceiptKeeper:
    """Keeps receipts whatever happens to the database.

    One that failed is asked again by `catch_up` alone, so that no score waits for it.

    Parameters
    ----------
    database : ReceiptTable
    spool : Spool
    seconds : callable
        A clock that only runs forward, in seconds; for the pause after a failure.
    """

    keeps = True

    def __init__(self, database: ReceiptTable, spool: Spool, *, seconds: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._spool = spool
        self._seconds = seconds
        self._lock = Lock()
        self._failed_at: float | None = None

    @property
    def degraded(self) -> tuple[str, ...]:
        """``("receipts",)`` while the database does not answer, else empty."""
        return () if self._failed_at is None else ("receipts",)

    def open(self) -> None:
        """Open the database; a failure only degrades."""
        self._try(self._database.open)

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def keep(self, receipts: Sequence[Slip]) -> tuple[str, ...]:
        """Keep receipts durably; all of them or, in one transaction, none.

        Returns
        -------
        tuple of str
            What is degraded: empty, ``("receipts",)`` where they lie in the spool, ``("receipts", "receipt_spool")``
            where not even that took them.
        """
        if self._failed_at is None and self._try(lambda: self._database.add(receipts)):
            return ()
        try:
            self._spool.add(receipts)
        except OSError as error:
            _log.error("receipts could be kept nowhere: %s", error)
            return ("receipts", "receipt_spool")
        return ("receipts",)

    def catch_up(self) -> None:
        """Look whether a database that failed takes receipts again, and load what waits in the spool."""
        with self._lock:
            if (self._failed_at is None or self._try(self._database.look)) and self._spool.waiting:
                self._try(lambda: self._spool.empty_into(self._database.add_missing))

    def get(self, receipt_id: str) -> Receipt | ErasedReceipt | None:
        """Return a receipt from the database or the spool; None if neither has it.

        Raises
        ------
        Unavailable
            If the spool hasn't and the database, which may have it, does not answer.
        DamagedReceipt
            If the database has it, but not as it was written.
        """
        found: list[Receipt | ErasedReceipt | None] = []
        if self._may_try():
            self._try(lambda: found.append(self._database.get(receipt_id)), writes=False)
        receipt = (found[0] if found else None) or self._waiting(receipt_id)
        if receipt is None and not found:
            raise Unavailable("The database of receipts does not answer; try again later.")
        return receipt

    def _waiting(self, receipt_id: str) -> Receipt | None:
        try:
            return self._spool.find(receipt_id)
        except OSError as error:
            _log.error("the spool of receipts can't be read: %s", error)
            return None

    def _may_try(self) -> bool:
        failed_at = self._failed_at
        return failed_at is None or self._seconds() - failed_at >= _RETRY_SECONDS

    def _try(self, act: Callable[[], object], *, writes: bool = True) -> bool:
        try:
            act()
        except (SQLAlchemyError, OSError) as error:
            if self._failed_at is None:
                _log.warning("the receipt database does not answer, receipts go to the spool: %s", plain(error))
            self._failed_at = self._seconds()
            return False
        if writes:  # one that can still be read may take nothing all the same
            self._failed_at = None
        return True
