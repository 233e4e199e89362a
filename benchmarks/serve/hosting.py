"""How every app is served: one uvicorn worker with `leadlight.serving.run`'s settings, which prints its port."""

from __future__ import annotations

import socket

import uvicorn
from fastapi import FastAPI

__all__ = ["listen", "serve", "tell"]


def serve(app: FastAPI) -> None:
    listener = listen()
    tell(listener)
    config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False)
    uvicorn.Server(config).run(sockets=[listener])


def listen() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


def tell(listener: socket.socket) -> None:
    print(listener.getsockname()[1], flush=True)
