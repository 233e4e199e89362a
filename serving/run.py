"""Run the service until it is told to stop, in this process or in several."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from leadlight.core.clock import Clock, SystemClock, to_micros
from leadlight.core.errors import Unavailable, UsageError
from leadlight.core.secret import secret_of
from leadlight.core.settings import Settings
from leadlight.serving.access.hosts import is_loopback
from leadlight.serving.app import create_app
from leadlight.serving.operate.logs import configure
from leadlight.serving.operate.server import serve_on, settle
from leadlight.serving.operate.workers import serve_with
from leadlight.serving.outbox.receiver import receiver_of
from leadlight.serving.store.database import Database
from leadlight.serving.store.key_table import KeyTable

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
        Whose open leads the pages list; their scores are of the clock's time when the service starts. Without one the
        pages list the store's leads.
    tell : callable, optional
        Called with the service's address once it is its own.
    workers : int
        Processes that share the address. More than one can't list a history.

    Raises
    ------
    UsageError
        If several were to list a history: each would read and score all of it. Also if the secret, or the receiver of
        webhooks, is set in a way that can't be followed.
    Unavailable
        If the address can't be had: the port is taken, the host is not this machine's. Also if it is to be reached
        from elsewhere, and the database of keys does not answer.
    UsageError
        If it is to be reached from elsewhere, and there is no key that is good.
    """
    if workers > 1 and history is not None:
        raise UsageError(
            "--workers and --data don't go together: each process would read and score the whole history. "
            "Leave one of them away."
        )
    clock = clock or SystemClock()
    secret_of(settings)  # what is wrong with it is better said now than in the middle of a request
    receiver_of(settings)  # and this once, instead of by each worker
    if not _is_this_machine(host):
        _require_key(settings, host)
    with _listening(host, port) as listener:
        configure(settings.log_level, settings.log_format)
        if tell is not None:
            shown = f"[{host}]" if ":" in host else host
            tell(f"http://{shown}:{listener.getsockname()[1]}")
        if workers > 1:
            serve_with(workers, settings, clock, listener)
        else:
            serve_on(listener, create_app(settings, clock=clock, history=history, loaded=settle))


def _is_this_machine(host: str) -> bool:
    return host == "localhost" or (host != "" and host[0] in "0123456789:" and is_loopback(host))


def _require_key(settings: Settings, host: str) -> None:
    """Refuse to be reached from elsewhere while nobody could be told from anybody."""
    database = Database(settings.database)
    try:
        keys = KeyTable(database).all()
    except (SQLAlchemyError, OSError):
        raise Unavailable(
            f"Can't listen on {host}: the database of keys does not answer, so nobody could be let in. Check "
            "LEADLIGHT_DATABASE_URL, or serve on 127.0.0.1."
        ) from None
    finally:
        database.close()
    now = to_micros(SystemClock().now())
    if not any(key.is_valid(now) for key in keys):
        raise UsageError(
            f"{host} can be reached from other machines, and there is no key that is good: make one with "
            "'leadlight keys create --role admin', or serve on 127.0.0.1."
        )


def _listening(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise Unavailable(
            f"Can't listen on {host}, port {port}: {error.strerror or error}. Choose another with --port or --host.",
            host=host,
            port=port,
        ) from None
