"""How long a stop may take, step by step; whoever stops a process from outside has to wait for all of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from threading import Thread
from typing import Final

__all__ = ["LINGER_SECONDS", "PARTS_SECONDS", "PATIENCE_SECONDS", "STOP_SECONDS", "stop_together"]

LINGER_SECONDS: Final = 1.0
"""How long open connections are still answered, each answer with ``Connection: close``, after the stop was asked for.

A client that sends its next request on a connection at the moment at which it is closed would find no answer; one that
was told to close it does not.
"""

STOP_SECONDS: Final = 30
"""How long answers that are being made may take after that."""

PARTS_SECONDS: Final = 30
"""How long what runs beside the answers may take after that, all of it together.

The sender of webhooks needs most: up to 10 s for what is being sent, then up to three tries, of 5 s on a locked SQLite
and with pauses of 1 s, to write down what became of it.
"""

PATIENCE_SECONDS: Final = LINGER_SECONDS + STOP_SECONDS + PARTS_SECONDS + 5
"""After which a process that was asked to stop may be killed; the last five are for closing what is open."""

_log = logging.getLogger("leadlight.serving")


def stop_together(stops: Mapping[str, Callable[[], object]], seconds: float = PARTS_SECONDS) -> None:
    """Stop parts at the same time; return when all have, or the time is over.

    What is not done by then is left: it ends with the process, its transaction is undone, and what it had claimed is
    taken up again when the claim ends.

    Parameters
    ----------
    stops : mapping of str to callable
        By the part's name, which is logged if it takes too long.
    seconds : float
    """
    threads = [Thread(target=stop, name=name, daemon=True) for name, stop in stops.items()]
    end = time.monotonic() + seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
        if thread.is_alive():
            _log.warning("the %s did not stop within %.0f s and is left", thread.name, seconds)
