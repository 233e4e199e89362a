"""``leadlight backtest``, as people and programs run it."""

import json

import numpy as np
import pytest


@pytest.fixture
def company(tmp_path):
    """Return a folder with an export in the order of the file, and a few hand-picked points."""
    rng = np.random.default_rng(2)
    source, visits = rng.choice(["web", "fair", "partner"], 700), rng.poisson(3, 700)
    won = rng.random(700) < 1 / (1 + np.exp(-(-2 + 1.5 * (source == "partner") + 0.3 * visits)))
    rows = [f"L{i},{source[i]},{visits[i]},{int(won[i])}" for i in range(700)]
    (tmp_path / "leads.csv").write_text("\n".join(["lead_id,source,visits,won", *rows]))
    (tmp_path / "dataset.toml").write_text(
        '[leads.outcome]\ncolumn = "won"\npositive = [1]\n[leads.order]\nby = "file"\n'
    )
    (tmp_path / "agreement.toml").write_text(
        '[[scorecard]]\nwhen = { attribute = "source", any_of = ["partner"] }\npoints = 10\n'
    )
    return tmp_path


def test_a_backtest_prints_tables_and_ends_with_one_json_line(run, company):
    done = run("backtest", "--data", company, "--months", 1, "--top", 5, "--json", home=company / "home")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["ok"] is True
    assert told["top"]["room"] == 5
    assert [period["name"] for period in told["periods"]] == ["tenth 10"]
    assert told["sentence"] in " ".join(done.stderr.split())
    for shown in ("the hand-picked points", "Odoo with effort", "by lot", "calibration", "Footnote"):
        assert shown in done.stdout
    assert "who was worked then" in " ".join(done.stderr.split())
    assert not (company / "home").exists()


def test_an_export_without_order_is_refused(run, tmp_path):
    (tmp_path / "leads.csv").write_text("lead_id,source,won\n" + "".join(f"L{i},web,{i % 2}\n" for i in range(40)))
    (tmp_path / "dataset.toml").write_text('[leads.outcome]\ncolumn = "won"\npositive = [1]\n')
    done = run("backtest", "--data", tmp_path, "--json", home=tmp_path)
    assert done.returncode == 1
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["ok"], told["error"]) == (False, "nothing_to_replay")
    assert "leads.order" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
