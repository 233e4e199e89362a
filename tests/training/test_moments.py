import hashlib

import numpy as np
import pandas as pd
import pytest

from histories import history, micros
from leadlight.core.clock import DAY, from_micros
from leadlight.core.history import FlatOutcome
from leadlight.training import moments as m
from leadlight.training.moments import draw_dated, draw_flat, open_leads, share_of, shared


def draw(leads, changes=(), *, days=30, as_of="2025-06-02", goal="sql"):
    table = history(leads, stage_changes=changes, ended_at=as_of)
    return draw_dated(table, goal_stage=goal, within_days=days, as_of=micros(as_of))


def days_of(drawn, rows=slice(None)):
    return [from_micros(int(t)).date().isoformat() for t in drawn.moments.as_of[rows]]


def test_moments_are_mondays_at_midnight_after_the_lead_was_known():
    drawn = draw([{"lead_id": "a", "created_at": "2025-05-05"}], as_of="2025-05-27")  # a Monday itself
    assert days_of(drawn) == ["2025-05-12", "2025-05-19", "2025-05-26"]
    assert all(from_micros(int(t)).weekday() == 0 for t in drawn.moments.as_of)


def test_a_moment_within_the_reporting_lag_is_not_mature():
    """Its horizon has passed, but a win at its end may not have been recorded yet."""
    won = [{"lead_id": "b", "occurred_at": "2025-05-10", "recorded_at": "2025-05-20", "stage": "sql"}]
    drawn = draw([{"lead_id": i, "created_at": "2025-01-01"} for i in "ab"], won)
    between = drawn.moments.as_of == micros("2025-04-28")  # 35 days before the training day; horizon 30, lag 10
    assert between.any()
    assert not drawn.moments.mature[between].any()
    assert drawn.moments.mature[drawn.moments.as_of == micros("2025-04-21")].all()


def test_a_lead_that_comes_on_a_monday_at_midnight_is_first_asked_about_a_week_later():
    leads = [{"lead_id": "a", "created_at": "2025-01-01"}, {"lead_id": "b", "created_at": "2025-05-05"}]
    drawn = draw(leads, as_of="2025-05-20")
    assert days_of(drawn, np.flatnonzero(drawn.moments.lead == 1)) == ["2025-05-12", "2025-05-19"]


def test_a_moment_is_mature_when_horizon_and_lag_have_passed_whatever_the_outcome_so_far():
    leads = [{"lead_id": "a", "created_at": "2025-01-01"}, {"lead_id": "b", "created_at": "2025-01-01"}]
    won = [{"lead_id": "b", "occurred_at": "2025-05-28", "recorded_at": "2025-05-30", "stage": "sql"}]
    drawn = draw(leads, won)
    assert drawn.gap == 32 * DAY  # two days to record the only win
    assert (drawn.moments.mature == (drawn.moments.as_of + 32 * DAY <= micros("2025-06-02"))).all()
    young = drawn.moments.take((drawn.moments.lead == 1) & ~drawn.moments.mature)
    assert len(young) > 0
    assert not young.converted.any()  # though we already know that it converted


def test_labels_by_hand():
    changes = [
        {"lead_id": "a", "occurred_at": "2025-02-05", "stage": "sql"},
        {"lead_id": "b", "occurred_at": "2025-01-20", "stage": "recycled"},
        {"lead_id": "c", "occurred_at": "2025-01-20", "stage": "disqualified"},
    ]
    drawn = draw([{"lead_id": i, "created_at": "2025-01-01"} for i in "abc"], changes)
    a, b, c = (drawn.moments.take((drawn.moments.lead == i) & drawn.moments.mature) for i in range(3))
    within_30_days = [(micros("2025-02-05") - t) <= 30 * DAY for t in a.as_of]
    assert a.converted.tolist() == within_30_days == [True] * 5  # 6, 13, 20, 27 January and 3 February
    assert not b.converted.any()
    assert len(b) > 10  # recycling ends nothing
    assert days_of(drawn, np.flatnonzero(drawn.moments.lead == 2)) == ["2025-01-06", "2025-01-13", "2025-01-20"]
    assert not c.converted.any()


def test_a_win_recorded_after_the_lag_is_flagged_and_stays_0():
    leads = [{"lead_id": str(i), "created_at": "2025-01-01"} for i in range(41)]
    changes = [{"lead_id": str(i), "occurred_at": "2025-01-25", "stage": "sql"} for i in range(40)]
    changes.append({"lead_id": "40", "occurred_at": "2025-01-25", "recorded_at": "2025-05-25", "stage": "sql"})
    drawn = draw(leads, changes)
    assert drawn.gap == 30 * DAY
    late = drawn.moments.take(drawn.moments.lead == 40)
    assert late.late_win.any()
    assert not late.converted.any()
    assert drawn.facts["late_wins_kept_as_0"] == int(late.late_win.sum())


def test_moments_of_a_lead_share_a_weight_of_one():
    lead = np.array([0, 0, 0, 1, 2, 2])
    assert np.bincount(lead, shared(lead)).tolist() == pytest.approx([1, 1, 1])


def test_too_many_moments_are_thinned_by_whole_weeks_and_said(monkeypatch):
    monkeypatch.setattr(m, "MAX_MOMENTS", 10)
    leads = [{"lead_id": str(i), "created_at": "2025-04-30"} for i in range(5)]
    drawn = draw(leads, as_of="2025-06-02")
    assert sorted(set(days_of(drawn))) == ["2025-05-12", "2025-06-02"]  # five weeks, every third, counted from the last
    assert drawn.facts["thinned_to_every_nth_week"] == 3
    assert "one week in 3" in drawn.facts["drawn"]


def test_open_leads_are_those_of_the_queue():
    changes = [
        {"lead_id": "b", "occurred_at": "2025-05-01", "stage": "disqualified"},
        {"lead_id": "c", "occurred_at": "2025-05-01", "recorded_at": "2025-06-20", "stage": "sql"},
        {"lead_id": "d", "occurred_at": "2025-05-01", "stage": "recycled"},
    ]
    table = history([{"lead_id": i, "created_at": "2025-01-01"} for i in "abcd"], stage_changes=changes)
    now = micros("2025-06-02")
    assert open_leads(table, goal_stage="sql", as_of=now).tolist() == [0, 2, 3]  # c: won, but nobody has told us


def test_a_flat_export_asks_once_a_lead_and_shows_its_youngest_tenth():
    n = 20
    outcome = FlatOutcome(pd.Series([i >= 18 for i in range(n)]), "column", pd.Series(range(n)), "won")
    drawn = draw_flat(history([{"lead_id": str(i)} for i in range(n)], outcome=outcome))
    assert drawn.gap == 0
    assert drawn.moments.mature.all()
    assert drawn.facts["base_rate"] == pytest.approx(0.1)
    assert drawn.facts["youngest_tenth_base_rate"] == 1.0


def test_bulk_imports_are_counted_but_dates_without_a_time_of_day_are_not():
    imported = [{"lead_id": f"i{i}", "created_at": "2025-01-01T10:11:12"} for i in range(100)]
    by_date = [{"lead_id": f"d{i}", "created_at": "2025-01-02"} for i in range(100)]
    assert draw([*imported, *by_date]).facts["bulk_imported"] == 100


def test_a_name_always_falls_on_the_same_place():
    digest = hashlib.blake2b(b"measuring side" + b"A-77", digest_size=8).digest()
    assert share_of(["A-77"], "measuring side")[0] == int.from_bytes(digest[:6], "big") / 2**48
    places = share_of([str(i) for i in range(4000)], "x")
    assert np.histogram(places, 4, (0, 1))[0] == pytest.approx([1000] * 4, rel=0.1)
