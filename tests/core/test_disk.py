"""Writing through to the disk fails aloud."""

from pathlib import Path

import pytest

from leadlight.core.disk import sync


def test_files_and_folders_are_written_through(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    sync(tmp_path / "a")
    sync(tmp_path)


def test_what_is_not_there_or_can_not_be_written_through_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sync(tmp_path / "none")
    with pytest.raises(OSError, match="Invalid argument"):
        sync(Path("/dev/null"))
