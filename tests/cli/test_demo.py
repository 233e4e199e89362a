"""The whole path as a newcomer runs it: real files, real MLflow, real processes."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from own_postgres import free_port

LEAD = {
    "lead": {
        "lead_id": "L-1042",
        "created_at": "2025-10-14T09:00:00Z",
        "attributes": {"source": "webinar", "employees": 250, "title": "CEO"},
    },
    "activities": [{"type": "demo_request", "occurred_at": "2025-12-20T16:02:00Z"}],
    "stage_changes": [{"stage": "engaged", "occurred_at": "2025-11-02T10:00:00Z"}],
    "as_of": "2025-12-31T08:00:00Z",
}


def ask(url, body=None, **headers):
    request = urllib.request.Request(url, headers={"Content-Type": "application/json", **headers})
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(request, data, timeout=20) as answer:
        return answer.status, answer.read().decode()


def wait_until(url, process, seconds=120, **headers):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert process.poll() is None, process.stderr.read()
        try:
            return ask(url, **headers)
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
    raise AssertionError(f"{url} did not answer within {seconds} s")


def test_the_demo_ends_with_figures_in_a_sensible_order(demo):
    _, told = demo
    areas = told["auc"]
    assert told["verdict"] == "signal"
    assert told["model_version"] == 1
    assert 0.5 < areas["scorecard"] < areas["ceiling"] < 1
    assert areas["champion"] > areas["scorecard"] - 0.02
    assert areas["champion"] < areas["ceiling"] + 0.02
    assert {"simulate", "read", "train", "register", "score", "import", "rescore"} <= told["seconds"].keys()
    assert all(0 < share < 1 for share in told["caught_in_top_10_percent"].values())


def test_the_ranking_stands_beside_the_scorecards(demo):
    home, _ = demo
    ranking = pd.read_csv(home / "ranking.csv")
    assert (ranking["rank"] == np.arange(1, len(ranking) + 1)).all()
    assert ranking["log_odds"].is_monotonic_decreasing
    assert ranking["scorecard_rank"].min() == 1
    assert ranking["reason_1"].notna().all()


def test_scored_files_add_up_and_agree_with_each_other(demo, run, tmp_path):
    home, _ = demo
    for name in ("scores.csv", "scores.parquet", "scores.csv.gz"):
        done = run("score", "--data", home / "history", "--out", tmp_path / name, "--reasons", 4, "--json", home=home)
        assert done.returncode == 0, done.stderr
    table = pd.read_parquet(tmp_path / "scores.parquet")
    reasons = table["reasons"].map(json.loads)
    impacts = reasons.map(lambda rs: sum(r["impact"] for r in rs)) + table["other_reasons_impact"]
    np.testing.assert_allclose(table["base_log_odds"] + impacts, table["log_odds"], atol=1e-6)
    components = table[["fit", "interest", "cycle"]].sum(axis=1)
    np.testing.assert_allclose(table["base_log_odds"] + components, table["log_odds"], atol=1e-6)
    np.testing.assert_allclose(table["probability"].dropna(), 1 / (1 + np.exp(-table["log_odds"])))
    for other in ("scores.csv", "scores.csv.gz"):
        read = pd.read_csv(tmp_path / other)
        np.testing.assert_allclose(read["log_odds"], table["log_odds"], rtol=1e-12)
        assert read["lead_id"].tolist() == table["lead_id"].tolist()


def test_an_earlier_as_of_sees_fewer_leads(demo, run, tmp_path):
    home, _ = demo
    out = tmp_path / "then.csv"
    done = run("score", "--data", home / "history", "--out", out, "--as-of", "2024-09-01", home=home)
    assert done.returncode == 0, done.stderr
    history = pd.read_parquet(home / "history" / "leads.parquet")
    known = set(history.loc[history["created_at"] < pd.Timestamp("2024-09-01", tz="UTC"), "lead_id"])
    assert set(pd.read_csv(out)["lead_id"]) <= known


def test_models_are_listed_shown_promoted_and_rolled_back(demo, run):
    home, told = demo
    listed = json.loads(run("models", "list", "--json", home=home).stdout.splitlines()[-1])["models"]
    assert [m["version"] for m in listed][-1] == 1
    assert listed[-1]["kind"] == told["champion"]
    shown = json.loads(run("models", "show", "champion", "--json", home=home).stdout.splitlines()[-1])
    assert shown["verdict"]["word"] == "signal"
    assert run("models", "promote", "1", home=home).returncode == 0
    refused = run("models", "rollback", home=home)
    assert refused.returncode == 2
    assert "first champion" in refused.stderr
    unknown = run("models", "promote", "77", home=home)
    assert unknown.returncode == 2
    assert "There are:" in unknown.stderr


def test_the_service_answers_from_the_home_and_stops_on_ctrl_c(demo, tmp_path):
    home, told = demo
    port = free_port()
    leadlight = Path(sys.executable).with_name("leadlight")
    environment = {**os.environ, "LEADLIGHT_HOME": str(home)}
    process = subprocess.Popen(
        [leadlight, "serve", "--port", str(port), "--as-of", "2026-01-01"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=tmp_path,
    )  # fmt: skip
    try:
        wait_until(f"http://127.0.0.1:{port}/readyz", process)
        with pytest.raises(urllib.error.HTTPError, match="401"):
            ask(f"http://127.0.0.1:{port}/v1/score", LEAD)
        key = {"Authorization": f"Bearer {told['api_key']}"}
        status, text = ask(f"http://127.0.0.1:{port}/v1/score", LEAD, **key)
        answer = json.loads(text)
        total = answer["base_log_odds"] + answer["other_reasons_impact"] + sum(r["impact"] for r in answer["reasons"])
        assert status == 200
        assert abs(total - answer["log_odds"]) < 1e-6
        assert answer["receipt_id"]
        spanish = json.loads(ask(f"http://127.0.0.1:{port}/v1/score", LEAD, **{"Accept-Language": "es"}, **key)[1])
        assert spanish["log_odds"] == answer["log_odds"]
        assert spanish["reasons"][0]["text"] != answer["reasons"][0]["text"]
        wait_until(f"http://127.0.0.1:{port}/leads", process, **key)
        open_leads = int((pd.read_csv(home / "ranking.csv")["rank"]).max())
        assert len(queue(port, key)) == open_leads  # the demo has scored them already
        assert queue(port, key)[:20] == pd.read_csv(home / "ranking.csv")["lead_id"].tolist()[:20]
        assert "<html" in ask(f"http://127.0.0.1:{port}/leads", **key)[1]
        assert 'name="key"' in ask(f"http://127.0.0.1:{port}/leads")[1]  # without a key one is led to /login
    finally:
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert "Traceback" not in said


def queue(port, key):
    """Return all open leads as the store ranks them."""
    found, cursor = [], ""
    while cursor is not None:
        page = json.loads(ask(f"http://127.0.0.1:{port}/v1/leads?limit=200{cursor and f'&cursor={cursor}'}", **key)[1])
        found += [item["lead_id"] for item in page["items"]]
        cursor = page["next_cursor"]
    return found


def test_another_company_is_not_mixed_into_the_store(demo, run):
    home, _ = demo
    refused = run("demo", "--leads", 300, "--seed", 4, "--dir", home, "--no-serve")
    assert refused.returncode == 2
    assert "leads of another company" in refused.stderr
    assert "--dir" in refused.stderr


def test_a_second_run_revokes_the_key_of_the_first(tmp_path):
    from leadlight.cli.demo import _key
    from leadlight.cli.keys import keys_of, made
    from leadlight.core.settings import Settings

    setting = Settings(home=tmp_path, _env_file=None)
    with keys_of(setting) as keys:
        keys.add(made("crm", label="of somebody else")[1])
    texts = [_key(setting) for _ in range(2)]
    with keys_of(setting) as keys:
        found = {key.key_id: key for key in keys.all()}
    states = [found[text.split("_")[1]].revoked_at is None for text in texts]
    assert states == [False, True]
    assert [key.revoked_at is None for key in found.values() if key.role == "crm"] == [True]


def test_mlflow_serves_the_same_model(demo):
    home, _ = demo
    port = free_port()
    mlflow = Path(sys.executable).with_name("mlflow")
    tracking = f"sqlite:///{home / 'mlruns' / 'mlflow.db'}"
    here = f"{mlflow.parent}{os.pathsep}{os.environ['PATH']}"  # MLflow starts uvicorn by its name
    environment = {**os.environ, "MLFLOW_TRACKING_URI": tracking, "MLFLOW_REGISTRY_URI": tracking, "PATH": here}
    command = [mlflow, "models", "serve", "-m", "models:/leadlight@champion", "--env-manager", "local", "-p", str(port)]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment, start_new_session=True, text=True
    )
    try:
        wait_until(f"http://127.0.0.1:{port}/ping", process)
        example = next((home / "mlruns" / "artifacts").rglob("serving_input_example.json"))
        body = json.loads(example.read_text())
        predictions = json.loads(ask(f"http://127.0.0.1:{port}/invocations", body)[1])["predictions"]
    finally:
        with contextlib.suppress(ProcessLookupError):  # it is gone where it failed to start
            os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=30)
    frame = pd.DataFrame(predictions)
    shares = frame[[column for column in frame if column.startswith("contribution.")]].sum(axis=1)
    np.testing.assert_allclose(frame["base_log_odds"] + shares, frame["log_odds"], atol=1e-6)
