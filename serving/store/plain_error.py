"""Errors in words that hold nothing of any lead: for logs and for what operators read.

The message of an exception may quote what it failed on, which may be a lead's. Only those are passed on that are known
to speak of the machine: of the operating system, of SQLite, and of a database that can't be reached.
"""

from __future__ import annotations

import sqlite3
import sys
import traceback
from typing import Final

from leadlight.core.errors import LeadlightError

__all__ = ["frames", "plain"]

_LONGEST: Final = 300
_FRAMES: Final = 40


def plain(error: BaseException) -> str:
    """Name an error, with as much of its message as can't be a lead's.

    >>> plain(ValueError("could not convert string to float: 'ann@example.com'"))
    'ValueError'
    >>> plain(FileNotFoundError(2, "No such file or directory", "ann.csv"))
    'FileNotFoundError: No such file or directory'
    """
    cause = getattr(error, "orig", None) or error  # what SQLAlchemy wraps
    said = _said(cause)
    name = f"{type(cause).__name__}" + (f" [{cause.code}]" if isinstance(cause, LeadlightError) else "")
    return f"{name}: {said[:_LONGEST]}" if said else name


def _said(error: BaseException) -> str:
    if isinstance(error, sqlite3.Error):  # names tables and columns, never values: those are bound
        return str(error)
    if isinstance(error, OSError):
        return error.strerror or ""
    psycopg = sys.modules.get("psycopg")  # where it was never loaded, the error is none of its
    if psycopg is not None and isinstance(error, psycopg.Error):
        return _said_by_postgres(error.diag, error.sqlstate, str(error))
    return ""


def _said_by_postgres(diag: object, state: str | None, message: str) -> str:
    """Return the state, and what it is about; the message and its details quote values."""
    if state is None:  # no server spoke: it can't be reached, or went away
        return " ".join(message.split())
    about = [getattr(diag, f"{name}_name", None) for name in ("table", "column", "constraint")]
    return " ".join(["SQLSTATE", state, *(name for name in about if name)])


def frames(error: BaseException) -> str:
    """Write a traceback with our own source in it, but with no message that may quote a lead."""
    lines = []
    chain: list[BaseException] = []
    found: BaseException | None = error
    while found is not None and found not in chain:
        chain.append(found)
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)
    for one in reversed(chain):
        lines += ["Traceback (most recent call last):\n", *_places(one), f"{plain(one)}\n"]
        if isinstance(one, BaseExceptionGroup):
            for member in one.exceptions:
                lines.append(f"  | {frames(member)}".replace("\n", "\n  | ") + "\n")
    return "".join(lines).rstrip("\n")


def _places(error: BaseException) -> list[str]:
    stack = traceback.extract_tb(error.__traceback__)
    return traceback.StackSummary.from_list(stack[-_FRAMES:]).format()
