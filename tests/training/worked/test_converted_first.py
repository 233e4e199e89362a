"""Who converts before anybody turned to it: neither worked nor not worked, and no reason to call after the sale."""

import numpy as np
import pandas as pd
import pytest

from histories import history, micros
from leadlight.agreement.terms import parse
from leadlight.core.clock import DAY
from leadlight.training.moments import Moments
from leadlight.training.worked.days import Window
from leadlight.training.worked.facts import clipped
from leadlight.training.worked.moments import Worked, worked
from leadlight.training.worked.seen import Pace
from leadlight.training.worked.words import words_of

NOW, MONDAY = micros("2025-12-01"), micros("2025-03-03")
DAYS = 28
WINDOW = 5


def terms(days=DAYS):
    return parse(f'conversion = {{ stage = "customer", within_days = {days} }}')


def rows(names, days, **what):
    happened = ((name, day) for name, day in zip(names, days, strict=True) if not np.isnan(day))
    return [{"lead_id": name, "occurred_at": MONDAY + int(day * DAY), **what} for name, day in happened]


def look(chance, touched, converted, won=None, *, days=DAYS) -> Worked:
    """Leads that were asked about on one Monday: days until they were called and until they converted, NaN: never."""
    names = [f"L{i:05d}" for i in range(len(chance))]
    known = history(
        [{"lead_id": name, "created_at": "2025-01-01"} for name in names],
        rows(names, touched, type="call"),
        rows(names, converted, stage="customer"),
        queue_log=[
            {"lead_id": name, "occurred_at": MONDAY, "chance": p, "window_days": WINDOW}
            for name, p in zip(names, chance, strict=True)
        ],
        ended_at="2025-12-01",
    )
    n, when = len(names), np.full(len(names), MONDAY)
    won = np.asarray(converted) <= days if won is None else won
    moments = Moments(np.arange(n), when, when, won, np.ones(n, bool), np.zeros(n, bool), np.arange(n))
    return worked(known, terms(days), moments, window=Window(WINDOW), as_of=NOW)


NEVER = float("nan")


@pytest.mark.parametrize(
    ("touched", "converted", "is_worked"),
    [
        (1.0, NEVER, True),
        (1.0, 2.0, True),
        (2.0, 1.0, False),  # the call after the sale
        (1.0, 1.0, False),  # at the same instant nobody can tell
        (1.0, 40.0, True),  # converted, but not within the horizon
        (NEVER, 1.0, False),
    ],
)
def test_a_touch_counts_only_before_the_conversion(touched, converted, is_worked):
    found = look([0.5], [touched], [converted])
    assert found.touched.tolist() == [is_worked]
    assert found.facts.log.worked == is_worked


def test_who_converts_first_counts_by_how_likely_it_still_was_to_be_turned_to():
    """Half of the drawn are called on Tuesday, half on Thursday; leads convert on Monday, Wednesday and Friday."""
    touched = [1.2] * 10 + [3.2] * 10 + [NEVER, NEVER, NEVER, 3.5]
    converted = [NEVER] * 20 + [0.5, 2.5, 4.5, 2.5]
    found = look([0.2] * 24, touched, converted)
    still = found.early / found.chance
    assert still[:20].tolist() == [0.0] * 20
    # (1 - F) / (1 - pF). Of 24 leads one had converted before Tuesday; of the 13 left then two before Thursday, when
    # each call thus counts for more.
    thursday = 10 / (11 / 13)
    gone = 10 / (10 + thursday)
    assert still[20] == pytest.approx(1)
    assert still[21] == pytest.approx((1 - gone) / (1 - 0.2 * gone))
    assert still[21] == still[23]  # whether it was called afterwards says nothing
    assert still[22] == 0
    assert found.facts.log.converted_first == 3
    assert found.taken.tolist() == [True] * 22 + [False, True]
    said = " ".join(words_of(found.facts, {}, {}))
    assert "At 3 moments the lead converted within the window before anybody turned to it" in said


def test_the_pace_is_found_although_conversions_hide_late_turns():
    """A slow look at it: turns are drawn for all, and most of the late ones are never seen."""
    rng, n = np.random.default_rng(0), 200_000
    chance = rng.choice([0.1, 0.6], n)
    turn, sale = rng.integers(0, 10, n) / 2, rng.exponential(6.0, n)
    touched = np.where((rng.random(n) < chance) & (turn < sale), turn, np.inf)
    converted = np.where((sale <= touched) & (sale < 5), sale, np.inf)
    pace = Pace.of(touched, converted, chance)
    times = np.arange(0, 5.5, 0.5)
    assert pace.before(times) == pytest.approx([(turn < t).mean() for t in times], abs=0.015)
    seen = touched[np.isfinite(touched)]
    assert (seen < 2.5).mean() > 0.54  # what was seen is too early


class World:
    """Leads with a hazard of their own; who is called converts ``lift`` times as fast from then on."""

    def __init__(self, seed, *, lift, n=4000, lowest=0.1, horizon=DAYS, fast=False, after_sale=True):
        rng = np.random.default_rng(seed)
        eager = rng.random(n) < 0.3
        self.hazard = np.where(eager, 0.02, 0.005) * (10 if fast else 1)
        self.lift, self.horizon = lift, horizon
        self.chance = np.where(eager, 0.5, lowest)
        drawn, turn = rng.random(n) < self.chance, rng.random(n) * WINDOW
        alone = rng.exponential(1 / self.hazard)
        touched = drawn & (turn < alone)
        self.converted = np.where(touched, turn + (alone - turn) / lift, alone)
        self.converted[self.converted > 60] = NEVER
        in_window = ~touched & (self.converted < WINDOW)
        thanked = np.where(in_window & after_sale, self.converted + 0.01, NEVER)
        self.called = np.where(touched, turn, thanked)

    @property
    def truth(self):
        """Chance if turned to by the end of the window (or the horizon): in closed form, turns being spread evenly."""
        within = min(WINDOW, self.horizon)
        own, more = self.hazard * self.horizon, (self.lift - 1) * self.hazard * within
        spread = 1.0 if self.lift == 1 else np.expm1(more) / more
        return float((1 - np.exp(-self.lift * own) * spread).mean())

    def look(self):
        return look(self.chance, self.called, self.converted, days=self.horizon)


def means(worlds, estimate):
    found = np.array([estimate(world) / world.truth for world in worlds])
    return found.mean(), found.std(ddof=1) / np.sqrt(len(found))


@pytest.mark.parametrize(("lift", "fast"), [(1, False), (1, True), (3, False)])
def test_the_rate_if_worked_is_right_although_reps_call_everybody_after_the_sale(lift, fast):
    worlds = [World(seed, lift=lift, fast=fast) for seed in range(12)]
    looks = [world.look() for world in worlds]
    by_world = dict(zip(map(id, worlds), looks, strict=True))

    def rate(world):
        return by_world[id(world)].facts.clippings[2].rate.value

    def otherwise(share):
        def estimate(world):
            found = by_world[id(world)]
            weight = (found.touched + share * found.first) / found.chance
            return (weight * (world.converted <= DAYS)).sum() / weight.sum()

        return estimate

    mean, error = means(worlds, rate)
    assert abs(mean - 1) < 3 * error < 0.08
    as_worked, error = means(worlds, otherwise(1.0))
    assert as_worked - 1 > 5 * error
    left_out, error = means(worlds, otherwise(0.0))
    assert 1 - left_out > (2 if lift == 1 else 1) * error
    assert np.mean([found.facts.worked_to_expected.value for found in looks]) == pytest.approx(1, abs=0.03)
    assert all(found.facts.used for found in looks)


def test_whether_reps_call_after_the_sale_changes_nothing():
    rates = [World(1, lift=2, after_sale=after).look().facts.rate for after in (True, False)]
    assert rates[0] == rates[1]


def test_a_touch_after_the_horizon_is_none_where_the_window_is_longer():
    found = look([0.5] * 3, [1.5, 2.0, 2.5], [NEVER] * 3, days=2)
    assert found.touched.tolist() == [True, False, False]
    assert found.facts.expected_worked == pytest.approx(0.5)  # a third of the turns come so early


def test_the_rate_is_right_where_the_horizon_is_shorter_than_the_window():
    worlds = [World(seed, lift=3, horizon=2, fast=True) for seed in range(8)]
    looks = [world.look() for world in worlds]
    rates = [found.facts.clippings[2].rate.value / world.truth for found, world in zip(looks, worlds, strict=True)]
    assert abs(np.mean(rates) - 1) < 3 * np.std(rates, ddof=1) / np.sqrt(8) < 0.12
    assert np.mean([found.facts.worked_to_expected.value for found in looks]) == pytest.approx(1, abs=0.03)


def test_who_converts_first_teaches_with_its_own_weight():
    found = look([0.2] * 21, [1.2] * 20 + [NEVER], [NEVER] * 20 + [0.5])
    weight = found.factor(found.taken)
    assert weight.mean() == pytest.approx(1)
    assert weight[-1] / weight[0] == pytest.approx(0.2)


def test_weights_of_those_who_convert_first_are_never_cut_and_cut_nobody():
    chance = np.r_[np.full(20, 0.1), np.full(5000, 0.5)]
    weight = clipped(chance, 0.99, np.r_[np.ones(20), np.full(5000, 0.25)])
    assert weight[0] / weight[-1] == pytest.approx(10 / 0.5)


def test_working_days_that_have_passed_are_those_that_one_counts_by_the_hour():
    window, start = Window(5, ("2025-03-05",)), micros("2025-03-01T12:00")
    hours = np.arange(0, 400, 3)
    working = [t for t in pd.date_range("2025-03-01T12:00", periods=400, freq="h") if t.day_of_week < 5 and t.day != 5]
    expected = [sum(t < pd.Timestamp("2025-03-01T12:00") + pd.Timedelta(hours=h) for t in working) / 24 for h in hours]
    passed = window.passed(np.full(len(hours), start), start + hours * (DAY // 24))
    assert passed == pytest.approx(expected)
