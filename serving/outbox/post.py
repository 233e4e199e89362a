"""One attempt to tell the receiver: over within ten seconds, whatever it does.

Nothing that the receiver says is kept but its status and how long it asks to be left alone: what it puts into a body
or a reason may be a lead's.
"""

from __future__ import annotations

import http.client
import io
import os
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, NamedTuple, cast

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError, NewConnectionError

from leadlight.serving.outbox.receiver import Receiver

__all__ = ["CONNECT_SECONDS", "WHOLE_SECONDS", "Answer", "Poster"]

CONNECT_SECONDS: Final = 3.0
"""For each address of the receiver."""

WHOLE_SECONDS: Final = 10.0
"""From the first byte that is sent to the last that is read, the connection included."""

_MOST_BYTES: Final = 65_536
"""Of an answer's body that are read, to keep the connection; one that is longer costs the connection."""


class Answer(NamedTuple):
    """What came of an attempt.

    Attributes
    ----------
    status : int or None
        None if there was no answer.
    error : str or None
        Why it failed, in words of ours; None if it did not.
    retry_after : str or None
        The header, as it was sent.
    """

    status: int | None
    error: str | None
    retry_after: str | None


class Poster:
    """Sends to one receiver, message by message, over one connection that is kept open.

    Belongs to one thread at a time.

    Parameters
    ----------
    receiver : Receiver
    tls : SSLContext or None
        For a receiver by TLS; shared, for it is dear to make.
    seconds : callable
        A clock that only runs forward, in seconds.
    """

    def __init__(
        self, receiver: Receiver, tls: ssl.SSLContext | None, *, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        self._receiver = receiver
        self._tls = tls
        self._seconds = seconds
        self._connection = self._new()

    def _new(self) -> HTTPConnection:
        host, port = self._receiver.host, self._receiver.port
        if self._receiver.secure:
            return HTTPSConnection(host, port, timeout=CONNECT_SECONDS, ssl_context=self._tls)
        return HTTPConnection(host, port, timeout=CONNECT_SECONDS)

    def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send a message once, and say what came of it; no redirect is followed."""
        end = self._seconds() + WHOLE_SECONDS
        try:
            self._connect(end)
            self._connection.request("POST", self._receiver.target, body=body, headers=headers, preload_content=False)
            response = self._connection.getresponse()
        except (HTTPError, http.client.HTTPException, OSError) as error:
            self.close()
            return Answer(None, _words(error), None)
        self._finish(response)
        return Answer(response.status, _refused(response.status), response.headers.get("Retry-After"))

    def _connect(self, end: float) -> None:
        """Use the open connection if it is one still, else make one; nothing is sent after the end."""
        if self._connection.is_connected:
            cast(_TimedSocket, self._connection.sock).end = end
            return
        self.close()
        self._connection.timeout = CONNECT_SECONDS
        self._connection.connect()
        timed = _TimedSocket(self._connection.sock, end, self._seconds)
        self._connection.sock = cast(socket.socket, timed)
        timed.hurry()

    def _finish(self, response: Any) -> None:
        """Read what must be out of the way before the connection is used again; whether it comes changes nothing."""
        try:
            whole = len(response.read(_MOST_BYTES + 1, decode_content=False)) <= _MOST_BYTES
        except (HTTPError, http.client.HTTPException, OSError):
            whole = False
        if not whole:
            self.close()

    def close(self) -> None:
        """Close the connection; the next message opens another."""
        self._connection.close()


class _TimedSocket:
    """A socket on which everything must be over at one moment.

    A socket's own timeout begins anew with every byte: a receiver that sends one now and then would hold a sender for
    ever.
    """

    def __init__(self, inner: socket.socket, end: float, seconds: Callable[[], float]) -> None:
        self._inner = inner
        self.end = end
        self._seconds = seconds

    def hurry(self) -> None:
        """Give the next act the time that is left.

        Raises
        ------
        TimeoutError
            If there is none.
        """
        left = self.end - self._seconds()
        if left <= 0:
            raise TimeoutError
        self._inner.settimeout(left)

    def settimeout(self, value: float | None) -> None:
        """Ignore what the HTTP client asks for."""

    def sendall(self, data: bytes) -> None:
        """Send all of it."""
        rest = memoryview(data)
        while rest:
            self.hurry()
            rest = rest[self._inner.send(rest) :]

    def makefile(self, mode: str) -> io.BufferedReader:
        """Return what the answer is read from."""
        assert mode == "rb"  # the HTTP client asks for nothing else
        return io.BufferedReader(_TimedReader(self._inner.makefile("rb", buffering=0), self.hurry))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _TimedReader(io.RawIOBase):
    def __init__(self, inner: io.RawIOBase | Any, hurry: Callable[[], None]) -> None:
        self._inner = inner
        self._hurry = hurry

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._hurry()
        return cast("int | None", self._inner.readinto(buffer))

    def close(self) -> None:
        self._inner.close()
        super().close()


def _refused(status: int) -> str | None:
    if 200 <= status < 300:
        return None
    try:
        text = f"HTTP {status} {HTTPStatus(status).phrase}"  # ours, for the receiver's may say anything
    except ValueError:
        text = f"HTTP {status}"
    return f"{text}; redirects are not followed" if 300 <= status < 400 else text


def _words(error: Exception) -> str:
    """Say what went wrong without the error's own text, which may hold the address or part of the answer."""
    if isinstance(error, NameResolutionError):
        return "the host's name could not be resolved"
    if isinstance(error, ConnectTimeoutError) and not isinstance(error, NewConnectionError):
        return f"no connection within {CONNECT_SECONDS:.0f} seconds"
    cause = error.__cause__ if isinstance(error, NewConnectionError) else error
    if isinstance(cause, TimeoutError):
        return f"no answer within {WHOLE_SECONDS:.0f} seconds"
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"the receiver's TLS certificate is not accepted: {cause.verify_message}"
    if isinstance(cause, ssl.SSLError):
        return "TLS failed"
    if isinstance(cause, ConnectionError):  # http.client's RemoteDisconnected is one, too
        return "the connection was refused" if isinstance(cause, ConnectionRefusedError) else "the receiver hung up"
    if isinstance(cause, OSError) and cause.errno:
        return os.strerror(cause.errno).lower()
    return "the answer is not HTTP" if isinstance(cause, http.client.HTTPException) else type(error).__name__
