"""A store filled as a company fills its own: `leadlight import`, then the service scores every open lead."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.callers import Address, request
from benchmarks.serve.first import first_answer
from benchmarks.serve.processes import Broken, Child, cores, running
from sqlalchemy import func, select

from leadlight.serving.store.database import Database
from leadlight.serving.store.schema import RESCORING

__all__ = ["Running", "filled", "home_for", "serving"]

READY = request("/readyz", method="GET")


@dataclass(frozen=True)
class Running:
    """A service that answers, and the database it stands on."""

    address: Address
    behind: int
    """By how many microseconds its clock is behind the machine's."""

    child: Child = field(repr=False)
    database: Database = field(repr=False)

    def waiting(self) -> int:
        """Return how many leads wait to be scored again."""
        with self.database.reading() as connection:
            return int(connection.execute(select(func.count()).select_from(RESCORING)).scalar_one())

    def now(self) -> int:
        """Return the service's time, microseconds since 1970 UTC."""
        return time.time_ns() // 1000 - self.behind

    def settle(self, seconds: float = 300.0) -> None:
        """Return once no lead waits to be scored again.

        Raises
        ------
        Broken
            If that takes longer.
        """
        end = time.monotonic() + seconds
        while self.waiting():
            self.child.check()
            if time.monotonic() > end:
                raise Broken(f"{self.waiting()} leads still wait to be scored after {seconds:g} s")
            time.sleep(0.1)


def home_for(folder: Path, model: Path) -> Path:
    """Make a home whose champion is the model."""
    shutil.copytree(model / "champion", folder / "champion", dirs_exist_ok=True)
    return folder


def filled(history: Path, home: Path, url: str, tell: Callable[[str], None]) -> None:
    """Import a folder's history."""
    command = [Path(sys.executable).with_name("leadlight"), "import", "--data", history]
    environment = {"LEADLIGHT_HOME": str(home), "LEADLIGHT_DATABASE_URL": url}
    began = time.perf_counter()
    with running(command, log=home / "import.log", environment=environment) as child:
        child.finish()
    tell(f"imported in {time.perf_counter() - began:.1f} s")


@contextmanager
def serving(home: Path, url: str, as_of: int, *, off: bool = False) -> Iterator[Running]:
    """Start the service, whose clock begins at a moment, and wait until it has its model."""
    behind = time.time_ns() // 1000 - as_of
    command = [sys.executable, "-m", "benchmarks.load.service", str(home), url, str(behind), *["off"] * off]
    environment = {"OMP_NUM_THREADS": "1"}  # one core: more threads of LightGBM would only wait for each other
    with running(command, log=home / "service.log", environment=environment, core=cores()[0], reads=True) as child:
        address = ("127.0.0.1", int(child.first_line()))
        first_answer(child, address, READY)
        database = Database(url)
        try:
            yield Running(address, behind, child, database)
        finally:
            database.close()
