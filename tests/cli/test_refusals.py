"""Every command's way to say no: an exit code, one sentence that says how to mend it, never a traceback."""

import json

import pytest

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
    done = run("train", "--data", folder, "--json", home=folder / "home")
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["verdict"], told["version"]) == ("cannot_tell", None)
    assert "Cannot tell yet" in done.stderr
