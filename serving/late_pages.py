"""The pages' data while it is still being prepared: the service answers meanwhile, and says what it waits for."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from leadlight.serving.champion import Starting
from leadlight.serving.desk import Desk
from leadlight.serving.pages_data import Band, LeadPage, QueuePage

if TYPE_CHECKING:
    from leadlight.core.history import History
    from leadlight.serving.queue import RankedQueue

__all__ = ["LatePages"]


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

    def prepare(self) -> None:
        """Score the open leads; nothing happens while no model is ready."""
        with self._lock:
            if self._queue is None and self._desk.champion.is_ready:
                from leadlight.serving.queue import RankedQueue  # pandas: not before a history is there

                self._queue = RankedQueue(self._desk, self._desk.champion.scorer, self._history)

    def _ready(self) -> RankedQueue:
        if self._queue is None:
            _ = self._desk.champion.scorer  # says what stands in the way
            raise Starting("The open leads are being scored; try again in a few seconds.")
        return self._queue

    def queue(
        self,
        *,
        language: str,
        offset: int = 0,
        limit: int = 50,
        band: Band | None = None,
        minimum_score: int = 0,
        owner: str | None = None,
    ) -> QueuePage:
        """See `leadlight.serving.pages_data.Pages.queue`."""
        return self._ready().queue(
            language=language, offset=offset, limit=limit, band=band, minimum_score=minimum_score, owner=owner
        )

    def lead(self, lead_id: str, *, language: str) -> LeadPage | None:
        """See `leadlight.serving.pages_data.Pages.lead`."""
        return self._ready().lead(lead_id, language=language)
