"""Receipts replay with the version that made them: whatever was promoted since, whatever became of MLflow."""

import json
import math
import shutil
import sqlite3
from dataclasses import asdict, replace
from datetime import UTC, datetime

import pandas as pd
import pytest

from empty_tracking import put_tracking
from leadlight.core.artifact import decode, encode_values
from leadlight.core.clock import FixedClock
from leadlight.core.registry import Registry, cached_champion
from leadlight.core.settings import Settings
from leadlight.serving.scorer import Scorer
from leadlight.serving.store.database import Database
from leadlight.serving.store.ids import ReceiptIds
from leadlight.serving.store.packed import packed
from leadlight.serving.store.receipt_table import ReceiptTable
from leadlight.serving.store.receipts import Receipt
from leadlight.serving.store.spool import SPOOL_FILE, Spool
from models import boosted, trained

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
VALUES = {"source": "ads", "industry": "software", "employees": 1 / 3}
IDS = ReceiptIds(FixedClock(NOW))


def log(registry, model):
    """Register a model on the real MLflow and return its version."""
    example = pd.DataFrame([decode(model.catalog, encode_values(model.catalog, VALUES))])
    _, version = registry.log(params={}, metrics={}, texts={}, tags={}, model=model, input_example=example)
    return version


def slip(model, version, **more):
    scorer = Scorer(model, version)
    answer = scorer.explain(encode_values(model.catalog, VALUES | more), "L-1", 1_700_000_000_000_000, language="es")
    return scorer.slip(answer, IDS.next(), 1_763_888_400_000_000)


def keep(home, *slips):
    table = ReceiptTable(Database(f"sqlite:///{home / 'leadlight.db'}"))
    table.add(slips)
    table.close()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home where version 1 served and made receipts, and three newer ones were promoted since."""
    home = put_tracking(tmp_path_factory.mktemp("home"))
    settings = Settings(home=home, _env_file=None)
    registry = Registry(settings)
    for model in (boosted(), trained(seed=1), trained(seed=2), trained(seed=3)):
        registry.promote(str(log(registry, model)))
        served, version = cached_champion(settings)
        keep(home, slip(served, version), slip(served, version, employees=1e6))
    return home


def receipts(home, version):
    with sqlite3.connect(home / "leadlight.db") as plain:
        found = plain.execute("SELECT receipt_id FROM receipts WHERE model_version = ? ORDER BY 1", (version,))
        ids = [receipt_id for (receipt_id,) in found]
    plain.close()
    return ids


def told(done):
    assert "Traceback" not in done.stderr, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_receipt_of_version_1_gives_the_same_bits_after_three_newer_ones(run, home):
    one, _ = receipts(home, 1)
    done = run("replay", one, "--json", home=home)
    assert done.returncode == 0, done.stderr
    assert "same bits" in done.stderr
    answer = told(done)
    assert (answer["ok"], answer["model_version"], answer["differences"]) == (True, 1, [])
    assert answer["model_from"] == str(home / "models" / "1")


def test_without_the_tracking_database_too_and_for_every_version(run, home, tmp_path):
    shutil.copytree(home, tmp_path / "home", ignore=shutil.ignore_patterns("mlruns"))
    for version in (1, 4):
        for receipt_id in receipts(home, version):
            done = run("replay", receipt_id, home=tmp_path / "home")
            assert (done.returncode, "same bits" in done.stderr) == (0, True), done.stderr
    assert not (tmp_path / "home" / "mlruns").exists()


def test_without_the_kept_folder_mlflow_is_asked(run, home, tmp_path):
    one, _ = receipts(home, 2)
    shutil.move(home / "models", tmp_path / "models")
    try:
        done = run("replay", one, "--json", home=home)
        assert (done.returncode, told(done)["model_from"]) == (0, "MLflow"), done.stderr
    finally:
        shutil.rmtree(home / "models", ignore_errors=True)
        shutil.move(tmp_path / "models", home / "models")


def test_without_both_what_is_lost_is_named(run, home, tmp_path):
    shutil.copytree(home, tmp_path / "home", ignore=shutil.ignore_patterns("mlruns", "models"))
    done = run("replay", receipts(home, 1)[0], "--json", home=tmp_path / "home")
    assert done.returncode == 3
    assert "neither kept" in " ".join(done.stderr.split())
    assert told(done)["error"] == "nothing_there"


def test_numbers_that_began_anew_replay_with_the_model_that_made_the_receipt(run, home, tmp_path):
    """Of two models that were both version 1, each receipt is shown by its own."""
    there = tmp_path / "home"
    shutil.copytree(home, there)
    shutil.rmtree(there / "mlruns")
    put_tracking(there)
    settings = Settings(home=there, _env_file=None)
    registry = Registry(settings)
    other = trained(seed=9)
    assert registry.promote(str(log(registry, other))) == 1
    new = slip(other, 1)
    keep(there, new)
    for receipt_id, folder in ((receipts(home, 1)[0], "1"), (new.receipt_id, "1~2")):
        done = run("replay", receipt_id, "--json", home=there)
        assert (done.returncode, told(done)["model_from"]) == (0, str(there / "models" / folder)), done.stderr


def tampered(slip, **changes):
    receipt = replace(Receipt.from_packed(slip.packed), receipt_id=IDS.next(), **changes)
    return slip._replace(receipt_id=receipt.receipt_id, packed=packed(json.dumps(asdict(receipt)).encode()))


def test_what_differs_is_listed_reasons_too(run, home):
    made = slip(boosted(), 1)
    whole = Receipt.from_packed(made.packed)
    first, *others = whole.reasons
    reasons = [{**first, "impact": math.nextafter(first["impact"], 9)}, *others]
    swapped = [others[0], first, *others[1:]]
    cases = (
        (tampered(made, score=whole.score + 1), {"score"}, False),
        (tampered(made, log_odds=math.nextafter(whole.log_odds, 9)), {"log_odds"}, True),
        (tampered(made, reasons=reasons), {"reasons[0].impact"}, True),
        (tampered(made, reasons=swapped), {f"reasons[{i}].{n}" for i in (0, 1) for n in ("code", "impact")}, False),
        (tampered(made, components={**whole.components, "fit": 0.0}), {"components.fit"}, False),
    )
    keep(home, *(case for case, _, _ in cases))
    for case, what, rounding in cases:
        done = run("replay", case.receipt_id, "--json", home=home)
        answer = told(done)
        assert done.returncode == 1
        assert {one["what"] for one in answer["differences"]} == what
        assert (answer["same_bits"], answer["rounding_only"]) == (False, rounding)


def test_a_receipt_that_waits_in_the_spool_is_found_and_nothing_is_made(run, home, tmp_path):
    shutil.copytree(home, tmp_path / "home", ignore=shutil.ignore_patterns("mlruns", "*.db*"))
    made = slip(cached_champion(Settings(home=home, _env_file=None))[0], 4)
    Spool(tmp_path / "home" / SPOOL_FILE).add([made])
    before = sorted(path.name for path in (tmp_path / "home").iterdir())
    assert run("replay", made.receipt_id, home=tmp_path / "home").returncode == 0
    done = run("replay", "0" * 26, "--json", home=tmp_path / "home")
    assert (done.returncode, told(done)["error"]) == (3, "nothing_there")
    assert sorted(path.name for path in (tmp_path / "home").iterdir()) == before


def test_a_damaged_one_is_said_in_a_sentence(run, home):
    made = slip(trained(seed=3), 4)
    keep(home, made)
    with sqlite3.connect(home / "leadlight.db") as plain:
        damaged = made.packed[:-9] + bytes([made.packed[-9] ^ 1]) + made.packed[-8:]
        plain.execute("UPDATE receipts SET packed = ? WHERE receipt_id = ?", (damaged, made.receipt_id))
    plain.close()
    done = run("replay", made.receipt_id, "--json", home=home)
    assert (done.returncode, told(done)["error"]) == (1, "damaged_receipt")
    assert "Traceback" not in done.stderr


def test_an_erased_one_says_what_is_left(run, home):
    made = slip(trained(seed=3), 4)
    gone = made._replace(receipt_id=IDS.next())
    keep(home, gone)
    with sqlite3.connect(home / "leadlight.db") as plain:
        plain.execute("UPDATE receipts SET packed = x'', erased_at = 9 WHERE receipt_id = ?", (gone.receipt_id,))
    plain.close()
    done = run("replay", gone.receipt_id, "--json", home=home)
    assert done.returncode == 1
    answer = told(done)
    assert answer["error"] == "erased_receipt"
    assert (answer["receipt_id"], answer["model_version"], answer["score"]) == (gone.receipt_id, 4, made.score)
    assert answer["made_at"] == gone.made_at
    said = " ".join(done.stderr.split())
    assert f"score {made.score}" in said
    assert "2025-11-23T09:00:00Z" in said


@pytest.mark.parametrize(("receipt_id", "code", "error"), [("0" * 26, 3, "nothing_there"), ("L-1042", 2, "usage")])
def test_what_is_not_there_is_no_traceback(run, home, receipt_id, code, error):
    done = run("replay", receipt_id, "--json", home=home)
    assert (done.returncode, told(done)["error"]) == (code, error)


def test_a_database_that_does_not_answer_is_named(run, tmp_path):
    (tmp_path / "leadlight.db").mkdir()
    done = run("replay", "0" * 26, "--json", home=tmp_path)
    assert (done.returncode, told(done)["error"]) == (3, "unavailable")
