"""The registry on a real MLflow: a SQLite database and a folder of artifacts, as the embedded default."""

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from leadlight.core import artifact, settings
from leadlight.core.catalog import Catalog, Feature, Vocabulary
from leadlight.core.contributions import Additive, Term
from leadlight.core.errors import NoChampion, UsageError
from leadlight.core.registry import Registry, cached_champion


def model(intercept):
    features = (
        Feature("source", "attribute", 1, {}, "category", "fit", "source", "source", levels=("fair", "web")),
        Feature("visits", "activity_count", 1, {}, "number", "interest", "visits", "visits"),
    )
    terms = (Term(0, 0.1, table=(0.0, 0.1, 0.5, -0.5)), Term(1, 0.2, weight=0.3, missing=-0.2))
    return artifact.TrainedModel(
        kind="logistic",
        catalog=Catalog(features, {}, Vocabulary(), True, "sql"),
        ranker=Additive(intercept, terms),
        calibration=artifact.Calibration(0.0, 1.0, np.zeros((0, 2))),
        reference=np.linspace(-3, 3, 200),
        evidence={},
        baseline=artifact.Cell(100, 9),
        horizon_days=90.0,
        probability_status="calibrated",
        points={},
        agreement={"version": "v", "grades": {"A": 75, "B": 50, "C": 25}},
        hot_score=90,
        warm_score=60,
    )


EXAMPLE = pd.DataFrame({"source": ["fair", "never seen", None], "visits": [1.0, np.nan, 30.0]})


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return settings.load(home=tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def registry(home):
    registry = Registry(home)
    for intercept in (-1.0, -2.0):
        registry.log(
            params={"seed": 1},
            metrics={"test.auc": 0.8},
            texts={"report.json": json.dumps({"intercept": intercept})},
            tags={"verdict": "signal"},
            model=model(intercept),
            input_example=EXAMPLE,
        )
    return registry


def test_nothing_serves_before_a_promotion(tmp_path):
    with pytest.raises(NoChampion, match="leadlight models promote"):
        cached_champion(settings.load(home=tmp_path))


def test_promotion_caches_the_very_model_and_rollback_brings_the_former_back(registry, home):
    start_over(registry)
    assert registry.promote("1") == 1
    assert registry.promote("challenger") == 2
    cached, version = cached_champion(home)
    assert version == 2
    expected = model(-2.0).score(artifact.encode_frame(cached.catalog, EXAMPLE))
    found = cached.score(artifact.encode_frame(cached.catalog, EXAMPLE))
    assert found.log_odds.tobytes() == expected.log_odds.tobytes()
    assert registry.rollback() == (1, 2)
    assert cached_champion(home)[1] == 1
    with pytest.raises(UsageError, match="first champion"):
        registry.rollback()


def test_versions_are_listed_newest_first_with_aliases(registry):
    listed = registry.versions()
    assert [v.version for v in listed] == [2, 1]
    assert listed[0].aliases == ("challenger",)
    assert listed[0].auc == 0.8


def test_a_version_that_is_not_there_is_refused_with_what_there_is(registry):
    with pytest.raises(UsageError, match=r"no model version '9'.*challenger"):
        registry.resolve("9")


def test_the_report_of_a_version_is_its_own(registry):
    assert registry.report("1") == {"intercept": -1.0}


def test_a_run_without_a_model_is_kept_and_registers_nothing(registry):
    before = len(registry.versions())
    run_id, version = registry.log(
        params={}, metrics={}, texts={"report.json": "{}"}, tags={"verdict": "no_signal"}, model=None
    )
    assert version is None
    assert run_id
    assert len(registry.versions()) == before


def test_mlflow_loads_the_model_as_a_plain_function(registry, home):
    script = f"""
import io, json, mlflow, pandas as pd
mlflow.set_tracking_uri({home.tracking!r}); mlflow.set_registry_uri({home.tracking!r})
answer = mlflow.pyfunc.load_model("models:/leadlight/2").predict(pd.read_json(io.StringIO({EXAMPLE.to_json()!r})))
print(answer.to_json(double_precision=15))
"""
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    answer = pd.DataFrame(json.loads(run.stdout.splitlines()[-1]))
    expected = model(-2.0).score(artifact.encode_frame(model(-2.0).catalog, EXAMPLE))
    np.testing.assert_allclose(answer["log_odds"], expected.log_odds, rtol=1e-12)
    shares = answer[[c for c in answer if c.startswith("contribution.")]].sum(axis=1)
    np.testing.assert_allclose(answer["base_log_odds"] + shares, answer["log_odds"], rtol=0, atol=1e-12)


def test_a_tracking_database_that_is_gone_is_named(tmp_path, monkeypatch):
    from leadlight.core.errors import RegistryUnavailable

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
    there = settings.Settings(home=tmp_path, tracking_uri="http://127.0.0.1:9")
    with pytest.raises(RegistryUnavailable, match=r"127\.0\.0\.1:9"):
        Registry(there)


def test_two_processes_may_open_a_fresh_home_at_once(tmp_path):
    script = (
        "from pathlib import Path; from leadlight.core import settings; from leadlight.core.registry import Registry; "
        f"print(Registry(settings.load(home=Path({str(tmp_path)!r}))).versions())"
    )
    command = [sys.executable, "-W", "ignore", "-c", script]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for process in both:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert out.strip() == "()"


def decision(word, champion, **more):
    told = {"word": word, "reasons": [f"Ranking: {word}."], "champion_version": champion, "checks": {"draws": 1000}}
    return {**told, "used_until": None, "used_data": None, "at": "2026-10-01", **more}


def start_over(registry):
    """Forget earlier champions: tests of this module share a registry, in any order."""
    registry.promote("1")
    with contextlib.suppress(UsageError):
        while True:
            registry.rollback()


def test_every_decision_is_kept_and_the_last_word_stands_where_mlflow_shows_it(registry, home):
    import mlflow

    registry.record_decision(1, decision("not_yet", None), page="# The gate: not yet\n")
    registry.record_decision(1, decision("refuse", 2, used_until=1_700_000_000_000_000), page="# The gate: refused\n")
    registry.record_decision(1, decision("not_yet", 2, reasons=["x" * 9000]))
    kept = registry.decisions("1")
    assert [d["word"] for d in kept][-3:] == ["not_yet", "refuse", "not_yet"]
    assert len(kept[-1]["reasons"][0]) == 9000
    assert all(d["recorded_at"] for d in kept)
    assert registry.used_by_decisions().until == 1_700_000_000_000_000
    assert next(v for v in registry.versions() if v.version == 1).gate == "not_yet"
    client = mlflow.MlflowClient(home.tracking, home.tracking)
    version = client.get_model_version("leadlight", "1")
    of_run = client.get_run(version.run_id).data.tags
    for tags in (version.tags, of_run):
        assert tags["gate"] == "not_yet"
        assert tags["gate.against"] == "2"
        assert tags["gate.used_until"] == "1700000000000000"
        assert tags["gate.reasons"].endswith(" ...")
    assert {"gate.json", "gate.md", "report.json"} <= {a.path for a in client.list_artifacts(version.run_id)}


def test_no_export_that_was_looked_at_is_forgotten(registry):
    for data in ("b" * 64, "a" * 64, None):
        registry.record_decision(2, decision("pass", 1, used_data=data))
    assert {"a" * 64, "b" * 64} <= registry.used_by_decisions().data


def test_a_forced_promotion_says_who_when_and_why_for_good(registry, home, tmp_path):
    import mlflow

    start_over(registry)
    registry.promote("2", forced="the goal is another now", by="ada")
    client = mlflow.MlflowClient(home.tracking, home.tracking)
    version = client.get_model_version("leadlight", "2")
    for tags in (version.tags, client.get_run(version.run_id).data.tags):
        assert tags["promoted.forced"] == "the goal is another now"
        assert tags["promoted.by"] == "ada"
        assert tags["promoted.at"]
    registry.rollback(by="bob")
    registry.promote("2")
    told = json.loads(Path(client.download_artifacts(version.run_id, "promotions.json", str(tmp_path))).read_text())
    assert [(t["how"], t["forced"], t["by"], t["before"]) for t in told][-2:] == [
        ("promoted", "the goal is another now", "ada", 1),
        ("promoted", None, None, 1),
    ]
    assert next(v for v in registry.versions() if v.version == 2).forced == "the goal is another now"


def test_two_rollbacks_go_two_back_even_where_a_champion_came_twice(registry, home):
    start_over(registry)
    registry.promote("2")
    registry.promote("1")
    registry.promote("1")  # it is champion already: nothing to remember
    assert registry.champion() == 1
    assert registry.rollback() == (2, 1)
    assert registry.rollback() == (1, 2)
    assert cached_champion(home)[1] == 1
    with pytest.raises(UsageError, match="first champion"):
        registry.rollback()


def test_promoting_the_champion_again_mends_the_copy_that_the_service_starts_from(registry, home):
    start_over(registry)
    (home.champion_cache / "model.json").unlink()
    registry.promote("1")
    assert cached_champion(home)[1] == 1
