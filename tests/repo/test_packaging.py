"""The package list is written out by hand, so a forgotten folder would be missing from the wheel in silence."""

import tomllib
import zipfile
from pathlib import Path

from leadlight.core import wheel

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("treeshap", "core", "agreement", "features", "training", "serving", "cli")


def settings():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]


def folders_with_code():
    return sorted(str(init.parent.relative_to(ROOT)) for room in ROOMS for init in (ROOT / room).rglob("__init__.py"))


def test_every_folder_with_code_is_listed_and_mapped():
    listed = settings()
    assert sorted(listed["package-dir"].values()) == folders_with_code()
    assert sorted(listed["packages"]) == sorted(listed["package-dir"])
    assert all(name == "leadlight." + folder.replace("/", ".") for name, folder in listed["package-dir"].items())


def test_no_folder_named_leadlight_shadows_the_package():
    assert not (ROOT / "leadlight").exists()


def test_our_wheel_holds_every_module_and_page(tmp_path):
    packed = wheel.pack(tmp_path)
    with zipfile.ZipFile(packed) as archive:
        names = set(archive.namelist())
        assert archive.testzip() is None
    code = {
        f"leadlight/{path.relative_to(ROOT).as_posix()}"
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert code <= names
    assert len([name for name in names if ".dist-info/" in name]) == 4


def test_our_wheel_is_the_same_bytes_each_time(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert wheel.pack(tmp_path / "a").read_bytes() == wheel.pack(tmp_path / "b").read_bytes()


def test_requirements_are_pinned():
    pinned = wheel.requirements()
    assert all("==" in line for line in pinned)
    assert {"lightgbm", "numpy", "pandas", "mlflow"} <= {line.split("==")[0] for line in pinned}
