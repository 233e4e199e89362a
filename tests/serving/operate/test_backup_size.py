"""A million rows pass through in constant memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import insert

from databases import KINDS, database_url
from leadlight.serving.store.database import Database
from leadlight.serving.store.schema import ACTIVITIES

_PASS = """
import json, sys, time
from pathlib import Path
from leadlight.core.clock import SystemClock
from leadlight.core.settings import Settings
from leadlight.serving.operate.backup import back_up
from leadlight.serving.operate.restore import restore

settings = Settings(home=Path(sys.argv[2]), database_url=sys.argv[3], _env_file=None)
began = time.perf_counter()
if sys.argv[1] == "backup":
    rows = back_up(settings, Path(sys.argv[4]), clock=SystemClock()).rows
else:
    rows = restore(settings, Path(sys.argv[4])).manifest.rows
status = Path("/proc/self/status").read_text()  # getrusage would count the parent's memory in
peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
print(json.dumps({"rows": rows["activities"], "mebibytes": peak, "seconds": time.perf_counter() - began}))
"""

_FEW, _MANY = 1_000, 1_000_000
_MORE_AT_MOST = 40  # mebibytes that a thousand times the rows may take on top: allocators keep some
_AT_ONCE = 10_000


def run(what: str, home: Path, url: str, file: Path) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", _PASS, what, str(home), url, str(file)], capture_output=True, text=True, check=True
    )
    found: dict[str, float] = json.loads(done.stdout)
    sys.stderr.write(f"{what} {url.partition(':')[0]} {found}\n")
    return found


def filled(url: str, count: int) -> None:
    database = Database(url)
    for start in range(0, count, _AT_ONCE):
        with database.writing() as connection:
            connection.execute(insert(ACTIVITIES), [activity(i) for i in range(start, min(count, start + _AT_ONCE))])
    database.close()


def activity(i: int) -> dict[str, object]:
    times = {"occurred_at": 1_790_000_000_000_000 + i, "recorded_at": 1_790_000_000_000_001 + i}
    return {"lead_id": f"L-{i // 20}", "identity": f"{i:032x}", "type": "web_visit", "value": i / 7, **times}


@pytest.mark.proof
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux, which tells a process's peak memory")
@pytest.mark.parametrize("kind", KINDS)
def test_a_million_rows_take_no_more_memory_than_a_thousand(kind: str, tmp_path: Path) -> None:
    peaks = {}
    for count in (_FEW, _MANY):
        home, other = tmp_path / str(count), tmp_path / f"{count}-new"
        home.mkdir()
        other.mkdir()
        with database_url(kind, home) as old, database_url(kind, other) as new:
            filled(old, count)
            passes = [run("backup", home, old, home / "b.tar"), run("restore", other, new, home / "b.tar")]
        assert [one["rows"] for one in passes] == [count, count]
        peaks[count] = [one["mebibytes"] for one in passes]
    for few, many in zip(peaks[_FEW], peaks[_MANY], strict=True):
        assert many < few + _MORE_AT_MOST
