"""The state of what the service leans on: looked at every few seconds beside it, told from what was last seen."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from threading import Event, Thread
from typing import Final, Literal

from leadlight.core.clock import Clock, to_micros
from leadlight.serving.store.plain_error import plain

__all__ = ["Check", "Found", "Neighbours", "State", "Told"]

State = Literal["ok", "degraded", "down"]

SECONDS: Final = 5.0
"""Between two looks."""

_SILENT: Final = 6
"""Times of a pause after which a check that has not come back counts as one that does not answer."""

_log = logging.getLogger("leadlight.serving.neighbours")


@dataclass(frozen=True, slots=True)
class Found:
    """What a check says.

    Attributes
    ----------
    state : {"ok", "degraded", "down"}
    reason : str or None
        A few words why it is not ok; of the machine, never of a lead.
    """

    state: State
    reason: str | None = None


Check = Callable[[], Found]
"""Looks at one neighbour. May take its time and may raise: what it raises means ``down``."""

OK: Final = Found("ok")
_UNSEEN: Final = Found("degraded", "not looked at yet")
_NO_ANSWER: Final = Found("degraded", "the check does not come back")


@dataclass(frozen=True, slots=True)
class Told:
    """A neighbour's state.

    Attributes
    ----------
    state : {"ok", "degraded", "down"}
    since : int
        Microseconds since 1970 UTC, by the service's clock: when the state was first seen.
    reason : str or None
    """

    state: State
    since: int
    reason: str | None


class Neighbours:
    """Looks at each neighbour in a thread of its own, and tells at once what was last found.

    Parameters
    ----------
    clock : Clock
    seconds : float
        Between two looks.
    """

    def __init__(self, clock: Clock, *, seconds: float = SECONDS) -> None:
        self._clock = clock
        self._seconds = seconds
        self._watched: dict[str, _Watched] = {}
        self._threads: list[Thread] = []
        self._stop = Event()

    def add(self, name: str, check: Check) -> None:
        """Look at one more neighbour; to be called before `start`."""
        self._watched[name] = _Watched(name, check, self._now)

    def start(self) -> None:
        """Begin to look; a check that hangs holds up no other.

        Raises
        ------
        RuntimeError
            If it looks already: nobody could stop the threads of the first start any more.
        """
        if self._threads and not self._stop.is_set():
            raise RuntimeError("neighbours are looked at already: a service is started once, and again after its stop")
        self._stop = Event()
        self._threads = [
            Thread(target=self._watch, args=(one, self._stop), name=f"look at {one.name}", daemon=True)
            for one in self._watched.values()
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Look no more; waits for looks that are under way, but not for one that hangs."""
        self._stop.set()
        end = time.monotonic() + self._seconds
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def told(self) -> Mapping[str, Told]:
        """Return each neighbour's last state, at once."""
        patience = self._seconds * _SILENT
        return {name: one.told(patience) for name, one in self._watched.items()}

    def _watch(self, one: _Watched, stop: Event) -> None:
        while not stop.is_set():
            one.look()
            stop.wait(self._seconds)

    def _now(self) -> int:
        return to_micros(self._clock.now())


class _Watched:
    """One neighbour, and what was last heard of it."""

    def __init__(self, name: str, check: Check, now: Callable[[], int]) -> None:
        self.name = name
        self._check = check
        self._now = now
        self._told = Told(_UNSEEN.state, now(), _UNSEEN.reason)
        self._looked = time.monotonic(), now()

    def told(self, patience: float) -> Told:
        monotonic, at = self._looked
        silent = time.monotonic() - monotonic > patience
        return Told(_NO_ANSWER.state, at, _NO_ANSWER.reason) if silent else self._told

    def look(self) -> None:
        try:
            found = self._check()
        except Exception as error:  # whatever a driver raises, it is the neighbour's state and no failure of ours
            found = Found("down", f"does not answer: {plain(error)}")
        before, at = self._told, self._now()
        self._looked = time.monotonic(), at
        if found.state == before.state:
            self._told = replace(before, reason=found.reason)
            return
        self._told = Told(found.state, at, found.reason)
        if found.state == "ok" and before.reason == _UNSEEN.reason:
            return
        level = logging.INFO if found.state == "ok" else logging.WARNING
        _log.log(level, "%s is %s%s", self.name, found.state, f": {found.reason}" if found.reason else "")
