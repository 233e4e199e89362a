"""One demo company for all tests of the command line: made by the command itself, in a home of its own."""

import json
import subprocess

import pytest

from once import made_once
from warm import LEADLIGHT, WarmCommands, environment


def leadlight(*arguments, home=None, cwd=None, timeout=280):
    """Run the real command from cold, without this shell's settings."""
    return subprocess.run(
        [LEADLIGHT, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment(home),
        cwd=cwd,
        timeout=timeout,
        check=False,
    )


def last_json(run):
    return json.loads(run.stdout.splitlines()[-1])


@pytest.fixture(scope="session")
def cold():
    """Run a command in a process that has nothing loaded, as a shell does."""
    return leadlight


@pytest.fixture(scope="session")
def run():
    """Run a command in a process of its own whose libraries are loaded."""
    warm = WarmCommands()

    def started(*arguments, home=None, cwd=None, timeout=280):
        return warm.run([*map(str, arguments)], env=environment(home), cwd=cwd, timeout=timeout)

    yield started
    warm.close()


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """Return (home, the JSON line) of a finished demo, which was started from cold."""

    def make(home):
        done = leadlight("demo", "--leads", 1200, "--seed", 3, "--dir", home, "--no-serve", "--json")
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        (home / "told.json").write_text(json.dumps(last_json(done)))

    home = made_once(tmp_path_factory, "demo", make)
    return home, json.loads((home / "told.json").read_text())
