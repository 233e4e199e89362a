"""The shelf: whole models by version, put there once, whatever happens meanwhile."""

import json
import subprocess
import sys
import threading

import pytest

from leadlight.core import artifact
from leadlight.core.errors import ModelContractError, NothingThere
from leadlight.core.settings import Settings
from leadlight.core.shelf import Shelf
from models import trained


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "home", _env_file=None)


@pytest.fixture
def shelf(settings):
    return Shelf(settings)


def saved(folder, seed, version=None):
    artifact.save(trained(seed=seed), folder)
    if version is not None:
        (folder / "version.json").write_text(json.dumps({"name": "leadlight", "version": version}))
    return folder


def is_model(found, seed):
    return found.ranker.to_dict() == trained(seed=seed).ranker.to_dict()


def test_what_is_kept_is_the_very_model_without_the_champions_note(shelf, settings, tmp_path):
    folder = saved(tmp_path / "champion", 1, version=3)
    assert shelf.keep(folder, 3)
    assert not shelf.keep(folder, 3)
    assert shelf.versions() == (3,)
    assert is_model(shelf.load(3), 1)
    kept = settings.model_shelf / "3"
    assert {path.name: path.read_bytes() for path in kept.iterdir()} == {
        path.name: path.read_bytes() for path in folder.iterdir() if path.name != "version.json"
    }


def test_a_version_that_never_served_is_named_with_what_there_is(shelf, tmp_path):
    with pytest.raises(NothingThere, match=r"version 4 is not kept.*none"):
        shelf.load(4)
    shelf.keep(saved(tmp_path / "one", 1), 12)
    shelf.keep(saved(tmp_path / "two", 2), 9)
    with pytest.raises(NothingThere, match="kept there: 9, 12"):
        shelf.load(4)


def test_numbers_that_began_anew_lose_no_model(shelf, tmp_path):
    one, two = saved(tmp_path / "one", 1), saved(tmp_path / "two", 2)
    assert [shelf.keep(folder, 1) for folder in (one, two, one, two)] == [True, True, False, False]
    assert shelf.versions() == (1,)
    assert is_model(shelf.load(1), 2)
    assert [is_model(artifact.load(folder), seed) for folder, seed in zip(shelf.folders(1), (1, 2), strict=True)] == [
        True,
        True,
    ]


def test_a_champion_that_changed_meanwhile_is_not_kept_under_the_wrong_number(shelf, tmp_path):
    with pytest.raises(ModelContractError, match="Version 8 was promoted while version 7"):
        shelf.keep(saved(tmp_path / "champion", 1, version=8), 7)
    assert shelf.versions() == ()
    assert not list((tmp_path / "home" / "models").iterdir())


def test_a_broken_model_and_one_that_is_gone_are_not_kept(shelf, settings, tmp_path):
    folder = saved(tmp_path / "broken", 1)
    (folder / "reference.npy").unlink()
    with pytest.raises(ModelContractError, match="not whole"):
        shelf.keep(folder, 1)
    with pytest.raises(OSError, match="nowhere"):
        shelf.keep(tmp_path / "nowhere", 1)
    assert shelf.versions() == ()
    assert not list(settings.model_shelf.iterdir())


KEEP = """
import sys
from pathlib import Path
from leadlight.core.settings import Settings
from leadlight.core.shelf import Shelf
home, *folders = map(Path, sys.argv[1:])
print("ready", flush=True)
sys.stdin.readline()
for folder in folders:
    Shelf(Settings(home=home, _env_file=None)).keep(folder, 5)
"""


def test_processes_that_keep_the_same_at_once_leave_one_whole_copy_of_each(settings, shelf, tmp_path):
    folders = [saved(tmp_path / f"m{seed}", seed) for seed in (1, 2, 3)]
    command = [sys.executable, "-c", KEEP, settings.home_path, *folders]
    others = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    for process in others:
        assert process.stdout.readline() == "ready\n"
    for process in others:
        process.stdin.write("\n")
        process.stdin.flush()
    for process in others:
        process.communicate(timeout=120)
        assert process.returncode == 0
    assert len(shelf.folders(5)) == 3
    assert sorted(path.name for path in settings.model_shelf.iterdir()) == ["5", "5~2", "5~3"]


def test_threads_too(settings, shelf, tmp_path):
    folder = saved(tmp_path / "m", 1)
    start = threading.Barrier(4)

    def keep():
        start.wait()
        shelf.keep(folder, 5)

    threads = [threading.Thread(target=keep) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(shelf.folders(5)) == 1
