"""Measures the calls in turns on all services: how many a second, then how long a caller waits at half of that."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.callers import Address, ask, request
from benchmarks.load.cases import CASES, Case, Company
from benchmarks.load.databases import database
from benchmarks.load.fill import Running, filled, home_for, serving
from benchmarks.serve.first import first_answer
from benchmarks.serve.measure import Figures, Round, Service
from benchmarks.serve.processes import Child, cores, pin, running

__all__ = ["BARE", "OFF", "Sizes", "measure", "pinned", "stores"]

BARE: Final = "bare"
OFF: Final = "off"
_TYPICAL: Final = 41
"""Answers of which the one of middling length is the bare endpoint's; uneven, so that there is one."""


@dataclass(frozen=True)
class Sizes:
    """How long each measurement takes, how often, and on how many connections throughput is asked for."""

    seconds: float
    rounds: int
    connections: int


@contextmanager
def stores(
    folder: Path, scratch: Path, kinds: Sequence[str], as_of: int, tell: Callable[[str], None]
) -> Iterator[dict[str, Running]]:
    """Fill a store on each database, serve it, and wait until all its leads are scored."""
    with ExitStack() as stack:
        found = {}
        for kind in kinds:
            home = home_for(scratch / kind, folder / "lightgbm")
            url = stack.enter_context(database(kind, home))
            tell(f"filling {kind}")
            filled(folder / "history", home, url, tell)
            found[kind] = stack.enter_context(serving(home, url, as_of))
            found[kind].settle()
            tell(f"{kind}: all open leads are scored")
        yield found


def measure(
    folder: Path,
    scratch: Path,
    found: dict[str, Running],
    company: Company,
    calls: Sequence[str],
    sizes: Sizes,
    tell: Callable[[str], None],
) -> dict[str, list[Figures]]:
    """Return, for each case, the figures of each store, of the bare endpoint, and for scores those without receipts."""
    any_store = next(iter(found.values()))
    with ExitStack() as stack:
        _keep_typical(scratch, any_store.address, company)
        off = stack.enter_context(_without_receipts(folder, scratch, company.as_of))
        bare = stack.enter_context(_bare(scratch))
        stack.enter_context(pinned())
        figures = {}
        for name in calls:
            case = CASES[name]
            services = {**{kind: (one.address, one.child) for kind, one in found.items()}, BARE: bare}
            if name == "score":
                services[OFF] = (off.address, off.child)
            figures[name] = _measure_case(name, case, services, found, company, sizes, tell)
        return figures


def _measure_case(
    name: str,
    case: Case,
    services: dict[str, tuple[Address, Child]],
    found: dict[str, Running],
    company: Company,
    sizes: Sizes,
    tell: Callable[[str], None],
) -> list[Figures]:
    rounds: dict[str, list[Round]] = {service: [] for service in services}
    for number in range(sizes.rounds):
        for service, (address, child) in services.items():
            tell(f"round {number + 1} of {sizes.rounds}: {name}, {service}")
            calls = case.requests(company)
            rounds[service].append(Service(service, address, calls, child).round(sizes.seconds, sizes.connections))
            if case.writes and service in found:
                found[service].settle()
    return [Figures(service, rounds[service]) for service in services]


def _keep_typical(scratch: Path, address: Address, company: Company) -> None:
    """Write an answer of middling length for each case."""
    for name, case in CASES.items():
        calls = iter(case.requests(company))
        answers = sorted((ask(address, call).body for call, _ in zip(calls, range(_TYPICAL), strict=False)), key=len)
        (scratch / f"{name}.json").write_bytes(answers[len(answers) // 2])


@contextmanager
def _without_receipts(folder: Path, scratch: Path, as_of: int) -> Iterator[Running]:
    home = home_for(scratch / OFF, folder / "lightgbm")
    with serving(home, f"sqlite:///{home / 'leadlight.db'}", as_of, off=True) as running_off:
        yield running_off


@contextmanager
def _bare(scratch: Path) -> Iterator[tuple[Address, Child]]:
    command = [sys.executable, "-m", "benchmarks.load.bare", str(scratch)]
    with running(command, log=scratch / "bare.log", core=cores()[0], reads=True) as child:
        address = ("127.0.0.1", int(child.first_line()))
        first_answer(child, address, request("/v1/leads", method="GET"))
        yield address, child


@contextmanager
def pinned() -> Iterator[None]:
    """Keep this process on the core that is not the servers'."""
    mine = cores()[1]
    before = os.sched_getaffinity(0) if mine is not None else set()
    pin(0, mine)
    try:
        yield
    finally:
        if mine is not None:
            os.sched_setaffinity(0, before)
