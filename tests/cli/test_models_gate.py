"""Promoting by the gate, as a person does it: the real command's code, a real MLflow, a simulated company."""

import json
import sys
from dataclasses import replace

import mlflow
import numpy as np
import pytest

from companies import recipe, told
from empty_tracking import put_tracking
from leadlight.agreement.terms import parse
from leadlight.cli import main as command
from leadlight.cli.inputs import read_history
from leadlight.core import settings
from leadlight.core.clock import DAY
from leadlight.core.registry import Registry
from leadlight.training.recipe import last_day, taught_as_of
from leadlight.training.telling import example

AGO = 240


@pytest.fixture(scope="module")
def data(demo):
    return demo[0] / "history"


@pytest.fixture(scope="module")
def models(demo, data):
    """Old points and newer trees, the former as champions stand: taught long ago."""
    history, agreement = read_history(data, None), parse((data / "agreement.toml").read_text())
    end, trees, card = last_day(history), recipe("lightgbm", trees=40), recipe("scorecard")
    day = end - AGO * DAY
    return {
        "points": told(taught_as_of(history, agreement, card, as_of=day), card, day),
        "trees": told(taught_as_of(history, agreement, trees, as_of=day), trees, end),
    }


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LEADLIGHT_HOME", str(tmp_path / "home"))
    return settings.load(home=put_tracking(tmp_path / "home"))


@pytest.fixture(scope="module")
def both(tmp_path_factory, models):
    """A home in which the trees are version 1 and champion, the points version 2."""
    setting = settings.load(home=put_tracking(tmp_path_factory.mktemp("both")))
    registry = Registry(setting)
    for model in (models["trees"], models["points"]):
        register(registry, model)
    registry.promote("1")
    return setting


@pytest.fixture
def leadlight(monkeypatch, capsys):
    """Run a command in this process, on a screen of 80 columns: exit code, what it printed, what it said."""

    def run(*arguments):
        monkeypatch.setenv("COLUMNS", "80")
        monkeypatch.setattr(sys, "argv", ["leadlight", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            command.main()
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return ended.value.code or 0, out, " ".join(err.split())

    return run


def column(lines, name):
    """Read a table's column from top to bottom."""
    top = next(i for i, line in enumerate(lines) if name in line.split())
    start = lines[top].index(name)
    end = lines[top].index(lines[top][start + len(name) :].split()[0], start)
    return " ".join(" ".join(line[start:end] for line in lines[top + 1 :]).split())


def register(registry, model):
    rows = np.array([[0.0] * len(model.catalog.columns)] * 2)
    report = json.dumps({"verdict": model.facts["verdict"]})
    return registry.log(
        params={}, metrics={"test.auc": 0.7}, texts={"report.json": report}, tags={}, model=model,
        input_example=example(model, rows),
    )[1]  # fmt: skip


def test_from_the_first_champion_to_one_that_was_held_against_it(home, leadlight, models, data):
    registry = Registry(home)
    told_nothing = {"word": "cannot_tell", "text": "Cannot tell yet: too few."}
    register(registry, replace(models["points"], facts={**models["points"].facts, "verdict": told_nothing}))
    code, _, said = leadlight("models", "promote")
    assert code == 1
    assert "Cannot tell yet: too few." in said
    first = register(registry, models["points"])
    code, _, said = leadlight("models", "promote")
    assert code == 0, said
    assert registry.decisions(str(first))[-1]["word"] == "pass"
    second = register(registry, models["trees"])
    code, out, said = leadlight("models", "promote", "--json")  # never held against it
    assert code == 1
    assert "--data DIR" in said
    assert "--force" in said
    assert json.loads(out.splitlines()[-1])["error"] == "gate_refused"
    assert registry.champion() == first
    code, _, said = leadlight("models", "promote", "--data", data)
    assert code == 0, said
    assert "Ranking: area under the ROC curve" in said
    assert registry.champion() == second
    kept = registry.decisions(str(second))
    assert [(d["word"], d["champion_version"]) for d in kept] == [("pass", first)]
    code, _, said = leadlight("models", "promote", second)
    assert (code, "champion already" in said) == (0, True)
    code, out, _ = leadlight("models", "list", "--json")
    assert [m["gate"] for m in json.loads(out.splitlines()[-1])["models"]] == ["pass", "pass", "refuse"]
    # The moments are used up: the points can't be held against the new champion before others have matured.
    code, _, said = leadlight("models", "promote", first, "--data", data)
    assert code == 1
    assert "Not yet" in said
    assert leadlight("models", "rollback")[0] == 0
    assert registry.champion() == first
    # What passed against this champion once, has still passed.
    assert leadlight("models", "promote", second, "--data", data)[0] == 0


def test_the_gate_refuses_and_only_a_reason_forces(both, leadlight, monkeypatch):
    monkeypatch.setenv("LEADLIGHT_HOME", str(both.home_path))
    registry = Registry(both)
    no = {"word": "refuse", "reasons": ["Ranking: worse.", "Chances: worse."], "champion_version": 1}
    registry.record_decision(2, {**no, "checks": {}, "used_until": None, "used_data": None, "at": None})
    code, out, said = leadlight("models", "promote", "2", "--json")
    assert code == 1
    assert "Ranking: worse." in said
    problems = json.loads(out.splitlines()[-1])["problems"]
    assert [(p["rule"], p["message"]) for p in problems] == [
        ("refuse", "Ranking: worse."),
        ("refuse", "Chances: worse."),
    ]
    assert registry.champion() == 1
    assert leadlight("models", "promote", "2", "--force", " ")[0] == 2
    assert leadlight("models", "promote", "2", "--force", "sales asked for it")[0] == 0
    assert registry.champion() == 2
    client = mlflow.MlflowClient(both.tracking, both.tracking)
    assert client.get_model_version("leadlight", "2").tags["promoted.forced"] == "sales asked for it"
    *shown, last = leadlight("models", "list", "--json")[1].splitlines()
    assert column(shown, "gate") == "refused; forced: sales asked for it -"
    models = json.loads(last)["models"]
    assert models[0]["forced"] == "sales asked for it"
    assert all(model["run_id"] in "\n".join(shown).split() for model in models)


def test_two_versions_are_compared_lead_by_lead(both, leadlight, data, monkeypatch):
    monkeypatch.setenv("LEADLIGHT_HOME", str(both.home_path))
    code, out, said = leadlight("models", "compare", "2", "1", "--data", data, "--top", 3, "--json")
    assert code == 0, said
    *shown, last = out.splitlines()
    found = json.loads(last)
    assert len(found["furthest"]) == 3
    for move in found["furthest"]:
        total = move["base"] + move["calibration"] + sum(why["log_odds"] for why in move["why"])
        assert total == pytest.approx(move["log_odds"][1] - move["log_odds"][0], abs=1e-9)
        assert any(line.split() == [move["lead_id"], f"{total:+.2f}", "all", "together"] for line in shown)
    starts = [line.strip().split(maxsplit=1) for line in shown if "where every lead starts" in line]
    assert starts == [[f"{move['base']:+.2f}", "where every lead starts"] for move in found["furthest"]]
    assert "kind: scorecard before, lightgbm after" in said


def test_a_champion_that_can_not_be_read_any_more_is_a_refusal_that_says_so(both, leadlight, data, monkeypatch):
    monkeypatch.setenv("LEADLIGHT_HOME", str(both.home_path))
    registry = Registry(both)
    champion = registry.champion()
    kind = next(v.kind for v in registry.versions() if v.version == champion)
    folder = both.home_path / "mlruns" / "artifacts"
    path = next(p for p in folder.rglob("model.json") if json.loads(p.read_text())["kind"] == kind)
    text = path.read_text()
    path.write_text(text.replace('"format": ', '"format": 9', 1))
    code, _, said = leadlight("models", "promote", 3 - champion, "--data", data)
    path.write_text(text)
    assert code == 1
    assert "can't compare" in said
    assert registry.decisions(str(3 - champion))[-1]["word"] == "refuse"
