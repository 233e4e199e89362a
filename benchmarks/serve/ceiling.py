"""Gives an answer of the usual size without looking at the request: ``python -m benchmarks.serve.ceiling ANSWER``.

What the load generator gets out of it is the most that it can measure.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import uvloop
from benchmarks.serve.hosting import listen, tell


class SameAnswer(asyncio.Protocol):
    """Answers as soon as a request is whole."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, found, body = self._read.partition(b"\r\n\r\n")
        if found and len(body) >= int(head.rpartition(b"content-length: ")[2]):
            self._read = b""
            self._transport.write(self._answer)  # type: ignore[attr-defined] # a stream's transport


async def run(body: bytes) -> None:
    answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body
    listener = listen()
    server = await asyncio.get_running_loop().create_server(lambda: SameAnswer(answer), sock=listener)
    tell(listener)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(run(Path(sys.argv[1]).read_bytes()))
