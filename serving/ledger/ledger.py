"""The ledger: what may be told of leads and decided about them, each as one step within a transaction.

Whatever changes a lead notes in the same transaction that it has to be scored again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, bindparam, select

from leadlight.core.errors import LeadlightError
from leadlight.serving.ledger.barred import note_barred, note_erased
from leadlight.serving.ledger.erasing import Erased, empty_receipts, erase_leads, forget_scores, objects
from leadlight.serving.ledger.leads import Outcome, Put, ToldLead, insert_lead, put_leads
from leadlight.serving.ledger.merging import merge_leads
from leadlight.serving.ledger.persons import Persons, alone, beside, find_persons, names_of
from leadlight.serving.ledger.stale import mark_accounts, mark_leads
from leadlight.serving.ledger.versions import EVENT_KINDS
from leadlight.serving.store.schema import DECISIONS, LEADS, RECEIPTS
from leadlight.serving.store.sql import any_of, parts

__all__ = ["DECISION_STAGES", "CannotMerge", "ErasedLead", "Ledger", "OtherDecision", "Taken", "Told", "UnknownLead"]

DECISION_STAGES: Final[Mapping[str, str | None]] = {
    "accept": "sal",
    "recycle": "recycled",
    "reject": "disqualified",
    "dispute": None,
}
"""The stage that a decision writes."""


_TOUCHED: Final = LEADS.update().where(any_of(LEADS.c.lead_id, "values")).values(touched_at=bindparam("told_at"))
_ACCOUNTS: Final = select(LEADS.c.account_id).where(any_of(LEADS.c.lead_id, "values"))
_OWNER: Final = select(LEADS.c.owner_id).where(LEADS.c.lead_id == bindparam("asked"))


class UnknownLead(LeadlightError):
    """No lead of this id has been told."""

    code = "no_lead"


class ErasedLead(LeadlightError):
    """The lead was erased, and nothing may bring it back."""

    code = "erased"


class OtherDecision(LeadlightError):
    """The id of a decision was used for another one."""

    code = "other_decision"


class CannotMerge(LeadlightError):
    """Two leads that can't be joined: they are one already."""

    code = "merged_already"


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of events that were told together.

    Attributes
    ----------
    accepted, duplicates : int
    erased : tuple of int
        Places of those whose lead was erased: they are not kept.
    unknown_leads : tuple of str
        Leads of accepted events that have not been told yet: the events wait for them.
    """

    accepted: int
    duplicates: int
    erased: tuple[int, ...]
    unknown_leads: tuple[str, ...]


class Told(NamedTuple):
    """Events of one kind that one caller told.

    Attributes
    ----------
    rows : sequence of mapping
        Each with its ``lead_id``.
    now : int
        Microseconds: when it was told.
    """

    rows: Sequence[Mapping[str, Any]]
    now: int


@dataclass(frozen=True, slots=True)
class Ledger:
    """Takes in what the CRM says.

    Attributes
    ----------
    secret : bytes
        Tells erased ids; see `leadlight.core.secret.secret_of`.
    """

    secret: bytes

    def put_told(self, connection: Connection, calls: Sequence[ToldLead]) -> list[tuple[str, Outcome]]:
        """Take in leads that several callers told at the same time, as if one had told one after the other.

        Returns
        -------
        list of (str, {"created", "changed", "unchanged"})
            For each call the id that the lead goes by today, and what came of it.

        Raises
        ------
        ErasedLead
            If any of them was; then none is taken in.
        """
        beside(connection)
        persons = find_persons(connection, self.secret, [call.lead["lead_id"] for call in calls])
        for call in calls:
            _refuse_erased(persons, call.lead["lead_id"])
        today = [call._replace(lead={**call.lead, "lead_id": persons.current[call.lead["lead_id"]]}) for call in calls]
        puts = _put_in_turn(connection, today)
        latest = max(call.now for call in calls)
        mark_accounts(connection, {account for put in puts for account in put.accounts}, latest)
        changed = [call.lead["lead_id"] for call, put in zip(today, puts, strict=True) if put.outcome != "unchanged"]
        mark_leads(connection, changed, latest)
        return [(call.lead["lead_id"], put.outcome) for call, put in zip(today, puts, strict=True)]

    def add_events(self, connection: Connection, kind: str, rows: Sequence[Mapping[str, Any]], now: int) -> Taken:
        """Take in events of one kind, each with its ``lead_id``.

        Parameters
        ----------
        connection : Connection
        kind : str
            Key of `leadlight.serving.ledger.versions.EVENT_KINDS`.
        rows : sequence of mapping
        now : int
            Microseconds.
        """
        [taken] = self.add_told(connection, [Told(rows, now)], kind=kind)
        return taken

    def add_told(self, connection: Connection, calls: Sequence[Told], *, kind: str) -> list[Taken]:
        """Take in events of one kind that several callers told at the same time, as if one had told all of them.

        Returns
        -------
        list of Taken
            One for each caller.
        """
        beside(connection)
        now = max(call.now for call in calls)
        rows = [{"recorded_at": call.now, **row} for call in calls for row in call.rows]
        persons = find_persons(connection, self.secret, [row["lead_id"] for row in rows])
        kept = [row for row in rows if row["lead_id"] not in persons.erased]
        events = EVENT_KINDS[kind]
        today = [events.as_of_today(row, persons) for row in kept]
        changed = events.add(connection, today, now)
        self._touched(connection, persons, {lead_id for leads in changed for lead_id in leads}, now)
        accepted = iter([row["lead_id"] if leads else None for row, leads in zip(today, changed, strict=True)])
        return [_taken(persons, call, accepted) for call in calls]

    def remove_event(self, connection: Connection, kind: str, key: str, now: int) -> bool:
        """Take an event back; return whether there was one. Past moments keep it."""
        beside(connection)
        lead_id = EVENT_KINDS[kind].remove(connection, key, now)
        if lead_id is not None:
            self._touched(connection, find_persons(connection, self.secret, [lead_id]), {lead_id}, now)
        return lead_id is not None

    def _touched(self, connection: Connection, persons: Persons, lead_ids: set[str], now: int) -> None:
        if not lead_ids.issubset(persons.current.values()):  # an event turned out to be another lead's
            persons = find_persons(connection, self.secret, lead_ids)
        known = sorted(lead_id for lead_id in lead_ids if persons.is_known(lead_id))
        for part in parts(known):
            _touch(connection, part, now)
        mark_accounts(connection, [persons.account[lead_id] for lead_id in known], now)
        mark_leads(connection, known, now)

    def merge(self, connection: Connection, lead_id: str, into: str, now: int) -> str:
        """Join a lead to another and return the id that both go by from now on; done before, it is no mistake.

        Raises
        ------
        UnknownLead, ErasedLead, CannotMerge
        """
        alone(connection)
        persons = find_persons(connection, self.secret, [lead_id, into])
        for name in (lead_id, into):
            _refuse_erased(persons, name)
            if not persons.is_known(persons.current[name]):
                raise UnknownLead(name, lead_id=name)
        gone, stays = persons.current[lead_id], persons.current[into]
        if gone == stays and lead_id != gone:
            return stays
        if gone == stays:
            raise CannotMerge("the two are one lead already", lead_id=lead_id)
        mark_accounts(connection, [persons.account[gone], persons.account[stays]], now)
        merge_leads(connection, gone, stays, persons.created[stays], now)
        if objects(connection, [gone, stays]):  # the person does, whatever id it was said of
            self.object_to_profiling(connection, stays, now)
        mark_leads(connection, [stays], now)
        return stays

    def decide(
        self, connection: Connection, decision: Mapping[str, Any], now: int, own: str | None = None
    ) -> tuple[str, str | None]:
        """Keep a decision and write its stage change; return the lead's id today and the stage, None for a dispute.

        Parameters
        ----------
        connection : Connection
        decision : mapping
            ``decision_id, lead_id, decision`` and optional ``reason, actor, receipt_id``; the same id again is no
            second decision.
        now : int
            Microseconds.
        own : str or None
            Whose leads alone may be decided on; None: all.

        Raises
        ------
        UnknownLead, ErasedLead, OtherDecision
        """
        beside(connection)
        lead_id = self.known_to(connection, decision["lead_id"], own)
        stage = DECISION_STAGES[decision["decision"]]
        there = select(DECISIONS).where(DECISIONS.c.decision_id == decision["decision_id"])
        before = connection.execute(there).mappings().one_or_none()
        if before is not None:
            if (before["lead_id"], before["decision"]) != (lead_id, decision["decision"]):
                raise OtherDecision("the id is another decision's", decision_id=decision["decision_id"])
            return lead_id, stage
        connection.execute(DECISIONS.insert(), [{**decision, "lead_id": lead_id, "decided_at": now}])
        _touch(connection, [lead_id], now)
        if stage is not None:
            change = {
                "lead_id": lead_id,
                "change_id": f"decision:{decision['decision_id']}",
                "stage": stage,
                "occurred_at": now,
                "reason": decision.get("reason"),
                "actor": decision.get("actor"),
            }
            self.add_events(connection, "stage_changes", [change], now)
        return lead_id, stage

    def erase(self, connection: Connection, lead_id: str, now: int, version: int) -> Erased:
        """Erase a lead; see `leadlight.serving.ledger.erasing`.

        Raises
        ------
        UnknownLead, ErasedLead
        """
        alone(connection)
        return self.erase_all(connection, [self.held(connection, lead_id)], now, version)

    def erase_all(
        self, connection: Connection, lead_ids: Sequence[str], now: int, version: int, *, answers: bool = True
    ) -> Erased:
        """Erase leads by the ids that they go by today, whatever is held of them.

        Nobody may tell anything meanwhile: the transaction is `leadlight.serving.ledger.persons.alone`.
        """
        accounts: list[str | None] = []
        for part in parts(lead_ids):
            accounts += connection.execute(_ACCOUNTS, {"values": part}).scalars()
        mark_accounts(connection, accounts, now)
        erased = erase_leads(connection, self.secret, lead_ids, now, version, answers=answers)
        (note_barred if erased.objected else note_erased)(connection)
        return erased

    def object_to_profiling(self, connection: Connection, lead_id: str, now: int) -> None:
        """Score this lead no more, take the reasons out of its receipts, and teach no model with it.

        Raises
        ------
        UnknownLead, ErasedLead
        """
        alone(connection)
        current = self.held(connection, lead_id)
        persons = find_persons(connection, self.secret, [current])
        if not persons.is_known(current):
            insert_lead(connection, {"lead_id": current}, now)  # known by its scores alone; it must be remembered
        mark_accounts(connection, [persons.account.get(current)], now)
        for name in self._names(connection, lead_id):
            new = LEADS.update().where(LEADS.c.lead_id == name, LEADS.c.objected_at.is_(None))
            connection.execute(new.values(objected_at=now, touched_at=now))  # told again, it is still since then
            forget_scores(connection, name)
            empty_receipts(connection, name, now)
        note_barred(connection)

    def withdraw_objection(self, connection: Connection, lead_id: str, now: int) -> None:
        """Score this lead again.

        Raises
        ------
        UnknownLead, ErasedLead
        """
        alone(connection)
        current, *others = self._names(connection, lead_id)
        objecting = LEADS.update().where(LEADS.c.lead_id.in_([current, *others]), LEADS.c.objected_at.is_not(None))
        connection.execute(objecting.values(objected_at=None, touched_at=now))
        note_barred(connection)
        mark_accounts(connection, [find_persons(connection, self.secret, [current]).account[current]], now)
        mark_leads(connection, [current], now)

    def _names(self, connection: Connection, lead_id: str) -> list[str]:
        """Return all ids of a known person, the one that it goes by today first."""
        return names_of(connection, self.known(connection, lead_id))

    def known(self, connection: Connection, lead_id: str) -> str:
        """Return the id that a lead goes by today.

        Raises
        ------
        UnknownLead, ErasedLead
        """
        persons = find_persons(connection, self.secret, [lead_id])
        _refuse_erased(persons, lead_id)
        current = persons.current[lead_id]
        if not persons.is_known(current):
            raise UnknownLead(lead_id, lead_id=lead_id)
        return current

    def known_to(self, connection: Connection, lead_id: str, own: str | None) -> str:
        """Return the id that a lead goes by today, if whoever sees only an owner's leads may know of it.

        Raises
        ------
        UnknownLead, ErasedLead
            The latter only to who may see all leads: whose an erased lead was nobody knows any more.
        """
        try:
            current = self.known(connection, lead_id)
        except ErasedLead:
            if own is None:
                raise
            raise UnknownLead(lead_id, lead_id=lead_id) from None
        if own is not None and connection.execute(_OWNER, {"asked": current}).scalar_one() != own:
            raise UnknownLead(lead_id, lead_id=lead_id)
        return current

    def held(self, connection: Connection, lead_id: str) -> str:
        """Return the id that anything is held under, also events and receipts of a lead which was never told.

        Raises
        ------
        UnknownLead, ErasedLead
        """
        try:
            return self.known(connection, lead_id)
        except UnknownLead:
            for table in (*(events.table for events in EVENT_KINDS.values()), RECEIPTS):
                asked = select(table.c.lead_id).where(table.c.lead_id == lead_id).limit(1)
                if connection.execute(asked).first() is not None:
                    return lead_id
            raise


def _put_in_turn(connection: Connection, told: Sequence[ToldLead]) -> list[Put]:
    """Put leads, all at once where each is another; one that several told of takes so many turns, in their order."""
    turns: list[dict[str, int]] = []
    for place, one in enumerate(told):
        lead_id = one.lead["lead_id"]
        turn = next((turn for turn in turns if lead_id not in turn), None)
        if turn is None:
            turn = {}
            turns.append(turn)
        turn[lead_id] = place
    puts: dict[int, Put] = {}
    for turn in turns:
        places = list(turn.values())
        puts.update(zip(places, put_leads(connection, [told[place] for place in places]), strict=True))
    return [puts[place] for place in range(len(told))]


def _taken(persons: Persons, call: Told, accepted: Iterator[str | None]) -> Taken:
    """Return what became of a call's events.

    Of those whose lead was not erased ``accepted`` gives the lead, as it goes today, or None for a duplicate.
    """
    erased = tuple(place for place, row in enumerate(call.rows) if row["lead_id"] in persons.erased)
    of_kept = list(islice(accepted, len(call.rows) - len(erased)))
    leads = {lead_id for lead_id in of_kept if lead_id is not None}
    unknown = tuple(sorted(lead_id for lead_id in leads if not persons.is_known(lead_id)))
    duplicates = of_kept.count(None)
    return Taken(len(of_kept) - duplicates, duplicates, erased, unknown)


def _touch(connection: Connection, lead_ids: Sequence[str], now: int) -> None:
    """Note that something was told of leads."""
    connection.execute(_TOUCHED, {"values": list(lead_ids), "told_at": now})


def _refuse_erased(persons: Persons, lead_id: str) -> None:
    if lead_id in persons.erased:
        raise ErasedLead(lead_id, lead_id=lead_id)
