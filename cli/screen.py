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
from typing import Any, Final

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from leadlight.core.errors import LeadlightError

__all__ = ["Steps", "emit", "note", "number", "percent", "show_error", "table"]

_SHORT: Final = 12
"""Characters up to which a cell of a table stays in one line, such as ``cold > warm``."""


def _console(*, to_errors: bool, at_least: int = 0) -> Console:
    """Build the console when something is printed: its width is the terminal's then, 120 where there is none."""
    stream = sys.stderr if to_errors else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else 120
    found = Console(file=stream, width=width, highlight=False, soft_wrap=False)
    found.width = max(found.width, at_least)
    return found


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
    """Print a table on standard output; columns from ``numbers_from`` on are right-aligned.

    Where it is wider than the terminal, long text goes on in a second line of its column, but no word is cut: the id of
    a run or a lead must be there to copy.
    """
    console = _console(to_errors=False)
    gap, widths = _layout([*zip(head, *rows, strict=True)], console.width)
    shown = Table(box=None, padding=(0, gap, 0, 0), pad_edge=False, header_style="bold")
    for i, (name, width) in enumerate(zip(head, widths, strict=True)):
        shown.add_column(name, justify="right" if i >= numbers_from else "left", width=width)
    for row in rows:
        shown.add_row(*row)
    console.print(title, style="bold underline", markup=False)
    _console(to_errors=False, at_least=sum(widths) + gap * (len(widths) - 1)).print(shown, markup=False)


def _layout(columns: Sequence[Sequence[str]], room: int) -> tuple[int, list[int]]:
    """Return the gap between columns and their widths: each the least that it needs, the rest shared fairly."""
    widths = [max(_least(cell) for cell in cells) for cells in columns]
    wishes = [max(cell_len(line) for cell in cells for line in cell.split("\n")) for cells in columns]
    gaps = len(columns) - 1
    gap = 2 if sum(widths) + 2 * gaps <= room else 1
    left = max(0, room - sum(widths) - gap * gaps)
    by_need = sorted(range(len(columns)), key=lambda i: wishes[i] - widths[i])
    for waiting, i in zip(range(len(columns), 0, -1), by_need, strict=True):
        more = min(wishes[i] - widths[i], left // waiting)
        widths[i], left = widths[i] + more, left - more
    return gap, widths


def _least(cell: str) -> int:
    """Return the width below which a cell can't be read: of all of it where it is short, else of its longest word."""
    whole = cell_len(cell)
    return whole if whole <= _SHORT else max((cell_len(word) for word in cell.split()), default=0)


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
