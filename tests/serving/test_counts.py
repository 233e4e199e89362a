"""The room in which several processes count."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from leadlight.core.errors import Unavailable
from leadlight.serving.counts import room_for_counts

COUNT = """
import sys
from pathlib import Path
from prometheus_client import CollectorRegistry, Counter
from leadlight.serving.counts import count_in, counts_of_all
count_in(Path(sys.argv[1]), int(sys.argv[2]))
told = Counter("told", "What was told.", ["by"], registry=CollectorRegistry())
told.labels("crm").inc(int(sys.argv[3]))
print(counts_of_all().get_sample_value("told_total", {"by": "crm"}))
"""


def count(folder: Path, number: int, more: int) -> float:
    """Count in a process of its own; return what all have counted."""
    command = [sys.executable, "-c", COUNT, str(folder), str(number), str(more)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_counts_are_added_up_and_go_on_where_another_takes_a_place(tmp_path: Path) -> None:
    with room_for_counts(tmp_path, 8000, 2) as folder:
        size = sum(path.stat().st_size for path in folder.iterdir())
        assert [count(folder, 0, 5), count(folder, 1, 20), count(folder, 0, 100)] == [5, 25, 125]
        assert sum(path.stat().st_size for path in folder.iterdir()) == size  # all their room was taken before
    assert not folder.exists()


def test_what_one_who_was_killed_left_behind_is_not_added(tmp_path: Path) -> None:
    with room_for_counts(tmp_path, 8000, 1) as folder, room_for_counts(tmp_path, 8001, 1) as other:
        count(other, 0, 7)
        count(folder, 0, 5)
        with room_for_counts(tmp_path, 8000, 1) as again:
            assert (again, count(again, 0, 1)) == (folder, 1)
        assert count(other, 0, 1) == 8


def test_a_home_without_room_is_said(tmp_path: Path) -> None:
    (tmp_path / "metrics").write_text("a file")
    with pytest.raises(Unavailable, match="no room for what the processes count"), room_for_counts(tmp_path, 1, 1):
        pass
