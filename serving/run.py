"""Run the service in this process until it is told to stop."""

from __future__ import annotations

import contextlib
import gc
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

import uvicorn

from leadlight.core.clock import Clock, SystemClock
from leadlight.core.errors import Unavailable
from leadlight.core.settings import Settings
from leadlight.serving.app import create_app

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
) -> None:
    """Serve API and pages; returns after Ctrl-C.

    Parameters
    ----------
    settings : Settings
        Its home holds the champion and the receipts.
    clock : Clock, optional
        Default the machine's; a demo stands at the end of its history.
    host, port : str, int
        Only this machine unless told otherwise; port 0 takes a free one.
    history : History, optional
        Whose open leads the pages list; their scores are of the clock's time when the service starts. Without one the
        pages list the store's leads.
    tell : callable, optional
        Called with the service's address once it is its own.

    Raises
    ------
    Unavailable
        If the address can't be had: the port is taken, the host is not this machine's.
    """
    app = create_app(settings, clock=clock or SystemClock(), history=history, loaded=settle)
    with _listening(host, port) as listener:
        if tell is not None:
            shown = f"[{host}]" if ":" in host else host
            tell(f"http://{shown}:{listener.getsockname()[1]}")
        config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False)
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])


def settle() -> None:
    """Let the garbage collector pass over what is loaded by now: it stays, and looking through it takes long."""
    gc.freeze()
    gc.enable()


def _listening(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise Unavailable(
            f"Can't listen on {host}, port {port}: {error.strerror or error}. Choose another with --port or --host.",
            host=host,
            port=port,
        ) from None
