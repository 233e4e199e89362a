import json
import os
import subprocess
import sys
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from histories import history, micros
from leadlight.agreement.terms import parse
from leadlight.core.artifact import encode_frame, load, save
from leadlight.core.clock import DAY
from leadlight.core.history import FlatOutcome
from leadlight.core.source import read_history
from leadlight.serving.batch import score_history
from leadlight.training import simulate as simulator
from leadlight.training.moments import open_leads, share_of
from leadlight.training.run import train

NOW = pd.Timestamp("2026-11-23", tz="UTC")


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory):
    """The folder of a simulated company, by world and size."""

    @cache
    def of(world="plain", leads=900):
        folder = tmp_path_factory.mktemp(world)
        simulator.write(simulator.simulate(leads=leads, seed=5, world=world), folder)
        return folder

    return of


@pytest.fixture(scope="module")
def company(folder_of):
    """A simulated company: its history and its agreement, by world and size."""

    @cache
    def of(world="plain", leads=900):
        folder = folder_of(world, leads)
        return read_history(folder, now=NOW), parse((folder / "agreement.toml").read_text())

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
    names = ("reliability", "roc", "gains", "base_rate", "segments")
    assert set(trained.plots) == {f"plots/{name}.svg" for name in names}
    assert all(text.startswith("<svg") for text in trained.plots.values())


def test_the_report_is_json_and_says_what_must_be_said(trained):
    told = json.loads(json.dumps(trained.report.to_dict(), allow_nan=False))
    assert told["split"]["embargo_days"] == pytest.approx(90 + told["moments"]["reporting_lag_days"])
    assert told["split"]["cut"] > told["split"]["learn"]["last"]
    assert any("recipe" in said for said in told["words"])
    assert any("Accounts are as exported" in said for said in told["words"])  # some leads have none
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


def bytes_of(run, folder):
    save(run.model, folder)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def upside_down(table):
    """Return the same history from files written in another order."""
    turned = {
        name: getattr(table, name).sample(frac=1, random_state=3, ignore_index=True)
        for name in ("leads", "activities", "stage_changes", "attribute_changes")
    }
    return replace(table, **turned)


def test_a_second_run_on_rows_in_another_order_gives_the_same_bytes(company, trained, tmp_path):
    table, agreement = company()
    again = train(upside_down(table), agreement)
    assert bytes_of(again, tmp_path / "two") == bytes_of(trained, tmp_path / "one")


ANOTHER_PROCESS = """
import sys
import pandas as pd
from leadlight.agreement.terms import parse
from leadlight.core.artifact import save
from leadlight.core.source import read_history
from leadlight.training.run import train
from pathlib import Path
data, out = map(Path, sys.argv[1:])
table = read_history(data, now=pd.Timestamp("2026-11-23", tz="UTC"))
save(train(table, parse((data / "agreement.toml").read_text())).model, out)
"""


def test_another_process_with_other_hashes_and_threads_gives_the_same_bytes(folder_of, trained, tmp_path):
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "2")
    where = [str(folder_of()), str(tmp_path / "two")]
    subprocess.run(
        [sys.executable, "-c", ANOTHER_PROCESS, *where],
        env={**os.environ, **threads, "PYTHONHASHSEED": "7"},
        check=True,
    )
    two = {path.name: path.read_bytes() for path in sorted((tmp_path / "two").iterdir())}
    assert two == bytes_of(trained, tmp_path / "one")


def test_the_order_of_rows_of_a_flat_export_changes_no_byte_where_a_column_orders_it(tmp_path):
    table = flat(400)
    rows = np.random.default_rng(0).permutation(400)
    converted, order = (c.iloc[rows].reset_index(drop=True) for c in (table.outcome.converted, table.outcome.order))
    turned = replace(
        table,
        leads=table.leads.iloc[rows].reset_index(drop=True),
        outcome=replace(table.outcome, converted=converted, order=order),
    )
    one, two = (bytes_of(train(found, parse("")), tmp_path / name) for name, found in (("a", table), ("b", turned)))
    assert one == two


def test_inner_folds_keep_the_embargo_too(trained):
    told = trained.report.split
    assert len(told["inner_folds"]) >= 3
    for fold in told["inner_folds"]:
        gap = pd.Timestamp(fold["validate"]["first"]) - pd.Timestamp(fold["learn_until"])
        assert gap >= pd.Timedelta(days=told["embargo_days"]).floor("D")


def test_evidence_is_of_the_moments_that_the_model_was_made_from(trained):
    model, told = trained.model, trained.report.moments
    assert model.baseline.leads == told["leads"]
    assert 0 < model.baseline.conversions <= told["conversions"]
    lately, never = model.evidence["demo_request"].cell(6.0), model.evidence["demo_request"].missing
    assert lately.conversions / lately.leads > 2 * never.conversions / never.leads


def test_a_model_learns_what_an_unknown_account_means_though_every_lead_has_one(company):
    """Requests may come without the account; if training never saw that, the column would say nothing then."""
    table, agreement = company("linear", 600)
    ids = table.leads["account_id"].fillna("solo " + table.leads["lead_id"])
    found = train(replace(table, leads=table.leads.assign(account_id=ids)), replace(agreement, rules=()))
    model = found.model
    assert model.kind == "logistic"
    colleagues = model.catalog.position["colleagues.count"]
    assert next(term for term in model.ranker.terms if term.column == colleagues).missing != 0


def test_words_of_the_test_part_do_not_reach_the_catalog_that_is_measured():
    """A word that only later leads bear is to the measured model one of the rare ones, however many bear it."""
    table, late = flat(400), np.arange(400) >= 280
    rare = [f"rare {i}" if i % 4 == 0 else "abc"[i % 3] for i in range(400)]

    def said(word):
        words = pd.Series([word(i) if late[i] else rare[i] for i in range(400)], dtype="str")
        return predicted(replace(table, leads=table.leads.assign(word=words)), table.leads["lead_id"][late])

    assert np.array_equal(said(lambda _: "new to all"), said(lambda i: f"only {i}"))


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


def test_a_flat_model_carries_no_open_terms_about_stages_and_horizons():
    model = train(flat(), parse("")).model
    said = " ".join(model.agreement["defaults"])
    assert "Capacity" in said
    assert "Horizon" not in said
    assert "stage" not in said


def test_without_an_order_all_leads_are_measured_by_cross_validation_called_optimistic():
    table = flat(order_by="none")
    found = train(table, parse(""))
    assert found.report.split["optimistic"]
    assert any("optimistic" in said for said in found.report.words)
    assert sorted(found.looked_at["lead_id"]) == sorted(table.leads["lead_id"])
    assert found.verdict == "signal"


def turned_round(table, rows):
    """Return a flat export with the outcomes of some leads turned round."""
    rows = rows.to_numpy()
    return replace(table, outcome=replace(table.outcome, converted=table.outcome.converted ^ rows))


def predicted(table, leads):
    looked_at = train(table, parse("")).looked_at.set_index("lead_id").loc[leads]
    return looked_at[["logistic", "lightgbm"]].to_numpy()


def test_outcomes_of_the_test_part_do_not_reach_its_predictions():
    table = flat(400)
    late = table.outcome.order >= 280
    leads = table.leads["lead_id"][late]
    assert np.array_equal(predicted(table, leads), predicted(turned_round(table, late), leads))


def test_outcomes_of_a_held_out_fold_do_not_reach_its_predictions():
    table = flat(400, order_by="none")
    names = [f"lead {lead}" for lead in table.leads["lead_id"]]
    held = pd.Series(share_of(names, "measuring side") < 0.2)
    leads = table.leads["lead_id"][held]
    assert 50 < held.sum() < 110
    assert np.array_equal(predicted(table, leads), predicted(turned_round(table, held), leads))


def card():
    return parse('[[scorecard]]\nwhen = { attribute = "x", at_least = 0 }\npoints = 10\n')


def dated(n, created_at, converted=0):
    """A dated export of a number, as it was on 2026-01-01; some leads become customers within a month."""
    day = micros(created_at)
    leads = [{"lead_id": str(i), "created_at": day, "x": float(i % 5 - 2)} for i in range(n)]
    won = [{"lead_id": str(i), "occurred_at": day + (5 + i % 20) * DAY, "stage": "customer"} for i in range(converted)]
    return history(leads, stage_changes=won, ended_at="2026-01-01")


def one_outcome(outcome):
    table = flat(200)
    return replace(table, outcome=replace(table.outcome, converted=pd.Series([outcome] * 200)))


TOO_LITTLE = {
    "one lead": (flat(1), "no mature moment"),
    "few conversions": (flat(40, strength=0.0), "converted"),
    "everybody converted": (one_outcome(True), "every lead"),
    "no lead converted": (one_outcome(False), "no lead"),
    "one dated lead": (dated(1, "2025-01-01"), "no"),
    "nothing mature": (dated(50, "2025-12-20"), "no mature moment"),
    "nobody converted": (dated(50, "2025-01-01"), "no"),
    "few dated conversions": (dated(60, "2025-01-01", converted=30), "no"),
}


@pytest.mark.parametrize(("table", "says"), TOO_LITTLE.values(), ids=TOO_LITTLE)
def test_too_little_without_points_is_said_clearly_and_never_a_traceback(table, says):
    found = train(table, parse(""))
    assert found.verdict == "cannot_tell"
    assert found.model is None
    assert found.input_example.empty
    assert says in found.report.verdict.text
    assert found.report.verdict.conversions_that_would_tell > 0
    json.dumps(found.report.to_dict(), allow_nan=False)


@pytest.mark.parametrize("table", [table for table, _ in TOO_LITTLE.values()], ids=TOO_LITTLE)
@pytest.mark.parametrize("base_rate", [None, 0.09])
def test_too_little_with_points_is_ranked_by_the_points_as_they_are_and_no_chance_is_told(table, base_rate, tmp_path):
    found = train(table, replace(card(), base_rate=base_rate))
    assert (found.verdict, found.model.kind) == ("points_only", "scorecard")
    assert "The hand-picked points rank" in found.report.verdict.text
    assert "learning begins at 40 of each" in found.report.verdict.text
    json.dumps(found.report.to_dict(), allow_nan=False)
    save(found.model, tmp_path)
    model = load(tmp_path)
    scored = pd.concat(score_history(model, table))
    assert len(scored) > 0
    assert model.probability_status == "points_only"
    assert scored["probability"].isna().all()
    x = table.leads.set_index("lead_id")["x"].loc[scored["lead_id"]].to_numpy()
    assert scored["scorecard_points"].tolist() == [10.0 if high else 0.0 for high in x >= 0]
    assert np.array_equal(scored["log_odds"].rank(method="dense"), scored["scorecard_points"].rank(method="dense"))


@pytest.mark.parametrize(
    ("table", "counted"),
    [
        (flat(1), "{won} leads converted and {others} did not"),
        (one_outcome(True), "200 leads converted and 0 did not"),
        (one_outcome(False), "0 leads converted and 200 did not"),
        (dated(50, "2025-12-20"), "0 leads converted and 0 did not"),
        (dated(60, "2025-01-01", converted=30), "30 leads converted and 30 did not"),
    ],
)
def test_what_there_is_to_learn_from_is_counted_in_leads_of_either_outcome(table, counted):
    won = int(table.outcome.converted.sum()) if table.outcome is not None else 0
    said = train(table, card()).report.verdict.text
    assert counted.format(won=won, others=1 - won) in said


@pytest.mark.parametrize(("won", "others", "word"), [(40, 39, "points_only"), (39, 40, "points_only"), (40, 40, None)])
def test_learning_begins_at_forty_leads_of_either_outcome(won, others, word):
    table = flat(won + others)
    shuffled = pd.Series(np.random.default_rng(0).permutation([True] * won + [False] * others))
    found = train(replace(table, outcome=replace(table.outcome, converted=shuffled)), card())
    assert (found.verdict == "points_only") == (word is not None)


def test_columns_without_a_value_and_constants_do_no_harm():
    table = flat(300)
    leads = table.leads.assign(x=np.nan)
    found = train(replace(table, leads=leads), parse(""))
    assert found.verdict in {"no_signal", "cannot_tell"}


@pytest.mark.parametrize("order_by", ["column", "none"])
@pytest.mark.parametrize("agreement", [parse(""), card()], ids=["no card", "card"])
def test_an_export_in_which_nothing_differs_has_no_signal_and_is_no_traceback(order_by, agreement):
    table = flat(400, order_by=order_by)
    found = train(replace(table, leads=table.leads.assign(x=1.0, word="same")), agreement)
    assert found.verdict == "no_signal"
    json.dumps(found.report.to_dict(), allow_nan=False)


def test_the_reference_is_every_lead_that_is_open_on_the_training_day_once(company, trained):
    table, agreement = company()
    model = trained.model
    now = micros(table.ended_at) + 1
    assert (np.diff(model.reference) >= 0).all()
    assert len(model.reference) == len(open_leads(table, goal_stage=agreement.stage, as_of=now))
    assert trained.report.final["reference_leads"] == len(model.reference)
    assert {sum(spread.leads) for spread in model.spreads} == {len(model.reference)}  # what the service compares with


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
