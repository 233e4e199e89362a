"""One home through its life: a first model, a retraining that is killed again and again, a rollback."""

import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from companies import simulated
from empty_tracking import put_tracking
from leadlight.core.registry import Registry, cached_champion
from leadlight.core.settings import Settings
from leadlight.training.register import register
from leadlight.training.retrain import Task, run
from leadlight.training.run import train
from leadlight.training.telling import example

EARLY = pd.Timestamp("2025-05-05", tz="UTC")

IN_THE_CACHE = "between the renames of the cache"

KILLED = """
import os, signal, sys
from pathlib import Path
import pandas as pd
from leadlight.agreement.terms import parse
from leadlight.core.settings import Settings
from leadlight.core.source import read_history
from leadlight.training.register import register
from leadlight.training.retrain import Task, run
from leadlight.training.run import train

home, data, where = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def log(text):
    if text.startswith(where):
        die()

def hook(event, arguments):
    if event == "os.rename" and str(arguments[1]) == str(home / "champion"):
        die()

if where == "between the renames of the cache":
    sys.addaudithook(hook)
history = read_history(data, now=pd.Timestamp("2026-11-23", tz="UTC"))
terms = parse((data / "agreement.toml").read_text())
run(Task(history, terms, None), Settings(home=home), log)
"""


class Home:
    """A home with its company's data."""

    def __init__(self, folder, leads=900):
        self.data, self.path = folder / "data", put_tracking(folder / "home")
        self.past, self.terms = simulated(self.data, leads=leads)
        self.lines = []

    @property
    def settings(self):
        return Settings(home=self.path)

    def run(self, as_of=None, *, only_if_needed=False, log=None):
        self.lines = []
        task = Task(self.past, self.terms, as_of, only_if_needed=only_if_needed)
        return run(task, self.settings, lambda line: (self.lines.append(line), log and log(line)))

    def crash(self, where):
        def log(line):
            if line.startswith(where):
                raise Crash

        with pytest.raises(Crash):
            self.run(log=log)

    def run_and_kill(self, where):
        arguments = [sys.executable, "-c", KILLED, str(self.path), str(self.data), where]
        done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=200)
        assert done.returncode == -signal.SIGKILL, done.stderr

    @property
    def champion(self):
        return Registry(self.settings).champion()

    @property
    def versions(self):
        return [version.version for version in Registry(self.settings).versions()]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home whose first champion was trained on what was known early."""
    home = Home(tmp_path_factory.mktemp("retrain"))
    first = home.run(EARLY)
    assert (first.word, first.champion) == ("promoted", 1), first.text
    return home


def whole(home, version):
    """Whether a version is the champion, and the copy that a service starts from is this very model."""
    model, cached = cached_champion(home.settings)
    return home.champion == cached == version and len(model.reference) > 0


def test_a_first_model_with_a_signal_is_promoted_and_every_step_is_a_line(home):
    assert whole(home, 1)
    steps = [line.split(":")[0] for line in home.lines]
    assert list(dict.fromkeys(steps)) == ["train", "audit", "verdict", "register", "gate", "done"]


def test_a_leak_that_the_audit_found_is_named_once_and_is_not_in_the_model(home):
    """The simulated company fills in one attribute only when the deal is done."""
    said = [line for line in home.lines if line.startswith("audit")]
    assert len(said) == 1
    assert said[0].startswith("audit: contract_term is left out: proved leak")
    assert "contract_term" in {attribute.name for attribute in home.past.attributes}
    assert "contract_term" not in " ".join(Registry(home.settings).load("1")[0].catalog.columns)


def test_the_same_data_twice_is_nothing_new(home):
    again = home.run(EARLY)
    assert (again.word, again.version, again.champion) == ("nothing_new", 1, 1)
    assert "nothing new since version 1" in again.text
    assert home.versions == [1]


def test_watching_stops_what_is_not_needed(home):
    soon = home.run(EARLY + pd.Timedelta(days=60), only_if_needed=True)
    assert (soon.word, soon.champion) == ("not_needed", 1)
    assert home.versions == [1]


class Crash(BaseException):
    """An end without notice, in this process."""


def test_killed_anywhere_the_champion_is_whole_and_the_next_run_finishes(home):
    home.crash("register")  # registered, not judged
    assert home.versions == [2, 1]
    assert whole(home, 1)
    home.run_and_kill(IN_THE_CACHE)  # judged and recorded, half promoted
    assert home.champion == 1
    assert not (home.path / "champion").exists()
    decided = Registry(home.settings).decisions("2")
    assert [decision["word"] for decision in decided] == ["pass"]

    last = home.run()
    assert any("made anew" in line for line in home.lines)
    assert any("never judged" in line for line in home.lines)
    assert (last.word, last.version, last.champion) == ("promoted", 2, 2), last.text
    assert whole(home, 2)
    assert home.versions == [2, 1]  # trained once ...
    assert Registry(home.settings).decisions("2") == decided  # ... and judged once
    assert home.run().word == "nothing_new"


def test_what_a_person_rolled_back_is_not_promoted_again(home):
    Registry(home.settings).rollback()
    after = home.run()
    assert (after.word, after.champion) == ("nothing_new", 1)
    assert whole(home, 1)


def test_a_champion_that_moved_since_the_decision_is_left_alone(home):
    registry = Registry(home.settings)
    model, _ = registry.load("1")
    rows = example(model, np.zeros((1, len(model.catalog.features))))
    third = registry.log(params={}, metrics={}, texts={"report.json": "{}"}, tags={}, model=model, input_example=rows)[
        1
    ]
    (home.path / "retrain.json").write_text('{"version": 2}')  # it passed against version 1

    def somebody_promotes(line):
        if line.startswith("gate"):
            registry.promote(str(third))

    found = home.run(log=somebody_promotes)
    assert (found.word, found.champion) == ("moved", third)
    assert "version 2 is not promoted" in found.text
    assert whole(home, third)


@pytest.mark.parametrize("note", ['{"versi', "[]", '{"version": 99}', '{"version": "two"}'])
def test_a_note_that_is_torn_or_strange_is_as_none(home, note):
    (home.path / "retrain.json").write_text(note)
    Registry(home.settings).promote("1")
    assert home.run(EARLY).word == "nothing_new"


@pytest.mark.proof
@pytest.mark.parametrize("where", ["train: candidates", "verdict", "register", "gate", IN_THE_CACHE])
def test_a_first_retraining_may_be_killed_at_any_step(tmp_path, where):
    home = Home(tmp_path)
    home.run_and_kill(where)
    assert home.champion is None
    assert home.run().word == "promoted"
    assert whole(home, home.champion)
    assert home.versions == [1]


def test_points_that_somebody_registered_by_hand_are_no_run_that_goes_on(tmp_path):
    home = Home(tmp_path, leads=600)
    by_hand = train(home.past, home.terms, points_only=True)
    assert register(Registry(home.settings), by_hand)[1] == 1
    outcome = home.run()
    assert home.versions == [2, 1]
    assert (outcome.word, home.champion) == ("promoted", 2)
    assert not any("never judged" in line for line in home.lines)
