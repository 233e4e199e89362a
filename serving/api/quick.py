"""Reading a request that is right, quickly.

`schemas` says what a request may hold and names everything that is wrong, at the price of a Python call for each time
and number. Here are the same shapes for pydantic's compiled part alone; times are read afterwards. Whatever stumbles
here is read again by `schemas`, which then says why, or knows better: the tests hold both to the same answers.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Final, Required

from pydantic import ConfigDict, Field, Strict, StringConstraints, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from leadlight.core.clock import to_micros
from leadlight.serving.api.schemas import (
    ATTRIBUTE_CHARACTERS,
    DATE_CHARACTERS,
    LARGEST,
    MOST_ACTIVITIES,
    MOST_ATTRIBUTES,
    ScoreRequest,
    Word,
)

__all__ = ["read"]

_Row = dict[str, Any]

_Time = Annotated[str, Strict()]
_Number = Annotated[float, Strict(), Field(ge=-LARGEST, le=LARGEST, allow_inf_nan=False)]
_Text = Annotated[str, Strict(), StringConstraints(max_length=ATTRIBUTE_CHARACTERS)]
_Value = Annotated[_Text | Annotated[bool, Strict()] | _Number | None, Field(union_mode="left_to_right")]

_TIMES: Final = {"occurred_at": Required[_Time], "recorded_at": _Time | None}
_ACTIVITY: Final = {
    **_TIMES,
    "type": Required[Word],
    "value": _Number | None,
    **dict.fromkeys(("activity_id", "campaign", "channel", "actor"), Word | None),
}
_STAGE_CHANGE: Final = {
    **_TIMES,
    "stage": Required[Word],
    "reason": _Text | None,
    "amount": _Number | None,
    **dict.fromkeys(("change_id", "actor"), Word | None),
}
_CREATION: Final = {"lead_id": Required[Word], "created_at": _Time | None, "recorded_at": _Time | None}
_ATTRIBUTES: Final = Annotated[dict[Word, _Value], Field(max_length=MOST_ATTRIBUTES)]


def _shape(fields: dict[str, Any]) -> Any:
    """Return an object of these members and no others; all may be left out that are not required."""
    make: Any = TypedDict  # type checkers want to see its members written out
    shape = make("shape", fields, total=False)
    shape.__pydantic_config__ = ConfigDict(extra="forbid")
    return shape


def _many(fields: dict[str, Any]) -> Any:
    return Annotated[list[_shape(fields)], Field(max_length=MOST_ACTIVITIES)]  # type: ignore[misc]


_REQUEST: Final = TypeAdapter(
    _shape(
        {
            "lead": Required[
                _shape({**_CREATION, "account_id": Word | None, "owner_id": Word | None, "attributes": _ATTRIBUTES})
            ],
            "activities": _many(_ACTIVITY),
            "stage_changes": _many(_STAGE_CHANGE),
            "attribute_changes": _many({**_TIMES, "attribute": Required[Word], "value": _Value}),
            "account": _shape(
                {
                    "leads": _many(_CREATION),
                    "activities": _many({**_ACTIVITY, "lead_id": Required[Word]}),
                    "stage_changes": _many({**_STAGE_CHANGE, "lead_id": Required[Word]}),
                }
            )
            | None,
            "as_of": _Time | None,
        }
    )
)


def read(data: object) -> _Row:
    """Return a request's content as plain data: new dictionaries and lists, times in microseconds.

    What was left out may be missing there or None.

    Raises
    ------
    ValidationError
        Of `ScoreRequest`, naming all that is wrong.
    """
    try:
        request: _Row = _REQUEST.validate_python(data)
        _read_times(request)
    except (ValidationError, ValueError):
        return ScoreRequest.model_validate(data).model_dump()
    return request


def _read_times(request: _Row) -> None:
    """Turn texts into microseconds where they stand."""
    _read_each((request,), "as_of")
    _read_each((request["lead"],), "created_at")
    _read_each((request["lead"],), "recorded_at")
    for events in (request, request.get("account") or {}):
        for name in ("activities", "stage_changes", "attribute_changes"):
            rows = events.get(name, ())
            _read_each(rows, "occurred_at")
            _read_each(rows, "recorded_at")
    colleagues = (request.get("account") or {}).get("leads", ())
    _read_each(colleagues, "created_at")
    _read_each(colleagues, "recorded_at")


def _read_each(rows: Iterable[_Row], name: str) -> None:
    for row in rows:
        text = row.get(name)
        if text is not None:
            row[name] = _micros(text)


def _micros(text: str) -> int:
    """Read a time as `schemas` does; what is not plain raises, and is read there."""
    micros = to_micros(datetime.fromisoformat(text))
    if micros < 0 or len(text) <= DATE_CHARACTERS:
        raise ValueError(text)
    return micros
