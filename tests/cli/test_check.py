"""``leadlight check``: the audit's table, its questions, and the exit code."""

import json

import pytest

from planted import HONEST, LEAKS, company

MAPPING = '[leads.outcome]\ncolumn = "won"\npositive = ["yes"]\n[leads.order]\ncolumn = "came"\n[leads.attributes]\n'


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return the folder of a flat export with one leak and one strong honest field."""
    import numpy as np
    import pandas as pd

    c = company(n=1200, base_rate=0.3, seed=1)
    fields = {"onboarded": LEAKS["onboarded"], "fit": HONEST["fit"], "weekday": HONEST["weekday"]}
    leads = pd.DataFrame({name: make(c) for name, make in fields.items()})
    leads["won"], leads["came"] = np.where(c.won, "yes", "no"), c.came
    place = tmp_path_factory.mktemp("check")
    leads.to_csv(place / "leads.csv", index=False)
    return place


def check(run, folder, attributes, tmp_path):
    mapping = tmp_path / "dataset.toml"
    mapping.write_text(MAPPING + attributes)
    return run("check", "--data", folder, "--mapping", mapping, "--json", home=tmp_path)


def test_a_leak_is_shown_asked_about_and_exits_with_1(run, folder, tmp_path):
    done = check(run, folder, "", tmp_path)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "Auditing" in done.stderr
    shown = " ".join(done.stdout.split())
    assert "Leak audit (won: " in shown
    assert '"onboarded" = { known = "after" }' in done.stdout
    assert '"fit" = { known = "after" }' in done.stdout
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["ok"], told["error"]) == (False, "leak")
    assert set(told["audit"]["left_out"]) == {"onboarded"}
    verdicts = {field["name"]: field["verdict"] for field in told["audit"]["fields"]}
    assert verdicts == {"onboarded": "suspected", "fit": "asked", "weekday": "clean"}


def test_the_line_that_it_shows_settles_it(run, folder, tmp_path):
    answers = '"onboarded" = { known = "after" }\n"fit" = { known = "creation" }\n'
    done = check(run, folder, answers, tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["ok"] is True
    assert told["audit"]["left_out"] == {}
    assert told["excluded"]["onboarded"] == "known only after the outcome"
    assert "Questions" not in done.stdout


def test_too_few_outcomes_are_said_with_their_count(run, tmp_path):
    rows = "".join(f"{i},{'yes' if i < 3 else 'no'},{i % 7}\n" for i in range(60))
    (tmp_path / "leads.csv").write_text("came,won,size\n" + rows)
    done = check(run, tmp_path, "", tmp_path)
    assert done.returncode == 0
    assert "3 of 60 leads converted" in " ".join(done.stderr.split())
