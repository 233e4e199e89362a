"""The truth of a simulated company: against slow oracles, and against what then happened."""

import itertools
from collections import defaultdict

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from leadlight.agreement.terms import parse
from leadlight.training.simulate import Simulated, simulate
from leadlight.training.simulate.behaviour import MOST_POINTS, behaviour_of, draw_week
from leadlight.training.simulate.chances import chances_within_horizon
from leadlight.training.simulate.need import AFTER_SALE, BOT_BUSY, COMBOS, N_STATES, NONE, URGENT, step_tables
from leadlight.training.simulate.sales import PICKED, STOPPED, outcomes_of
from leadlight.training.simulate.watcher import Watcher
from leadlight.training.simulate.worlds import World

HORIZON = pd.Timedelta(days=90)
CHANCES = ("p_hidden", "p_observable")


def mature(company: Simulated) -> pd.DataFrame:
    """The truth at mature moments, with what happened, the account, and the card's points."""
    truth = company.truth[company.truth["as_of"] <= company.ended_at - HORIZON - pd.Timedelta(days=15)]
    truth = truth.sort_values("as_of").reset_index(drop=True)
    goal = company.stage_changes.query("stage == 'sql'")[["lead_id", "occurred_at"]]
    met = pd.merge_asof(
        truth,
        goal,
        left_on="as_of",
        right_on="occurred_at",
        by="lead_id",
        direction="forward",
        allow_exact_matches=True,
    )
    account = company.leads.set_index("lead_id")["account_id"]
    own = truth["lead_id"].map(account)
    return truth.assign(
        converted=met["occurred_at"] - met["as_of"] <= HORIZON,
        account=own.where(own.notna(), truth["lead_id"]),
        points=card_points(company, truth),
    )


def card_points(company: Simulated, moments: pd.DataFrame) -> np.ndarray:
    """The agreement's points as a person would add them up, from what was recorded before each moment."""
    moments = moments[["lead_id", "as_of"]].assign(row=np.arange(len(moments)))
    leads = company.leads.set_index("lead_id")
    points = np.zeros(len(moments))
    for rule in parse(company.agreement_toml).rules:
        when = rule.when
        if when.subject == "activity":
            acts = company.activities.loc[company.activities["type"] == when.name]
            pairs = moments.merge(acts[["lead_id", "occurred_at", "recorded_at"]], on="lead_id")
            known = (pairs["occurred_at"] < pairs["as_of"]) & (pairs["recorded_at"] < pairs["as_of"])
            if when.within_days is not None:
                known &= pairs["occurred_at"] >= pairs["as_of"] - pd.Timedelta(days=when.within_days)
            points += rule.points * (np.bincount(pairs["row"][known], minlength=len(moments)) >= (when.at_least or 1))
            continue
        changes = company.attribute_changes.query("attribute == @when.name")[["lead_id", "recorded_at", "value"]]
        if len(changes):
            value = pd.merge_asof(
                moments, changes.sort_values("recorded_at"), left_on="as_of", right_on="recorded_at", by="lead_id"
            )["value"]
        else:
            value = moments["lead_id"].map(leads[when.name])
        holds = value.isin(when.any_of) if when.any_of else pd.to_numeric(value) >= when.at_least
        points += rule.points * holds.to_numpy()
    return points


@pytest.fixture(scope="module")
def plain() -> pd.DataFrame:
    return mature(simulate(leads=4000, seed=2))


def surprise(moments: pd.DataFrame, chance: str) -> float:
    """How many standard errors lie between what happened and what was expected; accounts are independent."""
    converted = moments.loc[moments["converted"], "lead_id"].nunique()
    if converted < 5:  # too few for a sandwich: one conversion makes up to 13 moments positive
        expected = moments[chance].sum() / 13
        return float((converted - expected) / np.sqrt(expected + 1))
    by_account = (moments["converted"] - moments[chance]).groupby(moments["account"]).sum()
    return float(by_account.sum() / np.sqrt((by_account**2).sum()))


@pytest.mark.parametrize("chance", CHANCES)
def test_chances_are_what_happens_overall_and_in_every_tenth(plain, chance):
    assert abs(surprise(plain, chance)) < 3
    tenth = pd.qcut(plain[chance].rank(method="first"), 10, labels=False)
    assert all(abs(surprise(part, chance)) < 4 for _, part in plain.groupby(tenth))
    assert 0.04 < plain["converted"].mean() < 0.12


@pytest.mark.parametrize("chance", CHANCES)
def test_chances_hold_among_the_worked_the_recycled_the_old_and_every_source(plain, chance):
    age = plain.groupby("lead_id").cumcount()
    for part in (plain[plain["points"] >= 40], plain[plain["between_cycles"]], plain[age > 40], plain[age < 4]):
        assert len(part) > 300
        assert abs(surprise(part, chance)) < 4


def test_knowing_more_ranks_better_and_the_card_ranks_worst(plain):
    auc = {c: roc_auc_score(plain["converted"], plain[c]) for c in (*CHANCES, "points")}
    assert auc["p_hidden"] > auc["p_observable"] + 0.02
    assert 0.82 < auc["p_observable"] < 0.90
    assert 0.62 < auc["points"] < 0.76
    assert auc["points"] < auc["p_observable"] - 0.08


def test_the_observable_chance_is_the_mean_of_the_hidden_one(plain):
    tenth = pd.qcut(plain["p_observable"], 10, labels=False)
    mean = plain.groupby(tenth)[list(CHANCES)].mean()
    assert np.allclose(mean["p_hidden"], mean["p_observable"], rtol=0.35, atol=0.003)
    assert plain["p_hidden"].mean() == pytest.approx(plain["p_observable"].mean(), rel=0.06)


@pytest.mark.parametrize("chance", CHANCES)
def test_work_helps_and_practice_lies_between(plain, chance):
    worked, alone = plain[f"{chance}_if_worked"], plain[f"{chance}_if_not_worked"]
    # Not for every lead: one without need yet may be worked too early, let go, and is then not looked at again.
    assert (worked > alone)[plain[chance] > 0.05].mean() > 0.95
    assert (plain[chance] <= np.maximum(worked, alone) + 2e-6).all()
    assert (plain[chance] >= np.minimum(worked, alone) - 2e-6).all()
    assert worked.mean() > 1.15 * alone.mean()


def test_reps_work_what_the_points_rank_high():
    company = simulate(leads=1500, seed=2)
    moments = company.truth.sort_values("as_of").reset_index(drop=True)
    points = pd.Series(card_points(company, moments))
    calls = company.activities.query("type == 'call'")[["lead_id", "occurred_at"]]
    called = pd.merge_asof(moments, calls, left_on="as_of", right_on="occurred_at", by="lead_id", direction="forward")[
        "occurred_at"
    ] - moments["as_of"] < pd.Timedelta(days=7)
    share = called.groupby(pd.cut(points, [-99, 5, 20, 35, 999])).mean()
    assert share.is_monotonic_increasing
    assert share.iloc[-1] > 5 * share.iloc[0]


def test_moments_are_the_open_leads_of_each_monday():
    company = simulate(leads=200, seed=6)
    last = company.ended_at - pd.Timedelta(days=30)  # later stages may not be recorded yet
    told = {(row.lead_id, row.as_of): row.between_cycles for row in company.truth.itertuples() if row.as_of <= last}
    created = company.leads.set_index("lead_id")["created_at"]
    mondays = pd.date_range(pd.Timestamp("2024-01-08", tz="UTC"), last, freq="7D")
    expected = {}
    for lead, changes in company.stage_changes.groupby("lead_id"):
        changes = changes.sort_values("occurred_at", kind="stable")
        for monday in mondays[mondays > created[lead]]:
            open_now, reached, between = True, False, False
            for stage in changes["stage"][changes["occurred_at"] < monday]:
                if stage in ("customer", "disqualified"):
                    open_now = False
                between = reached and stage == "recycled"
                reached = stage == "sql" or (reached and stage != "recycled")
            if open_now and not reached:
                expected[lead, monday] = between
    assert told == expected


def test_where_outcome_is_chance_nothing_ranks():
    null = mature(simulate(leads=2500, seed=4, world="null"))
    assert null["p_hidden"].nunique() == null["p_observable"].nunique() == 1
    assert abs(surprise(null, "p_hidden")) < 3
    assert abs(surprise(null[null["points"] > null["points"].median()], "p_hidden")) < 3
    assert roc_auc_score(null["converted"], null["points"]) == pytest.approx(0.5, abs=0.03)


def test_where_points_are_honest_the_log_odds_are_proportional_to_the_card():
    honest = mature(simulate(leads=2000, seed=4, world="honest-points"))
    # Values that the CRM learned within the moment's own minute aside, the card sees what the company follows.
    slope, base = np.polyfit(honest["points"], np.log(honest["p_hidden"] / (1 - honest["p_hidden"])), 1)
    assert slope == pytest.approx(0.06, rel=0.01)
    assert base == pytest.approx(-4.0, rel=0.01)
    assert abs(surprise(honest, "p_hidden")) < 3
    assert roc_auc_score(honest["converted"], honest["points"]) > 0.66


@pytest.mark.parametrize("world", ["linear", "shifted"])
def test_the_other_worlds_are_true_too(world):
    moments = mature(simulate(leads=3000, seed=8, world=world))
    for chance in CHANCES:
        assert abs(surprise(moments, chance)) < 3
        tenth = pd.qcut(moments[chance].rank(method="first"), 5, labels=False)
        assert all(abs(surprise(part, chance)) < 4 for _, part in moments.groupby(tenth))


def test_a_shift_moves_effects():
    company = simulate(leads=2000, seed=8, world="shifted")
    created = company.leads.set_index("lead_id")[["created_at", "source"]]
    truth = company.truth.join(created, on="lead_id")
    shift = pd.Timestamp("2024-01-01", tz="UTC") + pd.Timedelta(weeks=66)
    mean = truth.groupby([truth["created_at"] >= shift, "source"])["p_hidden"].mean()
    assert mean[False, "referral"] > mean[False, "paid_social"]
    assert mean[True, "referral"] < mean[True, "paid_social"]


def test_chances_by_backward_steps_agree_with_playing_it_out():
    rng = np.random.default_rng(1)
    behaviour, outcomes, steps = behaviour_of(World()), outcomes_of(), step_tables()
    index, closing, tier, n = 45, 2, 1, 20_000
    table = chances_within_horizon(steps, behaviour, outcomes, weeks_before_shift=5).table[index, closing, tier]
    for worked_before, points, excited, start, first in [(0, 1, 1, 1, None), (1, 3, 0, URGENT, 1), (1, 2, 0, 2, 0)]:
        state = np.full(n, start)
        work, total, hot = np.full(n, bool(worked_before)), np.full(n, points), np.full(n, bool(excited))
        alive, won = np.ones(n, bool), np.zeros(n, bool)
        for week in range(13):
            chance = np.where(work, 1 - STOPPED[state], PICKED[total + tier])
            works = rng.random(n) < chance
            if week == 0 and first is not None:
                works[:] = bool(first)
            total[work & ~works] = 0
            work = works
            did, _ = draw_week(rng, behaviour, state, hot, work)
            reach = outcomes.reach[0 if week < 5 else 1][state, work.astype(int), closing]
            wins = alive & (rng.random(n) < reach)
            won |= wins
            alive &= ~wins & (rng.random(n) >= outcomes.invalid[state, work.astype(int)])
            total, hot = np.minimum(total + did.gain, MOST_POINTS), did.excites
            state = (rng.random(n)[:, None] >= np.cumsum(steps[index][state], axis=1)[:, :-1]).sum(axis=1)
        column = 0 if first is None else 2 - first
        exact = table[worked_before, points, excited, start, column]
        assert won.mean() == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / n))


def test_the_observer_agrees_with_counting_every_hidden_path():
    rng = np.random.default_rng(3)
    steps, weeks, leads = step_tables(), 3, 2
    index = rng.integers(20, 60, size=(leads, len(COMBOS))).astype(np.int16)
    within = np.tile([0.4, 0.3, 0.2, 0.1, 0.8, 0.2, 0.7, 0.3], (len(steps), 1))
    kinds = np.array([[0.7, 0.2, 0.1], [0.9, 0.0, 0.1]])
    shares = rng.dirichlet(np.ones(len(COMBOS)))
    likelihood = rng.random((weeks, leads, N_STATES))
    table = rng.random((len(steps), 1, N_STATES, 3))
    watcher = Watcher(
        account=np.zeros(leads, np.int64), index=index, within=within, kinds=kinds, steps=steps, shares=shares
    )
    everyone = np.arange(leads)
    for week in range(weeks):
        watcher.see(everyone, likelihood[week], moves=np.ones(leads, bool))
    watcher.learn_band(np.array([0]), np.array([2]))
    seen = watcher.expect(everyone, np.zeros(leads, np.int64), table)

    joint = defaultdict(float)  # (combo, lead, last state): weight of all paths that end there
    for combo, lead in itertools.product(range(len(COMBOS)), range(leads)):
        step = steps[index[lead, combo]]
        for path in itertools.product(range(N_STATES), repeat=weeks + 1):
            kind = 0 if path[0] < 4 else (1 if path[0] < 6 else 2)
            weight = kinds[lead, kind] * within[0, path[0]]
            for week in range(weeks):
                if weight:
                    weight *= likelihood[week, lead, path[week]] * step[path[week], path[week + 1]]
            joint[combo, lead, path[-1]] += weight
    of_lead = {
        (combo, lead): sum(joint[combo, lead, x] for x in range(N_STATES))
        for combo in range(len(COMBOS)) for lead in range(leads)
    }  # fmt: skip
    posterior = np.array([
        shares[c] * of_lead[c, 0] * of_lead[c, 1] * (COMBOS[c][1] == 2) for c in range(len(COMBOS))
    ])  # fmt: skip
    posterior /= posterior.sum()
    for lead in range(leads):
        expected = sum(
            posterior[c] * joint[c, lead, x] / of_lead[c, lead] * table[index[lead, c], 0, x]
            for c in range(len(COMBOS)) for x in range(N_STATES)
        )  # fmt: skip
        assert seen[lead] == pytest.approx(expected, rel=1e-10)


def test_after_a_lost_opportunity_need_begins_anew_but_a_bot_stays_a_bot():
    assert all(AFTER_SALE[:BOT_BUSY] == NONE)
    assert all(AFTER_SALE[BOT_BUSY:] >= BOT_BUSY)


def test_transitions_and_gains_are_chances():
    steps = step_tables()
    assert np.allclose(steps.sum(axis=2), 1)
    assert (steps >= 0).all()
    assert np.allclose(behaviour_of(World()).gains.sum(axis=(2, 3)), 1)
