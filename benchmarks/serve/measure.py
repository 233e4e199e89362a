"""Starts the services and measures them in turns: how much each can do, then how long it takes at half of that."""

from __future__ import annotations

import os
import socket
import statistics
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.callers import Address, Measured, closed_loop, open_loop, request
from benchmarks.serve.first import first_answer
from benchmarks.serve.folder import MODEL_NAME, SCORE, facts_of, lines_of, tracking_uri
from benchmarks.serve.processes import Child, cores, pin, running

__all__ = ["CONNECTIONS", "SERVICES", "Figures", "Round", "Service", "measure", "started"]

CEILING: Final = "ceiling"
SERVICES: Final = ("leadlight", "durable", "additive", "bare", "mlflow", "tutorial")
"""In the order of the table; what they are stands in `benchmarks.serve.__main__`."""

CONNECTIONS: Final = 4
"""On which a service is asked without a pause."""

WARM_SHARE: Final = 0.3
"""How long a service is warmed up before each measurement, as a share of its seconds."""

ENOUGH: Final = 200
"""Requests that a 99th percentile takes at least; slow services are asked for longer, at most four times as long."""


@dataclass(frozen=True)
class Round:
    """What one service did in one round."""

    per_second: float
    p50_ms: float
    p99_ms: float
    asked_at_half: int
    processor_share: float | None
    """How busy its core was while it was asked without a pause; below 1 the machine had other things to do."""

    @property
    def per_processor_second(self) -> float | None:
        """Answers for each second that it was given a processor: what neighbours on the machine change least."""
        return self.per_second / self.processor_share if self.processor_share else None


@dataclass(frozen=True)
class Service:
    """A running service and what it is asked."""

    name: str
    address: Address
    requests: Iterable[bytes] = field(repr=False)
    child: Child = field(repr=False)

    def round(self, seconds: float, connections: int) -> Round:
        """Measure throughput, asked on so many connections, then waits at half of it."""
        closed_loop(self.address, self.requests, seconds=WARM_SHARE * seconds, connections=connections)
        before = self.child.processor_seconds()
        full = closed_loop(self.address, self.requests, seconds=seconds, connections=connections)
        after = self.child.processor_seconds()
        busy = None if before is None or after is None else (after - before) / seconds
        if not full.waits:
            raise SystemExit(f"{self.name} gave no answer in {seconds:g} s: give --seconds more")
        half = full.per_second / 2
        calm = open_loop(self.address, self.requests, per_second=half, seconds=_long_enough(half, seconds))
        return Round(full.per_second, calm.wait_ms(0.5), calm.wait_ms(0.99), len(calm.waits), busy)


def _long_enough(per_second: float, seconds: float) -> float:
    return min(max(seconds, ENOUGH / per_second), 4 * seconds)


@dataclass(frozen=True)
class Figures:
    """All rounds of one service."""

    name: str
    rounds: Sequence[Round]

    def median(self, what: str) -> float:
        """Return the median of one figure over the rounds."""
        return statistics.median(self._all(what))

    def _all(self, what: str) -> list[float]:
        return [getattr(one, what) for one in self.rounds]

    def as_dict(self) -> dict[str, Any]:
        """Return medians, each with its spread over the rounds."""
        document: dict[str, Any] = {"rounds": len(self.rounds)}
        names = {"requests_per_second": "per_second", "p50_ms_at_half_load": "p50_ms", "p99_ms_at_half_load": "p99_ms"}
        for name, what in names.items():
            document[name] = round(self.median(what), 3)
            document[f"{name}_spread"] = [round(edge(self._all(what)), 3) for edge in (min, max)]
        document["asked_at_half_load"] = sum(one.asked_at_half for one in self.rounds)
        document["processor_share"] = self._median_or_none("processor_share")
        document["requests_per_processor_second"] = self._median_or_none("per_processor_second")
        return document

    def _median_or_none(self, what: str) -> float | None:
        return None if None in self._all(what) else round(self.median(what), 3)


def measure(
    folder: Path, names: Sequence[str], *, seconds: float, rounds: int, connections: int, tell: Callable[[str], None]
) -> tuple[list[Figures], float]:
    """Measure services in turns; the others stand idle meanwhile.

    Parameters
    ----------
    folder : Path
        Where `benchmarks.serve.prepare` has been.
    names : sequence of str
        Of `SERVICES`.
    seconds : float
        How long each measurement takes.
    rounds : int
    connections : int
        On which throughput is asked for.
    tell : callable
        Is told what is being done.

    Returns
    -------
    figures : list of Figures
        In the order of the names.
    client_ceiling : float
        Requests a second that the load generator manages against a server that does nothing.
    """
    with ExitStack() as stack:
        mine = cores()[1]
        before = os.sched_getaffinity(0) if mine is not None else set()
        services = []
        for name in (*names, CEILING):
            tell(f"starting {name}")
            services.append(stack.enter_context(started(folder, name)))
        pin(0, mine)
        if mine is not None:
            stack.callback(os.sched_setaffinity, 0, before)
        found: dict[str, list[Round]] = {name: [] for name in names}
        for number in range(rounds):
            for service in services[:-1]:
                tell(f"round {number + 1} of {rounds}: {service.name}")
                found[service.name].append(service.round(seconds, connections))
        ceiling: Measured = closed_loop(services[-1].address, services[-1].requests, seconds=min(seconds, 2.0))
    return [Figures(name, found[name]) for name in names], ceiling.per_second


@contextmanager
def started(folder: Path, name: str) -> Iterator[Service]:
    """Start one service and wait until it answers its first request."""
    environment = {"OMP_NUM_THREADS": "1"}  # one core: more threads of LightGBM would only wait for each other
    port = 0
    if name == "mlflow":
        port = _free_port()
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"  # it looks for uvicorn there
        environment |= {"MLFLOW_TRACKING_URI": tracking_uri(folder), "MLFLOW_DISABLE_TELEMETRY": "true", "PATH": path}
    command = [sys.executable, "-m", *(_mlflow(port) if port else _module(folder, name))]
    with running(
        command, log=folder / f"{name}.log", environment=environment, core=cores()[0], reads=not port
    ) as child:
        address = ("127.0.0.1", port or int(child.first_line()))
        requests = _requests(folder, name)
        first_answer(child, address, requests[0])
        yield Service(name, address, requests, child)


def _requests(folder: Path, name: str) -> list[bytes]:
    if name in ("mlflow", "tutorial"):
        path = {"mlflow": "/invocations", "tutorial": "/score"}[name]
        return [request(path, body) for body in lines_of(folder / f"{name}.jsonl")]
    return [request(SCORE, body) for body in lines_of(folder / "requests.jsonl")]


def _module(folder: Path, name: str) -> list[str]:
    as_of = str(facts_of(folder)["as_of"])
    module, *given = {
        "leadlight": ("service", folder / "lightgbm", as_of, "off"),
        "durable": ("service", folder / "lightgbm", as_of, "durable"),
        "additive": ("service", folder / "additive", as_of, "off"),
        "bare": ("bare", folder / "answer.json"),
        "tutorial": ("tutorial", folder / "booster.txt"),
        "ceiling": ("ceiling", folder / "answer.json"),
    }[name]
    return [f"benchmarks.serve.{module}", *map(str, given)]


def _mlflow(port: int) -> list[str]:
    options = ["--env-manager", "local", "--workers", "1", "--host", "127.0.0.1", "--port", str(port)]
    return ["mlflow", "models", "serve", "-m", f"models:/{MODEL_NAME}/1", *options]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port
