"""The benchmark of reasons runs, tells the truth about errors, and compares fairly; how fast is for people to judge."""

import importlib
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments):
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture(scope="module")
def quick():
    done = run("-m", "benchmarks.explain", "--quick", "--no-peers", "--json")
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture
def clock(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("benchmarks.explain.clock")


def test_the_last_line_has_every_figure_that_was_promised(quick):
    found = json.loads(quick[-1])
    ratios = ["single_row_ratio_vs_shap", "batch_ratio_vs_lightgbm", "batch_ratio_vs_lightgbm_float32"]
    for name in [*ratios, "second_thread_gain", "raw_ratio_vs_predict"]:
        assert found[name] > 0, name
    assert found["benchmark"] == "explain"
    assert found["peers_left_out"] == "left out"
    (model,) = found["models"].values()
    assert model["categorical_splits"] > 0
    assert set(model["one_row"]) >= {"ours", "ours_grouped", "shap", "lightgbm_contrib", "lightgbm_predict"}
    times = [*model["batch_us_a_row"].values(), *(t["p50_us"] for t in model["one_row_cold"].values())]
    assert all(time > 0 for time in times)
    assert {"1", "8", "64"} <= set(model["small_batches"]["row_kernel"])
    assert 0 < model["cost"]["one_row_mb"] < model["cost"]["all_mb"]


def test_reasons_are_exact_on_ordinary_and_on_odd_rows(quick):
    found = json.loads(quick[-1])
    (model,) = found["models"].values()
    errors = model["exactness"]
    assert found["max_abs_error"] == errors["max_abs_error"] < 1e-12
    assert errors["max_abs_error_grouped"] < 1e-12
    assert errors["alone_as_among_others"] is True
    assert errors["additivity"] < 1e-12
    assert errors["base_error"] < 1e-12
    assert 0 < errors["max_abs_error_float32"] < 1e-5
    assert errors["largest_share"] > 0.01
    assert found["raw_is_bit_identical"] is True


def test_a_table_comes_before_the_figures(quick):
    text = "\n".join(quick[:-1])
    for words in ("One row, warm", "caches emptied", "Batch, microseconds a row", "same bits", "peers left out"):
        assert words in text


def test_an_unknown_model_is_refused_in_words():
    done = run("-m", "benchmarks.explain", "--models", "32x301")
    assert done.returncode == 2
    assert "there is no 32x301; there are 31x300" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_machine_that_slows_down_for_a_round_changes_no_ratio(clock):
    times = clock.Times()
    for slower in (1.0, 40.0, 1.0):
        times.add("theirs", [30.0 * slower, 30.0 * slower, 900.0 * slower])
        times.add("ours", [2.0 * slower, 2.0 * slower, 2.0 * slower])
    assert times.ratio("theirs", "ours") == 15.0
    assert times.ratio_range("theirs", "ours") == (15.0, 15.0)
    assert times.p50("ours") == 2.0
    assert times.p99("theirs") > 30_000


def test_contenders_take_turns_and_nobody_is_always_first(clock):
    called = []
    contenders = {name: lambda turn, name=name: called.append((turn, name)) for name in "abc"}
    found = clock.in_turn(contenders, range(3), before=lambda: called.append("flushed"), rows={"a": 4})
    assert [turn[1] for turn in called if turn != "flushed"] == [*"abc", *"bca", *"cab"]
    assert called[::2] == ["flushed"] * 9
    called.clear()
    assert len(clock.in_turn(contenders, range(2), running=3)["b"]) == 6
    assert called[:7] == [(0, "a"), (1, "a"), (2, "a"), (0, "b"), (1, "b"), (2, "b"), (0, "c")]
    assert all(len(micros) == 3 and not math.isnan(sum(micros)) for micros in found.values())


def test_peers_that_are_not_installed_say_so_and_the_others_go_on(tmp_path):
    import lightgbm

    rows = np.random.default_rng(0).normal(size=(50, 3))
    data = lightgbm.Dataset(rows, rows[:, 0] > 0, params={"verbosity": -1})
    booster = lightgbm.train({"objective": "binary", "verbosity": -1, "num_threads": 1}, data, num_boost_round=2)
    (tmp_path / "model.txt").write_text(booster.model_to_string(), encoding="utf-8")
    np.save(tmp_path / "rows.npy", rows)
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "peers.py"), str(tmp_path)],
        input=json.dumps({"do": "one", "calls": 2, "seconds": 0.1}) + "\n",
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    who, answer = (json.loads(line) for line in done.stdout.splitlines())
    assert who["shapiq"]["version"] == "not installed"
    assert "No module named 'shapiq'" in answer["shapiq"]["refused"]
    assert "No module named 'woodelf'" in answer["woodelf"]["refused"]
