"""The data sets of the table of peers: the same rows, the same columns and the same inner folds for everybody."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadlight.agreement.terms import Agreement, parse
from leadlight.core.clock import to_micros
from leadlight.core.history import History
from leadlight.core.source import read_history
from leadlight.training.candidates import Lesson
from leadlight.training.features_at import FeaturesAt
from leadlight.training.moments import Moments, by_lead_id, draw_dated, draw_flat, owners
from leadlight.training.refit import lesson_of
from leadlight.training.simulate import simulate, write
from leadlight.training.splits import Fold, forward_folds, grouped_folds, split_dated, split_flat

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
REAL = ("xeducation", "bank_marketing", "online_shoppers", "olist_funnel", "bpic2012_loan_leads")
SIMULATED = "simulated"
NOW = datetime(2026, 11, 23, tzinfo=UTC)


@dataclass(frozen=True)
class Part:
    """What is learned from and what is measured on.

    ``seconds`` is what the features took: everybody pays for them.
    """

    history: History
    agreement: Agreement
    moments: Moments
    learn_rows: NDArray[np.bool_]
    test_rows: NDArray[np.bool_]
    cut: int
    gap: int
    at: FeaturesAt
    folds: list[Fold]
    seconds: float

    @cached_property
    def learn(self) -> Moments:
        return self.moments.take(self.learn_rows)

    @cached_property
    def test(self) -> Moments:
        return self.moments.take(self.test_rows)

    @cached_property
    def lesson(self) -> Lesson:
        return lesson_of(self.agreement, self.at, self.at.matrix[self.learn_rows], self.learn)

    @property
    def inputs(self) -> list[int]:
        """Columns that learned models see; the hand-picked points' own are not among them."""
        return list(self.at.catalog.inputs)

    @property
    def categories(self) -> list[bool]:
        """Which of the inputs hold level codes: 0 not known, 1 other, 2 ... the levels."""
        return [self.at.catalog.features[i].kind == "category" for i in self.inputs]


@dataclass(frozen=True)
class Case:
    """One data set; without an order it is measured in five parts, each by what the other four taught."""

    name: str
    way: str
    parts: list[Part]

    @property
    def test(self) -> Moments:
        whole = [part.test for part in self.parts]
        return Moments(*(np.concatenate([getattr(m, name) for m in whole]) for name in Moments.__dataclass_fields__))

    def facts(self) -> dict[str, Any]:
        test, first = self.test, self.parts[0]
        return {
            "way": self.way,
            "learn_moments": len(first.learn),
            "learn_conversions": first.learn.conversions,
            "test_moments": len(test),
            "test_leads": len(np.unique(test.lead)),
            "test_conversions": test.conversions,
            "base_rate": round(float(test.converted.mean()), 4),
            "inputs": len(first.inputs),
            "feature_seconds": round(sum(part.seconds for part in self.parts), 2),
        }


def cases(only: list[str], leads: int, seed: int) -> Iterator[Case | str]:
    """Yield each data set, or the sentence that says why it is left out."""
    for name in (*REAL, SIMULATED):
        if only and name not in only:
            continue
        if name != SIMULATED and not (DATA / name).is_dir():
            yield f"{name}: left out, the data is not at ../shared/data/{name} (see examples/README.md)"
            continue
        yield case(name, *(simulated(leads, seed) if name == SIMULATED else real(name)))


def real(name: str) -> tuple[History, Agreement]:
    example = ROOT / "examples" / name
    history = read_history(DATA / name, mapping=example / "dataset.toml", now=NOW)
    return history, parse((example / "agreement.toml").read_text(encoding="utf-8"))


def simulated(leads: int, seed: int) -> tuple[History, Agreement]:
    with tempfile.TemporaryDirectory() as folder:
        write(simulate(leads=leads, seed=seed), Path(folder))
        history = read_history(Path(folder), now=NOW)
        return history, parse((Path(folder) / "agreement.toml").read_text(encoding="utf-8"))


def case(name: str, history: History, agreement: Agreement) -> Case:
    """Split as training does; nothing looks at the test part before it is measured."""
    history = by_lead_id(history)
    names = owners(history.leads)[1]
    if history.outcome is not None:
        drawn = draw_flat(history)
        moments, order_by = drawn.moments, history.outcome.order_by
        split = split_flat(moments, names, order_by)
    else:
        assert history.ended_at is not None
        day = to_micros(history.ended_at.to_pydatetime()) + 1
        drawn = draw_dated(history, goal_stage=agreement.stage, within_days=agreement.within_days, as_of=day)
        moments, order_by = drawn.moments.take(drawn.moments.mature), "time"
        split = split_dated(moments, names, drawn.gap)
    sides = [(split.learn, split.test)]
    if split.held_out:
        sides = [(_mask(fold.learn, moments), _mask(fold.validate, moments)) for fold in split.held_out]
    parts = [_part(history, agreement, moments, learn, test, split.cut, drawn.gap, order_by) for learn, test in sides]
    return Case(name, split.way, parts)


def _mask(rows: NDArray[np.int64], moments: Moments) -> NDArray[np.bool_]:
    found = np.zeros(len(moments), bool)
    found[rows] = True
    return found


def _part(
    history: History,
    agreement: Agreement,
    moments: Moments,
    learn: NDArray[np.bool_],
    test: NDArray[np.bool_],
    cut: int,
    gap: int,
    order_by: str,
) -> Part:
    names, taught = owners(history.leads)[1], moments.take(learn)
    folds = (
        grouped_folds(taught, names)
        if order_by == "none"
        else forward_folds(taught, names, gap, by_account=order_by == "time")
    )
    began = time.perf_counter()
    at = FeaturesAt.drawn_up(history, agreement, moments, learn, cut if order_by == "time" else None)
    seconds = time.perf_counter() - began
    return Part(history, agreement, moments, learn, test, cut, gap, at, folds, seconds)
