"""Sends ready-made requests over kept-alive connections and counts the answers; cheap, so that the server is measured.

Two ways of asking, which answer two questions:

- `closed_loop`: every connection asks again as soon as it was answered. How many answers a second can there be?
- `open_loop`: requests are due at fixed times, whether or not the service keeps up. How long does a caller wait? The
  wait counts from when a request was *due*: were it counted from when it was sent, a service that stalls for a second
  would have one slow answer in place of the hundred that callers would have seen ("coordinated omission").

One thread, blocking sockets and `select`, whose timeouts are of microseconds where asyncio's are of milliseconds.
Whatever is not a 200 ends the run with the body shown.
"""

from __future__ import annotations

import math
import select
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from typing import Final

__all__ = ["Address", "Answer", "Measured", "Refused", "Stalled", "ask", "closed_loop", "open_loop", "request"]

Address = tuple[str, int]

PATIENCE: Final = 30.0
"""Seconds without any answer after which a service counts as dead."""

_SHOWN: Final = 2000
_OK: Final = 200


class Refused(RuntimeError):
    """A service answered something else than 200, or broke off."""


class Stalled(RuntimeError):
    """A service did not answer at all."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run saw.

    Attributes
    ----------
    waits : list of float
        Seconds that each counted answer took: since its request was sent (closed loop) or was due (open loop).
    seconds : float
        How long answers were counted.
    """

    waits: list[float]
    seconds: float

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return len(self.waits) / self.seconds

    def wait_ms(self, share: float) -> float:
        """Return the wait in milliseconds that a share of the answers did not exceed (nearest rank).

        Examples
        --------
        >>> Measured([0.004, 0.001, 0.003, 0.002], 1.0).wait_ms(0.5)
        2.0
        """
        return sorted(self.waits)[max(math.ceil(share * len(self.waits)), 1) - 1] * 1e3


def request(path: str, body: bytes = b"", *, method: str = "POST") -> bytes:
    """Return the bytes of one HTTP request with a JSON body."""
    head = f"{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


def ask(address: Address, message: bytes, *, patience: float = PATIENCE) -> Answer:
    """Send one request on a connection of its own; any status is returned.

    Raises
    ------
    OSError
        If nobody listens there, or it takes too long.
    Refused
        If the answer breaks off.
    """
    with _Connection(address, patience) as connection:
        connection.send(message, 0.0)
        while (answer := connection.receive()) is None:
            pass
        return answer


def closed_loop(
    address: Address, requests: Iterable[bytes], *, seconds: float, connections: int = 4, patience: float = PATIENCE
) -> Measured:
    """Ask without a pause on every connection; answers within the time count, the last ones are only waited for.

    Raises
    ------
    Refused
        With the body of the first answer that is not a 200.
    Stalled
        If no answer comes for as long as patience lasts.
    """
    waits: list[float] = []
    turn = cycle(requests)
    with _connected(address, connections) as busy:
        began = time.perf_counter()
        for connection in busy:
            connection.send(next(turn), time.perf_counter())
        while busy:
            for connection in _answering(busy, patience):
                if connection.receive_ok() is None:
                    continue
                now = time.perf_counter()
                if now - began < seconds:
                    waits.append(now - connection.since)
                    connection.send(next(turn), now)
                else:
                    busy.remove(connection)
    return Measured(waits, seconds)


def open_loop(
    address: Address,
    requests: Iterable[bytes],
    *,
    per_second: float,
    seconds: float,
    connections: int = 16,
    patience: float = PATIENCE,
) -> Measured:
    """Send requests at an even pace, each as soon as it is due and a connection is free; all answers count.

    Raises
    ------
    Refused, Stalled
        As `closed_loop`.
    """
    waits: list[float] = []
    turn, due, count = cycle(requests), 0, max(1, round(per_second * seconds))
    with _connected(address, connections) as free:
        busy: list[_Connection] = []
        began = time.perf_counter()
        while len(waits) < count:
            now = time.perf_counter()
            while free and due < count and began + due / per_second <= now:
                connection = free.pop(0)  # in turn, so that none idles until the server closes it
                connection.send(next(turn), began + due / per_second)
                busy.append(connection)
                due += 1
            until_next = began + due / per_second - now if free and due < count else patience
            for connection in _answering(busy, until_next, may_be_none=until_next < patience):
                if connection.receive_ok() is not None:
                    waits.append(time.perf_counter() - connection.since)
                    busy.remove(connection)
                    free.append(connection)
        return Measured(waits, time.perf_counter() - began)


class _Connection:
    """One kept-alive connection with at most one request under way; ``since`` is when its wait began."""

    def __init__(self, address: Address, patience: float | None = None) -> None:
        self._socket = socket.create_connection(address, timeout=patience)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._read = bytearray()
        self.since = 0.0

    def __enter__(self) -> _Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def fileno(self) -> int:
        """Let `select` wait for it."""
        return self._socket.fileno()

    def send(self, message: bytes, since: float) -> None:
        self.since = since
        self._socket.sendall(message)

    def receive(self) -> Answer | None:
        """Read what is there; None until the answer is whole."""
        part = self._socket.recv(1 << 18)
        if not part:
            raise Refused(f"the connection was closed in the middle of an answer: {bytes(self._read[:_SHOWN])!r}")
        read = self._read
        read += part
        end = read.find(b"\r\n\r\n")
        if end < 0:
            return None
        whole = end + 4 + _length(read[:end].lower())
        if len(read) < whole:
            return None
        answer = Answer(int(read[9:12]), bytes(read[end + 4 : whole]))
        del read[:whole]
        return answer

    def receive_ok(self) -> Answer | None:
        answer = self.receive()
        if answer is not None and answer.status != _OK:
            raise Refused(f"answered {answer.status}: {answer.body[:_SHOWN].decode(errors='replace')}")
        return answer


def _length(head: bytearray) -> int:
    start = head.find(b"\r\ncontent-length:")
    if start < 0:
        raise Refused(f"the answer does not say how long it is: {bytes(head)!r}")
    end = head.find(b"\r\n", start + 2)
    return int(head[start + 17 : end if end >= 0 else len(head)])


@contextmanager
def _connected(address: Address, count: int) -> Iterator[list[_Connection]]:
    connections: list[_Connection] = []
    try:
        connections += [_Connection(address) for _ in range(count)]
        yield list(connections)
    finally:
        for connection in connections:
            connection.__exit__()


def _answering(busy: list[_Connection], seconds: float, *, may_be_none: bool = False) -> list[_Connection]:
    """Wait until some of the connections have something to read, or the time is over."""
    ready: list[_Connection] = select.select(busy, (), (), max(seconds, 0.0))[0]
    if not ready and not may_be_none:
        raise Stalled(f"no answer within {seconds:g} s")
    return ready
