"""What commands print: results on standard output, everything else on standard error.

With ``--json`` the last line of standard output is one JSON object, also where a command refuses, so that a program may
read it while a person still sees the tables above it and the progress.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.table import Table

from leadlight.core.errors import LeadlightError

__all__ = ["Steps", "emit", "note", "number", "percent", "show_error", "table"]


def _console(*, to_errors: bool) -> Console:
    """Build the console when something is printed: its width is the terminal's then, 120 where there is none."""
    stream = sys.stderr if to_errors else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else 120
    return Console(file=stream, width=width, highlight=False, soft_wrap=False)


def note(text: str) -> None:
    """Say something to the person, on standard error."""
    _console(to_errors=True).print(text, markup=False)


def emit(data: Mapping[str, Any]) -> None:
    """Print one JSON object as the last line of standard output."""
    sys.stdout.write(json.dumps(data, ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()


def show_error(error: LeadlightError) -> None:
    """Print an error of ours: what is wrong, where, and how to mend it."""
    note(f"leadlight: {error}")


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]], *, numbers_from: int = 1) -> None:
    """Print a table on standard output; columns from ``numbers_from`` on are right-aligned."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for i, name in enumerate(head):
        shown.add_column(name, justify="right" if i >= numbers_from else "left", no_wrap=i == 0)
    for row in rows:
        shown.add_row(*row)
    console = _console(to_errors=False)
    console.print(title, style="bold underline", markup=False)
    console.print(shown, markup=False)


def number(value: float | None, digits: int = 3) -> str:
    """Write a number that may be missing.

    Examples
    --------
    >>> number(0.7049), number(None)
    ('0.705', '-')
    """
    return "-" if value is None else f"{value:.{digits}f}"


def percent(value: float | None, digits: int = 0) -> str:
    """Write a share as a percentage.

    Examples
    --------
    >>> percent(0.345), percent(None)
    ('34 %', '-')
    """
    return "-" if value is None else f"{100 * value:.{digits}f} %"


class Steps:
    """Names each step of a long command as it starts, and remembers how long each took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str, text: str) -> Iterator[None]:
        """Time a step; its text is shown when it starts."""
        note(f"{text} ...")
        began = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - began, 3)
