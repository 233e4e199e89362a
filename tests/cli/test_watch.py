"""``leadlight watch`` on the demo company, and its refusals."""

import json


def last_json(done):
    return json.loads(done.stdout.splitlines()[-1])


def test_it_answers_in_words_and_as_json(run, demo):
    home, told = demo
    done = run("watch", "--data", home / "history", "--json", home=home)
    assert done.returncode == 0, done.stderr
    found = last_json(done)
    assert found["model_version"] == told["model_version"]
    assert found["advice"] == "not_yet"  # it was trained on this very data
    assert found["because"]
    assert found["drift"]["drifted"] == []
    assert "Not yet" in done.stdout
    assert "No input and no score moved" in done.stderr


def test_a_changed_agreement_says_retrain_now_and_still_answers_with_exit_0(run, demo, tmp_path):
    home, _ = demo
    other = tmp_path / "agreement.toml"
    signed = (home / "history" / "agreement.toml").read_text()
    assert "leads_per_week = " in signed
    other.write_text(signed.replace("leads_per_week = ", "leads_per_week = 9"))
    done = run("watch", "--data", home / "history", "--agreement", other, "--json", home=home)
    assert done.returncode == 0, done.stderr
    found = last_json(done)
    assert found["advice"] == "retrain_now"
    assert "capacity" in found["because"][0]
    assert "Retrain now" in done.stdout


def test_without_a_champion_it_says_how_to_get_one(run, demo, tmp_path):
    home, _ = demo
    done = run("watch", "--data", home / "history", "--json", home=tmp_path)
    assert done.returncode == 3
    assert last_json(done)["error"] == "no_champion"
    assert "leadlight models promote" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_day_before_the_training_day_is_wrong_usage(run, demo):
    home, _ = demo
    done = run("watch", "--data", home / "history", "--as-of", "2025-06-01", home=home)
    assert done.returncode == 2
    assert "lies before that" in " ".join(done.stderr.split())
