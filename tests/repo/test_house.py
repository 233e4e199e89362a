"""The house's own rules, and the promises that other files make about each other."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from leadlight.core.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


def test_the_house_rules_are_kept():
    run = subprocess.run([sys.executable, "scripts/check_house.py"], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout


def test_readme_names_every_setting():
    readme = (ROOT / "README.md").read_text()
    missing = [name for name in Settings.model_fields if f"LEADLIGHT_{name.upper()}" not in readme]
    assert missing == []


def test_changelog_and_package_agree_on_the_version():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    newest = re.search(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] == version


def test_a_bare_import_says_the_right_name():
    for room in ("treeshap", "core", "agreement", "features", "training", "serving", "cli"):
        run = subprocess.run([sys.executable, "-c", f"import {room}"], cwd=ROOT, capture_output=True, text=True)
        assert f"leadlight.{room}" in run.stderr
        assert run.returncode == 1


def test_locks_carry_hashes_and_no_address():
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text()
        pins = [block for block in re.split(r"\n(?=\S)", text) if re.match(r"^[A-Za-z0-9]", block)]
        assert len(pins) > 100
        assert [pin.splitlines()[0] for pin in pins if "--hash=sha256:" not in pin] == []
        assert "http" not in re.sub(r"^(httpx|httpcore|httptools)\S*", "", text, flags=re.MULTILINE).replace(
            "aiohttp", ""
        )
