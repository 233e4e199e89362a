"""Who was worked in time, with which logged chance, and what that is worth."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from histories import history, micros
from leadlight.agreement.terms import parse
from leadlight.core.clock import DAY
from leadlight.training.features_at import FeaturesAt
from leadlight.training.moments import Moments, by_lead_id, draw_dated
from leadlight.training.worked.days import Window
from leadlight.training.worked.facts import clipped, effective
from leadlight.training.worked.moments import Worked, worked
from leadlight.training.worked.words import words_of

NOW = micros("2025-12-01")
MONDAY = "2025-03-03"
TERMS = parse('conversion = { stage = "customer", within_days = 90 }')


def moments_of(*asked, converted=None):
    """Moments of (row of the lead, time)."""
    lead = np.array([row for row, _ in asked], np.int64)
    at = np.array([micros(when) for _, when in asked], np.int64)
    won = np.zeros(len(lead), bool) if converted is None else np.array(converted)
    no, yes = np.zeros(len(lead), bool), np.ones(len(lead), bool)
    return Moments(lead, at, at, won, yes, no, lead)


def entry(lead="a", at=f"{MONDAY}T06:00", chance=0.25, days=5, **more):
    return {"lead_id": lead, "occurred_at": at, "chance": chance, "window_days": days, **more}


def act(lead="a", at="2025-03-04T10:00", kind="call", **more):
    return {"lead_id": lead, "occurred_at": at, "type": kind, **more}


def company(activities=(), log=(), leads=("a", "b"), **more):
    rows = [{"lead_id": lead, "created_at": "2025-01-01"} for lead in leads]
    return history(rows, activities, queue_log=log, ended_at="2025-12-01", **more)


def look(activities=(), log=(), at=MONDAY, window=None, **more) -> Worked:
    asked = moments_of((0, at))
    return worked(company(activities, log, **more), TERMS, asked, window=window or Window(), as_of=NOW)


@pytest.mark.parametrize(
    ("activities", "is_worked"),
    [
        ([], False),
        ([act()], True),
        ([act(kind="web_visit")], False),
        ([act(kind="email_sent", actor="system")], False),  # a newsletter
        ([act(kind="email_sent", actor="rep")], True),
        ([act(kind="email_sent")], True),  # what its name says
        ([act(kind="web_visit", actor="Maria")], False),
        ([act(at="2025-03-07T23:59:59")], True),  # the fifth working day
        ([act(at="2025-03-08T00:00")], False),
        ([act(at="2025-03-02T10:00")], False),  # before the moment
        ([act(recorded_at="2025-12-01T00:00")], False),  # not known yet
        ([act(lead="b")], False),
    ],
)
def test_worked_is_a_person_s_act_within_the_window_that_is_known_by_now(activities, is_worked):
    found = look(activities, [entry()])
    assert found.queued.tolist() == [True]
    assert found.taken.tolist() == [is_worked]


def test_the_mapping_says_who_does_what():
    acts = [act(kind="demo"), act(lead="b", kind="besuch")]
    found = worked(
        company(acts, [entry(), entry("b")], doers={"demo": "lead", "besuch": "rep"}),
        TERMS,
        moments_of((0, MONDAY), (1, MONDAY)),
        window=Window(),
        as_of=NOW,
    )
    assert found.touched.tolist() == [False, True]


@pytest.mark.parametrize(
    ("log", "at", "chance", "why"),
    [
        ([entry()], MONDAY, 0.25, None),
        ([entry(at="2025-03-01T09:00")], MONDAY, 0.25, None),  # a Saturday: its window begins on Monday
        ([entry()], "2025-03-01", 0.25, None),  # and so does that of a moment on Saturday
        ([entry(chance=0.5), entry(at=f"{MONDAY}T07:00")], MONDAY, 0.25, None),  # the latest of the day
        ([], MONDAY, None, "no log entry"),
        ([entry()], "2025-03-04", None, "no log entry"),  # in the middle of a window
        ([entry("b")], MONDAY, None, "no log entry"),
        ([entry(recorded_at="2025-12-02")], MONDAY, None, "no log entry"),  # not known yet
        ([entry(days=3)], MONDAY, None, "another length"),
        ([entry(recorded_at="2025-03-08")], MONDAY, None, "after the window"),
    ],
)
def test_a_moment_has_the_chance_of_the_window_that_begins_on_its_own_working_day(log, at, chance, why):
    found = look([act()], log, at)
    assert found.queued.tolist() == [chance is not None]
    assert chance is None or found.chance[0] == chance
    counted = {reason for reason, n in found.facts.left_out.items() if n}
    assert len(counted) == (why is not None)
    assert why is None or why in counted.pop()


def test_a_moment_after_the_first_touch_of_its_window_has_no_chance_of_its_own():
    found = look([act(at=f"{MONDAY}T08:00")], [entry()], at=f"{MONDAY}T12:00")
    assert not found.queued.any()
    assert found.facts.left_out["a person had turned to the lead before the moment"] == 1


def test_holidays_and_weekends_are_no_working_days():
    late = [act(at="2025-03-10T10:00")]
    assert not look(late, [entry()]).taken.any()
    assert look(late, [entry()], window=Window(5, ("2025-03-05",))).taken.all()
    assert Window(1).end(np.array([micros("2025-03-07T15:00")])).tolist() == [micros("2025-03-08")]
    assert Window(2).end(np.array([micros("2025-03-07T15:00")])).tolist() == [micros("2025-03-11")]


def test_the_window_is_what_was_agreed_else_what_the_log_says_else_a_week():
    logged = company(log=[entry(days=3), entry("b", days=3), entry(at="2025-04-07", days=8)])
    agreed = parse("[queue]\nwindow_days = 8\nholidays = [2025-12-25]")
    assert Window.agreed(agreed, logged) == Window(8, ("2025-12-25",))
    assert Window.agreed(parse(""), logged) == Window(3)
    assert Window.agreed(parse(""), company()) == Window(5)


days = st.integers(0, 40)
events = st.lists(
    st.tuples(st.integers(0, 2), days, st.integers(0, 23), st.sampled_from(["call", "web_visit"]), st.integers(0, 20)),
    max_size=12,
)
entries = st.dictionaries(
    st.tuples(st.integers(0, 2), days, st.integers(0, 23)),
    st.tuples(st.sampled_from([0.1, 0.5, 1.0]), st.sampled_from([2, 5]), st.integers(0, 9)),
    max_size=10,
)


sales = st.dictionaries(st.integers(0, 2), st.tuples(days, st.integers(0, 23)), max_size=3)


@settings(max_examples=40, deadline=None)
@given(acts=events, log=entries, sold=sales, horizon=st.sampled_from([2, 90]), order=st.randoms(use_true_random=False))
def test_it_is_the_same_as_looking_moment_by_moment(acts, log, sold, horizon, order):
    names, start, hour = ("a", "b", "c"), micros("2025-03-01"), DAY // 24  # a Saturday

    def working_days(since):
        return [day for day in range(since // 24, since // 24 + 12) if (day + 5) % 7 < 5]

    def at(hours):
        return start + hours * hour

    touches = [(who, 24 * d + h, 24 * (d + late) + h, kind) for who, d, h, kind, late in acts]
    rows = [(who, 24 * d + h, 24 * (d + late) + h, p, days) for (who, d, h), (p, days, late) in log.items()]
    order.shuffle(touches)
    order.shuffle(rows)
    now = 24 * 45
    asked = [(who, 24 * day) for who in range(3) for day in range(0, 40, 3)]
    own_company = company(
        [act(names[who], at(t), kind, recorded_at=at(r)) for who, t, r, kind in touches],
        [entry(names[who], at(t), p, days, recorded_at=at(r)) for who, t, r, p, days in rows],
        leads=names,
        stage_changes=[
            {"lead_id": names[who], "occurred_at": at(24 * d + h), "stage": "customer"} for who, (d, h) in sold.items()
        ],
    )
    terms = replace(TERMS, within_days=float(horizon))
    found = worked(own_company, terms, moments_of(*((who, at(t)) for who, t in asked)), window=Window(5), as_of=at(now))

    for i, (who, moment) in enumerate(asked):
        own = [(t, r, p, days) for one, t, r, p, days in rows if one == who and max(t, r) < now]
        own = [row for row in own if working_days(row[0])[0] == working_days(moment)[0]]
        times = [t for one, t, r, kind in touches if one == who and kind == "call" and max(t, r) < now]
        opened, recorded, chance, days = max(own, default=(moment, 0, np.nan, 0))
        since, end = max(opened, moment), 24 * (working_days(moment)[4] + 1)
        in_time = recorded < 24 * (working_days(opened)[4] + 1)
        untouched = not any(min(opened, moment) <= t < since for t in times)
        expected = chance if own and days == 5 and in_time and untouched else np.nan
        assert np.array_equal(found.chance[i], expected, equal_nan=True)
        known = [row for row in rows if max(row[1:3]) < now]  # without a log nothing is asked about sales
        sale = min(
            (24 * d + h for one, (d, h) in sold.items() if known and one == who and 24 * d + h >= moment), default=9999
        )
        first = min((t for t in times if t >= since), default=9999)
        assert found.touched[i] == (first < min(end, sale, moment + 24 * horizon))
        if found.early[i]:
            assert sale <= first
            assert sale < end
            assert sale <= moment + 24 * horizon
            assert 0 < found.early[i] <= found.chance[i]


def many(chances, touched, converted):
    """A company of as many leads as there are chances, each asked once, with what became of it."""
    names = [f"L{i:04d}" for i in range(len(chances))]
    log = [entry(name, chance=float(p)) for name, p in zip(names, chances, strict=True) if not np.isnan(p)]
    calls = [act(name) for name, t in zip(names, touched, strict=True) if t]
    asked = moments_of(*((i, MONDAY) for i in range(len(names))), converted=converted)
    return worked(company(calls, log, leads=names), TERMS, asked, window=Window(), as_of=NOW)


def drawn(n=1500, seed=1, lowest=0.02, honest=True):
    """Leads of many points are worked mostly, and convert; all convert if worked as often as their kind does."""
    rng = np.random.default_rng(seed)
    busy = rng.random(n) < 0.3
    chance = np.where(busy, 0.6, lowest)
    touched = rng.random(n) < (chance if honest else chance * np.where(busy, 1, 4))
    rate = np.where(busy, 0.4, 0.2) * np.where(touched, 1.0, 0.25)
    return many(chance, touched, rng.random(n) < rate)


def test_the_rate_if_worked_is_that_of_all_not_of_those_who_were_worked():
    true = 0.3 * 0.4 + 0.7 * 0.2
    found = [drawn(1500, seed, lowest=0.1).facts for seed in range(8)]
    mean, error = np.mean([f.rate.value for f in found]), np.std([f.rate.value for f in found]) / np.sqrt(8)
    assert abs(mean - true) < 4 * error < 0.06
    assert sum(f.rate.low < true < f.rate.high for f in found) >= 6
    assert np.mean([f.practice.value for f in found]) < 0.75 * true
    assert all(f.used and f.smallest_chance == 0.1 for f in found)
    assert all(f.worked_to_expected.low < 1.1 and f.worked_to_expected.high > 0.9 for f in found)
    assert [c.at for c in found[0].clippings] == ["95th percentile", "99th percentile", "none"]


def test_weights_are_one_over_the_chance_clipped_with_a_mean_of_one():
    chance = np.array([0.5] * 99 + [0.01])
    assert clipped(chance, 1.0)[-1] / clipped(chance, 1.0)[0] == pytest.approx(50)
    assert clipped(chance, 0.95) == pytest.approx(np.ones(100))
    assert clipped(chance, 1.0).mean() == pytest.approx(1)
    assert effective(np.ones(40)) == pytest.approx(40)
    assert effective(np.array([1.0, 0.0, 0.0])) == pytest.approx(1)


def test_clipping_is_shown_at_three_places():
    rng = np.random.default_rng(0)
    chance = rng.uniform(0.02, 1, 2000)
    facts = many(chance, rng.random(2000) < chance, rng.random(2000) < 0.2).facts
    cut = [c.share_clipped for c in facts.clippings]
    assert cut[0] == pytest.approx(0.05, abs=0.005)
    assert cut[1] == pytest.approx(0.01, abs=0.003)
    assert cut[2] == 0
    sizes = [c.effective for c in facts.clippings]
    assert sizes[0] > sizes[1] > sizes[2]


def test_below_an_effective_size_of_a_hundred_it_is_shown_and_not_used():
    facts = drawn(300).facts
    assert facts.effective < 100
    assert not facts.used
    assert any("shown and not used" in said for said in words_of(facts, {}, {}))


def test_many_moments_of_one_lead_are_not_many_leads():
    """Thirty leads, each worked in ten weeks: three hundred moments, and as much as thirty leads know."""
    names, rng = [f"L{i:04d}" for i in range(30)], np.random.default_rng(0)
    mondays = [pd.Timestamp(MONDAY, tz="UTC") + pd.Timedelta(weeks=w) for w in range(10)]
    log = [entry(name, day + pd.Timedelta(hours=6), chance=1.0) for name in names for day in mondays]
    calls = [act(name, day + pd.Timedelta(days=1)) for name in names for day in mondays]
    asked = moments_of(*((i, day) for i in range(30) for day in mondays), converted=rng.random(300) < 0.3)
    found = worked(company(calls, log, leads=names), TERMS, asked, window=Window(), as_of=NOW)
    assert found.facts.worked == 300
    assert found.facts.effective == pytest.approx(30)
    assert not found.facts.used
    assert "30 leads of equal weight" in found.facts.why


def test_what_does_not_teach_does_not_count_for_using_it():
    found = drawn(1500, lowest=0.1)
    assert found.facts.used
    assert found.facts.teaching == found.facts.log
    names = [f"L{i:04d}" for i in range(1500)]
    log = [entry(name, chance=float(p)) for name, p in zip(names, found.chance, strict=True)]
    calls = [act(name) for name, touched in zip(names, found.touched, strict=True) if touched]
    asked = moments_of(*((i, MONDAY) for i in range(1500)), converted=np.arange(1500) % 4 == 0)
    teach = np.arange(1500) < 100
    given = {"window": Window(), "as_of": NOW, "teach": teach}
    facts = worked(company(calls, log, leads=names), TERMS, asked, **given).facts
    assert facts.effective > 100 > facts.teaching.effective
    assert facts.teaching.worked == (found.taken & teach).sum()
    assert not facts.used
    assert sum("as much as" in said for said in words_of(facts, {}, {})) == 3  # the log, what teaches, why not


def test_a_log_that_does_not_say_what_happened_is_not_believed():
    facts = drawn(4000, honest=False, lowest=0.1).facts
    assert not facts.used
    assert "the log does not say what happened" in facts.why


def test_without_a_log_there_is_one_estimate_and_the_report_says_so():
    found = look([act()], [])
    assert not found.facts.used
    assert found.facts.log_entries == 0
    (said,) = words_of(found.facts, {}, {})
    assert "under today's practice" in said
    assert "can't be guessed afterwards" in said


def test_where_all_or_none_converted_nothing_is_used():
    assert "none, or every one" in many(np.ones(300), np.ones(300, bool), np.zeros(300, bool)).facts.why


def test_facts_are_json():
    said = json.loads(json.dumps(drawn(300).facts.to_dict()))
    assert said["clippings"][1]["at"] == "99th percentile"
    assert len(said["practice"]) == 3


def test_what_becomes_known_later_changes_nothing():
    acts, log = [act(), act("b", "2025-03-20")], [entry(), entry("b"), entry(at="2025-03-10T06:00", chance=0.5)]
    now = micros("2025-03-15")
    asked = moments_of((0, MONDAY), (1, MONDAY), (0, "2025-03-10"))
    whole = worked(company(acts, log), TERMS, asked, window=Window(), as_of=now)
    cut = worked(company(acts[:1], log), TERMS, asked, window=Window(), as_of=now)
    assert np.array_equal(whole.chance, cut.chance, equal_nan=True)
    assert np.array_equal(whole.touched, cut.touched)


def test_the_log_is_never_a_feature():
    agreement = parse('[[scorecard]]\nwhen = { activity = "web_visit" }\npoints = 5')
    acts = [act(at=pd.Timestamp("2025-02-01", tz="UTC") + pd.Timedelta(days=i), kind="web_visit") for i in range(30)]
    logged = company(acts, [entry(), entry("b"), entry(at="2025-03-10T06:00", chance=0.9)])
    asked = moments_of((0, "2025-03-17"), (1, "2025-03-17"))
    without = replace(logged, queue_log=company().queue_log)
    both = [FeaturesAt.drawn_up(h, agreement, asked, np.ones(2, bool), NOW) for h in (logged, without)]
    assert both[0].catalog == both[1].catalog
    assert np.array_equal(both[0].matrix, both[1].matrix, equal_nan=True)
    assert not any("queue" in f.name or "chance" in f.name for f in both[0].catalog.features)


def test_a_log_and_moments_as_training_draws_them():
    log = [
        entry(name, pd.Timestamp(MONDAY, tz="UTC") + pd.Timedelta(weeks=w, hours=6)) for w in range(9) for name in "ab"
    ]
    logged = by_lead_id(company([act()], log))
    drawn = draw_dated(logged, goal_stage="sql", within_days=30.0, as_of=NOW)
    mature = drawn.moments.take(drawn.moments.mature)
    found = worked(logged, TERMS, mature, window=Window(), as_of=NOW)
    assert found.queued.sum() == 18
    assert found.taken.sum() == 1
    assert (mature.as_of[found.queued] % DAY == 0).all()
