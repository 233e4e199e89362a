"""The first answer of a service that is starting."""

from __future__ import annotations

from benchmarks.callers import Address, Answer, Refused, ask
from benchmarks.serve.processes import Child

__all__ = ["first_answer"]

_OK = 200
_NOT_NOW = 503
_SHOWN = 2000


def first_answer(
    child: Child, address: Address, message: bytes, *, seconds: float = 120.0, pause: float = 0.05
) -> Answer:
    """Ask until the answer is a 200: nobody listening and 503 mean not yet.

    Raises
    ------
    Refused
        With the body of any other answer.
    Broken
        If the process ends, or takes longer than that.
    """
    found: list[Answer] = []

    def answers() -> bool:
        try:
            found.append(ask(address, message))
        except OSError:
            return False
        if found[-1].status not in (_OK, _NOT_NOW):
            raise Refused(f"answered {found[-1].status}: {found[-1].body[:_SHOWN].decode(errors='replace')}")
        return found[-1].status == _OK

    child.wait_until(answers, seconds, pause)
    return found[-1]
