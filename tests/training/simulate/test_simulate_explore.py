"""The simulated company with a queue that explores: the log is right, and the truth stays exact."""

import hashlib
from datetime import datetime

import numpy as np
import pandas as pd
import pytest

from leadlight.agreement.queue import Queue
from leadlight.agreement.terms import parse
from leadlight.core.errors import UsageError
from leadlight.core.source import read_history
from leadlight.training.simulate import Simulated, simulate, write
from leadlight.training.simulate.behaviour import MOST_POINTS, behaviour_of, draw_week
from leadlight.training.simulate.chances import chances_within_horizon
from leadlight.training.simulate.need import step_tables
from leadlight.training.simulate.sales import PICKED, STOPPED, outcomes_of, picked_with
from leadlight.training.simulate.worlds import World

TABLES = ("leads", "activities", "stage_changes", "attribute_changes", "campaign_costs", "truth")
HORIZON, WEEK = pd.Timedelta(days=90), pd.Timedelta(days=7)
AS_BEFORE = "7a66797a931cc589281ae4b8ba7ed66de2b6f8e60b96c86b41aaacbe3d111e0c"
"""SHA-256 of the tables of 120 leads, seed 3, as they were before a queue could explore."""


@pytest.fixture(scope="module")
def company() -> Simulated:
    return simulate(leads=2500, seed=2, explore=0.1)


def digest(company: Simulated) -> str:
    text = "".join(getattr(company, table).to_csv(index=False, lineterminator="\n") for table in TABLES)
    return hashlib.sha256(text.encode()).hexdigest()


def test_without_exploration_nothing_is_otherwise_than_before():
    never, none = simulate(leads=120, seed=3), simulate(leads=120, seed=3, explore=0.0)
    assert digest(never) == digest(none) == AS_BEFORE
    assert never.queue_log is none.queue_log is None
    assert never.agreement_toml == none.agreement_toml
    assert "[queue]" not in never.agreement_toml


def test_the_log_names_every_open_lead_that_no_rep_has_in_hand(company):
    opened = company.truth[company.truth["as_of"] < company.ended_at - pd.Timedelta(days=30)]
    stages = company.stage_changes.sort_values("occurred_at", kind="stable")[["lead_id", "occurred_at", "stage"]]
    last = pd.merge_asof(opened.sort_values("as_of"), stages, left_on="as_of", right_on="occurred_at", by="lead_id")
    expected = set(zip(last["lead_id"], last["as_of"], last["stage"] == "sal", strict=True))
    log = company.queue_log.assign(as_of=company.queue_log["occurred_at"].dt.floor("D"))
    logged = set(zip(log["lead_id"], log["as_of"], strict=True))
    assert {(lead, as_of) in logged for lead, as_of, in_hand in expected if in_hand} == {False}
    assert {(lead, as_of) in logged for lead, as_of, in_hand in expected if not in_hand} == {True}


def picked(company: Simulated) -> pd.DataFrame:
    """The log, with whether a rep's activity followed in the same working week."""
    log = company.queue_log.sort_values("occurred_at").reset_index(drop=True)
    log = log[log["occurred_at"] < company.ended_at - pd.Timedelta(days=30)]
    by_reps = company.activities.query("actor == 'rep'")[["lead_id", "occurred_at"]]
    by_reps = by_reps.rename(columns={"occurred_at": "touched_at"}).sort_values("touched_at")
    met = pd.merge_asof(log, by_reps, left_on="occurred_at", right_on="touched_at", by="lead_id", direction="forward")
    return met.assign(worked=met["touched_at"] - met["occurred_at"] < pd.Timedelta(days=5))


def test_leads_are_worked_as_often_as_was_logged_whatever_their_points(company):
    log = picked(company)
    assert set(log["chance"]) == set(np.maximum(PICKED, 0.1))
    for chance, part in log.groupby("chance"):
        error = np.sqrt(chance * (1 - chance) / len(part))
        assert part["worked"].mean() == pytest.approx(chance, abs=4 * error), chance
    weekly = log.groupby("occurred_at").agg(worked=("worked", "sum"), expected=("chance", "sum"))
    assert (weekly["worked"] - weekly["expected"]).abs().max() < 1 + 1e-9  # as many as the chances add up to


def with_outcome(company: Simulated, moments: pd.DataFrame) -> pd.DataFrame:
    moments = moments[moments["as_of"] <= company.ended_at - HORIZON - pd.Timedelta(days=15)].sort_values("as_of")
    goal = company.stage_changes.query("stage == 'sql'")[["lead_id", "occurred_at"]]
    met = pd.merge_asof(
        moments.rename(columns={"occurred_at": "logged_at"}),
        goal,
        left_on="as_of",
        right_on="occurred_at",
        by="lead_id",
        direction="forward",
    )
    account = met["lead_id"].map(company.leads.set_index("lead_id")["account_id"])
    return met.assign(
        converted=met["occurred_at"] - met["as_of"] <= HORIZON, account=account.where(account.notna(), met["lead_id"])
    )


def surprise(gap: pd.Series, account: pd.Series) -> float:
    by_account = gap.groupby(account).sum()
    return float(by_account.sum() / np.sqrt((by_account**2).sum()))


@pytest.mark.parametrize("chance", ["p_hidden", "p_observable"])
def test_chances_under_practice_are_what_happens_overall_and_in_every_fifth(company, chance):
    moments = with_outcome(company, company.truth)
    assert abs(surprise(moments["converted"] - moments[chance], moments["account"])) < 3
    fifth = pd.qcut(moments[chance].rank(method="first"), 5, labels=False)
    for _, part in moments.groupby(fifth):
        assert abs(surprise(part["converted"] - part[chance], part["account"])) < 4


@pytest.mark.parametrize("chance", ["p_hidden_if_worked", "p_observable_if_worked"])
def test_worked_leads_weighted_by_the_log_convert_as_the_truth_says_all_would(company, chance):
    log = picked(company).assign(as_of=lambda log: log["occurred_at"].dt.floor("D"))
    moments = with_outcome(company, log.merge(company.truth, on=["lead_id", "as_of"]))
    weight = moments["worked"] / moments["chance"]
    assert abs(surprise(weight * moments["converted"] - moments[chance], moments["account"])) < 3
    few_points = moments["chance"] == 0.1
    gap = weight * moments["converted"] - moments[chance]
    assert abs(surprise(gap[few_points], moments["account"][few_points])) < 3
    assert moments[chance].mean() > 1.1 * moments[chance.removesuffix("_if_worked")].mean()


def test_backward_steps_agree_with_simulating_the_rule_with_a_floor():
    rng, n, floor = np.random.default_rng(8), 60_000, 0.2
    rates, behaviour, outcomes, steps = picked_with(floor), behaviour_of(World()), outcomes_of(), step_tables()
    index, closing, tier = 55, 2, 1
    table = chances_within_horizon(steps, behaviour, outcomes, picked=rates).table[index, closing, tier]
    state, total = np.full(n, 1), np.zeros(n, dtype=int)
    work, hot, alive, won = np.zeros(n, bool), np.ones(n, bool), np.ones(n, bool), np.zeros(n, bool)
    for _ in range(13):
        works = rng.random(n) < np.where(work, 1 - STOPPED[state], rates[total + tier])
        total[work & ~works] = 0
        work = works
        did, _ = draw_week(rng, behaviour, state, hot, work)
        wins = alive & (rng.random(n) < outcomes.reach[0][state, work.astype(int), closing])
        won |= wins
        alive &= ~wins & (rng.random(n) >= outcomes.invalid[state, work.astype(int)])
        total, hot = np.minimum(total + did.gain, MOST_POINTS), did.excites
        state = (rng.random(n)[:, None] >= np.cumsum(steps[index][state], axis=1)[:, :-1]).sum(axis=1)
    exact = table[0, 0, 1, 1, 0]
    assert won.mean() == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / n))
    assert exact > 1.2 * chances_within_horizon(steps, behaviour, outcomes).table[index, closing, tier, 0, 0, 1, 1, 0]


def test_what_was_written_passes_the_door_and_a_log_of_before_is_taken_away(tmp_path):
    explored = simulate(leads=60, seed=4, explore=0.05, world="null")
    write(explored, tmp_path)
    history = read_history(tmp_path, now=datetime.fromisoformat("2026-06-01T00:00:00Z"))
    pd.testing.assert_frame_equal(history.queue_log, explored.queue_log)
    assert parse(explored.agreement_toml).queue == Queue(0.05, 5)
    write(simulate(leads=60, seed=4, world="null"), tmp_path)
    assert not (tmp_path / "queue_log.parquet").exists()


@pytest.mark.parametrize("floor", [-0.1, 0.6])
def test_floors_that_no_company_could_keep_are_refused(floor):
    with pytest.raises(UsageError, match=r"from 0 to 0\.5"):
        simulate(leads=100, seed=1, explore=floor)
