import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from histories import history, micros
from leadlight.agreement.terms import parse
from leadlight.core.artifact import encode_frame, load, save
from leadlight.core.clock import DAY
from leadlight.core.history import FlatOutcome
from leadlight.core.source import read_history
from leadlight.training import simulate as simulator
from leadlight.training.run import train

NOW = pd.Timestamp("2026-11-23", tz="UTC")


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    """A simulated company: its history and its agreement, by world."""
    made = {}

    def of(world="plain", leads=900):
        if (world, leads) not in made:
            folder = tmp_path_factory.mktemp(world)
            simulator.write(simulator.simulate(leads=leads, seed=5, world=world), folder)
            made[world, leads] = read_history(folder, now=NOW), parse((folder / "agreement.toml").read_text())
        return made[world, leads]

    return of


@pytest.fixture(scope="module")
def trained(company):
    return train(*company())


def flat(n=600, strength=2.0, order_by="column", seed=0):
    """A flat export of one number that decides and one word that does not."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    won = pd.Series(rng.random(n) < 1 / (1 + np.exp(1 - strength * x)))
    rows = [{"lead_id": str(i), "x": float(x[i]), "word": "abc"[i % 3]} for i in range(n)]
    order = pd.Series(np.arange(n) if order_by != "none" else np.zeros(n, int))
    return history(rows, outcome=FlatOutcome(won, order_by, order, "won"))


def test_a_simulated_company_trains_end_to_end(trained):
    report = trained.report
    assert trained.verdict == "signal", report.verdict.text
    assert trained.model is not None
    assert [candidate.kind for candidate in report.candidates] == ["scorecard", "logistic", "lightgbm"]
    for candidate in report.candidates:
        assert {"auc", "average_precision", "top_10", "top_20", "precision_at_capacity"} <= candidate.ranking.keys()
        assert {"log_loss", "brier", "calibration_error"} <= candidate.calibrated.keys() == candidate.raw.keys()
    assert report.deployed["test"].moments > report.split["test"].moments
    assert set(trained.plots) == {"plots/reliability.svg", "plots/roc.svg", "plots/gains.svg"}
    assert all(text.startswith("<svg") for text in trained.plots.values())


def test_the_report_is_json_and_says_what_must_be_said(trained):
    told = json.loads(json.dumps(trained.report.to_dict(), allow_nan=False))
    assert told["split"]["embargo_days"] == pytest.approx(90 + told["moments"]["reporting_lag_days"])
    assert told["split"]["cut"] > told["split"]["learn"]["last"]
    assert any("recipe" in said for said in told["words"])
    assert told["moments"]["immature_left_out"] > 0
    assert {"test.logistic.auc", "test.logistic.auc.low"} <= trained.report.metrics().keys()


def test_the_model_is_whole_and_comes_back_from_disk(trained, tmp_path):
    model = trained.model
    save(model, tmp_path)
    again = load(tmp_path)
    matrix = encode_frame(model.catalog, trained.input_example)
    scored = again.score(matrix)
    assert scored.base_log_odds + scored.contributions.sum(axis=1) == pytest.approx(scored.log_odds, abs=1e-9)
    assert (scored.log_odds == model.score(matrix).log_odds).all()
    assert again.evidence == dict(model.evidence)
    assert again.facts["verdict"]["word"] == "signal"
    assert len(model.calibration.draws) >= 1000
    assert 100 >= model.hot_score >= model.warm_score >= 0
    share_hot = (model.percentile(model.reference) >= model.hot_score).mean()
    assert share_hot == pytest.approx(model.agreement["leads_per_week"] / len(model.reference), abs=0.02)


def test_the_same_seed_gives_the_same_bytes(company, trained, tmp_path):
    again = train(*company())
    for name, run in (("one", trained), ("two", again)):
        save(run.model, tmp_path / name)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == sorted(path.name for path in (tmp_path / "two").iterdir())
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


def test_asking_for_a_demo_raises_the_score(trained):
    model = trained.model
    rows = pd.concat([trained.input_example] * 2, ignore_index=True)
    half = len(rows) // 2
    for column in model.catalog.columns:
        if column.startswith("demo_request.count"):
            rows.loc[:, column] = [0.0] * half + [2.0] * half
        elif column == "demo_request.days_since":
            rows.loc[:, column] = [np.nan] * half + [2.0] * half
    log_odds = model.score(encode_frame(model.catalog, rows)).log_odds
    assert (log_odds[half:] > log_odds[:half]).mean() > 0.5


def test_what_the_future_brought_does_not_change_what_was_learned_by_then(company):
    table, agreement = company(leads=500)
    day = table.ended_at - pd.Timedelta(days=120)
    cut = replace(
        table,
        **{
            name: getattr(table, name)[getattr(table, name)["recorded_at"] < day].reset_index(drop=True)
            for name in ("leads", "activities", "stage_changes", "attribute_changes")
        },
    )
    one, two = (train(found, agreement, as_of=day).report for found in (table, cut))
    assert one.moments == two.moments
    assert one.split["learn"] == two.split["learn"]
    assert one.split["test"] == two.split["test"]
    for a, b in zip(one.candidates, two.candidates, strict=True):
        assert a.ranking == b.ranking


def test_a_world_without_signal_registers_nothing(company):
    found = train(*company("null"))
    assert found.verdict in {"no_signal", "cannot_tell"}
    assert found.model is None
    assert found.input_example.empty


def test_permuted_outcomes_seldom_end_in_a_signal():
    found = []
    for seed in range(24):
        table = flat(400, seed=seed)
        won = table.outcome.converted.sample(frac=1, random_state=seed).reset_index(drop=True)
        found.append(train(replace(table, outcome=replace(table.outcome, converted=won)), parse("")).verdict)
    assert found.count("signal") <= 2  # each has a chance of at most 1 in 40


def test_a_planted_signal_in_a_flat_export_is_found():
    found = train(flat(), parse(""))
    assert found.verdict == "signal"
    assert found.report.candidate("logistic").ranking["auc"].value > 0.8
    assert found.model.horizon_days is None
    assert found.report.moments["youngest_tenth_base_rate"] is not None
    assert any("no horizon" in said for said in found.report.words)


def test_without_an_order_figures_are_called_optimistic():
    report = train(flat(order_by="none"), parse("")).report
    assert report.split["optimistic"]
    assert any("optimistic" in said for said in report.words)


def card():
    return parse('[[scorecard]]\nwhen = { attribute = "x", at_least = 0 }\npoints = 10\n')


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (flat(1), "no mature moment"),
        (flat(40, strength=0.0), "converted"),
        (history([{"lead_id": "a", "created_at": "2025-01-01"}], ended_at="2026-01-01"), "no"),
        (history([{"lead_id": str(i), "created_at": "2025-12-20"} for i in range(50)], ended_at="2026-01-01"), "no"),
        (history([{"lead_id": str(i), "created_at": "2025-01-01"} for i in range(50)], ended_at="2026-01-01"), "no"),
    ],
    ids=["one lead", "few conversions", "one dated lead", "nothing mature", "nobody converted"],
)
@pytest.mark.parametrize("agreement", [parse(""), card()], ids=["no card", "card"])
def test_too_little_is_said_clearly_and_never_a_traceback(table, says, agreement):
    found = train(table, agreement)
    assert found.verdict == "cannot_tell"
    assert found.model is None
    assert says in found.report.verdict.text
    assert found.report.verdict.conversions_that_would_tell > 0
    json.dumps(found.report.to_dict(), allow_nan=False)


@pytest.mark.parametrize("outcome", [True, False])
def test_one_outcome_only_is_said(outcome):
    table = flat(200)
    table = replace(table, outcome=replace(table.outcome, converted=pd.Series([outcome] * 200)))
    found = train(table, card())
    assert found.verdict == "cannot_tell"
    assert ("every lead" if outcome else "no lead") in found.report.verdict.text


def test_columns_without_a_value_and_constants_do_no_harm():
    table = flat(300)
    leads = table.leads.assign(x=np.nan)
    found = train(replace(table, leads=leads), parse(""))
    assert found.verdict in {"no_signal", "cannot_tell"}


def test_scores_know_nothing_of_the_training_day_but_open_leads(company, trained):
    table, _ = company()
    model = trained.model
    assert (np.diff(model.reference) >= 0).all()
    assert 0 < len(model.reference) <= len(table.leads)
    assert trained.report.final["reference_leads"] == len(model.reference)


def test_a_short_history_says_so_instead_of_guessing():
    """Every lead converts or not within days, but no moment of the learning side is older than the embargo."""
    start = micros("2025-01-06")
    leads = [{"lead_id": str(i), "created_at": start + (i % 60) * DAY} for i in range(300)]
    changes = [
        {"lead_id": str(i), "occurred_at": start + (i % 60 + 9) * DAY, "stage": "customer"} for i in range(0, 300, 3)
    ]
    found = train(history(leads, stage_changes=changes, ended_at=start + 130 * DAY), parse(""))
    assert found.verdict == "cannot_tell"
    assert "too short" in found.report.verdict.text
