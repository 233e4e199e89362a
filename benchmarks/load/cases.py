"""What the service is asked: six kinds of call that a CRM makes all day."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.callers import Address, ask, request
from benchmarks.serve.folder import SCORE, lines_of
from benchmarks.serve.processes import Broken

from leadlight.core.clock import time_text

__all__ = ["CASES", "MANY", "Case", "Company", "open_leads"]

MANY: Final = 100
"""Activities of a call that sends many."""

PAGE: Final = 50
"""Leads on a page of the queue."""


@dataclass(frozen=True)
class Company:
    """What calls are made of: the bodies of scoring calls, and the store's open leads as the queue lists them."""

    bodies: Sequence[bytes]
    leads: Sequence[dict[str, Any]]
    as_of: int

    @classmethod
    def of(cls, folder: Path, address: Address, as_of: int) -> Company:
        """Ask a running service for its open leads.

        Raises
        ------
        Broken
            If it has none.
        """
        leads = list(open_leads(address))
        if not leads:
            raise Broken("the store has no open lead that is scored")
        return cls(lines_of(folder / "requests.jsonl"), leads, as_of)


@dataclass(frozen=True)
class Case:
    """One kind of call.

    Attributes
    ----------
    words : str
        What it is called in the table.
    requests : callable
        Makes the calls of a company; those that write never repeat themselves.
    items : int
        What one call holds.
    writes : bool
        Whether the service has work left when it has answered.
    """

    words: str
    requests: Callable[[Company], Iterable[bytes]]
    items: int = 1
    writes: bool = False


def open_leads(address: Address) -> Iterator[dict[str, Any]]:
    """Walk through the queue from its first page to its last."""
    cursor = ""
    while True:
        page = json.loads(ask(address, request(f"/v1/leads?limit=200{cursor}", method="GET")).body)
        yield from page["items"]
        if page["next_cursor"] is None:
            return
        cursor = f"&cursor={page['next_cursor']}"


def _scores(company: Company) -> list[bytes]:
    return [request(SCORE, body) for body in company.bodies]


def _stored(company: Company) -> list[bytes]:
    paths = [f"/v1/leads/{lead['lead_id']}?reasons=100" for lead in company.leads]
    random.Random(1).shuffle(paths)
    return [request(path, method="GET") for path in paths]


def activities(company: Company, at_once: int) -> Iterator[bytes]:
    """Yield calls that tell of new activities, each of a lead drawn from the open ones, without end."""
    rng, act = random.Random(2), {"type": "web_visit", "occurred_at": time_text(company.as_of - 1)}
    leads = [lead["lead_id"] for lead in company.leads]
    for number in _calls:
        told = [{"lead_id": rng.choice(leads), **act, "activity_id": f"{number}-{place}"} for place in range(at_once)]
        yield request("/v1/activities", json.dumps({"activities": told}).encode())


def _changed(company: Company) -> Iterator[bytes]:
    """Yield calls that tell of a lead whose number of employees is another now, without end."""
    rng, leads = random.Random(3), [lead["lead_id"] for lead in company.leads]
    for number in _calls:
        told = {"attributes": {"employees": 10 + number}}
        yield request(f"/v1/leads/{rng.choice(leads)}", json.dumps(told).encode(), method="PUT")


_calls = itertools.count()
"""Counts through all cases, so that no id comes twice in one store."""


def _queue(company: Company) -> list[bytes]:
    owners = sorted({lead["owner_id"] for lead in company.leads if lead["owner_id"]})[:8]
    asked = ["", "&band=hot", "&minimum_score=50", *(f"&owner={owner}" for owner in owners)]
    return [request(f"/v1/leads?limit={PAGE}{one}", method="GET") for one in asked]


CASES: Final[dict[str, Case]] = {
    "score": Case("stateless score, 20 activities sent", _scores),
    "stored": Case("stored score of one lead", _stored),
    "lead": Case("one lead's attribute told", _changed, writes=True),
    "activity": Case("one activity told", lambda company: activities(company, 1), writes=True),
    "activities": Case(f"{MANY} activities told", lambda company: activities(company, MANY), items=MANY, writes=True),
    "queue": Case(f"page of the queue, {PAGE} leads", _queue),
}
