"""One sender in a process of its own, in a time that runs faster: ``sending.py DATABASE RECEIVER SECRET``."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta

from leadlight.core.settings import Settings
from leadlight.serving.outbox.sender import Sender
from leadlight.serving.store.database import Database

TIMES = 4
"""Seconds in one, so that nobody waits for half a minute until a lease ends."""


def seconds() -> float:
    return time.monotonic() * TIMES


class FastClock:
    """The same for all processes of a machine."""

    def now(self) -> datetime:
        return datetime(2026, 11, 23, tzinfo=UTC) + timedelta(seconds=seconds())


def main() -> None:
    url, receiver, secret = sys.argv[1:]
    database = Database(url)
    settings = Settings(_env_file=None, webhook_url=receiver, webhook_secret=secret)
    sender = Sender(database, settings, FastClock(), seconds=seconds)
    sender.start()
    print("sending", flush=True)  # noqa: T201 - whoever started it waits for this
    sys.stdin.read()  # until it is told to stop
    sender.stop()
    database.close()


if __name__ == "__main__":
    main()
