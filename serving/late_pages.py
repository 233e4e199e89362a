"""The pages' data while it is still being prepared: the service answers meanwhile, and says what it waits for."""

from __future__ import annotations

import logging
from threading import Lock
from typing import TYPE_CHECKING

from leadlight.core.errors import Unavailable
from leadlight.serving.desk import Desk
from leadlight.serving.pages_data import Band, LeadPage, QueuePage

if TYPE_CHECKING:
    from leadlight.core.history import History
    from leadlight.serving.queue import RankedQueue

__all__ = ["LatePages"]

_log = logging.getLogger("leadlight.serving")


class LatePages:
    """Pages that are prepared while the service already runs.

    Parameters
    ----------
    desk : Desk
    history : History
    """

    def __init__(self, desk: Desk, history: History) -> None:
        self._desk = desk
        self._history = history
        self._lock = Lock()
        self._queue: RankedQueue | None = None
        self._failed = False

    def prepare(self) -> None:
        """Score the open leads; nothing happens while no model is ready. Never raises: the pages say what is wrong."""
        with self._lock:
            if self._queue is not None or self._failed or not self._desk.champion.is_ready:
                return
            from leadlight.serving.queue import RankedQueue  # pandas: not before a history is there

            try:
                self._queue = RankedQueue(self._desk, self._desk.champion.scorer, self._history)
            except Exception:  # whatever is wrong with a history, the API goes on
                _log.exception("the open leads could not be scored")
                self._failed = True

    def _ready(self) -> RankedQueue:
        if self._queue is None and not self._lock.locked():
            self.prepare()  # a model may have been promoted since the start
        if self._queue is not None:
            return self._queue
        _ = self._desk.champion.scorer  # says what stands in the way
        if self._failed:
            raise Unavailable("The open leads could not be scored; the service's log says why.")
        raise Unavailable("The open leads are being scored; try again in a few seconds.")

    def queue(
        self,
        *,
        language: str,
        offset: int = 0,
        limit: int = 50,
        band: Band | None = None,
        minimum_score: int = 0,
        owner: str | None = None,
        own: str | None = None,
    ) -> QueuePage:
        """See `leadlight.serving.pages_data.Pages.queue`."""
        return self._ready().queue(
            language=language, offset=offset, limit=limit, band=band, minimum_score=minimum_score, owner=owner, own=own
        )

    def lead(self, lead_id: str, *, language: str, own: str | None = None) -> LeadPage | None:
        """See `leadlight.serving.pages_data.Pages.lead`."""
        return self._ready().lead(lead_id, language=language, own=own)
