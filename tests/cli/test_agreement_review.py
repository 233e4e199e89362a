"""``leadlight agreement``: show, and review against a small flat export."""

import csv
import json
import random

import pytest

from leadlight.agreement.terms import parse

AGREEMENT = """
[capacity]
leads_per_week = 20
[segments]
by = ["source"]
[[scorecard]]
name = "came by referral"
when = { attribute = "source", any_of = ["referral"] }
points = 15
[[scorecard]]
when = { attribute = "size", any_of = ["large"] }
points = -10
"""


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory):
    """A flat export where referrals and large companies convert, or where nothing decides."""

    def of(strength):
        folder = tmp_path_factory.mktemp("export")
        draw = random.Random(4)
        with (folder / "leads.csv").open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["lead_id", "source", "size", "number", "won"])
            for i in range(600):
                source, size = draw.choice(["referral", "web", "fair"]), draw.choice(["large", "small"])
                chance = 0.25 + strength * ((source == "referral") + (size == "large"))
                table.writerow([f"L{i:04d}", source, size, i, int(draw.random() < chance)])
        (folder / "agreement.toml").write_text(AGREEMENT)
        (folder / "dataset.toml").write_text(
            '[leads.outcome]\ncolumn = "won"\npositive = [1]\n[leads.order]\ncolumn = "number"\n'
        )
        return folder

    return of


def test_show_names_the_segments(run, folder_of):
    shown = run("agreement", "show", folder_of(0.3) / "agreement.toml", "--json")
    assert shown.returncode == 0, shown.stderr
    assert "segments" in shown.stdout
    assert json.loads(shown.stdout.splitlines()[-1])["segments"] == ["source"]


def test_review_tells_weight_by_weight_and_writes_a_card_that_can_be_read(run, folder_of, tmp_path):
    out = tmp_path / "learned.toml"
    done = run("agreement", "review", "--data", folder_of(0.3), "--out", out, "--json", home=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    verdicts = {rule["name"]: rule["verdict"] for rule in told["points"]["rules"]}
    assert verdicts["size is large"] == "wrong way round"
    assert "wrong way round" in done.stdout
    assert "favours the old weights" in done.stderr
    learned = parse(out.read_text())
    assert learned.leads_per_week == 20
    assert {rule.when.name for rule in learned.rules} == {"source", "size"}
    again = run("agreement", "review", "--data", folder_of(0.3), "--out", out, home=tmp_path)
    assert again.returncode == 2
    assert "nothing signed is lost" in again.stderr
    assert "Traceback" not in again.stderr


def test_where_nothing_decides_no_card_is_written(run, folder_of, tmp_path):
    out = tmp_path / "learned.toml"
    done = run("agreement", "review", "--data", folder_of(0.0), "--out", out, "--json", home=tmp_path)
    assert done.returncode == 1
    assert json.loads(done.stdout.splitlines()[-1])["ok"] is False
    assert not out.exists()
    assert "Nothing was written" in done.stderr
