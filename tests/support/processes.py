"""Which processes run, and whose children they are."""

from __future__ import annotations

import subprocess

__all__ = ["children_of", "is_running", "workers_of"]


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
