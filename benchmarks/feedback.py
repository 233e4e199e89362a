"""How far learning from practice is off, and how much a queue that explores repairs: on companies whose truth is known.

python -m benchmarks.feedback [--leads N] [--seeds S] [--kind lightgbm] [--json]; the last line is one JSON object.

For each floor and seed a company is simulated, its leads worked by points; with a floor above 0 a queue draws whom
the reps pick up and logs the chances. From all mature moments one candidate learns what happens *under practice*, and
from worked moments weighted 1/p what happens *if worked*: by another level of the same ranking, or learned anew; the
product takes the first unless the second wins on inner folds. To tell the steps apart the second stands here without
weights too, which nobody is offered. All are asked about the leads in the queue on the last thirteen Mondays, whose
labels nobody knows yet, and held against the true chance if worked (the observable ceiling).
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from leadlight.agreement.terms import Agreement, parse
from leadlight.core.clock import to_micros
from leadlight.core.history import TABLES, History
from leadlight.core.mapping import parse as parse_mapping
from leadlight.core.source import history_from_tables
from leadlight.training import candidates
from leadlight.training.features_at import FeaturesAt
from leadlight.training.line import fit_line
from leadlight.training.moments import Moments, by_lead_id, draw_dated, owners
from leadlight.training.refit import cross_fitted_calibration, lesson_of
from leadlight.training.simulate import Simulated, simulate
from leadlight.training.splits import Fold, forward_folds
from leadlight.training.worked.days import Window
from leadlight.training.worked.learning import WAYS, Estimate, LearnedIfWorked, learn_if_worked
from leadlight.training.worked.moments import Worked, worked

FLOORS: Final = (0.0, 0.02, 0.05, 0.10, 0.20)
KINDS: Final = ("logistic", "lightgbm")
MONDAYS: Final = 13
LOW_SHARE: Final = 0.5
"""Share of the queue with the fewest points, who are hardly worked."""


@dataclass(frozen=True)
class Company:
    """A simulated company as training sees it, and the truth that it does not see."""

    simulated: Simulated
    history: History
    agreement: Agreement
    mature: Moments
    asked: Moments
    gap: int
    day: int

    @classmethod
    def live(cls, leads: int, seed: int, floor: float) -> Company:
        simulated = simulate(leads=leads, seed=seed, explore=floor)
        tables = {name: getattr(simulated, name) for name in TABLES if getattr(simulated, name) is not None}
        mapping = parse_mapping(simulated.dataset_toml)
        history = by_lead_id(history_from_tables(tables, now=simulated.ended_at.to_pydatetime(), mapping=mapping))
        agreement = parse(simulated.agreement_toml)
        day = to_micros(simulated.ended_at.to_pydatetime()) + 1
        drawn = draw_dated(history, goal_stage=agreement.stage, within_days=agreement.within_days, as_of=day)
        moments = drawn.moments
        late = np.isin(moments.as_of, np.unique(moments.as_of)[-MONDAYS:])
        queued = ~in_hand(simulated, history, moments)
        asked = moments.take(late & queued & known(simulated, history, moments))
        return cls(simulated, history, agreement, moments.take(moments.mature), asked, drawn.gap, day)


def in_hand(simulated: Simulated, history: History, moments: Moments) -> NDArray[np.bool_]:
    """Say which leads a rep was working when the week began: accepted, not let go."""
    changes = simulated.stage_changes.sort_values("occurred_at", kind="stable")[["lead_id", "occurred_at", "stage"]]
    asked = keys(history, moments).assign(row=np.arange(len(moments))).sort_values("as_of", kind="stable")
    last = pd.merge_asof(
        asked, changes, left_on="as_of", right_on="occurred_at", by="lead_id", allow_exact_matches=False
    )
    return (last.sort_values("row")["stage"] == "sal").to_numpy()


def keys(history: History, moments: Moments) -> pd.DataFrame:
    lead = history.leads["lead_id"].iloc[moments.lead].reset_index(drop=True)
    as_of = pd.Series(pd.to_datetime(moments.as_of, unit="us", utc=True)).dt.as_unit("us")
    return pd.DataFrame({"lead_id": lead, "as_of": as_of})


def truth(simulated: Simulated, history: History, moments: Moments) -> pd.DataFrame:
    return keys(history, moments).merge(simulated.truth, on=["lead_id", "as_of"], how="left")


def known(simulated: Simulated, history: History, moments: Moments) -> NDArray[np.bool_]:
    """Say which moments the truth knows: not those of leads closed already and not yet recorded so."""
    return truth(simulated, history, moments)["p_observable"].notna().to_numpy()


def estimates(company: Company, kind: Any) -> tuple[dict[str, NDArray[np.float64]], Worked, str, FeaturesAt]:
    """Return each estimate's chances of the moments that are asked about, and which way the product takes."""
    mature = company.mature
    at = FeaturesAt.drawn_up(company.history, company.agreement, mature, np.ones(len(mature), bool), company.day)
    ask = at.more(company.asked)
    folds = forward_folds(mature, owners(company.history.leads)[1], company.gap, by_account=True)
    practice = under_practice(company, at, folds, kind)
    window = Window.agreed(company.agreement, company.history)
    found = worked(company.history, company.agreement, mature, window=window, as_of=company.day)
    chances = {"under practice": practice.chances(ask)}
    learned = if_worked(company, at, folds, practice, found)
    if learned is None:
        return chances, found, "", at
    chances["if worked"] = learned.chosen.chances(ask)
    for way, estimate in learned.by_way.items():
        chances[f"  {way}"] = estimate.chances(ask)
    even = replace(found, chance=np.where(np.isnan(found.chance), np.nan, 1.0))
    without = if_worked(company, at, folds, practice, even)
    if without is not None and WAYS[1] in without.by_way:
        chances[f"  {WAYS[1]}, no weights"] = without.by_way[WAYS[1]].chances(ask)
    return chances, found, learned.way, at


def under_practice(company: Company, at: FeaturesAt, folds: list[Fold], kind: Any) -> Estimate:
    lesson = lesson_of(company.agreement, at, at.matrix, company.mature)
    params = dict[str, float]()  # the usual settings; what is learned from worked moments chooses its own
    ranker = candidates.fit(kind, lesson, params)
    predictions = candidates.cross_fit(kind, lesson, folds, params)
    fitted = cross_fitted_calibration(predictions, company.mature, ranker.raw(at.matrix), 0)
    return Estimate(kind, params, ranker, fitted.line)


def if_worked(
    company: Company, at: FeaturesAt, folds: list[Fold], practice: Estimate, found: Worked
) -> LearnedIfWorked | None:
    return learn_if_worked(company.agreement, at, at.matrix, company.mature, found, folds, practice, seed=0)


def against(p: NDArray[np.float64], true: NDArray[np.float64], points: NDArray[np.float64]) -> dict[str, float]:
    """Hold estimated chances against true ones."""
    low = place(points) < LOW_SHARE
    raw = np.log(p / (1 - p))
    won = np.r_[np.ones(len(p), bool), np.zeros(len(p), bool)]
    line = fit_line(np.r_[raw, raw], won, np.r_[true, 1 - true])
    return {
        "estimated_to_true": float(p.mean() / true.mean()),
        "estimated_to_true_low_points": float(p[low].mean() / true[low].mean()),
        "gap_by_points": gaps(p, true, points),
        "gap_by_score": gaps(p, true, p),
        "slope": line.slope,
        "mean_error": float(np.abs(p - true).mean()),
        "mean_error_low_points": float(np.abs(p - true)[low].mean()),
        "auc": expected_area(p, true),
    }


def place(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where each value stands among all, from 0 to below 1."""
    return np.argsort(np.argsort(x, kind="stable"), kind="stable") / len(x)


def gaps(p: NDArray[np.float64], true: NDArray[np.float64], by: NDArray[np.float64]) -> float:
    """Return how far the mean chance of a tenth is off, as log-odds, on average over the tenths."""
    tenth = np.floor(10 * place(by)).astype(int)
    ours, theirs = (np.bincount(tenth, x) / np.bincount(tenth) for x in (p, true))
    return float(np.abs(np.log(ours / (1 - ours)) - np.log(theirs / (1 - theirs))).mean())


def expected_area(p: NDArray[np.float64], true: NDArray[np.float64]) -> float:
    """Return the area under the ROC curve that is expected where each lead converts with its true chance."""
    order = np.argsort(p, kind="stable")
    _, group = np.unique(p[order], return_inverse=True)
    won, lost = (np.bincount(group, x[order]) for x in (true, 1 - true))
    below = np.cumsum(lost) - lost
    return float((won * (below + lost / 2)).sum() / (won.sum() * lost.sum()))


def measure(leads: int, seed: int, floor: float, kind: str) -> dict[str, Any]:
    started = time.perf_counter()
    company = Company.live(leads, seed, floor)
    chances, found, way, at = estimates(company, kind)
    true = truth(company.simulated, company.history, company.asked)
    if_worked = true["p_observable_if_worked"].to_numpy()
    points = at.more(company.asked)[:, [at.catalog.position[f"card.{rule.name}"] for rule in company.agreement.rules]]
    points = np.nan_to_num(points) @ np.array([rule.points for rule in company.agreement.rules])
    low = place(points) < LOW_SHARE
    facts = found.facts
    picked = company.simulated.stage_changes.query("stage == 'sal'")["occurred_at"]
    year = company.simulated.ended_at - pd.Timedelta(days=364)
    return {
        "floor": floor,
        "seed": seed,
        "asked": len(if_worked),
        "true_if_worked": float(if_worked.mean()),
        "true_under_practice": float(true["p_observable"].mean()),
        "true_if_worked_low_points": float(if_worked[low].mean()),
        "true_under_practice_low_points": float(true["p_observable"][low].mean()),
        "ceiling_auc": expected_area(if_worked, if_worked),
        "picked_a_week": float((picked >= year).sum() / 52),
        "worked": facts.worked,
        "conversions": facts.log.conversions,
        "converted_first": facts.log.converted_first,
        "effective": facts.effective,
        "smallest_chance": facts.smallest_chance,
        "worked_to_expected": facts.worked_to_expected.value if facts.queued else None,
        "used": facts.used,
        "way": way,
        "estimates": {name: against(p, if_worked, points) for name, p in chances.items()},
        "practice_off_its_own_truth": float(np.abs(chances["under practice"] - true["p_observable"]).mean()),
        "seconds": round(time.perf_counter() - started, 1),
    }


def summary(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return mean and spread over seeds, by floor and estimate, with the share of the plain gap that is repaired."""
    rows = []
    for floor in sorted({run["floor"] for run in runs}):
        mine = [run for run in runs if run["floor"] == floor]
        for name in dict.fromkeys(name for run in mine for name in run["estimates"]):
            there = [run["estimates"] for run in mine if name in run["estimates"]]
            found, plain = (pd.DataFrame([one[which] for one in there]) for which in (name, "under practice"))
            figures = {m: {"mean": float(found[m].mean()), "sd": float(found[m].std())} for m in found}
            repaired = {m: float(1 - found[m].mean() / plain[m].mean()) for m in ("gap_by_points", "mean_error")}
            closer = {m: int((found[m] < plain[m]).sum()) for m in repaired}
            rows.append(
                {
                    "floor": floor,
                    "estimate": name,
                    "seeds": len(there),
                    **figures,
                    "repaired": repaired,
                    "closer": closer,
                }
            )
    return rows


def table(rows: list[dict[str, Any]], runs: list[dict[str, Any]]) -> str:
    """Return the page's table: means over seeds, spread in brackets."""
    lines = [
        "| floor | estimate | effective | level | few points | gap by points | repaired | mean error | AUC |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        size = np.mean([run["effective"] for run in runs if run["floor"] == row["floor"]])
        wanted = (("estimated_to_true", 2), ("estimated_to_true_low_points", 2), ("gap_by_points", 2))
        cells = [f"{row[m]['mean']:.{n}f} ({row[m]['sd']:.{n}f})" for m, n in wanted]
        own = row["estimate"] == "if worked"
        cells.append(f"{row['repaired']['gap_by_points']:.0%}" if row["estimate"] != "under practice" else "")
        cells += [f"{row[m]['mean']:.{n}f} ({row[m]['sd']:.{n}f})" for m, n in (("mean_error", 4), ("auc", 3))]
        name = row["estimate"].strip() if not row["estimate"].startswith(" ") else f"- {row['estimate'].strip()}"
        lines.append(f"| {row['floor']:.2f} | {name} | {f'{size:,.0f}' if own else ''} | {' | '.join(cells)} |")
    return "\n".join(lines)


def facts_table(runs: list[dict[str, Any]]) -> str:
    """Return what each floor cost and gave: means over seeds."""
    lines = [
        "| floor | picked a week | worked moments | leads that converted | converted first | effective leads "
        "| smallest chance | worked / expected "
        "| true chance under practice | if worked | of few points: under practice | if worked | learned anew chosen |",
        "|---" * 13 + "|",
    ]
    frame = pd.DataFrame(runs)
    for floor, mine in frame.groupby("floor"):
        logged = float(floor) > 0
        cells = [f"{mine['picked_a_week'].mean():.0f}"]
        cells += [
            f"{mine[name].mean():,.0f}" if logged else ""
            for name in ("worked", "conversions", "converted_first", "effective")
        ]
        cells += [
            f"{mine[name].astype(float).mean():.2f}" if logged else ""
            for name in ("smallest_chance", "worked_to_expected")
        ]
        cells += [
            f"{mine[f'true_{name}'].mean():.3f}"
            for name in ("under_practice", "if_worked", "under_practice_low_points", "if_worked_low_points")
        ]
        cells.append(f"{(mine['way'] == WAYS[1]).sum()} of {len(mine)}" if logged else "")
        lines.append(f"| {floor:.2f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--leads", type=int, default=4_000)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--floors", type=float, nargs="+", default=FLOORS)
    parser.add_argument("--kind", choices=KINDS, default="lightgbm")
    parser.add_argument("--json", action="store_true", help="only the last line")
    asked = parser.parse_args()
    runs = []
    with threadpool_limits(1):
        for seed in range(1, asked.seeds + 1):
            for floor in asked.floors:
                runs.append(measure(asked.leads, seed, floor, asked.kind))
                if not asked.json:
                    print(f"seed {seed}, floor {floor:.2f}: {runs[-1]['seconds']} s", flush=True)
    rows = summary(runs)
    if not asked.json:
        print(table(rows, runs))
        print(facts_table(runs))
    print(
        json.dumps({"benchmark": "feedback", "leads": asked.leads, "kind": asked.kind, "summary": rows, "runs": runs})
    )


if __name__ == "__main__":
    main()
