"""One demo company for all tests of the command line: made by the command itself, in a home of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

LEADLIGHT = str(Path(sys.executable).with_name("leadlight"))


def leadlight(*arguments, home=None, cwd=None, timeout=280):
    """Run the real command in a process of its own, without this shell's settings."""
    shell = ("LEADLIGHT_", "MLFLOW_", "COLUMNS")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(shell)}
    if home is not None:
        environment["LEADLIGHT_HOME"] = str(home)
    return subprocess.run(
        [LEADLIGHT, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment,
        cwd=cwd,
        timeout=timeout,
        check=False,
    )


def last_json(run):
    return json.loads(run.stdout.splitlines()[-1])


@pytest.fixture(scope="session")
def run():
    return leadlight


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """Return (home, the JSON line) of a finished demo."""
    home = tmp_path_factory.mktemp("demo") / "home"
    done = leadlight("demo", "--leads", 1200, "--seed", 3, "--dir", home, "--no-serve", "--json")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return home, last_json(done)
