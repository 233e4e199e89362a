"""Any calls in any order, by two services on one store: what they say is what a model in memory holds.

The model is `remembered.Remembered`. A machine draws calls as CRMs make them, sends each to one of the services, and
compares the answer; after each step the whole store is held against the model, and what is erased must be nowhere.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from unittest.mock import ANY
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from crm import START
from leadlight.core.clock import to_micros
from remembered import ID, MINUTE, SAYS, Refused, Remembered, as_text, micros
from two_services import TwoServices

NOW = to_micros(START)
HOUR = 60 * MINUTE
DAY = 24 * HOUR

NAMES = ["L-1", "L-2", "L-3", "l-1", "o'B \"é%_\\"]
LEADS = st.sampled_from(NAMES)
ACCOUNTS = st.sampled_from(["A-1", "A-2", None])
OWNERS = st.sampled_from(["ann", "bob", None])
ATTRIBUTES = st.fixed_dictionaries(
    {}, optional={"source": st.sampled_from(["webinar", "ads", None]), "employees": st.sampled_from([5.0, 250.0, None])}
)
TOLD = st.fixed_dictionaries({"attributes": ATTRIBUTES}, optional={"account_id": ACCOUNTS, "owner_id": OWNERS})
FIRST = st.fixed_dictionaries(
    {"attributes": ATTRIBUTES, "account_id": st.sampled_from(["A-1", "A-1", "A-2"]), "owner_id": OWNERS}
)
PAST = st.sampled_from([NOW - 60 * DAY, NOW - 20 * DAY, NOW - 20 * DAY + 1, NOW - HOUR])
AHEAD = st.sampled_from([0, 4 * MINUTE + 1, 6 * MINUTE])
SERVICES = st.sampled_from([0, 1])
KEYS = st.sampled_from([None, None, "K-1", "K-2"])


class Moment(NamedTuple):
    """A time: fixed, or after that of the call."""

    after_call: bool
    micros: int

    def at(self, now: int) -> int:
        return self.micros + (now if self.after_call else 0)


TIMES = st.builds(Moment, st.just(False), PAST) | st.builds(Moment, st.just(True), AHEAD)

ACTIVITIES = st.fixed_dictionaries(
    {
        "lead_id": LEADS,
        "type": st.sampled_from(["web_visit", "demo_request"]),
        "occurred_at": TIMES,
        "activity_id": st.sampled_from([None, "E-1", "e-1", "E-2"]),
    },
    optional={"campaign": st.just("spring"), "value": st.just(2.5)},
)
STAGES = st.fixed_dictionaries(
    {
        "lead_id": LEADS,
        "stage": st.sampled_from(["mql", "sql", "customer", "recycled", "disqualified"]),
        "occurred_at": TIMES,
        "change_id": st.sampled_from([None, "S-1", "S-2"]),
    },
    optional={"reason": st.just("because"), "amount": st.sampled_from([100.0, 250.0])},
)
WRONG = st.sampled_from([5, {"lead_id": "L-1"}, {"lead_id": "L-1", "type": "call", "occurred_at": "2026-11-20"}])


@dataclass
class Sent:
    """A call that was sent; ``act`` asks the model, given the time, and the answer for ids that were made up there."""

    method: str
    path: str
    body: bytes
    key: str | None
    act: Callable[[int, Mapping[str, Any]], Any]


class Machine(RuleBasedStateMachine):
    """Draws calls and holds their answers against the model."""

    def __init__(self, services: TwoServices) -> None:
        super().__init__()
        self.services = services
        self.services.empty()
        self.model = Remembered()
        self.sent: list[Sent] = []
        self.documents: dict[str, Any] = {}
        self.restarted = False

    # How calls are sent

    @property
    def now(self) -> int:
        return to_micros(self.services.clock.now())

    def ask(self, which: int, method: str, path: str, body: bytes | None = None, key: str | None = None) -> Any:
        """Send a call and return the answer, which is never a failure of ours."""
        client: TestClient = self.services.clients[which]
        headers = {} if key is None else {"Idempotency-Key": key}
        answer = client.request(method, path, content=body, headers=headers)
        assert answer.status_code < 500, (method, path, body, answer.text)
        return answer

    def get(self, which: int, path: str, **params: Any) -> Any:
        answer = self.services.clients[which].get(path, params=params)
        assert answer.status_code < 500, (path, answer.text)
        return answer

    def agreed(self, answer: Any, act: Callable[[], Any]) -> Any:
        """Return what the model says; None where both refuse, and with the same words."""
        try:
            expected = act()
        except Refused as error:
            refused = error
        else:
            assert answer.status_code == 200, answer.text
            return expected
        assert (answer.status_code, answer.json()["code"]) == (refused.status, refused.code), answer.text
        return None

    def send(self, which: int, call: Sent) -> None:
        """Send a call that tells something, and hold its answer against the model's."""
        answer = self.ask(which, call.method, call.path, call.body, call.key)
        said = answer.json()
        name = (call.method, call.path, call.key)
        expected = self.agreed(
            answer, lambda: self.model.once(name, call.body, self.now, lambda: call.act(self.now, said))
        )
        if expected is None:
            return
        assert simplified(said) == simplified(expected)
        self.model.keep(name, call.body, self.now, said)

    def tell(self, which: int, call: Sent) -> None:
        self.sent.append(call)
        self.send(which, call)

    def tick(self) -> int:
        self.services.clock.later(seconds=1)
        return self.now

    @initialize(
        which=SERVICES, leads=st.dictionaries(LEADS, FIRST, min_size=2), events=st.lists(ACTIVITIES, max_size=4)
    )
    def begin(self, which: int, leads: Mapping[str, Any], events: list[Any]) -> None:
        """Begin with a few leads, else most calls would be about nobody."""
        for name, told in leads.items():
            self.put_lead(which, name, None, told, Moment(False, NOW - 60 * DAY), None)
        self.post_activities(which, None, events)
        self.settle(which)

    # What CRMs tell

    @rule(
        which=SERVICES,
        name=LEADS,
        key=KEYS,
        told=TOLD,
        created=st.none() | TIMES,
        occurred=st.none() | TIMES,
    )
    def put_lead(self, which: int, name: str, key: str | None, told: Any, created: Any, occurred: Any) -> None:
        now = self.tick()
        moments = {"created_at": created, "occurred_at": occurred}
        told = {**told, **{field: when.at(now) for field, when in moments.items() if when is not None}}

        def act(now: int, _: Any) -> Any:
            return self.model.put_lead(name, told, now)

        call = Sent("PUT", f"/v1/leads/{quote(name)}", written(told), key, act)
        if any(told.get(field, 0) > now + 5 * MINUTE for field in moments):
            answer = self.ask(which, call.method, call.path, call.body, key)
            assert (answer.status_code, answer.json()["code"]) == (422, "request_refused")
        else:
            self.tell(which, call)

    @rule(which=SERVICES, name=LEADS, account_id=ACCOUNTS)
    def move(self, which: int, name: str, account_id: str | None) -> None:
        self.put_lead(which, name, None, {"account_id": account_id}, None, None)

    @rule(which=SERVICES, key=KEYS, items=st.lists(ACTIVITIES | WRONG, min_size=1, max_size=4))
    def post_activities(self, which: int, key: str | None, items: list[Any]) -> None:
        self.post_events(which, key, "activities", "/v1/activities", items)

    @rule(which=SERVICES, key=KEYS, items=st.lists(STAGES | WRONG, min_size=1, max_size=4))
    def post_stage_changes(self, which: int, key: str | None, items: list[Any]) -> None:
        self.post_events(which, key, "stage_changes", "/v1/stage-changes", items)

    def post_events(self, which: int, key: str | None, kind: str, path: str, items: list[Any]) -> None:
        now = self.tick()
        told, read = [], []
        for item in items:
            right = isinstance(item, dict) and isinstance(item.get("occurred_at"), Moment)
            told.append({**item, "occurred_at": item["occurred_at"].at(now)} if right else item)
            read.append(told[-1] if right else None)

        def act(now: int, _: Any) -> Any:
            return self.model.add_events(kind, read, now)

        self.tell(which, Sent("POST", path, written({kind: told}), key, act))

    @rule(
        which=SERVICES,
        key=KEYS,
        event=st.sampled_from(
            [("activities", "E-1"), ("activities", "e-1"), ("stage_changes", "S-1"), ("stage_changes", "decision:D-1")]
        ),
    )
    def remove_event(self, which: int, key: str | None, event: tuple[str, str]) -> None:
        self.tick()
        path = f"/v1/{event[0].replace('_', '-')}/{event[1]}"
        self.tell(which, Sent("DELETE", path, b"", key, lambda now, _: self.model.remove_event(*event, now)))

    @rule(which=SERVICES, key=KEYS, name=LEADS, into=LEADS)
    def merge(self, which: int, key: str | None, name: str, into: str) -> None:
        self.tick()
        path = f"/v1/leads/{quote(name)}/merge"
        call = Sent("POST", path, written({"into": into}), key, lambda now, _: self.model.merge(name, into, now))
        self.tell(which, call)

    @rule(
        which=SERVICES,
        key=KEYS,
        name=LEADS,
        decision=st.sampled_from(["accept", "reject", "recycle", "dispute"]),
        decision_id=st.sampled_from([None, "D-1", "D-2"]),
        reason=st.sampled_from([None, "too early"]),
    )
    def decide(
        self, which: int, key: str | None, name: str, decision: str, decision_id: str | None, reason: str | None
    ) -> None:
        self.tick()
        told = {"decision": decision, "decision_id": decision_id, "reason": reason, "actor": "ann"}

        def act(now: int, said: Mapping[str, Any]) -> Any:
            return self.model.decide(name, {**told, "decision_id": decision_id or said.get("decision_id")}, now)

        self.tell(which, Sent("POST", f"/v1/leads/{quote(name)}/decisions", written(told), key, act))

    @rule(which=SERVICES, key=KEYS, name=LEADS)
    def erase(self, which: int, key: str | None, name: str) -> None:
        self.tick()
        path = f"/v1/leads/{quote(name)}"
        self.tell(which, Sent("DELETE", path, b"", key, lambda _now, _: {"rows": ANY, **self.model.erase(name)}))

    @rule(which=SERVICES, key=KEYS, name=LEADS)
    def object_to_profiling(self, which: int, key: str | None, name: str) -> None:
        self.tick()
        path = f"/v1/leads/{quote(name)}/objection"
        self.tell(which, Sent("PUT", path, b"", key, lambda now, _: self.model.object_to_profiling(name, now)))

    @rule(which=SERVICES, key=KEYS, name=LEADS)
    def withdraw_objection(self, which: int, key: str | None, name: str) -> None:
        self.tick()
        path = f"/v1/leads/{quote(name)}/objection"
        self.tell(which, Sent("DELETE", path, b"", key, lambda _now, _: self.model.withdraw_objection(name)))

    @precondition(lambda self: self.sent)
    @rule(which=SERVICES, data=st.data(), other_body=st.sampled_from([False, False, True]))
    def send_again(self, which: int, data: st.DataObject, other_body: bool) -> None:
        self.tick()
        call = data.draw(st.sampled_from(self.sent))
        if other_body:
            assume(call.body)
            call = Sent(call.method, call.path, call.body + b" ", call.key, call.act)
        self.send(which, call)

    # Time, scores, processes

    @rule(wait=st.sampled_from([MINUTE, 4 * MINUTE, HOUR, 25 * HOUR, 3 * DAY]))
    def wait(self, wait: int) -> None:
        self.services.clock.later(microseconds=wait)

    @precondition(lambda self: not self.restarted)
    @rule(which=SERVICES)
    def restart(self, which: int) -> None:
        """End a service and start it anew; once, for it takes as long as a dozen calls."""
        self.restarted = True
        self.services.restart(which)

    @rule(which=SERVICES)
    def settle(self, which: int) -> None:
        self.tick()
        self.services.settle(which)
        self.model.settle(self.now)

    @rule(which=SERVICES)
    def settle_and_compare_scores(self, which: int) -> None:
        self.settle(which)
        self.services.look()  # a second later: the other one may have withdrawn an objection
        for name in self.model.queue():
            self.check_score(which, name)

    def check_score(self, which: int, name: str) -> None:
        """A stored lead that nothing is left to do of has the very score that a request with all of it gets."""
        shown = self.get(which, f"/v1/leads/{quote(name)}").json()["score"]
        self.got(name, shown["receipt_id"])
        request = self.model.request(name, micros(shown["as_of"]))
        if stages_before_creation(request):  # stored they are followed all the same; a request is refused
            return
        answer = self.ask(which, "POST", "/v1/score", json.dumps(request).encode())
        assert answer.status_code == 200, answer.text
        self.got(name, answer.json()["receipt_id"])
        assert (answer.json()["log_odds"], answer.json()["reasons"]) == (shown["log_odds"], shown["reasons"])

    @rule(which=SERVICES, name=LEADS, looked=st.booleans())
    def score_a_request(self, which: int, name: str, looked: bool) -> None:
        """Nobody who was erased or objects is scored; a process that has not heard of it yet keeps nothing."""
        self.tick()
        if looked:
            self.services.look()
        body = {"lead": {"lead_id": name, "created_at": as_text(NOW - 60 * DAY)}}
        answer = self.ask(which, "POST", "/v1/score", json.dumps(body).encode())
        barred = self.model.barred(name)
        if looked and barred is not None:
            assert (answer.status_code, answer.json()["code"]) == (barred.status, barred.code)
        elif looked or answer.status_code == 200:
            assert answer.status_code == 200, answer.text
            self.got(name, answer.json()["receipt_id"])

    # What is read

    def got(self, name: str, receipt_id: str) -> None:
        """Note a receipt that was returned with a score."""
        assert receipt_id is not None
        if receipt_id not in self.model.receipts:
            barred = self.model.barred(name)
            lead_id = None if name in self.model.erased else name
            self.model.receipts[receipt_id] = {"lead_id": lead_id, "emptied": barred is not None}

    @rule(which=SERVICES, limit=st.sampled_from([1, 2, 50]), owner=OWNERS, stage=st.sampled_from([None, None, "mql"]))
    def read_queue(self, which: int, limit: int, owner: str | None, stage: str | None) -> None:
        asked: dict[str, Any] = {"owner": owner, "stage": stage}
        asked = {name: value for name, value in asked.items() if value is not None}
        found: list[Any] = []
        cursor = {}
        while cursor is not None:
            page = self.get(which, "/v1/leads", limit=limit, **asked, **cursor).json()
            found += page["items"]
            cursor = None if page["next_cursor"] is None else {"cursor": page["next_cursor"]}
        expected = {
            lead_id: one
            for lead_id, one in self.model.queue().items()
            if owner in (None, one["owner_id"]) and stage in (None, one["stage"])
        }
        assert sorted(item["lead_id"] for item in found) == sorted(expected)
        assert [item["score"] for item in found] == sorted((item["score"] for item in found), reverse=True)
        for item in found:
            facts = expected[item["lead_id"]]
            assert {field: item[field] for field in ("stage", "account_id", "owner_id")} == {
                field: facts[field] for field in ("stage", "account_id", "owner_id")
            }
            self.got(item["lead_id"], item["receipt_id"])

    @rule(which=SERVICES, name=LEADS)
    def read_lead(self, which: int, name: str) -> None:
        self.read_record(which, name)
        self.read_scores(which, name, 1)
        self.read_export(which, name)

    def read_record(self, which: int, name: str) -> None:
        answer = self.get(which, f"/v1/leads/{quote(name)}")
        lead_id = self.agreed(answer, lambda: self.model.known(name))
        if lead_id is None:
            return
        found = answer.json()
        lead, stages = self.model.leads[lead_id], self.model.stages(lead_id, self.now)
        score, told_stages = found.pop("score"), found.pop("stage_changes")
        calls = [row for row in self.model.counting("activities", lead_id) if row["occurred_at"] <= self.now]
        assert {**found, "merged": sorted(found["merged"])} == {
            "lead_id": lead_id,
            "created_at": as_text(lead["created_at"]),
            "account_id": lead["account_id"],
            "owner_id": lead["owner_id"],
            "attributes": self.model.attributes(lead_id, self.now),
            "stage": stages[-1]["stage"] if stages else None,
            "activities": len(calls),
            "merged": sorted(self.model.names(lead_id)[1:]),
            "objected": lead["objected_at"] is not None,
        }
        fields = ("stage", "occurred_at", "reason", "amount", "actor")
        expected = [{**row, "occurred_at": as_text(row["occurred_at"])} for row in stages]
        assert alike(told_stages, fields) == alike(expected, fields)
        assert [row["stage"] for row in told_stages] == [row["stage"] for row in stages[::-1]]
        assert (score is not None) == (lead_id in self.model.scored)
        if score is not None:
            self.got(lead_id, score["receipt_id"])

    def read_scores(self, which: int, name: str, limit: int) -> None:
        lead_id = self.agreed(self.get(which, f"/v1/leads/{quote(name)}/scores"), lambda: self.model.known(name))
        if lead_id is None:
            return
        found: list[str] = []
        cursor = {}
        while cursor is not None:
            page = self.get(which, f"/v1/leads/{quote(name)}/scores", limit=limit, **cursor).json()
            found += [one["receipt_id"] for one in page["items"]]
            cursor = None if page["next_cursor"] is None else {"cursor": page["next_cursor"]}
        names = self.model.names(lead_id)
        theirs = [key for key, receipt in self.model.receipts.items() if receipt["lead_id"] in names]
        assert found == sorted(theirs, reverse=True)

    def read_export(self, which: int, name: str) -> None:
        answer = self.get(which, f"/v1/leads/{quote(name)}/export")
        lead_id = self.agreed(answer, lambda: self.model.held(name))
        if lead_id is None:
            return
        names = self.model.names(lead_id)
        assert answer.json()["lead_id"] == lead_id
        self.compare(answer.json()["tables"], lambda row: row["lead_id"] in names)

    def check_receipt(self, which: int, receipt_id: str) -> None:
        """A receipt says for ever what it said first; of an emptied one four things are left."""
        answer = self.get(which, f"/v1/receipts/{receipt_id}")
        said, known = answer.json(), self.model.receipts[receipt_id]
        before = self.documents.get(receipt_id)
        if known["emptied"]:
            assert answer.status_code == 410
            assert set(said) - {"type", "title", "status", "detail", "code"} == {
                "receipt_id",
                "made_at",
                "model_version",
                "score",
            }
            assert before is None or all(said[name] == before[name] for name in ("made_at", "model_version", "score"))
        else:
            assert (answer.status_code, said["lead_id"]) == (200, known["lead_id"])
            assert said == self.documents.setdefault(receipt_id, said)

    @rule(which=SERVICES, places=st.tuples(st.integers(0, 999), st.integers(0, 999)))
    def read_receipts(self, which: int, places: tuple[int, int]) -> None:
        """Places, and no choice among those that are there: how many there are is a matter of time, too."""
        there = sorted(self.model.receipts)
        if not there:
            return
        one, other = (there[place % len(there)] for place in places)
        self.check_receipt(which, one)
        answer = self.get(which, f"/v1/receipts/{one}/changes", since=other)
        receipts = [self.model.receipts[key] for key in (one, other)]
        if any(receipt["emptied"] for receipt in receipts):
            assert answer.status_code == 410
        elif len({self.model.current(receipt["lead_id"]) for receipt in receipts}) > 1:
            assert answer.status_code == 422
        else:
            assert answer.status_code == 200, answer.text

    # What holds after each step

    @invariant()
    def the_store_holds_what_the_model_holds(self) -> None:
        tables = self.services.tables()
        self.compare(tables, lambda _: True)
        assert len(tables["erasures"]) == len(self.model.erased)
        for name in self.model.erased:
            for table, rows in tables.items():
                assert not any(names(row, name) for row in rows), (table, name)

    def compare(self, tables: Mapping[str, list[Any]], theirs: Callable[[Any], bool]) -> None:
        """Hold rows against the model's, those of some leads or all."""
        model = self.model
        leads = ("lead_id", "created_at", "recorded_at", "account_id", "owner_id", "merged_into", "merged_at")
        leads = (*leads, "objected_at")
        expected = [lead for lead in model.leads.values() if theirs(lead)]
        assert alike(tables["leads"], leads) == alike(expected, leads)
        assert {row["lead_id"]: json.loads(row["attributes"]) for row in tables["leads"]} == {
            lead["lead_id"]: lead["attributes"] for lead in expected
        }
        moves = ("lead_id", "field", "before", "after", "recorded_at")
        assert alike(tables["lead_moves"], moves) == alike(filter(theirs, model.moves), moves)
        for kind, says in SAYS.items():
            fields = (*says, ID[kind] or "lead_id", "recorded_at", "superseded_at")
            expected = [{ID[kind]: row["id"], **row} for row in model.rows[kind] if theirs(row)]
            assert alike(tables[kind], fields) == alike(expected, fields), kind
        decisions = ("decision_id", "lead_id", "decision", "reason", "actor", "decided_at")
        assert alike(tables["decisions"], decisions) == alike(filter(theirs, model.decisions.values()), decisions)
        scored = {lead_id: one for lead_id, one in model.scored.items() if theirs({"lead_id": lead_id})}
        facts = ("is_open", "stage", "account_id", "owner_id")
        assert {row["lead_id"]: {name: row[name] for name in facts} for row in tables["scores"]} == scored
        receipts = {key: one["emptied"] for key, one in model.receipts.items() if theirs(one)}
        assert {row["receipt_id"]: row["erased_at"] is not None for row in tables["receipts"]} == receipts

    def teardown(self) -> None:
        """Read everything once more, unless it has failed already."""
        if sys.exc_info()[0] is not None:
            return
        self.settle_and_compare_scores(0)
        self.read_queue(1, 2, None, None)
        for name in NAMES:
            self.read_record(0, name)
            self.read_scores(1, name, 50)
            self.read_export(0, name)
        for receipt_id in self.model.receipts:
            self.check_receipt(1, receipt_id)
        self.the_store_holds_what_the_model_holds()


def written(told: Mapping[str, Any]) -> bytes:
    """Return a body; times are numbers until here."""
    return json.dumps(_with_times(told)).encode()


def _with_times(told: Any) -> Any:
    if isinstance(told, list):
        return [_with_times(one) for one in told]
    if not isinstance(told, Mapping):
        return told
    return {
        name: as_text(value) if name.endswith("_at") and isinstance(value, int) else _with_times(value)
        for name, value in told.items()
    }


def names(row: Mapping[str, Any], name: str) -> bool:
    """Return whether a row of the store tells a lead's id, alone or within JSON."""
    quoted = json.dumps(name, ensure_ascii=False)
    return any(cell == name or quoted in cell for cell in row.values() if isinstance(cell, str))


def stages_before_creation(request: Mapping[str, Any]) -> bool:
    """Return whether a request has stage changes before the creation of their leads."""
    account = request.get("account", {})
    created = {one["lead_id"]: one["created_at"] for one in (request["lead"], *account.get("leads", ()))}
    own = [{"lead_id": request["lead"]["lead_id"], **change} for change in request["stage_changes"]]
    changes = [*own, *account.get("stage_changes", ())]
    return any(micros(change["occurred_at"]) < micros(created[change["lead_id"]]) for change in changes)


def simplified(answer: Any) -> Any:
    """Return an answer with the places of what is wrong, not the words about it."""
    if "errors" not in answer:
        return answer
    places = {one if isinstance(one, int) else one["index"] for one in answer["errors"]}
    return {**answer, "errors": sorted(places)}


def alike(rows: Any, names: tuple[str, ...]) -> Counter[tuple[Any, ...]]:
    """Return how often rows say what, in whatever order they are."""
    return Counter(tuple(json.dumps(_value(row, name)) for name in names) for row in rows)


def _value(row: Mapping[str, Any], name: str) -> Any:
    value = row[name]
    return json.loads(value) if name == "value" and isinstance(value, str) and value[:1] in '"n0123456789-' else value


LONG = settings(
    deadline=None,
    max_examples=1_000,
    stateful_step_count=40,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink],
    database=None,
    print_blob=False,
)
SHORT = settings(LONG, max_examples=4, stateful_step_count=25, derandomize=True)


def test_services_remember_what_a_model_does(services: TwoServices) -> None:
    run_state_machine_as_test(lambda: Machine(services), settings=SHORT)


@pytest.mark.proof
def test_services_remember_what_a_model_does_for_long(services: TwoServices) -> None:
    run_state_machine_as_test(lambda: Machine(services), settings=LONG)
