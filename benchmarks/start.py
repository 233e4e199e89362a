"""From the start of the process to the first explained score, and the memory of the service.

    python -m benchmarks.start [--json] [--rounds 7] [--leads 2000]

Started is `leadlight serve` on a champion that lies in its cache, in turns with
``python -c "import fastapi, uvicorn, numba"``. The first start finds no compiled loops (an empty NUMBA_CACHE_DIR) and
compiles them; it counts by itself. The files that are read have been read before: this is not the first start after
a reboot.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from benchmarks.callers import Address, Refused, closed_loop, request
from benchmarks.serve.first import first_answer
from benchmarks.serve.folder import SCORE, kept_or_scratch, lines_of, prepared
from benchmarks.serve.processes import ends_in_words, ends_on_signals, running

IMPORTS: Final = "import fastapi, uvicorn, numba"
GOAL: Final = 2.0
PAUSE: Final = 0.02
"""Seconds between two questions whether it is there: asking must not slow down what it waits for."""

MANY: Final = 1000


@dataclass(frozen=True)
class Memory:
    """What the system says of a process, MiB."""

    resident: float
    peak: float

    @classmethod
    def of(cls, pid: int) -> Memory | None:
        """Read it; None where there is no /proc."""
        status = Path(f"/proc/{pid}/status")
        if not status.exists():
            return None
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return cls(*(int(lines[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM")))


@dataclass(frozen=True)
class Start:
    """One start of the service: seconds since the process was made."""

    ready: float
    first_score: float
    first: Memory | None
    after_many: Memory | None = None


@dataclass(frozen=True)
class Starter:
    """Starts the real command on a prepared folder.

    Attributes
    ----------
    folder : Path
    as_of : int
        The service's clock, microseconds.
    environment : dict of str to str
        Where compiled loops lie; default beside the code.
    """

    folder: Path
    as_of: int
    environment: dict[str, str]

    def start(self, *, many: int = 0) -> Start:
        """Start it, wait for the first explained score, ask for more if wanted, end it."""
        address = ("127.0.0.1", _free_port())
        bodies = [request(SCORE, body) for body in lines_of(self.folder / "requests.jsonl")]
        environment = {"LEADLIGHT_HOME": str(self.folder / "lightgbm"), **self.environment}
        began = time.perf_counter()
        with running(self._command(address), log=self.folder / "serve.log", environment=environment) as child:
            first_answer(child, address, request("/readyz", method="GET"), pause=PAUSE)
            ready = time.perf_counter() - began
            answer = first_answer(child, address, bodies[0], pause=PAUSE)
            first_score = time.perf_counter() - began
            if not json.loads(answer.body)["reasons"]:
                raise Refused("the first score came without reasons")
            first = Memory.of(child.pid)
            answered = 0
            while answered < many:
                answered += len(closed_loop(address, bodies, seconds=0.5).waits)
            return Start(ready, first_score, first, Memory.of(child.pid) if many else None)

    def _command(self, address: Address) -> list[str | Path]:
        clock = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=self.as_of)
        command = Path(sys.executable).with_name("leadlight")
        return [command, "serve", "--port", str(address[1]), "--as-of", clock.isoformat()]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def import_seconds(folder: Path) -> float:
    """Return how long it takes to import what any such service needs, from the process's start to its end."""
    began = time.perf_counter()
    with running([sys.executable, "-c", IMPORTS], log=folder / "imports.log") as child:
        child.finish()
        return time.perf_counter() - began


def measure(folder: Path, facts: dict[str, Any], rounds: int, *, cold: bool) -> dict[str, Any]:
    """Start it without compiled loops once, which leaves them compiled, then in turns with the imports."""
    with tempfile.TemporaryDirectory(dir=folder, prefix="numba-") as compiled:
        starter = Starter(folder, facts["as_of"], {"NUMBA_CACHE_DIR": compiled} if cold else {})
        import_seconds(folder)  # reads the files once
        tell("starting without compiled loops" if cold else "starting once to have all compiled")
        first, starts, imports = starter.start(), [], []
        for number in range(rounds):
            tell(f"round {number + 1} of {rounds}")
            imports.append(import_seconds(folder))
            starts.append(starter.start(many=MANY if number == rounds - 1 else 0))
    return figures(first if cold else None, starts, imports)


def figures(cold: Start | None, starts: list[Start], imports: list[float]) -> dict[str, Any]:
    """Return medians with their spread."""
    seconds = [start.first_score for start in starts]
    found: dict[str, Any] = {
        "benchmark": "start",
        "start_ratio": round(statistics.median(seconds) / statistics.median(imports), 3),
        "start_seconds": round(statistics.median(seconds), 3),
        "start_seconds_spread": _spread(seconds),
        "ready_seconds": round(statistics.median(start.ready for start in starts), 3),
        "import_seconds": round(statistics.median(imports), 3),
        "import_seconds_spread": _spread(imports),
        "rounds": len(starts),
        "cores": os.cpu_count(),
    }
    first = [start.first for start in starts if start.first is not None]
    if first and starts[-1].after_many is not None:
        found |= {
            "rss_mib": round(statistics.median(memory.resident for memory in first), 1),
            "peak_mib": round(statistics.median(memory.peak for memory in first), 1),
            "rss_mib_after_1000": round(starts[-1].after_many.resident, 1),
            "peak_mib_after_1000": round(starts[-1].after_many.peak, 1),
        }
    if cold is not None:
        found["cold_seconds"] = round(cold.ready, 3)
        if cold.first is not None:
            found["cold_peak_mib"] = round(cold.first.peak, 1)
    return found


def _spread(values: list[float]) -> list[float]:
    return [round(min(values), 3), round(max(values), 3)]


def show(found: dict[str, Any]) -> None:
    for words, name, unit in (
        ("process start to the first explained score", "start_seconds", "s"),
        ("process start to ready", "ready_seconds", "s"),
        (IMPORTS, "import_seconds", "s"),
        ("to ready without compiled loops", "cold_seconds", "s"),
        ("memory after the first score", "rss_mib", "MiB"),
        ("its peak", "peak_mib", "MiB"),
        ("memory after 1,000 scores more", "rss_mib_after_1000", "MiB"),
        ("its peak", "peak_mib_after_1000", "MiB"),
        ("peak of the start that compiles", "cold_peak_mib", "MiB"),
    ):
        if name in found:
            spread = found.get(f"{name}_spread")
            between = "" if spread is None else f"   {spread[0]:.2f} - {spread[1]:.2f}"
            print(f"{words:44s}{found[name]:10,.2f} {unit}{between}")
    print(f"start / imports {found['start_ratio']:.2f}   goal: at most {GOAL:g}")
    before, after = found["load_average_before_and_after"]
    print(f"load of the machine {before} before, {after} after")


def tell(step: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {step}", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--leads", type=int, default=2000, help="size of the simulated company")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="keep what is made ready there, and use it again next time")
    parser.add_argument("--no-cold", action="store_true", help="leave out the start that compiles")
    asked = parser.parse_args()
    if asked.rounds < 1:
        parser.error("--rounds must be positive")
    with ends_on_signals(), kept_or_scratch(asked.folder) as folder:
        tell("making ready what is served")
        facts = prepared(folder, leads=asked.leads, requests=100, seed=asked.seed, mlflow=False)
        before = os.getloadavg()[0]
        found = measure(folder, facts, asked.rounds, cold=not asked.no_cold)
    found["load_average_before_and_after"] = [round(before, 2), round(os.getloadavg()[0], 2)]
    show(found)
    if asked.json:
        print(json.dumps(found))


if __name__ == "__main__":
    ends_in_words(main)
