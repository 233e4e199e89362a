"""A simulated company as tests of the gate look at it: its history, as it is now and as it was on a day."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from leadlight.agreement.terms import Agreement, parse
from leadlight.core.artifact import TrainedModel
from leadlight.core.clock import from_micros
from leadlight.core.history import History
from leadlight.core.source import read_history
from leadlight.training import simulate as simulator
from leadlight.training.candidates import SIMPLEST_FIRST
from leadlight.training.recipe import Recipe

__all__ = ["as_it_was", "recipe", "simulated", "told", "upside_down"]

TABLES = ("leads", "activities", "stage_changes", "attribute_changes")


def simulated(folder: Path, *, leads: int, seed: int = 5, world: str = "plain") -> tuple[History, Agreement]:
    """Write a simulated company to a folder and read it back, with its agreement."""
    simulator.write(simulator.simulate(leads=leads, seed=seed, world=world), folder)
    return read_history(folder, now=pd.Timestamp("2026-11-23", tz="UTC")), parse(
        (folder / "agreement.toml").read_text()
    )


def as_it_was(history: History, day: int) -> History:
    """Return the history as an export of that day would have held it."""
    when = pd.Timestamp(from_micros(day))
    tables = {name: getattr(history, name) for name in TABLES}
    known = {name: table[table["recorded_at"] < when].reset_index(drop=True) for name, table in tables.items()}
    return replace(history, **known, ended_at=when - pd.Timedelta(microseconds=1))


def upside_down(history: History) -> History:
    """Return the same history from files written in another order."""
    turned = {name: getattr(history, name).sample(frac=1, random_state=3, ignore_index=True) for name in TABLES}
    return replace(history, **turned)


def recipe(kind: Any, **settings: float) -> Recipe:
    """Return a recipe with settings that suit a few thousand leads, but for those given."""
    assert kind in SIMPLEST_FIRST
    usual = {"scorecard": {}, "logistic": {"strength": 0.1, "lean": 0.0}, "lightgbm": {"trees": 60, "lean": 0.0}}
    return Recipe(kind, {**usual[kind], **settings})


def told(model: TrainedModel, made: Recipe, day: int | None, word: str = "signal") -> TrainedModel:
    """Return a model that says what a training run would have said of it: its recipe, its day, its verdict."""
    data = {"as_of": None if day is None else from_micros(day).isoformat(), "fingerprint": "0" * 64}
    verdict = {"word": word, "text": "Signal: area under the ROC curve on later moments 0.750 (0.700 to 0.800)."}
    facts = {"data": data, "chosen": {"params": dict(made.params)}, "verdict": verdict, "seed": made.seed}
    return replace(model, kind=made.kind, facts=facts)
