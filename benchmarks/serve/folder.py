"""The folder that `benchmarks.serve.prepare` fills, for those who only read it: importing this loads no library."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.serve.processes import running

__all__ = ["FACTS", "MODEL_NAME", "SCORE", "facts_of", "kept_or_scratch", "lines_of", "prepared", "tracking_uri"]

FACTS: Final = "facts.json"
"""Written last: where it is, all is."""

MODEL_NAME: Final = "benchmark"
"""Under which MLflow keeps the trees."""

SCORE: Final = "/v1/score?reasons=100"
"""Asks for all reasons."""


def prepared(folder: Path, *, leads: int, requests: int, seed: int, mlflow: bool) -> dict[str, Any]:
    """Fill a folder, in a process of its own, so that this one stays small; return its facts.

    A folder that is filled already is used as it is.
    """
    if (folder / FACTS).exists():
        return facts_of(folder)
    size = ["--leads", str(leads), "--requests", str(requests), "--seed", str(seed)]
    command = [sys.executable, "-m", "benchmarks.serve.prepare", str(folder), *size, *["--mlflow"] * mlflow]
    with running(command, log=folder / "prepare.log") as child:
        child.finish()
    return facts_of(folder)


@contextmanager
def kept_or_scratch(folder: Path | None) -> Iterator[Path]:
    """Give the folder that was named, which stays, else one that goes."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="leadlight-benchmark-") as scratch:
        yield Path(scratch)


def facts_of(folder: Path) -> dict[str, Any]:
    """Return what was simulated and taught."""
    facts: dict[str, Any] = json.loads((folder / FACTS).read_text())
    return facts


def lines_of(path: Path) -> list[bytes]:
    """Return one request's body a line."""
    return path.read_bytes().splitlines()


def tracking_uri(folder: Path) -> str:
    """Return where MLflow keeps its models."""
    return f"sqlite:///{folder / 'mlflow.db'}"
