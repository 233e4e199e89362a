"""Run the service in this process until it is told to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import uvicorn

from leadlight.core.clock import Clock, SystemClock
from leadlight.core.settings import Settings
from leadlight.serving.app import create_app

if TYPE_CHECKING:
    from leadlight.core.history import History

__all__ = ["serve"]


def serve(
    settings: Settings,
    *,
    clock: Clock | None = None,
    host: str = "127.0.0.1",
    port: int = 8000,
    history: History | None = None,
) -> None:
    """Serve API and pages; returns after Ctrl-C.

    Parameters
    ----------
    settings : Settings
        Its home holds the champion and the receipts.
    clock : Clock, optional
        Default the machine's; a demo stands at the end of its history.
    host, port : str, int
        Only this machine unless told otherwise.
    history : History, optional
        Whose open leads the pages list; their scores are of the clock's time when the service starts.
    """
    app = create_app(settings, clock=clock or SystemClock(), history=history)
    uvicorn.run(app, host=host, port=port, log_level="warning", access_log=False, server_header=False)
