"""What a service that was told things has to remember, in dicts and lists: what the machine of calls is held against.

Nothing here is the service's own logic. Times are microseconds since 1970 UTC; every method takes the time of the call.
A lead's *names* are all ids that it goes by: its own and those merged into it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

__all__ = ["MINUTE", "Refused", "Remembered", "as_text", "micros"]

Row = dict[str, Any]

MINUTE = 60_000_000
AHEAD = 5 * MINUTE
KEPT = 24 * 60 * MINUTE

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

SAYS = {
    "activities": ("lead_id", "type", "occurred_at", "campaign", "channel", "value", "actor"),
    "stage_changes": ("lead_id", "stage", "occurred_at", "reason", "amount", "actor"),
    "attribute_changes": ("lead_id", "attribute", "value", "occurred_at"),
}
ID = {"activities": "activity_id", "stage_changes": "change_id", "attribute_changes": None}

WRITES = {"accept": "sal", "recycle": "recycled", "reject": "disqualified", "dispute": None}
LADDER = ["new", "engaged", "mql", "sal", "sql", "opportunity", "customer"]
WON = ["sql", "opportunity", "customer"]
"""The model that serves in tests has the goal sql."""

RESTING = ["recycled"]
CLOSED = ["disqualified", "lost"]


class Refused(Exception):
    """The call has to be refused with this status and code."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(status, code)
        self.status, self.code = status, code


def micros(text: str) -> int:
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1)


def as_text(time: int) -> str:
    return (EPOCH + timedelta(microseconds=time)).isoformat().replace("+00:00", "Z")


@dataclass
class Remembered:
    """Everything that was told.

    ``rows`` holds every version of every event in the order of telling; one that no longer counts has a
    ``superseded_at``. ``scored`` holds what the queue knows of a lead since it was last scored. ``receipts`` holds
    every receipt ever returned: whose it is, None once that lead was erased, and whether it was emptied.
    """

    leads: dict[str, Row] = field(default_factory=dict)
    moves: list[Row] = field(default_factory=list)
    rows: dict[str, list[Row]] = field(default_factory=lambda: {kind: [] for kind in SAYS})
    decisions: dict[str, Row] = field(default_factory=dict)
    scored: dict[str, Row] = field(default_factory=dict)
    receipts: dict[str, Row] = field(default_factory=dict)
    answers: dict[tuple[str, str, str], Row] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)

    # Who is who

    def current(self, name: str) -> str:
        while name in self.leads and self.leads[name]["merged_into"] is not None:
            name = self.leads[name]["merged_into"]
        return name

    def names(self, lead_id: str) -> list[str]:
        return [lead_id, *sorted(name for name in self.leads if name != lead_id and self.current(name) == lead_id)]

    def known(self, name: str) -> str:
        """Return the id that a told lead goes by today."""
        if name in self.erased:
            raise Refused(410, "erased")
        if self.current(name) not in self.leads:
            raise Refused(404, "no_lead")
        return self.current(name)

    def held(self, name: str) -> str:
        """Return the id that anything is held under: events and receipts of a lead that was never told too."""
        if name not in self.leads and name not in self.erased:
            rows = [*self.rows["activities"], *self.rows["stage_changes"], *self.receipts.values()]
            if any(row["lead_id"] == name for row in rows):
                return name
        return self.known(name)

    def barred(self, name: str) -> Refused | None:
        if name in self.erased:
            return Refused(410, "erased")
        if name in self.leads and self.leads[name]["objected_at"] is not None:
            return Refused(409, "objected")
        return None

    # Leads

    def put_lead(self, name: str, told: Mapping[str, Any], now: int) -> Row:
        if name in self.erased:
            raise Refused(410, "erased")
        lead_id = self.current(name)
        if lead_id not in self.leads:
            self._insert(lead_id, told, now)
            return {"lead_id": lead_id, "outcome": "created"}
        moved = self._move(lead_id, told, now)
        changed = self._change_attributes(lead_id, told, now)
        dated = self._date(lead_id, told)
        return {"lead_id": lead_id, "outcome": "changed" if moved or changed or dated else "unchanged"}

    def _date(self, lead_id: str, told: Mapping[str, Any]) -> bool:
        """Take up when a lead was created where its first telling has stood for it."""
        lead, created = self.leads[lead_id], told.get("created_at")
        if created is None or lead["created_at"] != lead["recorded_at"] or created >= lead["created_at"]:
            return False
        lead["created_at"] = created
        return True

    def _insert(self, lead_id: str, told: Mapping[str, Any], now: int) -> None:
        self.leads[lead_id] = {
            "lead_id": lead_id,
            "created_at": now if told.get("created_at") is None else told["created_at"],
            "recorded_at": now,
            "account_id": told.get("account_id"),
            "owner_id": told.get("owner_id"),
            "attributes": dict(told.get("attributes", {})),
            "merged_into": None,
            "merged_at": None,
            "objected_at": None,
        }

    def _move(self, lead_id: str, told: Mapping[str, Any], now: int) -> bool:
        lead = self.leads[lead_id]
        moved = [name for name in ("account_id", "owner_id") if name in told and told[name] != lead[name]]
        for name in moved:
            move = {"lead_id": lead_id, "field": name, "before": lead[name], "after": told[name], "recorded_at": now}
            self.moves.append(move)
            lead[name] = told[name]
            if lead_id in self.scored:  # the queue shows it at once
                self.scored[lead_id][name] = told[name]
        return bool(moved)

    def _change_attributes(self, lead_id: str, told: Mapping[str, Any], now: int) -> bool:
        """Append what differs from what was known for that time; of two words on one instant the later counts."""
        when = now if told.get("occurred_at") is None else told["occurred_at"]
        known = self.attributes(lead_id, when)
        changed = [name for name, value in told.get("attributes", {}).items() if value != known.get(name)]
        for name in changed:
            for row in self.counting("attribute_changes", lead_id):
                if (row["attribute"], row["occurred_at"]) == (name, when):
                    row["superseded_at"] = now
            row = {"lead_id": lead_id, "attribute": name, "value": told["attributes"][name], "occurred_at": when}
            self._append("attribute_changes", row, now)
        return bool(changed)

    def attributes(self, lead_id: str, when: int) -> Row:
        """Return a lead's attributes as of a time: as it first came, then each change in turn.

        What a lead first came with counts as known all along, whatever ``occurred_at`` it was told with, and stays
        with its id in a merge: a corrected expectation, see `leadlight.features.online.timeline_of`.
        """
        found = dict(self.leads[lead_id]["attributes"])
        changes = [row for row in self.counting("attribute_changes", lead_id) if row["occurred_at"] <= when]
        for row in sorted(changes, key=lambda row: (row["occurred_at"], row["recorded_at"])):
            found[row["attribute"]] = row["value"]
        return {name: value for name, value in found.items() if value is not None}

    # Events

    def counting(self, kind: str, lead_id: str) -> list[Row]:
        return [row for row in self.rows[kind] if row["lead_id"] == lead_id and row["superseded_at"] is None]

    def add_events(self, kind: str, items: Sequence[Row | None], now: int) -> Row:
        """Take in events; None stands for one that can't be read."""
        new: list[Row] = []
        duplicates = 0
        accepted: list[str] = []
        wrong: list[int] = []
        for place, item in enumerate(items):
            if item is None or item["occurred_at"] > now + AHEAD or item["lead_id"] in self.erased:
                wrong.append(place)
                continue
            row = self._as_today(kind, item)
            before = self._last(kind, row, [*self.rows[kind], *new])
            if before is not None and self._says(kind, before) == self._says(kind, row):
                duplicates += 1
                continue
            accepted.append(row["lead_id"])
            new = [one for one in new if one is not before]  # corrected within one call: it was never known
            new.append(row)
        for row in new:
            self._append(kind, row, now)
        unknown = sorted({lead_id for lead_id in accepted if lead_id not in self.leads})
        return {"accepted": len(accepted), "duplicates": duplicates, "errors": wrong, "unknown_leads": unknown}

    def _as_today(self, kind: str, item: Row) -> Row:
        """Return an event of a merged id as the other lead's, as if it had been handed over merge by merge."""
        row = {name: item.get(name) for name in SAYS[kind]} | {"id": item.get(ID[kind] or "")}
        while row["lead_id"] in self.leads and self.leads[row["lead_id"]]["merged_into"] is not None:
            row = self._handed_over(kind, row, self.leads[row["lead_id"]]["merged_into"])
        return row

    def _handed_over(self, kind: str, row: Row, into: str) -> Row:
        moved = {**row, "lead_id": into}
        if kind == "stage_changes":  # no stage lies before the creation of the lead that it came to
            moved["occurred_at"] = max(row["occurred_at"], self.leads[into]["created_at"])
        return moved

    def _says(self, kind: str, row: Row) -> list[Any]:
        return [row[name] for name in SAYS[kind]]

    def _last(self, kind: str, row: Row, among: Sequence[Row]) -> Row | None:
        """Return the version of the same event that was told last: the same id, or else word for word the same."""
        found = None
        for one in among:
            same_words = one["id"] is None and self._says(kind, one) == self._says(kind, row)
            if one["id"] == row["id"] if row["id"] is not None else same_words:
                found = one
        return found

    def _append(self, kind: str, row: Row, now: int) -> None:
        row = {"id": None, **row, "recorded_at": now, "superseded_at": None}
        before = self._last(kind, row, self.rows[kind])
        if before is not None and before["superseded_at"] is None:
            before["superseded_at"] = now
        self.rows[kind].append(row)

    def remove_event(self, kind: str, key: str, now: int) -> Row:
        versions = [row for row in self.rows[kind] if row["id"] == key]
        if not versions or versions[-1]["superseded_at"] is not None:
            raise Refused(404, "no_event")
        versions[-1]["superseded_at"] = now
        return {"removed": key}

    # Persons

    def merge(self, name: str, into: str, now: int) -> Row:
        gone = self.known(name)
        stays = self.known(into)
        if gone == stays and name == gone:
            raise Refused(409, "merged_already")
        if gone != stays:
            for kind in SAYS:
                self._hand_over(kind, gone, stays, now)
            self.leads[gone].update(merged_into=stays, merged_at=now)
            for decision in self.decisions.values():
                if decision["lead_id"] == gone:
                    decision["lead_id"] = stays
            self.scored.pop(gone, None)
            if any(self.barred(one) for one in (gone, stays)):
                self.object_to_profiling(stays, now)
        return {"lead_id": stays, "merged": name}

    def _hand_over(self, kind: str, gone: str, stays: str, now: int) -> None:
        for row in self.counting(kind, gone):
            row["superseded_at"] = now
            copy = self._handed_over(kind, row, stays)
            alike = self._last(kind, copy, self.counting(kind, stays))
            if alike is None or self._says(kind, alike) != self._says(kind, copy):
                self._append(kind, copy, now)

    def decide(self, name: str, told: Mapping[str, Any], now: int) -> Row:
        lead_id = self.known(name)
        stage = WRITES[told["decision"]]
        answer = {"decision_id": told["decision_id"], "lead_id": lead_id, "stage": stage}
        before = self.decisions.get(told["decision_id"])
        if before is not None:
            if (before["lead_id"], before["decision"]) != (lead_id, told["decision"]):
                raise Refused(409, "other_decision")
            return answer
        self.decisions[told["decision_id"]] = {**told, "lead_id": lead_id, "decided_at": now}
        if stage is not None:
            change = {"lead_id": lead_id, "stage": stage, "occurred_at": now, "reason": told["reason"]}
            change |= {"actor": told["actor"], "change_id": f"decision:{told['decision_id']}"}
            self.add_events("stage_changes", [change], now)
        return answer

    def erase(self, name: str) -> Row:
        """Forget a person under all names; of the receipts no more is left than that they were there."""
        names = self.names(self.held(name))
        for lead_id in names:
            self.leads.pop(lead_id, None)
            self.scored.pop(lead_id, None)
        for kind, rows in self.rows.items():
            self.rows[kind] = [row for row in rows if row["lead_id"] not in names]
        self.moves = [move for move in self.moves if move["lead_id"] not in names]
        self.decisions = {key: one for key, one in self.decisions.items() if one["lead_id"] not in names}
        emptied = self._empty(names)
        for receipt in emptied:
            receipt["lead_id"] = None
        self.answers = {
            key: kept for key, kept in self.answers.items() if not any(name in _texts(kept["answer"]) for name in names)
        }
        self.erased |= set(names)
        return {"receipts": len(emptied), "models_trained_before": list(range(1, 8))}

    def _empty(self, names: Sequence[str]) -> list[Row]:
        found = [receipt for receipt in self.receipts.values() if receipt["lead_id"] in names]
        for receipt in found:
            receipt["emptied"] = True
        return found

    def object_to_profiling(self, name: str, now: int) -> Row:
        lead_id = self.held(name)
        if lead_id not in self.leads:  # known by its events or scores alone; the objection must be remembered
            self._insert(lead_id, {}, now)
        for one in self.names(lead_id):
            self.leads[one]["objected_at"] = self.leads[one]["objected_at"] or now
            self.scored.pop(one, None)
        self._empty(self.names(lead_id))
        return {"lead_id": name, "objected": True}

    def withdraw_objection(self, name: str) -> Row:
        for one in self.names(self.known(name)):
            self.leads[one]["objected_at"] = None
        return {"lead_id": name, "objected": False}

    # Scores

    def stages(self, lead_id: str, now: int) -> list[Row]:
        """Return the stage changes that have happened, in order; at one instant in the order of the usual ladder."""
        there = [row for row in self.counting("stage_changes", lead_id) if row["occurred_at"] <= now]

        def place(row: Row) -> tuple[int, int, int]:
            step = LADDER.index(row["stage"]) if row["stage"] in LADDER else len(LADDER)
            return row["occurred_at"], row["recorded_at"], step

        return sorted(there, key=place)

    def is_open(self, stages: Sequence[str]) -> bool:
        """Return whether a lead is in the queue: not closed, and not converted since it last came back."""
        converted = away = False
        for stage in stages:
            if stage in WON:
                converted, away = True, False
            elif stage in RESTING or stage in CLOSED:
                away = True
            else:
                converted, away = converted and not away, False
        return not converted and not (stages and stages[-1] in CLOSED)

    def settle(self, now: int) -> None:
        """Score everybody who may be scored."""
        for lead_id, lead in self.leads.items():
            if lead["merged_into"] is None and lead["objected_at"] is None and lead["created_at"] <= now:
                stages = [row["stage"] for row in self.stages(lead_id, now)]
                self.scored[lead_id] = {
                    "is_open": self.is_open(stages),
                    "stage": stages[-1] if stages else None,
                    "account_id": lead["account_id"],
                    "owner_id": lead["owner_id"],
                }

    def queue(self) -> dict[str, Row]:
        return {lead_id: one for lead_id, one in self.scored.items() if one["is_open"]}

    def request(self, lead_id: str, as_of: int) -> Row:
        """Return all that is known of a lead as a request to score it."""
        lead = self.leads[lead_id]
        others = [
            other
            for other in self.leads.values()
            if other["account_id"] == lead["account_id"] and other["merged_into"] is None and not other["objected_at"]
        ]
        mates = [other for other in others if other["lead_id"] != lead_id]
        found = {
            "lead": {
                **_asked(lead, "lead_id", "created_at", "recorded_at", "account_id"),
                "attributes": lead["attributes"],
            },
            **{kind: [self._event(kind, row) for row in self.counting(kind, lead_id)] for kind in SAYS},
            "as_of": as_text(as_of),
        }
        if lead["account_id"] is not None:
            account: Row = {"leads": [_asked(mate, "lead_id", "created_at", "recorded_at") for mate in mates]}
            for kind in ("activities", "stage_changes"):
                account[kind] = [
                    {**self._event(kind, row), "lead_id": mate["lead_id"]}
                    for mate in mates
                    for row in self.counting(kind, mate["lead_id"])
                ]
            found["account"] = account
        return found

    def _event(self, kind: str, row: Row) -> Row:
        found = _asked(row, *(name for name in SAYS[kind] if name != "lead_id"), "recorded_at")
        return found | ({str(ID[kind]): row["id"]} if row["id"] is not None else {})

    # Retries

    def once(self, call: tuple[str, str, str | None], body: bytes, now: int, act: Callable[[], Row]) -> Row:
        """Return the answer that was kept under a key, else act."""
        method, path, key = call
        if key is None:
            return act()
        kept = self.answers.get((method, path, key))
        if kept is not None and kept["at"] > now - KEPT:
            if kept["body"] != body:
                raise Refused(422, "key_reused")
            answer: Row = kept["answer"]
            return answer
        self.answers.pop((method, path, key), None)
        return act()

    def keep(self, call: tuple[str, str, str | None], body: bytes, now: int, answer: Row) -> None:
        method, path, key = call
        if key is not None and (method, path, key) not in self.answers:
            self.answers[method, path, key] = {"body": body, "answer": answer, "at": now}


def _asked(row: Row, *names: str) -> Row:
    found = {name: row[name] for name in names if row[name] is not None or name == "value"}
    return {name: as_text(value) if name.endswith("_at") else value for name, value in found.items()}


def _texts(answer: Any) -> Iterator[str]:
    """Yield every text in an answer that could be an id."""
    if isinstance(answer, str):
        yield answer
    elif isinstance(answer, Mapping):
        for value in answer.values():
            yield from _texts(value)
    elif isinstance(answer, list):
        for value in answer:
            yield from _texts(value)
