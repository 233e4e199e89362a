"""The quick reading of requests holds what `schemas` holds, and nothing else."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from leadlight.serving.api import quick, schemas
from models import request_body

TIME = "2026-10-01T00:00:00Z"
COLLEAGUE = {"lead_id": "b", "occurred_at": TIME}


def whole() -> dict[str, Any]:
    """Return a request in which everything is said."""
    more = {"recorded_at": TIME, "actor": "ann"}
    activity = {**more, "type": "web_visit", "activity_id": "1", "campaign": "c", "channel": "web", "value": 3}
    stage = {**more, "stage": "new", "change_id": "2", "reason": "", "amount": 1.5}
    return copy.deepcopy(
        request_body(
            lead={
                "lead_id": "L", "created_at": TIME, "recorded_at": TIME, "account_id": "a", "owner_id": "o",
                "attributes": {"a": 1, "b": 2.5, "c": "text", "d": True, "e": None},
            },
            activities=[{**activity, "occurred_at": TIME}],
            stage_changes=[{**stage, "occurred_at": TIME}],
            attribute_changes=[{"attribute": "a", "value": 3, "occurred_at": TIME, "recorded_at": TIME}],
            account={
                "leads": [{"lead_id": "b", "created_at": TIME, "recorded_at": TIME}],
                "activities": [{**activity, **COLLEAGUE}],
                "stage_changes": [{**stage, **COLLEAGUE}],
            },
        )
    )  # fmt: skip


def filled(value: Any) -> Any:
    """Leave out what is not known: the quick reading may leave it out where the slow one says None."""
    if isinstance(value, dict):
        return {key: filled(inner) for key, inner in value.items() if inner not in (None, [], {})}
    return [filled(inner) for inner in value] if isinstance(value, list) else value


def typed(value: Any) -> Any:
    """Tell 1 from 1.0 and True, which Python takes for equal."""
    if isinstance(value, dict):
        return {key: typed(inner) for key, inner in value.items()}
    return [typed(inner) for inner in value] if isinstance(value, list) else (type(value).__name__, value)


def slowly(data: object) -> Any:
    return schemas.ScoreRequest.model_validate(data).model_dump()


def quickly(data: object) -> Any:
    """Read without the way out to `schemas`."""
    request = quick._REQUEST.validate_python(data)
    quick._read_times(request)
    return request


def places(value: Any) -> list[tuple[Any, Any]]:
    pairs = list(value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ())
    return [(value, key) for key, _ in pairs] + [place for _, inner in pairs for place in places(inner)]


odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=3),
    st.sampled_from(
        ["", " ", "x" * 201, "x" * 2001, TIME.lower(), "2026-10-01", "2026-10-01T00:00", "1969-12-31T23:59:59Z",
         "2026-06-30T23:59:60Z", "20261001T000000Z", "2026-W40-4T00:00:00+02:00", "0001-01-01T00:00:00+14:00",
         "1790000000", 1e15, -1e15, 1.0000001e15, 10**15, 10**15 + 1, {}, [], [None], {"a": 1}]
    ),
)  # fmt: skip


@settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_both_readings_take_the_same_and_refuse_the_same(data: st.DataObject) -> None:
    body = whole()
    for _ in range(data.draw(st.integers(0, 2))):
        holder, key = data.draw(st.sampled_from(places(body) or [(body, "lead")]))
        what = data.draw(st.sampled_from(["change", "change", "remove", "add"]))
        if what == "change":
            holder[key] = copy.deepcopy(data.draw(odd))
        elif what == "remove":
            del holder[key]
        elif isinstance(holder, dict):
            holder[data.draw(st.sampled_from(["lead_id", "speed", "", "value", "x" * 201]))] = data.draw(odd)
    try:
        slow = slowly(body)
    except ValidationError:
        with pytest.raises((ValidationError, ValueError)):
            quickly(body)
    else:
        assert typed(filled(quick.read(body))) == typed(filled(slow))


def test_what_is_right_needs_no_second_reading() -> None:
    for body in (whole(), request_body(), {"lead": {"lead_id": "L"}}, schemas.REQUEST_EXAMPLE):
        assert typed(filled(quickly(body))) == typed(filled(slowly(body)))


def test_the_request_itself_is_left_as_it_was() -> None:
    body = whole()
    quick.read(body)
    assert body == whole()


def test_every_key_of_the_schemas_is_read_quickly() -> None:
    body = whole()
    shapes = {
        schemas.ScoreRequest: body,
        schemas.Lead: body["lead"],
        schemas.Activity: body["activities"][0],
        schemas.StageChange: body["stage_changes"][0],
        schemas.AttributeChange: body["attribute_changes"][0],
        schemas.Account: body["account"],
        schemas.Colleague: body["account"]["leads"][0],
        schemas.ColleagueActivity: body["account"]["activities"][0],
        schemas.ColleagueStageChange: body["account"]["stage_changes"][0],
    }
    for shape, said in shapes.items():
        assert set(shape.model_fields) == set(said), shape
