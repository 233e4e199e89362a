"""One process of the service on a listening socket, and how it ends: without a request that fails."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
import threading
from collections.abc import Iterator
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from leadlight.serving.operate.stopping import LINGER_SECONDS, STOP_SECONDS

__all__ = ["serve_on", "settle"]

_KEEP_ALIVE_SECONDS: Final = 65
"""Longer than the minute after which most proxies let go of an idle connection: the one who sends must be first."""


def serve_on(listener: socket.socket, app: ASGIApp) -> None:
    """Answer on a socket until SIGTERM or SIGINT; returns once all requests that were begun are answered.

    Parameters
    ----------
    listener : socket
        Bound; closed at the end.
    app : ASGI application
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    with _ends_quietly(), contextlib.suppress(KeyboardInterrupt):
        _Server(config).run(sockets=[listener])


class _Server(uvicorn.Server):
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more connections; let clients hang up before we do; then end as uvicorn does."""
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        self.server_state.default_headers = [*self.server_state.default_headers, (b"connection", b"close")]
        loop = asyncio.get_running_loop()
        end = loop.time() + LINGER_SECONDS
        while self.server_state.connections and loop.time() < end and not self.force_exit:
            await asyncio.sleep(0.02)
        await super().shutdown(sockets)


@contextlib.contextmanager
def _ends_quietly() -> Iterator[None]:
    """Let SIGTERM end the block only: uvicorn sends it once more when all is done, for whoever listened before."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def settle() -> None:
    """Let the garbage collector pass over what is loaded by now: it stays, and looking through it takes long."""
    gc.freeze()
    gc.enable()
