"""Several processes of the service on one address: started, watched, started anew, and stopped together."""

from __future__ import annotations

import asyncio
import gc
import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from leadlight.core.clock import Clock
from leadlight.core.errors import LeadlightError, Unavailable
from leadlight.core.settings import Settings
from leadlight.serving.counts import count_in, room_for_counts
from leadlight.serving.operate.logs import configure
from leadlight.serving.operate.server import serve_on, settle
from leadlight.serving.operate.stopping import PATIENCE_SECONDS

__all__ = ["serve_with"]

_CANNOT_START: Final = 3
"""Exit code, uvicorn's and ours, where the application could not start; it would not the next time either."""

_TICK_SECONDS: Final = 0.2
_SOON_SECONDS: Final = 10.0
"""A worker that ends earlier than this after its start makes the next one wait, longer each time."""

_LONGEST_PAUSE_SECONDS: Final = 30.0
_log = logging.getLogger("leadlight.serving.workers")


def serve_with(count: int, settings: Settings, clock: Clock, listener: socket.socket) -> None:
    """Answer on a socket with several processes until SIGTERM or SIGINT.

    Each is a new Python that builds an application of its own; the system hands each connection to one of them. One
    that dies is replaced. Where this process is killed, they end by themselves.

    Parameters
    ----------
    count : int
    settings : Settings
    clock : Clock
    listener : socket
        Bound; closed at the end.

    Raises
    ------
    Unavailable
        If the application can't start, or the home has no room for what is counted.
    """
    port = listener.getsockname()[1]
    with _told_to_stop() as stop, room_for_counts(settings.home_path, port, count) as counts:
        workers = [_Worker(settings, clock, listener, (counts, number)) for number in range(count)]
        try:
            while not stop.is_set():
                for worker in workers:
                    worker.see_to()
                wait([worker.sentinel for worker in workers], _TICK_SECONDS)
        finally:
            listener.close()  # else the system would go on queueing connections that nobody takes
            for worker in workers:
                worker.ask_to_stop()
            end = time.monotonic() + PATIENCE_SECONDS
            for worker in workers:
                worker.wait_for_end(end)


class _Worker:
    """One process, and the one that takes its place."""

    def __init__(self, settings: Settings, clock: Clock, listener: socket.socket, counts: tuple[Path, int]) -> None:
        self._parts = (settings, clock, listener, counts)
        self._pause = 0.0
        self._start(replaces=False)

    @property
    def sentinel(self) -> int:
        return self._process.sentinel

    def _start(self, *, replaces: bool) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._began = time.monotonic()
        self._due: float | None = None
        self._process: BaseProcess = spawn.Process(target=_work, args=(*self._parts, replaces), name="leadlight worker")
        self._process.start()

    def see_to(self) -> None:
        """Start another process where this one ended; after a pause, if it ended soon after its start."""
        if self._process.is_alive():
            return
        now = time.monotonic()
        if self._due is None:
            code = self._process.exitcode
            if code == _CANNOT_START:
                raise Unavailable("The service can't start; the lines above say why.")
            soon = now - self._began < _SOON_SECONDS
            self._pause = min(_LONGEST_PAUSE_SECONDS, max(1.0, 2 * self._pause)) if soon else 0.0
            self._due = now + self._pause
            _log.error("worker %d ended with %s; another starts in %.0f s", self._process.pid or 0, code, self._pause)
        if now >= self._due:
            self._process.close()
            self._start(replaces=True)

    def ask_to_stop(self) -> None:
        if self._process.is_alive():
            self._process.terminate()

    def wait_for_end(self, end: float) -> None:
        self._process.join(max(0.0, end - time.monotonic()))
        if self._process.is_alive():
            _log.error("worker %d did not end in time and is killed", self._process.pid or 0)
            self._process.kill()
            self._process.join()


def _work(settings: Settings, clock: Clock, listener: socket.socket, counts: tuple[Path, int], replaces: bool) -> None:
    """Be one worker; one that takes another's place while the rest go on takes no connection before it can score."""
    from leadlight.serving.app import create_app  # it imports this package

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent says when to end
    gc.disable()  # all that is loaded now stays
    configure(settings.log_level, settings.log_format)
    count_in(*counts)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    loaded = threading.Event()

    def settled() -> None:
        settle()
        loaded.set()

    try:
        app = create_app(settings, clock=clock, loaded=settled)
        serve_on(listener, _starting_late(app, loaded) if replaces else app)
    except LeadlightError as error:
        _log.error("%s", str(error))
        sys.exit(_CANNOT_START)


def _starting_late(app: ASGIApp, loaded: threading.Event) -> ASGIApp:
    """Let the server listen only once the model is loaded, or can't be."""

    async def late(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return

        async def hold_back(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                await asyncio.to_thread(loaded.wait)
            await send(message)

        await app(scope, receive, hold_back)

    return late


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None  # we are spawned
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def _told_to_stop() -> Iterator[threading.Event]:
    stop = threading.Event()
    before = {kind: signal.signal(kind, lambda *_: stop.set()) for kind in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
