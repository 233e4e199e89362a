"""Run the service until it is told to stop, in this process or in several."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from leadlight.core.clock import Clock, SystemClock
from leadlight.core.errors import Unavailable, UsageError
from leadlight.core.settings import Settings
from leadlight.serving.app import create_app
from leadlight.serving.operate.logs import configure
from leadlight.serving.operate.server import serve_on, settle
from leadlight.serving.operate.workers import serve_with

if TYPE_CHECKING:
    from leadlight.core.history import History

__all__ = ["serve", "settle"]


def serve(
    settings: Settings,
    *,
    clock: Clock | None = None,
    host: str = "127.0.0.1",
    port: int = 8000,
    history: History | None = None,
    tell: Callable[[str], object] | None = None,
    workers: int = 1,
) -> None:
    """Serve API and pages; returns after SIGTERM or Ctrl-C, once all requests that were begun are answered.

    From the moment at which the address is its own, this process logs as the settings say.

    Parameters
    ----------
    settings : Settings
        Its home holds the champion and the receipts.
    clock : Clock, optional
        Default the machine's; a demo stands at the end of its history.
    host, port : str, int
        Only this machine unless told otherwise; port 0 takes a free one.
    history : History, optional
        Whose open leads the pages list; their scores are of the clock's time when the service starts.
    tell : callable, optional
        Called with the service's address once it is its own.
    workers : int
        Processes that share the address. More than one can't list a history.

    Raises
    ------
    UsageError
        If several were to list a history: each would read and score all of it.
    Unavailable
        If the address can't be had: the port is taken, the host is not this machine's.
    """
    if workers > 1 and history is not None:
        raise UsageError(
            "--workers and --data don't go together: each process would read and score the whole history. "
            "Leave one of them away."
        )
    clock = clock or SystemClock()
    with _listening(host, port) as listener:
        configure(settings.log_level, settings.log_format)
        if tell is not None:
            shown = f"[{host}]" if ":" in host else host
            tell(f"http://{shown}:{listener.getsockname()[1]}")
        if workers > 1:
            serve_with(workers, settings, clock, listener)
        else:
            serve_on(listener, create_app(settings, clock=clock, history=history, loaded=settle))


def _listening(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise Unavailable(
            f"Can't listen on {host}, port {port}: {error.strerror or error}. Choose another with --port or --host.",
            host=host,
            port=port,
        ) from None
