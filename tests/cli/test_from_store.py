"""``leadlight import`` and ``--from-store``: what the service keeps is learned from as a folder is."""

import json
from datetime import UTC, datetime

import pytest

from empty_tracking import put_tracking
from leadlight.core.clock import to_micros
from leadlight.core.source import read_history
from leadlight.features.encode import micros_of
from leadlight.serving.ledger.ledger import Ledger
from leadlight.serving.store.database import Database
from leadlight.training import simulate
from putting import put_lead

NOW = datetime(2026, 11, 24, tzinfo=UTC)
LEADS = 500


def last_json(done):
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("company")
    simulate.write(simulate.simulate(leads=LEADS, seed=3), out)
    return out


@pytest.fixture(scope="module")
def imported(run, folder, tmp_path_factory):
    home = put_tracking(tmp_path_factory.mktemp("imported"))
    done = run("import", "--data", folder, "--json", home=home)
    assert done.returncode == 0, done.stderr
    return home, done


def test_an_import_counts_its_rows_and_brings_the_agreement(run, folder, imported):
    home, done = imported
    found = last_json(done)
    told = read_history(folder, now=NOW)
    assert found["leads"] == LEADS
    assert found["activities"] == len(told.activities)
    assert (found["duplicates"], found["skipped_erased"], found["agreement_copied"]) == (0, 0, True)
    assert (home / "agreement.toml").read_bytes() == (folder / "agreement.toml").read_bytes()
    said = " ".join(done.stderr.split())
    assert "campaign_costs" in said
    assert "rows" in said
    again = run("import", "--data", folder, "--json", home=home)
    assert again.returncode == 0, again.stderr
    assert last_json(again)["duplicates"] == sum(
        found[name] for name in ("leads", "activities", "stage_changes", "attribute_changes")
    )
    assert last_json(again)["agreement_copied"] is False


def test_an_agreement_that_is_there_stays(run, folder, tmp_path):
    (tmp_path / "agreement.toml").write_text("[capacity]\nleads_per_week = 7\n")
    done = run("import", "--data", folder, "--json", home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "leads_per_week = 7" in (tmp_path / "agreement.toml").read_text()
    assert "stays as it is" in " ".join(done.stderr.split())


def test_the_store_and_the_folder_give_the_same_verdict(run, folder, imported, tmp_path):
    """The same history ends in the same verdict, whichever way it came; the rows stand in another order."""
    home, _ = imported
    ours = run("train", "--from-store", "--json", home=home)
    theirs = run("train", "--data", folder, "--json", home=put_tracking(tmp_path))
    assert ours.returncode == theirs.returncode == 0, ours.stderr + theirs.stderr
    found, expected = last_json(ours), last_json(theirs)
    assert found["version"] == 1
    assert found["report"]["verdict"] == expected["report"]["verdict"]
    assert found["report"]["agreement"] == expected["report"]["agreement"]
    assert found["report"]["data"]["fingerprint"] != expected["report"]["data"]["fingerprint"]
    promoted = run("models", "promote", "--from-store", "--json", home=home)
    assert (promoted.returncode, last_json(promoted)["champion"]) == (0, 1), promoted.stderr
    retrained = run("retrain", "--from-store", "--json", home=home)
    assert (retrained.returncode, last_json(retrained)["outcome"]) == (0, "nothing_new"), retrained.stderr


def test_check_reads_the_store(run, imported):
    home, _ = imported
    done = run("check", "--from-store", "--json", home=home)
    found = last_json(done)
    assert found["leads"] == LEADS
    assert {one["name"] for one in found["attributes"]} >= {"source", "employees"}
    assert "the store: no problem found" in done.stdout


@pytest.mark.parametrize("command", ["train", "check", "retrain"])
def test_it_is_the_folder_or_the_store(run, folder, tmp_path, command):
    for arguments in ((), ("--data", folder, "--from-store"), ("--from-store", "--mapping", folder / "dataset.toml")):
        done = run(command, *arguments, "--json", home=tmp_path)
        assert done.returncode == 2, done.stderr
        assert "--data" in done.stderr or "--mapping" in done.stderr
        assert last_json(done)["error"] == "usage"


def test_an_empty_store_and_a_database_that_is_not_there_are_said_so(run, folder, tmp_path):
    done = run("train", "--from-store", "--json", home=tmp_path)
    assert done.returncode == 3
    assert "leadlight import" in done.stderr
    (tmp_path / "other" / "leadlight.db").mkdir(parents=True)
    for arguments in (("train", "--from-store"), ("import", "--data", folder)):
        done = run(*arguments, "--json", home=tmp_path / "other")
        assert done.returncode == 3, done.stderr
        assert "LEADLIGHT_DATABASE_URL" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_flat_export_can_t_be_imported(run, tmp_path):
    rows = "".join(f"L{i},web,{i % 2}\n" for i in range(30))
    (tmp_path / "leads.csv").write_text("lead_id,source,won\n" + rows)
    (tmp_path / "dataset.toml").write_text('[leads.outcome]\ncolumn = "won"\npositive = [1]\n')
    done = run("import", "--data", tmp_path, "--json", home=tmp_path / "home")
    assert done.returncode == 2
    assert "flat export" in done.stderr


def test_leads_that_were_only_ever_told_teach_a_challenger(run, folder, tmp_path):
    told = read_history(folder, now=NOW)
    database = Database(f"sqlite:///{tmp_path / 'leadlight.db'}")
    with database.writing() as connection:
        _tell(connection, Ledger(b"s" * 32), told)
    database.close()
    (tmp_path / "agreement.toml").write_bytes((folder / "agreement.toml").read_bytes())
    done = run("train", "--from-store", "--json", home=put_tracking(tmp_path))
    assert done.returncode == 0, done.stderr
    found = last_json(done)
    assert (found["verdict"], found["version"]) == ("signal", 1)
    listed = run("models", "list", "--json", home=tmp_path)
    assert listed.returncode == 0, listed.stderr
    assert "challenger" in listed.stdout


def _tell(connection, ledger, told):
    """Tell a history as a CRM does that knows the service from the first day."""
    moving = set(told.attribute_changes["attribute"])
    still = [one.name for one in told.attributes if one.name not in moving]
    for lead, created in zip(told.leads.to_dict("records"), micros_of(told.leads["created_at"]).tolist(), strict=True):
        known = {name: lead[name] for name in still if lead[name] == lead[name]}
        own = {name: lead[name] for name in ("lead_id", "account_id", "owner_id") if lead[name] == lead[name]}
        put_lead(ledger, connection, {**own, "created_at": created, "attributes": known}, created)
    numbers = {one.name for one in told.attributes if one.kind == "number"}
    changes = told.attribute_changes
    times = zip(micros_of(changes["occurred_at"]).tolist(), micros_of(changes["recorded_at"]).tolist(), strict=True)
    for row, (occurred, recorded) in zip(changes.to_dict("records"), times, strict=True):
        value = None if row["value"] != row["value"] else row["value"]
        value = float(value) if row["attribute"] in numbers and value is not None else value
        put = {"lead_id": row["lead_id"], "occurred_at": occurred, "attributes": {row["attribute"]: value}}
        put_lead(ledger, connection, put, recorded)
    for kind in ("activities", "stage_changes"):
        frame = getattr(told, kind)
        frame = frame.assign(**{name: micros_of(frame[name]) for name in ("occurred_at", "recorded_at")})
        rows = [
            {name: None if value != value else value for name, value in row.items()} for row in frame.to_dict("records")
        ]
        for start in range(0, len(rows), 1000):
            ledger.add_events(connection, kind, rows[start : start + 1000], to_micros(NOW))
