"""What was erased stays known, whatever happens to the database."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from leadlight.serving.store.erasure_journal import ErasureJournal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "erasures.jsonl"


def test_nothing_was_erased_where_there_is_no_journal(path: Path) -> None:
    assert ErasureJournal(path).read() == {}
    ErasureJournal(path).add([], 5)
    assert not path.exists()


def test_what_was_added_is_read_and_is_for_the_owner_only(path: Path) -> None:
    ErasureJournal(path).add(["a", "b"], 5)
    ErasureJournal(path).add(["a"], 9)
    assert ErasureJournal(path).read() == {"a": 9, "b": 5}
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text().splitlines()[0]) == {"token": "a", "erased_at": 5}


@pytest.mark.parametrize("torn", [b'{"token": "x", "era', b'{"token": "x"}', b"\xff\xfe", b"[]"])
def test_a_torn_line_costs_neither_the_lines_before_nor_the_next(path: Path, torn: bytes) -> None:
    ErasureJournal(path).add(["before"], 1)
    with path.open("ab") as file:
        file.write(torn)
    assert ErasureJournal(path).read() == {"before": 1}
    ErasureJournal(path).add(["after"], 2)
    assert ErasureJournal(path).read() == {"before": 1, "after": 2}


_WRITE_MANY = """
import sys
from pathlib import Path
from leadlight.serving.store.erasure_journal import ErasureJournal

for i in range(50):
    ErasureJournal(Path(sys.argv[1])).add([f"{sys.argv[2]}{i}"], i)
"""


def test_processes_do_not_write_into_each_others_lines(path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", _WRITE_MANY, str(path), name]) for name in "abcd"]
    assert [writer.wait(60) for writer in writers] == [0] * 4
    assert ErasureJournal(path).read() == {f"{name}{i}": i for name in "abcd" for i in range(50)}


def test_a_disk_that_refuses_is_not_passed_over(path: Path) -> None:
    path.parent.write_text("a file where the home should be")
    with pytest.raises(OSError, match="home"):
        ErasureJournal(path).add(["a"], 1)
