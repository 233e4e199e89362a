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

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from leadlight.core.catalog import Catalog
from leadlight.core.clock import from_micros
from leadlight.core.errors import Problem
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
from leadlight.serving.scorer import Ignored, Record
from leadlight.serving.words import say

__all__ = ["AHEAD", "Reader"]

AHEAD: Final = 5 * 60 * 1_000_000
"""How far ``as_of`` may lie ahead of the clock: clocks differ."""

_RULES: Final[Mapping[str, str]] = {
    "missing": "missing",
    "extra_forbidden": "unknown_key",
    "model_type": "not_an_object",
    "model_attributes_type": "not_an_object",
    "dict_type": "not_an_object",
    "list_type": "not_a_list",
    "string_type": "not_text",
    "string_too_short": "too_short",
    "string_pattern_mismatch": "too_short",
    "string_too_long": "too_long",
    "too_long": "too_many",
    "float_type": "not_number",
    "not_a_time": "not_a_time",
    "no_time_zone": "no_time_zone",
    "too_early": "too_early",
    "not_a_value": "not_a_value",
    "out_of_range": "out_of_range",
}
"""Our rule for each kind of error that pydantic reports."""

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

_NO_NAME: Final = '""'
"""How an empty name is written."""

Where = tuple[int | str, ...]
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
            request = ScoreRequest.model_validate(data)
        except ValidationError as error:
            raise self._refusal([*self._shape_problems(error), *problems]) from None
        as_of = self._as_of(request)
        problems += self._time_problems(request, as_of) + self._account_problems(request.account, request.lead.lead_id)
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

    def _problem(self, where: Where, rule: str, **values: object) -> Problem:
        return Problem(_spell(where), rule, say(f"rule.{rule}", self.language, **values))

    def _shape_problems(self, error: ValidationError) -> list[Problem]:
        return [
            self._shape_problem(found["type"], found["loc"], found.get("ctx", {}))
            for found in error.errors(include_url=False, include_input=False)
        ]

    def _shape_problem(self, kind: str, where: Where, context: Mapping[str, Any]) -> Problem:
        rule = _RULES.get(kind, "invalid")
        if rule == "unknown_key":
            place = tuple(part for part in where[:-1] if isinstance(part, str))
            hint = say("rule.unknown_key.hint", self.language) if place in ((), ("lead",)) else ""
            return self._problem(where, rule, known=", ".join(_SHAPES.get(place, ())), hint=hint)
        if rule == "too_many" and where[-1] == "attributes":
            rule = "too_many_attributes"
        return self._problem(where, rule, limit=context.get("max_length", ""))

    def _attribute_problems(self, data: object) -> list[Problem]:
        """Find texts where the model knows numbers; also beside problems of shape, so that all come at once."""
        kinds = self.catalog.vocabulary.attributes
        return [
            self._problem(where, "number_expected")
            for where, name, value in _attribute_values(data)
            if kinds.get(name) == "number" and isinstance(value, str | bool)
        ]

    def _as_of(self, request: ScoreRequest) -> int:
        """Now unless given; never before a lead that the caller's clock has just created or recorded."""
        if request.as_of is not None:
            return request.as_of
        known = max(request.lead.created_at or 0, request.lead.recorded_at or 0)
        return known if self.now < known <= self.now + AHEAD else self.now

    def _time_problems(self, request: ScoreRequest, as_of: int) -> list[Problem]:
        problems, created = [], request.lead.created_at
        if as_of > self.now + AHEAD:
            problems.append(self._problem(("as_of",), "as_of_ahead", now=self._clock))
        if created is None:
            return (
                [*problems, self._problem(("lead", "created_at"), "no_created_at")] if self.catalog.dated else problems
            )
        problems += self._known_problems(request, as_of, created)
        problems += [
            self._problem(("stage_changes", row, "occurred_at"), "stage_before_creation")
            for row, change in enumerate(request.stage_changes)
            if change.occurred_at < created
        ]
        return problems

    def _known_problems(self, request: ScoreRequest, as_of: int, created: int) -> list[Problem]:
        """Find out whether the lead was there and known by then."""
        if as_of >= created and as_of >= (request.lead.recorded_at or created):
            return []
        late = "created_at" if as_of < created else "recorded_at"
        if request.as_of is None:
            return [self._problem(("lead", late), "ahead", now=self._clock)]
        return [self._problem(("as_of",), "as_of_before_creation" if as_of < created else "as_of_before_recorded")]

    @property
    def _clock(self) -> str:
        return from_micros(self.now).isoformat(timespec="seconds").replace("+00:00", "Z")

    def _account_problems(self, account: Account | None, own_id: str) -> list[Problem]:
        if account is None:
            return []
        ids: set[str] = set()
        problems = []
        for row, lead in enumerate(account.leads):
            if lead.lead_id in ids:
                where = ("account", "leads", row, "lead_id")
                problems.append(self._problem(where, "duplicate_lead", lead_id=lead.lead_id))
            ids.add(lead.lead_id)
        for name in ("activities", "stage_changes"):
            problems += [
                self._problem(("account", name, row, "lead_id"), "unknown_lead", lead_id=event.lead_id)
                for row, event in enumerate(getattr(account, name))
                if event.lead_id not in ids and event.lead_id != own_id
            ]
        return problems

    def _record(self, request: ScoreRequest, as_of: int) -> Record:
        activities = _known(request.activities, as_of, "activity_id")
        stages = _known(request.stage_changes, as_of, "change_id")
        changes = _known(request.attribute_changes, as_of, None)
        account = None if request.account is None else _account(request.account, request.lead.lead_id, as_of)
        vocabulary = self.catalog.vocabulary
        named = [*request.lead.attributes, *(change.attribute for change in request.attribute_changes)]
        lead = request.lead.__dict__.copy()
        lead["recorded_at"] = lead["created_at"] if lead["recorded_at"] is None else lead["recorded_at"]
        return Record(
            lead,
            activities.rows,
            stages.rows,
            changes.rows,
            account,
            as_of,
            Ignored(
                activities.later,
                stages.later,
                changes.later,
                activities.twice + stages.twice + changes.twice,
                _not_among(named, vocabulary.attributes),
                _not_among((row["type"] for row in activities.rows), vocabulary.activity_types),
                _not_among((row["stage"] for row in stages.rows), vocabulary.stages),
            ),
        )


@dataclass(frozen=True, slots=True)
class _Known:
    """Events known before a moment, each once."""

    rows: list[Row]
    later: int
    twice: int


def _known(events: Iterable[Activity | StageChange | AttributeChange], as_of: int, key: str | None) -> _Known:
    rows = [event.__dict__.copy() for event in events]  # its fields and nothing else; dict(event) is slow
    for row in rows:
        if row["recorded_at"] is None:
            row["recorded_at"] = row["occurred_at"]
    known = [row for row in rows if row["occurred_at"] < as_of and row["recorded_at"] < as_of]
    once: dict[object, Row] = {}
    for row in sorted(known, key=_recorded) if key else known:
        once[_identity(row, key)] = row
    return _Known(list(once.values()), len(rows) - len(known), len(known) - len(once))


_recorded: Final[Callable[[Row], int]] = lambda row: row["recorded_at"]  # noqa: E731 - a sort key


def _identity(row: Row, key: str | None) -> object:
    """Tell events apart: by their id and lead, else by all they say."""
    if key is not None and row[key] is not None:
        return row.get("lead_id"), row[key]
    return tuple(item for item in row.items() if item[0] != "recorded_at")


def _account(account: Account, own_id: str, as_of: int) -> Row:
    """Return the colleagues' rows; the lead's own are passed over, for the request's own lists count."""
    leads = [lead.__dict__.copy() for lead in account.leads if lead.lead_id != own_id]
    for lead in leads:
        if lead["recorded_at"] is None:
            lead["recorded_at"] = lead["created_at"]
    activities = _known((a for a in account.activities if a.lead_id != own_id), as_of, "activity_id")
    stages = _known((s for s in account.stage_changes if s.lead_id != own_id), as_of, "change_id")
    return {"leads": leads, "activities": activities.rows, "stage_changes": stages.rows}


def _not_among(names: Iterable[str], known: Iterable[str]) -> tuple[str, ...]:
    there = frozenset(known)
    return tuple(sorted({name for name in names if name not in there}))


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


def _spell(where: Where) -> str:
    """Write a place as people do.

    Examples
    --------
    >>> _spell(("activities", 3, "occurred_at")), _spell(())
    ('activities[3].occurred_at', 'body')
    """
    text = ""
    for part in where:
        if part == "[key]":
            continue
        text += f"[{part}]" if isinstance(part, int) else f".{part[:100] or _NO_NAME}"
    return text.removeprefix(".") or "body"
