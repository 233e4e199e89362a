"""From a request's JSON to a record that can be scored, or a refusal that lists everything that is wrong.

What is decided here, beyond the shapes of `schemas`:

- Events at or after ``as_of`` by either clock were not known yet: they are passed over and counted.
- The same ``activity_id`` or ``change_id`` twice counts once; the one recorded last before ``as_of`` wins. Without
  an id a row that is repeated word for word (``recorded_at`` aside) counts once.
- Without ``recorded_at`` an event was known when it occurred.
- A lead can't be scored at a moment before it was created or recorded.
- Unknown attributes, activity types and stages are no mistake: they are listed.
- Numbers must come as numbers: a text for a numeric attribute is refused rather than guessed at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from leadlight.core.catalog import Catalog, Vocabulary
from leadlight.core.clock import time_text
from leadlight.core.errors import Problem
from leadlight.features.memo import by_identity
from leadlight.serving.api import quick
from leadlight.serving.api.problems import Refusal
from leadlight.serving.api.schemas import (
    Account,
    Activity,
    AttributeChange,
    BatchRequest,
    Colleague,
    ColleagueActivity,
    ColleagueStageChange,
    Lead,
    ScoreRequest,
    StageChange,
)
from leadlight.serving.api.shapes import Shapes, Where
from leadlight.serving.scorer import Ignored, Record

__all__ = ["AHEAD", "Reader"]

AHEAD: Final = 5 * 60 * 1_000_000
"""How far ``as_of`` may lie ahead of the clock: clocks differ."""

_SHAPES: Final[Mapping[tuple[str, ...], tuple[str, ...]]] = {
    (): tuple(ScoreRequest.model_fields),
    ("lead",): tuple(Lead.model_fields),
    ("activities",): tuple(Activity.model_fields),
    ("stage_changes",): tuple(StageChange.model_fields),
    ("attribute_changes",): tuple(AttributeChange.model_fields),
    ("account",): tuple(Account.model_fields),
    ("account", "leads"): tuple(Colleague.model_fields),
    ("account", "activities"): tuple(ColleagueActivity.model_fields),
    ("account", "stage_changes"): tuple(ColleagueStageChange.model_fields),
}
"""Known keys by place, list positions left out."""

_WITH_ATTRIBUTES: Final = ((), ("lead",))

Row = dict[str, Any]


@dataclass(frozen=True)
class Reader:
    """Reads requests for one model.

    Attributes
    ----------
    catalog : Catalog
        Says which attributes are numbers and whether times are needed.
    now : int
        The service's clock, microseconds.
    language : {"en", "es"}
        Of the problems' messages.
    """

    catalog: Catalog
    now: int
    language: str

    def read(self, data: object) -> Record:
        """Return the record of one request.

        Raises
        ------
        Refusal
            ``request_refused``, listing every problem.
        """
        problems = self._attribute_problems(data)
        try:
            request = quick.read(data)
        except ValidationError as error:
            raise self._refusal([*self._shapes.problems(error), *problems]) from None
        as_of = self._as_of(request)
        problems += self._time_problems(request, as_of)
        problems += self._account_problems(request.get("account"), request["lead"]["lead_id"])
        if problems:
            raise self._refusal(problems)
        return self._record(request, as_of)

    def items(self, data: object, most: int) -> list[object]:
        """Return the items of a batch, unread.

        Raises
        ------
        Refusal
            Where the envelope itself is wrong.
        """
        if not isinstance(data, dict):
            raise self._refusal([self._problem((), "not_an_object")])
        known = tuple(BatchRequest.model_fields)
        problems = [
            self._problem((key,), "unknown_key", known=", ".join(known), hint="") for key in data if key not in known
        ]
        items = data.get("items")
        if "items" not in data:
            problems.append(self._problem(("items",), "missing"))
        elif not isinstance(items, list):
            problems.append(self._problem(("items",), "not_a_list"))
        elif len(items) > most:
            problems.append(self._problem(("items",), "too_many_items", limit=most))
        if problems or not isinstance(items, list):
            raise self._refusal(problems)
        return items

    def _refusal(self, problems: list[Problem]) -> Refusal:
        return Refusal("request_refused", problems)

    @property
    def _shapes(self) -> Shapes:
        return Shapes(self.language, _SHAPES, _WITH_ATTRIBUTES)

    def _problem(self, where: Where, rule: str, **values: object) -> Problem:
        return self._shapes.problem(where, rule, **values)

    def _attribute_problems(self, data: object) -> list[Problem]:
        """Find texts where the model knows numbers; also beside problems of shape, so that all come at once."""
        kinds = self.catalog.vocabulary.attributes
        return [
            self._problem(where, "number_expected")
            for where, name, value in _attribute_values(data)
            if kinds.get(name) == "number" and isinstance(value, str | bool)
        ]

    def _as_of(self, request: Row) -> int:
        """Now unless given; never before a lead that the caller's clock has just created or recorded."""
        asked: int | None = request.get("as_of")
        if asked is not None:
            return asked
        lead = request["lead"]
        known = max(lead.get("created_at") or 0, lead.get("recorded_at") or 0)
        return known if self.now < known <= self.now + AHEAD else self.now

    def _time_problems(self, request: Row, as_of: int) -> list[Problem]:
        problems, created = [], request["lead"].get("created_at")
        if as_of > self.now + AHEAD:
            problems.append(self._problem(("as_of",), "as_of_ahead", now=self._clock))
        if created is None:
            return (
                [*problems, self._problem(("lead", "created_at"), "no_created_at")] if self.catalog.dated else problems
            )
        problems += self._known_problems(request, as_of, created)
        problems += [
            self._problem(("stage_changes", row, "occurred_at"), "stage_before_creation")
            for row, change in enumerate(request.get("stage_changes", ()))
            if change["occurred_at"] < created
        ]
        return problems

    def _known_problems(self, request: Row, as_of: int, created: int) -> list[Problem]:
        """Find out whether the lead was there and known by then."""
        if as_of >= created and as_of >= (request["lead"].get("recorded_at") or created):
            return []
        late = "created_at" if as_of < created else "recorded_at"
        if request.get("as_of") is None:
            return [self._problem(("lead", late), "ahead", now=self._clock)]
        return [self._problem(("as_of",), "as_of_before_creation" if as_of < created else "as_of_before_recorded")]

    @property
    def _clock(self) -> str:
        return time_text(self.now, "seconds")

    def _account_problems(self, account: Row | None, own_id: str) -> list[Problem]:
        if account is None:
            return []
        ids: set[str] = set()
        problems = []
        for row, lead in enumerate(account.get("leads", ())):
            if lead["lead_id"] in ids:
                where = ("account", "leads", row, "lead_id")
                problems.append(self._problem(where, "duplicate_lead", lead_id=lead["lead_id"]))
            ids.add(lead["lead_id"])
        for name in ("activities", "stage_changes"):
            problems += [
                self._problem(("account", name, row, "lead_id"), "unknown_lead", lead_id=event["lead_id"])
                for row, event in enumerate(account.get(name, ()))
                if event["lead_id"] not in ids and event["lead_id"] != own_id
            ]
        return problems

    def _record(self, request: Row, as_of: int) -> Record:
        lead, account, words = request["lead"], request.get("account"), _words(self.catalog.vocabulary)
        activities = _known(request.get("activities", ()), as_of, "activity_id")
        stages = _known(request.get("stage_changes", ()), as_of, "change_id")
        moves = request.get("attribute_changes", ())
        changes = _known(moves, as_of, None)
        if lead.get("recorded_at") is None:
            lead["recorded_at"] = lead.get("created_at")
        return Record(
            lead,
            activities.rows,
            stages.rows,
            changes.rows,
            None if account is None else _account(account, lead["lead_id"], as_of),
            as_of,
            Ignored(
                activities.later,
                stages.later,
                changes.later,
                activities.twice + stages.twice + changes.twice,
                _not_among([*lead.get("attributes", ()), *(row["attribute"] for row in moves)], words.attributes),
                _not_among([row["type"] for row in activities.rows], words.activity_types),
                _not_among([row["stage"] for row in stages.rows], words.stages),
            ),
        )


class _Words(NamedTuple):
    """What a vocabulary knows, to look up in."""

    attributes: frozenset[str]
    activity_types: frozenset[str]
    stages: frozenset[str]


@by_identity
def _words(vocabulary: Vocabulary) -> _Words:
    return _Words(*map(frozenset, (vocabulary.attributes, vocabulary.activity_types, vocabulary.stages)))


class _Known(NamedTuple):
    """Events known before a moment, each once."""

    rows: list[Row]
    later: int
    twice: int


def _known(rows: Sequence[Row], as_of: int, key: str | None) -> _Known:
    known = []
    for row in rows:
        if row.get("recorded_at") is None:
            row["recorded_at"] = row["occurred_at"]
        if row["occurred_at"] < as_of and row["recorded_at"] < as_of:
            known.append(row)
    once = _each_once(known, key)
    return _Known(once, len(rows) - len(known), len(known) - len(once))


def _each_once(rows: list[Row], key: str | None) -> list[Row]:
    """Return each event once; of those with one id the one recorded last."""
    with_id = key is not None and any(row.get(key) is not None for row in rows)
    if not with_id and len({row["occurred_at"] for row in rows}) == len(rows):
        return rows  # events of different times are different, whatever else they say
    once: dict[object, Row] = {}
    for row in sorted(rows, key=_recorded) if key else rows:
        once[_identity(row, key)] = row
    return list(once.values())


_recorded: Final[Callable[[Row], int]] = itemgetter("recorded_at")


def _identity(row: Row, key: str | None) -> object:
    """Tell events apart: by their id and lead, else by all they say."""
    if key is not None and row.get(key) is not None:
        return row.get("lead_id"), row[key]
    return frozenset(item for item in row.items() if item[0] != "recorded_at" and item[1] is not None)


def _account(account: Row, own_id: str, as_of: int) -> Row:
    """Return the colleagues' rows; the lead's own are passed over, for the request's own lists count."""

    def theirs(name: str) -> list[Row]:
        return [row for row in account.get(name, ()) if row["lead_id"] != own_id]

    leads = theirs("leads")
    for lead in leads:
        if lead.get("recorded_at") is None:
            lead["recorded_at"] = lead.get("created_at")
    activities = _known(theirs("activities"), as_of, "activity_id")
    stages = _known(theirs("stage_changes"), as_of, "change_id")
    return {"leads": leads, "activities": activities.rows, "stage_changes": stages.rows}


def _not_among(names: Sequence[str], known: frozenset[str]) -> tuple[str, ...]:
    return () if known.issuperset(names) else tuple(sorted(set(names) - known))


def _attribute_values(data: object) -> Iterable[tuple[Where, str, object]]:
    """Yield where each attribute value stands in a request that may have any shape."""
    if not isinstance(data, dict):
        return
    lead = data.get("lead")
    attributes = lead.get("attributes") if isinstance(lead, dict) else None
    if isinstance(attributes, dict):
        yield from ((("lead", "attributes", str(name)), str(name), value) for name, value in attributes.items())
    changes = data.get("attribute_changes")
    for row, change in enumerate(changes if isinstance(changes, list) else ()):
        if isinstance(change, dict) and isinstance(change.get("attribute"), str):
            yield ("attribute_changes", row, "value"), change["attribute"], change.get("value")
