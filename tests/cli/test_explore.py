"""``leadlight simulate --explore``: a company whose queue writes down its chances."""

import json


def test_a_queue_log_is_written_and_passes_the_door(run, tmp_path):
    done = run("simulate", "--out", tmp_path / "sim", "--leads", 60, "--explore", 0.05, "--json", home=tmp_path)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["explore"] == 0.05
    assert said["queue_log"] > 500
    assert (tmp_path / "sim" / "queue_log.parquet").exists()


def test_a_floor_that_no_company_keeps_is_refused(run, tmp_path):
    done = run("simulate", "--out", tmp_path / "sim", "--explore", 0.9, home=tmp_path)
    assert done.returncode == 2
    assert "from 0 to 0.5" in done.stderr
    assert "Traceback" not in done.stderr
