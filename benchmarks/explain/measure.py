"""What is measured of one model: one row warm and cold, batches, small batches, exactness, what a model costs."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import lightgbm
import numpy as np
import shap
from benchmarks.explain import peers
from benchmarks.explain.clock import PAUSE_S, Call, Flush, Times, in_turn, seconds_of

from leadlight.treeshap import TreeShap

if TYPE_CHECKING:
    from benchmarks.explain.models import Model
    from benchmarks.explain.peers import Peers
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

BETWEEN: Final = ("ours", "shap", "lightgbm_contrib", "lightgbm_predict")
SMALL_BATCHES: Final = (1, 2, 4, 6, 8, 12, 16, 24, 32, 64)
ODD: Final = (np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-36, -0.5, -0.999, -1.0, 2.7, 31.0, 32.0, 251.0, 2.0**31, 3e9, 1e20)
"""Values at which kernels go wrong: borders of categories and of zero, and what no training row held."""


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes
    ----------
    rounds : int
    calls : int
        One-row calls of each contender in a round.
    running : int
        How many of them it makes when it is its turn.
    cold_calls : int
        The same with emptied caches.
    rows : int
        Rows of a batch.
    baseline_s : float
        About how long one call of a slow baseline may take: it gets as many rows as fit.
    compiles : int
        How often the model is compiled.
    """

    rounds: int = 7
    calls: int = 60
    running: int = 20
    cold_calls: int = 8
    rows: int = 20_000
    baseline_s: float = 0.4
    compiles: int = 3

    @classmethod
    def quick(cls) -> Plan:
        return cls(rounds=2, calls=6, running=2, cold_calls=1, rows=300, baseline_s=0.01, compiles=1)


class OneThread(lightgbm.Booster):
    """LightGBM as shap finds it: shap leaves the number of threads to LightGBM, here it gets one, as all do."""

    def predict(self, *args: Any, **options: Any) -> Any:
        return super().predict(*args, **options, num_threads=1)


class Subject:
    """One model and everybody who can explain it."""

    def __init__(self, model: Model, plan: Plan) -> None:
        self.model, self.plan = model, plan
        self.whole = np.ascontiguousarray(model.rows[: plan.rows])
        self.inputs = np.ascontiguousarray(model.inputs[: plan.rows])
        self.booster = lightgbm.Booster(model_str=model.text)
        self.ours = TreeShap(model.text, columns=model.columns)
        self.grouped = TreeShap(model.text, columns=model.columns, groups=model.groups, n_groups=max(model.groups) + 1)
        self.shap = shap.TreeExplainer(OneThread(model_str=model.text))

    def row(self, turn: int) -> Floats:
        at = turn % len(self.whole)
        return self.whole[at : at + 1]

    def input_row(self, turn: int) -> Floats:
        at = turn % len(self.inputs)
        return self.inputs[at : at + 1]

    def contrib(self, rows: Floats, threads: int = 1) -> Floats:
        return np.asarray(self.booster.predict(rows, pred_contrib=True, num_threads=threads))

    def predict(self, rows: Floats, threads: int = 1) -> Floats:
        return np.asarray(self.booster.predict(rows, raw_score=True, num_threads=threads))

    @property
    def about(self) -> dict[str, Any]:
        trees = self.booster.dump_model()["tree_info"]
        return {
            "trees": len(trees),
            "most_leaves": max(tree["num_leaves"] for tree in trees),
            "leaves": sum(tree["num_leaves"] for tree in trees),
            "categorical_splits": sum(tree["num_cat"] for tree in trees),
            "features": self.booster.num_feature(),
            "columns": self.whole.shape[1],
            "groups": max(self.model.groups) + 1,
            "rows": len(self.whole),
        }


def measure(model: Model, plan: Plan, *, with_peers: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Return all figures of one model; times in microseconds, and in batches by row."""
    subject = Subject(model, plan)
    desk: AbstractContextManager[Peers | None] = peers.beside(model) if with_peers else nullcontext()
    with desk as others:
        say(f"{model.name}: is it exact")
        errors = exactness(subject)
        say(f"{model.name}: one row")
        one, between = one_row(subject, others)
        say(f"{model.name}: one row, caches emptied")
        cold = one_row_cold(subject)
        say(f"{model.name}: batches")
        batches, rows = batch(subject, others, one.p50("lightgbm_contrib"))
        found = {
            "model": model.name,
            **subject.about,
            "one_row": one.latencies(),
            "one_row_between_others": between.latencies(),
            "one_row_cold": cold.latencies(),
            "batch_us_a_row": batches.medians(),
            "batch_baseline_rows": rows,
            "small_batches": small_batches(subject),
            "exactness": errors,
            "cost": cost(subject),
            "ratios": ratios(one, between, cold, batches),
        }
        if others is not None:
            found["peers"] = compared(subject, others, one, batches)
    return found


def one_row(subject: Subject, others: Peers | None) -> tuple[Times, Times]:
    """Measure one row at a time, another row each call: some calls running, and one between the calls of others."""
    ours, grouped, row, input_row = subject.ours, subject.grouped, subject.row, subject.input_row
    alone: dict[str, Call] = {
        "ours": lambda turn: ours.explain(row(turn)),
        "ours_grouped": lambda turn: grouped.explain(row(turn)),
        "ours_raw": lambda turn: ours.raw(row(turn)),
        "shap": lambda turn: subject.shap.shap_values(input_row(turn)),
        "lightgbm_contrib": lambda turn: subject.contrib(input_row(turn)),
        "lightgbm_predict": lambda turn: subject.predict(input_row(turn)),
    }
    threaded: dict[str, Call] = {"lightgbm_contrib_2_threads": lambda turn: subject.contrib(input_row(turn), 2)}
    calls, running, times, between = subject.plan.calls, subject.plan.running, Times(), Times()
    mixed = {name: alone[name] for name in BETWEEN}
    _warm(alone)
    for number in range(subject.plan.rounds):
        turns = range(number * calls, (number + 1) * calls)
        _add(times, in_turn(alone, range(turns[0] // running, turns[-1] // running + 1), running=running))
        _add(between, in_turn(mixed, turns[: max(1, calls // 3)]))
        _add(times, in_turn(threaded, turns[: max(1, calls // 4)], pause=PAUSE_S))
        if others is not None:
            _add_peers(times, others.ask(do="one", calls=max(1, calls // 3), seconds=0.3))
    return times, between


def one_row_cold(subject: Subject) -> Times:
    """Measure one row after the caches were emptied, as a service that scores now and then finds them."""
    row, input_row = subject.row, subject.input_row
    contenders: dict[str, Call] = {
        "ours": lambda turn: subject.ours.explain(row(turn)),
        "ours_grouped": lambda turn: subject.grouped.explain(row(turn)),
        "shap": lambda turn: subject.shap.shap_values(input_row(turn)),
        "lightgbm_contrib": lambda turn: subject.contrib(input_row(turn)),
        "lightgbm_predict": lambda turn: subject.predict(input_row(turn)),
    }
    flush, calls, times = Flush(), subject.plan.cold_calls, Times()
    for number in range(subject.plan.rounds):
        _add(times, in_turn(contenders, range(number * calls, (number + 1) * calls), before=flush))
    return times


def batch(subject: Subject, others: Peers | None, contrib_us: float) -> tuple[Times, int]:
    """Measure batches; slow baselines get fewer rows, as their cost by row hardly depends on how many there are."""
    ours, grouped, whole, inputs, plan = subject.ours, subject.grouped, subject.whole, subject.inputs, subject.plan
    fewer = int(np.clip(plan.baseline_s * 1e6 / contrib_us, min(20, len(inputs)), len(inputs)))
    some = inputs[:fewer]
    alone: dict[str, Call] = {
        "ours_float64": lambda _: ours.explain(whole),
        "ours_float32": lambda _: ours.explain(whole, dtype=np.float32),
        "ours_float64_grouped": lambda _: grouped.explain(whole),
        "ours_raw": lambda _: ours.raw(whole),
        "lightgbm_predict": lambda _: subject.predict(inputs),
        "lightgbm_contrib": lambda _: subject.contrib(some),
    }
    threaded: dict[str, Call] = {
        "ours_float64_2_threads": lambda _: ours.explain(whole, threads=2),
        "ours_float32_2_threads": lambda _: ours.explain(whole, dtype=np.float32, threads=2),
        "ours_raw_2_threads": lambda _: ours.raw(whole, threads=2),
        "lightgbm_predict_2_threads": lambda _: subject.predict(inputs, 2),
        "lightgbm_contrib_2_threads": lambda _: subject.contrib(some, 2),
    }
    sizes = {name: fewer if "contrib" in name else len(whole) for name in [*alone, *threaded]}
    times = Times()
    _warm(alone | threaded)
    for number in range(plan.rounds):
        _add(times, in_turn(alone, range(number, number + 1), rows=sizes))
        _add(times, in_turn(threaded, range(number, number + 1), rows=sizes, pause=PAUSE_S))
        if others is not None:
            _add_peers(times, others.ask(do="batch", rows={"shapiq": fewer, "woodelf": len(whole)}))
    return times, fewer


def small_batches(subject: Subject) -> dict[str, dict[str, float]]:
    """Measure batches of few rows, where one kernel hands over to the other; microseconds a row by size."""
    whole, plan, explain = subject.whole, subject.plan, subject.ours.explain
    sizes = [size for size in SMALL_BATCHES if size <= len(whole)]
    ways: dict[str, Callable[[Floats], object]] = {
        "float64": explain,
        "float32": lambda rows: explain(rows, dtype=np.float32),
        "row_kernel": lambda rows: explain(rows, kernel="row"),
        "batch_kernel": lambda rows: explain(rows, kernel="batch"),
    }
    contenders = {f"{name} {size}": _some(way, whole, size) for name, way in ways.items() for size in sizes}
    times = Times()
    _warm(contenders)
    for number in range(plan.rounds):
        turns = range(number * plan.calls, number * plan.calls + max(1, plan.calls // 6))
        _add(times, in_turn(contenders, turns, rows={f"{name} {size}": size for name in ways for size in sizes}))
    return {name: {str(size): times.p50(f"{name} {size}") for size in sizes} for name in ways}


def _some(way: Callable[[Floats], object], rows: Floats, size: int) -> Call:
    last = max(1, len(rows) - size)
    return lambda turn: way(rows[turn * size % last : turn * size % last + size])


def exactness(subject: Subject) -> dict[str, Any]:
    """Compare with LightGBM on ordinary rows and on rows full of odd values; largest absolute differences."""
    model, booster_rows = subject.model, subject.inputs
    n = min(len(subject.whole), 300)
    odd = subject.whole[:n].copy()
    rng = np.random.default_rng(3)
    odd[rng.random(odd.shape) < 0.15] = np.nan
    where = rng.random(odd.shape) < 0.15
    odd[where] = rng.choice(ODD, where.sum())
    whole = np.concatenate([subject.whole[:n], odd])
    inputs = np.ascontiguousarray(whole[:, list(model.columns)])
    contrib, predicted = subject.contrib(inputs), subject.predict(inputs)
    shares, base = contrib[:, :-1], contrib[0, -1]
    by_group = np.zeros((len(whole), max(model.groups) + 1))
    for feature, group in enumerate(model.groups):
        by_group[:, group] += shares[:, feature]
    ours = subject.ours
    by_row, by_batch = ours.explain(whole, kernel="row"), ours.explain(whole, kernel="batch")
    single = ours.explain(whole, dtype=np.float32, kernel="batch")
    grouped = [subject.grouped.explain(whole, kernel=kernel).shares for kernel in ("row", "batch")]
    alone = np.concatenate([ours.explain(whole[i : i + 1]).shares for i in range(0, len(whole), 10)])
    ordinary = np.array_equal(ours.raw(subject.whole), subject.predict(booster_rows))
    return {
        "rows": len(whole),
        "max_abs_error": max(largest(found.shares - shares) for found in (by_row, by_batch)),
        "max_abs_error_float32": largest(single.shares - shares),
        "max_abs_error_grouped": max(largest(found - by_group) for found in grouped),
        "base_error": abs(float(ours.base) - float(base)),
        "additivity": max(largest(ours.base + found.shares.sum(axis=1) - predicted) for found in (by_row, by_batch)),
        "raw_is_bit_identical": bool(ordinary and np.array_equal(ours.raw(whole), predicted)),
        "raw_rows": len(subject.whole) + len(whole),
        "alone_as_among_others": bool(np.array_equal(alone, by_row.shares[::10])),
        "largest_share": largest(shares),
    }


def cost(subject: Subject) -> dict[str, float]:
    """Measure what a model costs before its first answer, and what it keeps in memory."""
    model, plan, row = subject.model, subject.plan, subject.row(0)

    def ready() -> TreeShap:
        made = TreeShap(model.text, columns=model.columns)
        made.explain(row)
        return made

    compile_s = [seconds_of(ready) for _ in range(plan.compiles)]
    parse_s = [seconds_of(lambda: lightgbm.Booster(model_str=model.text)) for _ in range(plan.compiles)]
    return {
        "compile_s": statistics.median(compile_s),
        "lightgbm_parse_s": statistics.median(parse_s),
        "one_row_mb": arrays_of(ready()) / 1e6,
        "all_mb": arrays_of(subject.ours) / 1e6,
        "text_mb": len(model.text) / 1e6,
    }


def arrays_of(held: object) -> int:
    """Return the bytes of all arrays that an object holds, each counted once."""
    found: dict[int, int] = {}
    todo: list[object] = [held]
    while todo:
        thing = todo.pop()
        if isinstance(thing, np.ndarray):
            whole = thing if thing.base is None else thing.base
            found[id(whole)] = getattr(whole, "nbytes", thing.nbytes)
        elif isinstance(thing, tuple | list):
            todo.extend(thing)
        elif hasattr(thing, "__dict__") and not callable(thing):
            todo.extend(vars(thing).values())
    return sum(found.values())


def ratios(one: Times, between: Times, cold: Times, batches: Times) -> dict[str, Any]:
    """Return how many times as fast ours is; each the median over rounds, with the least and the most of any round."""
    return {
        "single_row_vs_shap": _ratio(one, "shap", "ours"),
        "single_row_vs_lightgbm": _ratio(one, "lightgbm_contrib", "ours"),
        "single_row_between_vs_shap": _ratio(between, "shap", "ours"),
        "single_row_cold_vs_shap": _ratio(cold, "shap", "ours"),
        "batch_float64": _ratio(batches, "lightgbm_contrib", "ours_float64"),
        "batch_float32": _ratio(batches, "lightgbm_contrib", "ours_float32"),
        "batch_float64_2_threads": _ratio(batches, "lightgbm_contrib_2_threads", "ours_float64_2_threads"),
        "batch_float32_2_threads": _ratio(batches, "lightgbm_contrib_2_threads", "ours_float32_2_threads"),
        "raw_vs_predict": _ratio(batches, "lightgbm_predict", "ours_raw"),
        "explain_vs_predict": _ratio(batches, "lightgbm_predict", "ours_float64"),
        "second_thread_float64": _ratio(batches, "ours_float64", "ours_float64_2_threads"),
        "second_thread_float32": _ratio(batches, "ours_float32", "ours_float32_2_threads"),
    }


def compared(subject: Subject, others: Peers, one: Times, batches: Times) -> dict[str, Any]:
    """Return each peer's times and error, or its own words why not."""
    n = min(len(subject.inputs), 20)
    shares = others.shares(n)
    truth = subject.contrib(subject.inputs[:n])[:, :-1]
    result = {}
    for name, said in others.who.items():
        result[name] = dict(said)
        if name in shares and name in one.by_round and name in batches.by_round:
            result[name] |= {
                "one_row_p50_us": one.p50(name),
                "batch_us_a_row": batches.p50(name),
                "single_row_ratio": _ratio(one, name, "ours")["median"],
                "batch_ratio": _ratio(batches, name, "ours_float64")["median"],
                "max_abs_error": largest(shares[name] - truth),
            }
        elif "refused" not in said:
            result[name]["refused"] = "it stopped answering while it was measured"
    return result


def largest(difference: Floats) -> float:
    return float(np.abs(difference).max(initial=0.0))


def _ratio(times: Times, slow: str, fast: str) -> dict[str, float]:
    low, high = times.ratio_range(slow, fast)
    return {"median": times.ratio(slow, fast), "least": low, "most": high}


def _warm(contenders: Mapping[str, Call]) -> None:
    for call in contenders.values():
        call(0)


def _add(times: Times, found: Mapping[str, list[float]]) -> None:
    for name, micros in found.items():
        times.add(name, micros)


def _add_peers(times: Times, answers: Mapping[str, Any]) -> None:
    for name, said in answers.items():
        if "us" in said:
            times.add(name, said["us"])
