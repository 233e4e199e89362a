"""A receiver of webhooks over real HTTP on this machine, whose every answer a test decides."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["Arrival", "Receiver", "Reply", "receiving"]


@dataclass(frozen=True)
class Arrival:
    """A message as it came in."""

    headers: dict[str, str]
    body: bytes
    path: str
    peer: tuple[str, int]

    @property
    def message_id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def payload(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """What a receiver does: an answer, or hanging up without one."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"ok"
    hang_up: bool = False
    wait: Callable[[], object] | None = None
    raw: Callable[[Any], object] | None = None
    """Writes to the socket's file itself."""


class Receiver:
    """Remembers what arrived, and asks ``decide`` for each reply."""

    def __init__(self) -> None:
        self.arrivals: list[Arrival] = []
        self.decide: Callable[[Arrival], Reply] = lambda _: Reply()
        self.lock = threading.Lock()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks?tenant=7"

    @property
    def ids(self) -> list[str]:
        return [one.message_id for one in list(self.arrivals)]

    def always(self, **reply: Any) -> None:
        self.decide = lambda _: Reply(**reply)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of senders that were killed."""


@contextmanager
def receiving(receiver: Receiver | None = None, *, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Run a receiver; the same one may run again later, at the same port."""
    told = receiver or Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            arrival = Arrival({k.lower(): v for k, v in self.headers.items()}, body, self.path, self.client_address)
            with told.lock:
                told.arrivals.append(arrival)
                reply = told.decide(arrival)
            if reply.wait is not None:
                reply.wait()
            if reply.raw is not None:
                reply.raw(self.wfile)
            if reply.hang_up or reply.raw is not None:
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    with _Server(("127.0.0.1", told.port), Handler) as server:
        told.port = server.server_address[1]
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield told
        finally:
            server.shutdown()
            thread.join()
