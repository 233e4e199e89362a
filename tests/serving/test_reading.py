from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadlight.core.clock import to_micros
from leadlight.serving.api.problems import Refusal
from leadlight.serving.api.reading import AHEAD, Reader
from leadlight.serving.scorer import Record, Scorer
from models import request_body, trained

MODEL = trained()
NOW = to_micros(datetime(2026, 11, 23, 9, tzinfo=UTC))
READER = Reader(MODEL.catalog, NOW, "en")
SCORER = Scorer(MODEL, 7)


def read(**changes: Any) -> Record:
    return READER.read(request_body(**changes))


def act(when: str = "2026-11-01T10:00:00Z", **more: Any) -> dict[str, Any]:
    return {"type": "web_visit", "occurred_at": when, **more}


def test_now_is_the_moment_unless_given() -> None:
    assert READER.read({k: v for k, v in request_body().items() if k != "as_of"}).as_of == NOW


def test_a_lead_just_created_by_a_faster_clock_can_be_scored() -> None:
    ahead = {"lead": {"lead_id": "x", "created_at": "2026-11-23T09:00:04Z"}}
    assert READER.read(ahead).as_of == NOW + 4_000_000
    with pytest.raises(Refusal) as refused:
        READER.read({"lead": {"lead_id": "x", "created_at": "2026-11-23T09:05:01Z"}})
    assert [(p.where, p.rule) for p in refused.value.problems] == [("lead.created_at", "ahead")]


def test_a_lead_can_not_be_scored_before_it_was_known() -> None:
    lead = {"lead_id": "x", "created_at": "2026-09-14T09:00:00Z", "recorded_at": "2026-11-20T00:00:00Z"}
    assert read(lead=lead, as_of="2026-11-20T00:00:00Z").lead["recorded_at"] is not None
    with pytest.raises(Refusal) as refused:
        read(lead=lead, as_of="2026-11-19T23:59:59Z", stage_changes=[])
    assert [(p.where, p.rule) for p in refused.value.problems] == [("as_of", "as_of_before_recorded")]
    just_now = {"lead": {**lead, "recorded_at": "2026-11-23T09:00:04Z"}}
    assert READER.read(just_now).as_of == NOW + 4_000_000
    with pytest.raises(Refusal) as refused:
        READER.read({"lead": {**lead, "recorded_at": "2026-12-23T09:00:04Z"}})
    assert [(p.where, p.rule) for p in refused.value.problems] == [("lead.recorded_at", "ahead")]


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-01T10:00:00z",
        "2026-11-01t10:00:00Z",
        "2026-11-01 10:00:00+00:00",
        "20261101T100000Z",
        "2026-11-02T00:00:00+14:00",
        "2026-11-01T10:00:00.0000009Z",
    ],
)
def test_one_instant_in_all_its_spellings(written: str) -> None:
    [activity] = read(activities=[act(written)]).activities
    assert activity["occurred_at"] == to_micros(datetime(2026, 11, 1, 10, tzinfo=UTC))


def test_five_minutes_ahead_are_allowed_and_not_a_second_more() -> None:
    assert read(as_of="2026-11-23T09:05:00Z").as_of == NOW + AHEAD
    with pytest.raises(Refusal):
        read(as_of="2026-11-23T09:05:00.000001Z")


def test_what_lies_at_or_after_the_moment_by_either_clock_is_passed_over_and_counted() -> None:
    record = read(
        activities=[
            act("2026-11-23T07:59:59.999999Z"),
            act("2026-11-23T08:00:00Z"),
            act("2026-12-24T00:00:00Z"),
            act("2026-11-01T10:00:00Z", recorded_at="2026-11-23T08:00:00Z"),
        ],
        stage_changes=[{"stage": "mql", "occurred_at": "2026-11-23T08:30:00Z"}],
        attribute_changes=[{"attribute": "employees", "value": 3, "occurred_at": "2026-11-23T08:30:00Z"}],
    )
    assert len(record.activities) == 1
    assert record.ignored.later_activities == 3
    assert (record.ignored.later_stage_changes, record.ignored.later_attribute_changes) == (1, 1)


def test_what_comes_later_changes_no_score() -> None:
    sooner = read()
    later = read(
        activities=[*request_body()["activities"], act("2026-11-23T08:00:00Z"), act("2027-01-01T00:00:00Z")],
        stage_changes=[*request_body()["stage_changes"], {"stage": "sql", "occurred_at": "2026-11-23T08:00:00Z"}],
    )
    assert SCORER.answer(later).log_odds == SCORER.answer(sooner).log_odds


def test_sending_twice_is_harmless_and_corrections_win() -> None:
    first = act(activity_id="a", value=1.0)
    corrected = act(activity_id="a", value=2.0, recorded_at="2026-11-02T00:00:00Z")
    too_late = act(activity_id="a", value=3.0, recorded_at="2026-11-24T00:00:00Z")
    for sent in ([first, corrected, too_late], [too_late, corrected, first]):
        record = read(activities=sent)
        assert [row["value"] for row in record.activities] == [2.0]
        assert (record.ignored.duplicates, record.ignored.later_activities) == (1, 1)
    same = read(activities=[act(), act(recorded_at="2026-11-05T00:00:00Z"), act("2026-11-01T10:00:01Z")])
    assert (len(same.activities), same.ignored.duplicates) == (2, 1)


def test_unknown_words_are_listed_and_count_as_other() -> None:
    body = request_body(
        activities=[act(type="handshake"), act("2026-11-02T00:00:00Z", type="handshake")],
        stage_changes=[{"stage": "limbo", "occurred_at": "2026-11-02T00:00:00Z"}],
    )
    body["lead"]["attributes"]["shoe_size"] = 43
    record = READER.read(body)
    assert record.ignored.other_activity_types == ("handshake",)
    assert record.ignored.other_stages == ("limbo",)
    assert record.ignored.unknown_attributes == ("shoe_size",)
    SCORER.answer(record)


def test_times_in_any_zone_are_the_same_instant() -> None:
    utc, zone = read(activities=[act("2026-11-01T10:00:00Z")]), read(activities=[act("2026-11-01T12:00:00+02:00")])
    assert utc.activities == zone.activities


def test_an_account_of_the_leads_own_rows_is_known_and_holds_nobody_else() -> None:
    own = {"leads": [{"lead_id": "L-1042"}], "activities": [act(lead_id="L-1042")]}
    alone = SCORER.answer(read(account={}))
    assert SCORER.answer(read(account=own)).log_odds == alone.log_odds
    assert "account" not in alone.missing
    assert "account" in SCORER.answer(read()).missing


def test_colleagues_count() -> None:
    account = {
        "leads": [{"lead_id": "b", "created_at": "2026-10-01T00:00:00Z"}],
        "activities": [act(lead_id="b")],
        "stage_changes": [{"lead_id": "b", "stage": "sql", "occurred_at": "2026-11-02T00:00:00Z"}],
    }
    assert SCORER.answer(read(account=account)).log_odds != SCORER.answer(read(account={})).log_odds


@pytest.mark.parametrize("value", [True, 3, 3.0, "3", None])
def test_a_category_takes_any_plain_value(value: Any) -> None:
    body = request_body()
    body["lead"]["attributes"]["source"] = value
    SCORER.answer(READER.read(body))


def test_numbers_up_to_a_bound_that_no_score_can_overflow() -> None:
    body = request_body()
    for value in (1e15, -1e15, 5e-324, 0, 10**15):
        body["lead"]["attributes"]["employees"] = value
        SCORER.answer(READER.read(body))
    for value in (1.1e15, -1.7e308, 10**300):
        body["lead"]["attributes"]["employees"] = value
        with pytest.raises(Refusal) as refused:
            READER.read(body)
        assert [problem.rule for problem in refused.value.problems] == ["out_of_range"]


_TIMES = st.datetimes(datetime(2026, 9, 15), datetime(2026, 11, 22)).map(lambda t: t.isoformat() + "Z")  # noqa: DTZ001
_EVENTS = st.lists(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["web_visit", "demo_request", "email_sent", "x"]), "occurred_at": _TIMES}
    ),
    max_size=12,
)


@settings(deadline=None, max_examples=40)
@given(_EVENTS, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(events: list[dict[str, Any]], random: Any) -> None:
    shuffled = random.sample(events, len(events))
    one, other = SCORER.answer(read(activities=events)), SCORER.answer(read(activities=shuffled))
    assert one.log_odds == other.log_odds
    assert [reason.text for reason in one.reasons] == [reason.text for reason in other.reasons]
