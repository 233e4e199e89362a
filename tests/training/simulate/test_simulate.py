"""The simulated company's tables: what a history must hold, and the traps that it must contain."""

import tomllib

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from leadlight.agreement.terms import parse
from leadlight.core.errors import UsageError
from leadlight.training.simulate import WORLDS, Simulated, simulate, write

EVENTS = ("activities", "stage_changes", "attribute_changes")
TYPES = {
    "web_visit", "email_sent", "email_open", "email_click", "form_fill", "content_download", "webinar_attended",
    "pricing_view", "demo_request", "call", "meeting",
}  # fmt: skip


@pytest.fixture(scope="module")
def company() -> Simulated:
    return simulate(leads=1500, seed=7)


@pytest.fixture(scope="module", params=WORLDS)
def small(request: pytest.FixtureRequest) -> Simulated:
    return simulate(leads=200, seed=5, world=request.param)


def test_every_event_lies_between_creation_and_the_end_and_is_recorded_after_it_happened(small: Simulated):
    created = small.leads.set_index("lead_id")["created_at"]
    for table in EVENTS:
        events = getattr(small, table)
        assert len(events)
        assert (events["occurred_at"] >= events["lead_id"].map(created)).all(), table
        assert (events["recorded_at"] >= events["occurred_at"]).all(), table
        assert (events["recorded_at"] < small.ended_at).all(), table
        assert events["occurred_at"].is_monotonic_increasing, table


def test_tables_have_the_contract_s_types(small: Simulated):
    for table in ("leads", *EVENTS, "truth"):
        frame = getattr(small, table)
        for column in frame.columns:
            kind = frame[column].dtype
            if column.endswith(("_at", "as_of")):
                assert kind == "datetime64[us, UTC]", (table, column)
            else:
                assert kind in ("str", "float64", "bool"), (table, column)


def test_ids_are_unique_and_known(small: Simulated):
    assert small.leads["lead_id"].is_unique
    assert small.activities["activity_id"].is_unique
    assert small.stage_changes["change_id"].is_unique
    for table in (*EVENTS, "truth"):
        assert getattr(small, table)["lead_id"].isin(small.leads["lead_id"]).all()


def test_the_agreement_can_be_read_and_names_what_the_history_holds(small: Simulated):
    agreement = parse(small.agreement_toml)
    assert (agreement.stage, agreement.within_days) == ("sql", 90)
    assert agreement.leads_per_week >= 1
    subjects = {(rule.when.subject, rule.when.name) for rule in agreement.rules}
    assert {name for subject, name in subjects if subject == "activity"} <= TYPES
    assert {name for subject, name in subjects if subject == "attribute"} <= set(small.leads.columns)
    assert len(agreement.rules) >= 8


def test_stages_come_in_an_order_that_a_crm_could_hold(company: Simulated):
    changes = company.stage_changes.sort_values(["lead_id", "occurred_at"], kind="stable")
    before = changes.groupby("lead_id")["stage"].shift()
    steps = set(zip(before.fillna("-"), changes["stage"], strict=True))
    allowed = {
        "-": {"new"},
        "new": {"engaged", "mql", "disqualified"},
        "engaged": {"mql", "disqualified"},
        "mql": {"sal", "disqualified"},
        "sal": {"sql", "recycled", "disqualified"},
        "sql": {"opportunity", "recycled"},
        "opportunity": {"customer", "recycled"},
        "recycled": {"engaged", "mql", "disqualified"},
    }
    # A change that was recorded after the end of the history is missing from it, and its follower is not.
    cut_off = changes["occurred_at"] > company.ended_at - pd.Timedelta(days=21)
    early = set(zip(before[~cut_off].fillna("-"), changes["stage"][~cut_off], strict=True))
    assert {(a, b) for a, b in early if b not in allowed.get(a, set())} == set()
    assert {stage for _, stage in steps} == set(allowed) - {"-"} | {"customer", "disqualified"}


def test_recycled_leads_come_back_and_some_qualify_again(company: Simulated):
    changes = company.stage_changes
    times = changes[changes["stage"] == "sql"].groupby("lead_id").size()
    recycled = set(changes.loc[changes["stage"] == "recycled", "lead_id"])
    assert (times > 1).sum() >= 5
    assert set(times[times > 1].index) <= recycled


def test_it_is_a_company_with_buying_groups_missing_values_and_about_twenty_activities_a_lead(company: Simulated):
    leads = company.leads
    assert 0.1 < leads["account_id"].isna().mean() < 0.3
    assert leads["account_id"].value_counts().gt(2).sum() > 50
    for attribute in ("employees", "title", "industry", "country"):
        assert 0.01 < leads[attribute].isna().mean() < 0.5, attribute
    assert 17 < len(company.activities) / len(leads) < 26
    assert set(company.activities["type"]) == TYPES
    assert set(company.activities["actor"]) == {"lead", "rep", "system"}


def test_the_mix_of_sources_changes_in_mid_history(company: Simulated):
    share = company.leads["source"].eq("paid_social").groupby(company.leads["created_at"].dt.year).mean()
    assert share[2025] > 1.5 * share[2024]


def test_activities_come_in_bursts(company: Simulated):
    visits = company.activities.query("type == 'web_visit'")
    a_day = visits.groupby(["lead_id", visits["occurred_at"].dt.floor("D")]).size()
    days = (company.ended_at - company.leads["created_at"]).dt.days.sum()
    # Were visits spread evenly, hardly any lead-day would hold two.
    assert (a_day >= 2).mean() > 10 * len(visits) / days
    assert visits.groupby("lead_id").size().var() > 5 * visits.groupby("lead_id").size().mean()


def test_people_record_late_and_machines_do_not(company: Simulated):
    delay = company.activities["recorded_at"] - company.activities["occurred_at"]
    by_people = company.activities["type"].isin(["call", "meeting"])
    assert 0.2 < (delay[by_people] > pd.Timedelta(days=1)).mean() < 0.3
    assert (delay[~by_people] > pd.Timedelta(hours=30)).sum() == 0
    goal = company.stage_changes.query("stage == 'sql'")
    assert (goal["recorded_at"] - goal["occurred_at"]).max() > pd.Timedelta(days=3)


def test_the_goal_is_never_reached_on_a_sunday_so_that_thirteen_weeks_are_ninety_days(company: Simulated):
    goal = company.stage_changes.query("stage == 'sql'")["occurred_at"]
    assert set(goal.dt.day_of_week) <= {0, 1, 2, 3, 4}


def test_the_leak_is_filled_only_after_a_sale_and_nobody_warns_of_it(company: Simulated):
    sold = company.stage_changes.query("stage == 'customer'").set_index("lead_id")["occurred_at"]
    filled = company.attribute_changes.query("attribute == 'contract_term'")
    known = company.leads["contract_term"].notna()
    assert known.sum() > 20
    assert set(company.leads.loc[known, "lead_id"]) == set(filled["lead_id"])
    on_record = filled[filled["lead_id"].isin(sold.index)]
    assert (on_record["occurred_at"] > on_record["lead_id"].map(sold)).all()
    mapping = tomllib.loads(company.dataset_toml)
    assert "contract_term" not in mapping["leads"]["attributes"]
    assert pd.Timestamp(mapping["history"]["ended_at"]) == company.ended_at


def test_leads_hold_the_last_value_of_moving_attributes(company: Simulated):
    latest = company.attribute_changes.groupby(["attribute", "lead_id"])["value"].last()
    exported = company.leads.set_index("lead_id")
    employees = pd.to_numeric(latest["employees"])
    assert (exported["employees"].dropna() == employees.reindex(exported["employees"].dropna().index)).all()
    assert (exported["title"].dropna() == latest["title"].reindex(exported["title"].dropna().index)).all()
    moved = company.attribute_changes.groupby(["attribute", "lead_id"])["value"].nunique()
    assert (moved > 1).groupby(level="attribute").sum()[["employees", "title"]].gt(10).all()


def test_as_exported_the_size_tells_who_was_worked(company: Simulated):
    called = company.leads["lead_id"].isin(company.activities.query("type == 'call'")["lead_id"])
    known = company.leads["employees"].notna()
    assert known[called].mean() > known[~called].mean() + 0.1


def test_costs_are_money_by_month_and_campaign(company: Simulated):
    costs = company.campaign_costs
    assert list(costs.columns) == ["campaign", "month", "cost"]
    assert not costs.duplicated(["campaign", "month"]).any()
    assert set(costs["campaign"]) == set(company.leads["campaign"])
    assert (costs["cost"] == costs["cost"].round(2)).all()


def test_a_visitor_without_purpose_does_much_and_never_buys(company: Simulated):
    hopeless = company.truth.groupby("lead_id")["p_hidden"].max() == 0
    hopeless = set(hopeless.index[hopeless])
    visits = company.activities.query("type == 'web_visit'").groupby("lead_id").size()
    visits = visits.reindex(company.leads["lead_id"], fill_value=0)
    without_purpose = visits.index.isin(hopeless)
    assert 0.03 < without_purpose.mean() < 0.3
    assert visits[without_purpose].mean() > 1.5 * visits[~without_purpose].mean()
    assert not company.stage_changes.query("stage == 'sql'")["lead_id"].isin(hopeless).any()


def test_the_same_seed_writes_the_same_bytes_and_another_seed_other_ones(tmp_path):
    for folder, seed in (("a", 3), ("b", 3), ("c", 4)):
        write(simulate(leads=60, seed=seed), tmp_path / folder / "history")
    names = sorted(path.name for path in (tmp_path / "a" / "history").iterdir())
    assert names == [
        "activities.parquet", "agreement.toml", "attribute_changes.parquet", "campaign_costs.csv", "dataset.toml",
        "leads.parquet", "stage_changes.parquet", "truth.parquet",
    ]  # fmt: skip
    read = {folder: {n: (tmp_path / folder / "history" / n).read_bytes() for n in names} for folder in "abc"}
    assert read["a"] == read["b"]
    assert read["a"]["activities.parquet"] != read["c"]["activities.parquet"]
    assert pq.read_metadata(tmp_path / "a" / "history" / "leads.parquet").metadata is None


def test_what_was_written_reads_back_equal(tmp_path, small: Simulated):
    write(small, tmp_path)
    for table in ("leads", *EVENTS, "truth"):
        pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / f"{table}.parquet"), getattr(small, table))


def test_every_number_lies_on_its_grid(small: Simulated):
    for table in EVENTS:
        seconds = getattr(small, table)["recorded_at"].astype("int64") / 1e6
        assert (seconds == seconds.round()).all()
    chances = small.truth.filter(like="p_").to_numpy()
    assert np.array_equal(chances, np.round(chances, 6))
    amounts = small.stage_changes["amount"].dropna()
    assert (amounts == amounts.round(2)).all()


def test_what_can_t_be_simulated_is_refused_in_words():
    with pytest.raises(UsageError, match="honest-points"):
        simulate(leads=100, seed=1, world="flat")
    with pytest.raises(UsageError, match="at least 20"):
        simulate(leads=0, seed=1)
    with pytest.raises(UsageError, match="seed of 0"):
        simulate(leads=100, seed=-1)


@pytest.mark.parametrize("world", WORLDS)
def test_the_smallest_company_works(world):
    assert len(simulate(leads=20, seed=0, world=world).truth)
