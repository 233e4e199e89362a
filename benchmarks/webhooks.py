"""How many webhooks a second one sender delivers to a fast receiver on this machine.

    python -m benchmarks.webhooks [--json] [--messages 5000] [--leads 5000] [--database URL]

The receiver is a process of its own: Python's threaded HTTP server, which answers at once and shares the machine's
cores with the sender. Counted is from the sender's start until nothing waits in the database any more. With fewer
leads than messages those of one lead wait for each other.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from leadlight.core.clock import SystemClock, to_micros
from leadlight.core.settings import Settings
from leadlight.serving.outbox.payload import score_changed
from leadlight.serving.outbox.sender import Sender
from leadlight.serving.store import outbox_table
from leadlight.serving.store.database import Database

GOAL: Final = 300
_AT_ONCE: Final = 500


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


def receive() -> None:
    """Be the receiver, until standard input ends."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_address[1], flush=True)
        sys.stdin.read()


@contextmanager
def receiver() -> Iterator[str]:
    """Start a receiver and give its address."""
    command = [sys.executable, "-m", "benchmarks.webhooks", "--receive"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/hooks"


def measure(database: Database, messages: int, leads: int) -> dict[str, Any]:
    """Put the messages, send them all, and return the figures."""
    clock, secret = SystemClock(), "whsec_" + base64.b64encode(os.urandom(32)).decode()
    for start in range(0, messages, _AT_ONCE):
        with database.writing() as connection:
            for number in range(start, min(start + _AT_ONCE, messages)):
                lead, now = f"L-{number % leads}", to_micros(clock.now())
                outbox_table.enqueue(connection, lead, _payload(lead, now), now)
    with receiver() as url:
        sender = Sender(database, Settings(_env_file=None, webhook_url=url, webhook_secret=secret), clock)
        began, worked = time.perf_counter(), time.process_time()
        sender.start()
        while _waiting(database):
            time.sleep(0.05)
        seconds, worked = time.perf_counter() - began, time.process_time() - worked
        sender.stop()
    return {
        "benchmark": "webhooks",
        "database": "sqlite" if database.is_sqlite else "postgresql",
        "messages": messages,
        "leads": leads,
        "per_second": round(messages / seconds, 1),
        "processor_milliseconds_each": round(1000 * worked / messages, 3),
        "goal": GOAL,
        "cores": os.cpu_count(),
    }


def _payload(lead: str, now: int) -> dict[str, Any]:
    return score_changed(
        at=now,
        lead_id=lead,
        score=91,
        band="hot",
        grade="A",
        previous_score=62,
        previous_band="warm",
        receipt_id="01KB4Z0T5N8QY2M6R3W7X9V1CD",
        why=["Requested a demo 3 days ago", "Visited the pricing page 4 times in 7 days", "Company has 250 employees"],
        model_version=7,
    )


def _waiting(database: Database) -> int:
    with database.reading() as connection:
        return outbox_table.backlog(connection).waiting


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--leads", type=int, default=5000)
    parser.add_argument("--database", help="an empty one; default SQLite in a temporary folder")
    parser.add_argument("--receive", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.receive:
        receive()
        return
    with tempfile.TemporaryDirectory(prefix="leadlight-webhooks-") as folder:
        database = Database(given.database or f"sqlite:///{Path(folder) / 'leadlight.db'}")
        found = measure(database, given.messages, given.leads)
        database.close()
    print(f"{found['per_second']:,.0f} webhooks a second on {found['database']}   goal: at least {GOAL}")
    if given.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
