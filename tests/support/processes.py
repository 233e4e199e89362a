"""Which processes run, and whose children they are."""

from __future__ import annotations

import http.client
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from waiting import wait_for

__all__ = ["all_are_ready", "children_of", "is_running", "workers_of"]

_ASKING = 8


def all_are_ready(port: int, count: int) -> None:
    """Wait until each of so many processes behind a port has said that it can score.

    The system picks who answers, and one alone may answer a long row while another has not even begun to listen: so
    many ask at once, and each process is known by the beginning of the ids that it gives to requests.
    """
    ready: set[str] = set()
    with ThreadPoolExecutor(_ASKING) as clients:

        def asked() -> bool:
            ready.update(one for one in clients.map(_who_is_ready, [port] * _ASKING) if one)
            return len(ready) >= count

        wait_for(asked, 180)


def _who_is_ready(port: int) -> str:
    try:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
            connection.request("GET", "/readyz")
            answer = connection.getresponse()
            answer.read()
    except (OSError, http.client.HTTPException):
        return ""
    return answer.headers["X-Request-Id"].partition("-")[0] if answer.status == 200 else ""


def children_of(parent: int) -> dict[int, str]:
    """Return what each child of a process runs, by its number."""
    listed = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,ppid=,command="], capture_output=True, text=True, check=True
    )
    rows = [line.split(None, 2) for line in listed.stdout.splitlines()]
    return {int(row[0]): row[2] for row in rows if int(row[1]) == parent}


def workers_of(parent: int) -> set[int]:
    """Return our worker processes; Python's own tracker of resources is none."""
    return {pid for pid, command in children_of(parent).items() if "spawn_main" in command}


def is_running(pid: int) -> bool:
    listed = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return listed.stdout.strip()[:1] not in ("", "Z")
