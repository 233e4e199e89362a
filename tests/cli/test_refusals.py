"""Every command's way to say no: an exit code, one sentence that says how to mend it, never a traceback."""

import json

import pytest

from empty_tracking import put_tracking

SMALL = "lead_id,created_at,source\nA,2025-01-01T00:00:00Z,web\nB,2025-01-02T00:00:00Z,fair\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "leads.csv").write_text(SMALL)
    (tmp_path / "dataset.toml").write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["check", "--data", "/nowhere/at/all"], 3, "no folder"),
        (["train", "--data", "/nowhere/at/all"], 3, "no folder"),
        (["score", "--data", "{folder}", "--out", "{folder}/x.csv"], 3, "leadlight models promote"),
        (["score", "--data", "{folder}", "--out", "{folder}/x.csv", "--language", "fr"], 2, "en, es"),
        (["score", "--data", "{folder}", "--out", "{folder}/x.csv", "--as-of", "someday"], 2, "2026-11-23"),
        (["train", "--data", "{folder}", "--as-of", "someday"], 2, "2026-11-23"),
        (["train", "--data", "{folder}", "--as-of", "03/04/2025"], 2, "2026-11-23"),
        (["train", "--data", "{folder}", "--agreement", "{folder}/no.toml"], 3, "no agreement"),
        (["simulate", "--out", "{folder}/sim", "--world", "flat"], 2, "honest-points"),
        (["agreement", "check", "{folder}/dataset.toml"], 0, "can be followed"),
        (["agreement", "check", "{folder}/leads.csv"], 1, "can't be read as TOML"),
        (["models", "show", "champion"], 2, "none yet"),
        (["no-such-command"], 2, "No such command"),
        (["demo", "--leads", "5"], 2, "--leads"),
    ],
)
def test_each_refusal_has_its_code_and_says_how_to_mend_it(run, folder, arguments, code, says):
    done = run(*(a.format(folder=folder) for a in arguments), home=folder / "home", cwd=folder)
    assert done.returncode == code, done.stderr
    assert says in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_broken_data_lists_every_problem_at_once(run, folder):
    (folder / "leads.csv").write_text(SMALL + "A,not a time,web\nC,2024-13-01T00:00:00Z,web\n")
    done = run("check", "--data", folder, "--json", home=folder)
    assert done.returncode == 1
    problems = json.loads(done.stdout.splitlines()[-1])["problems"]
    assert len(problems) >= 2
    assert all({"where", "rule", "message"} <= problem.keys() for problem in problems)
    assert "Traceback" not in done.stderr


def test_too_little_data_is_a_clear_result_and_registers_nothing(run, folder):
    done = run("train", "--data", folder, "--json", home=put_tracking(folder / "home"))
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["verdict"], told["version"]) == ("cannot_tell", None)
    assert "Cannot tell yet" in done.stderr


CONTACTS = "lead_id,created_at\n" + "".join(f"L{i},2024-01-{i % 28 + 1:02d}T09:00:00Z\n" for i in range(40))
DEALS = "lead_id,occurred_at,stage\n" + "".join(
    f"L{i},2024-03-01T09:00:00Z,{'Closed Won' if i % 3 else 'Closed Lost'}\n" for i in range(40)
)


@pytest.fixture
def crm(tmp_path):
    (tmp_path / "leads.csv").write_text(CONTACTS)
    (tmp_path / "stage_changes.csv").write_text(DEALS)
    return tmp_path


def test_a_goal_that_never_occurs_is_refused_and_the_stages_are_named(run, crm):
    done = run("train", "--data", crm, "--json", home=crm / "home")
    assert done.returncode == 1
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["ok"], told["error"]) == (False, "agreement")
    assert [problem["rule"] for problem in told["problems"]] == ["goal_never_reached"]
    assert "'Closed Won' (26)" in told["message"]
    assert "'Closed Won' (26)" in " ".join(done.stderr.split())


def test_check_shows_what_each_stage_is_taken_as(run, crm):
    done = run("check", "--data", crm, "--json", home=crm / "home")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["stages"] == {"Closed Won": 26, "Closed Lost": 14}
    assert [said for said in told["notes"] if '"Closed Lost" = "closed_lost"' in said]
    assert [said for said in told["notes"] if "goal_never_reached" in said]


@pytest.mark.parametrize(
    ("arguments", "home", "code", "says"),
    [
        (["train", "--data", "{crm}", "--as-of", "2001-01-01"], "{crm}/home", 2, "before the history begins"),
        (["train", "--data", "{crm}"], "{crm}/leads.csv", 3, "leads.csv"),
        (["models", "list"], "/proc/nowhere", 3, "/proc/nowhere"),
        (["simulate", "--out", "{crm}/leads.csv"], "{crm}/home", 3, "leads.csv"),
        (["demo", "--dir", "{crm}/leads.csv", "--no-serve", "--leads", "200"], "{crm}/home", 3, "leads.csv"),
        (["check", "--data", "{crm}", "--mapping", "{crm}"], "{crm}/home", 3, "can't be read"),
        (["check", "--data", "{crm}/nowhere"], "{crm}/home", 3, "no folder"),
    ],
)
def test_each_refusal_ends_with_its_json_line(run, crm, arguments, home, code, says):
    (crm / "agreement.toml").write_text('[conversion]\nstage = "Closed Won"\n')
    done = run(*(a.format(crm=crm) for a in arguments), "--json", home=home.format(crm=crm), cwd=crm)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["ok"] is False
    assert says in told["message"]


def test_an_export_without_dates_has_no_as_of_and_no_stage_to_agree_on(run, tmp_path):
    rows = "".join(f"{i},{i % 3 == 0:d},{i % 7}\n" for i in range(60))
    (tmp_path / "leads.csv").write_text("n,won,x\n" + rows)
    (tmp_path / "dataset.toml").write_text('[leads.outcome]\ncolumn = "won"\npositive = [1]\n')
    home = put_tracking(tmp_path / "home")
    refused = run("train", "--data", tmp_path, "--as-of", "2024-01-01", home=home)
    assert refused.returncode == 2
    assert "no dates" in refused.stderr
    done = run("train", "--data", tmp_path, home=home)
    assert "Capacity not agreed" in done.stderr
    assert "Conversion stage" not in done.stderr
    assert "Horizon not agreed" not in done.stderr


def test_what_the_parser_refuses_ends_in_json_too(run, folder):
    done = run("train", "--data", folder, "--trials", "x", "--json", home=folder)
    assert done.returncode == 2
    assert json.loads(done.stdout.splitlines()[-1])["ok"] is False
    assert "trials" in done.stderr
