"""How much learning from the points helps: from no leads to 20,000, with a plausible, a useless and a reversed card.

    python -m benchmarks.learning_curve [--json] [--leads 60000] [--sizes 0,50,...] [--seeds 20]

One simulated company; one moment a lead. Learning leads are drawn from the early moments of some accounts, the test is
one fixed large set of later moments of the others. Each size is a sample of leads, anew for each seed; figures are
means over seeds of the area under the ROC curve on the test. A method chooses among its candidates on inner forward
folds, as a training run does. Catalog and columns are those of all learning leads.

The *useless* card has the same points on the rules of another lead; the *reversed* one has every sign turned round.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from leadlight.agreement.terms import parse
from leadlight.core.clock import to_micros
from leadlight.core.source import read_history
from leadlight.training import candidates, simulate
from leadlight.training.bootstrap import ranked
from leadlight.training.choice import choose
from leadlight.training.contest import compete
from leadlight.training.features_at import FeaturesAt
from leadlight.training.lesson import Lesson
from leadlight.training.moments import Moments, by_lead_id, draw_dated, owners
from leadlight.training.refit import lesson_of
from leadlight.training.splits import forward_folds, split_dated

SIZES = (0, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000)
CARDS = ("plausible", "useless", "reversed")
FEWEST = 40


@dataclass(frozen=True)
class Pool:
    """Learning leads and the fixed test, one moment each."""

    lesson: Lesson
    learn: Moments
    names: list[str]
    gap: int
    test: Any
    converted: Any


def pool(n_leads: int, world: str) -> Pool:
    """Simulate a company and lay out its learning leads and its test."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        simulate.write(simulate.simulate(leads=n_leads, seed=0, world=world), home)
        history = by_lead_id(read_history(home, now=datetime(2100, 1, 1, tzinfo=UTC)))
        agreement = parse((home / "agreement.toml").read_text())
    day = to_micros(history.ended_at.to_pydatetime()) + 1
    drawn = draw_dated(history, goal_stage=agreement.stage, within_days=agreement.within_days, as_of=day)
    mature = drawn.moments.take(drawn.moments.mature)
    names = owners(history.leads)[1]
    split = split_dated(mature, names, drawn.gap)
    rng = np.random.default_rng(0)
    rows = np.concatenate([one_each(mature, part, rng) for part in (split.learn, split.test)])
    moments, learn = mature.take(rows), split.learn[rows]
    at = FeaturesAt.drawn_up(history, agreement, moments, learn, split.cut)
    early, late = moments.take(learn), moments.take(~learn)
    lesson = lesson_of(agreement, at, at.matrix[learn], early)
    return Pool(lesson, early, names, drawn.gap, at.matrix[~learn], late.converted)


def one_each(moments: Moments, part: Any, rng: np.random.Generator) -> Any:
    """Return one moment of each lead, at random."""
    rows = rng.permutation(np.flatnonzero(part))
    return np.sort(rows[np.unique(moments.lead[rows], return_index=True)[1]])


def with_card(p: Pool, card: str) -> Pool:
    """Return the pool with another card."""
    columns = [p.lesson.catalog.position[name] for name in p.lesson.points]
    if card == "reversed":
        return replace(p, lesson=replace(p.lesson, points={name: -worth for name, worth in p.lesson.points.items()}))
    if card == "plausible":
        return p
    rng = np.random.default_rng(1)
    taught, test = p.lesson.matrix.copy(), p.test.copy()
    for matrix in (taught, test):
        matrix[:, columns] = matrix[rng.permutation(len(matrix))][:, columns]
    return replace(p, lesson=replace(p.lesson, matrix=taught), test=test)


def area(raw: Any, converted: Any) -> float:
    """Return the area under the ROC curve; points that add up to the same tie."""
    return float(roc_auc_score(converted, ranked(raw)))


def methods(p: Pool, rows: Any, seed: int) -> dict[str, float]:
    """Return the area of each candidate and of the chosen one."""
    lesson, learn = p.lesson.take(rows), p.learn.take(rows)
    won = int(lesson.converted.sum())
    found: dict[str, float] = {"conversions": won}
    if lesson.points:
        found["scorecard"] = area(candidates.fit("scorecard", lesson).raw(p.test), p.converted)
    if min(won, len(rows) - won) < FEWEST:
        return found | ({"chosen": found["scorecard"], "strict": found["scorecard"]} if lesson.points else {})
    folds = forward_folds(learn, p.names, p.gap, by_account=True)
    contest = compete(lesson, learn, folds, seed=seed)
    found |= {kind: area(ranker.raw(p.test), p.converted) for kind, ranker in contest.rankers.items()}
    found["chosen"] = found[contest.choice.kind]
    found["strict"] = found[choose(contest.areas, lesson.kinds).kind]
    return found


def one_seed(job: tuple[Pool, tuple[int, ...], int]) -> list[tuple[str, int, dict[str, float]]]:
    """Run all sizes and cards of one seed."""
    p, sizes, seed = job
    order = np.random.default_rng(100 + seed).permutation(len(p.learn))
    found = []
    with threadpool_limits(1):
        for size in sizes:
            rows = np.sort(order[:size])
            for card in CARDS:
                found.append((card, size, methods(with_card(p, card), rows, seed)))
            nothing = replace(p, lesson=replace(p.lesson, points={}))
            found.append(("none", size, methods(nothing, rows, seed)))
    return found


def table(found: list[tuple[str, int, dict[str, float]]], sizes: tuple[int, ...]) -> dict[str, Any]:
    """Return means over seeds, each method's area and its standard error."""
    told: dict[str, Any] = {}
    for card in (*CARDS, "none"):
        for size in sizes:
            runs = [run for c, s, run in found if c == card and s == size]
            names = sorted({name for run in runs for name in run})
            told.setdefault(card, {})[size] = {
                name: [float(np.mean(v)), float(np.std(v) / max(len(v), 1) ** 0.5), len(v)]
                for name in names
                for v in [[run[name] for run in runs if name in run]]
            }
    return told


def show(told: Mapping[str, Any]) -> None:
    """Print one table a card."""
    for card, sizes in told.items():
        print(f"\n{card} card" if card != "none" else "\ndata only (no card)")
        names = ("conversions", "scorecard", "logistic", "lightgbm", "strict", "chosen")
        print("  leads " + "".join(f"{name:>18}" for name in names))
        for size, row in sizes.items():
            cells = [f"{row[n][0]:8.3f} +-{row[n][1]:.3f}({row[n][2]:2d})" if n in row else "" for n in names]
            print(f"{size:7,} " + "".join(f"{cell:>18}" for cell in cells))


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--leads", type=int, default=60_000)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--world", default="plain")
    args = parser.parse_args()
    sizes = tuple(int(size) for size in args.sizes.split(","))
    began = time.perf_counter()
    p = pool(args.leads, args.world)
    print(f"{len(p.learn):,} learning leads, {len(p.test):,} in the test, {int(p.converted.sum()):,} of them converted")
    with ProcessPoolExecutor(2) as processes:
        jobs = [(p, sizes, seed) for seed in range(args.seeds)]
        found = [run for runs in processes.map(one_seed, jobs) for run in runs]
    told = table(found, sizes)
    if args.json:
        print(json.dumps(told))
    else:
        show(told)
    print(f"{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
