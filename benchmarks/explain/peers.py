"""Peers answer from a process of their own, round by round, so that they too are measured in the same run."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from benchmarks.explain.models import ROOT

if TYPE_CHECKING:
    from benchmarks.explain.models import Model
    from numpy.typing import NDArray

PYTHON: Final = ROOT / "build" / "peers" / "bin" / "python"
SCRIPT: Final = ROOT / "benchmarks" / "peers.py"
NOT_HERE: Final = "not measured: `make peers` has not been run (it needs Python 3.12)"
ONE_THREAD: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class Peers:
    """A running peer process; `ask` puts one question and returns its answer."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process, self._folder = process, folder
        self.who: dict[str, Any] = self._answer()

    def ask(self, **asked: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def shares(self, rows: int) -> dict[str, NDArray[np.float64]]:
        """Return each peer's shares of the first rows; peers that refuse are left out."""
        found = self.ask(do="shares", rows=rows)
        return {name: np.load(self._folder / said["file"]) for name, said in found.items() if "file" in said}

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the peers' process ended; run benchmarks/peers.py by hand to see why")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def beside(model: Model, python: Path = PYTHON) -> Iterator[Peers]:
    """Start the peers on a model; they end with the block."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model.txt").write_text(model.text, encoding="utf-8")
        np.save(folder / "rows.npy", model.inputs)
        process = subprocess.Popen(
            [str(python), str(SCRIPT), name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env=os.environ | ONE_THREAD,
        )  # fmt: skip
        try:
            yield Peers(process, folder)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.terminate()
            process.wait()
