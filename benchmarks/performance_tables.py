"""The tables of docs/performance.md: for each benchmark its blocks, each made from what the benchmark printed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from benchmarks.explain.goals import GOALS

Figures = Mapping[str, Any]
Lines = list[str]

ONE_ROW: Final = {
    "ours": "ours",
    "ours_grouped": "ours, by reason",
    "shap": "shap",
    "lightgbm_contrib": "LightGBM contrib",
    "lightgbm_contrib_2_threads": "the same, 2 threads",
    "lightgbm_predict": "LightGBM predict",
}
BETWEEN: Final = {name: ONE_ROW[name] for name in ("ours", "shap", "lightgbm_contrib", "lightgbm_predict")}
COLD: Final = {name: words for name, words in ONE_ROW.items() if not name.endswith("threads")}
SERVED: Final = {
    "leadlight": "Leadlight, receipts off",
    "durable": "Leadlight, durable receipts",
    "additive": "Leadlight, additive model, receipts off",
    "bare": "bare FastAPI endpoint, constant answer",
    "mlflow": "`mlflow models serve`, no reasons",
    "tutorial": "pandas row + predict + shap",
}
SERVED_RATIOS: Final = {
    "throughput_ratio_vs_bare": ("Leadlight against the bare endpoint", "at least 0.5"),
    "throughput_ratio_vs_mlflow": ("against `mlflow models serve`", "at least 25"),
    "throughput_ratio_vs_tutorial": ("against pandas + shap", ""),
    "throughput_ratio_durable_vs_off": ("durable receipts against none", "at least 0.6"),
    "throughput_ratio_additive_vs_bare": ("additive model against the bare endpoint", ""),
}
STARTED: Final = {
    "start_seconds": "process start to the first explained score, s",
    "import_seconds": "importing fastapi, uvicorn and numba alone, s",
    "start_ratio": "the first divided by the second (goal: at most 2)",
    "ready_seconds": "process start to ready, s",
    "cold_seconds": "the same where nothing is compiled yet, s",
    "rss_mib": "memory after the first score, MiB",
    "rss_mib_after_1000": "memory after 1,000 more, MiB",
    "peak_mib_after_1000": "most memory, MiB",
    "cold_peak_mib": "most memory of the start that compiles, MiB",
}


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Lines:
    """Return a Markdown table: the first column is words, the others are figures."""
    aligned = ["---", *("--:" for _ in heads[1:])]
    return [f"| {' | '.join(cells)} |" for cells in (heads, aligned, *rows)]


def explain_machine(found: Figures) -> Lines:
    m = found["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in m["versions"].items())
    before, after = m["load_average_before_and_after"]
    return [
        f"{m['processor']}, {found['cores']} cores, loops compiled for {m['compiled_for']}; {versions}. "
        f"Medians of {found['rounds']} rounds. Load of the machine {before} before, {after} after."
    ]


def explain_goals(found: Figures) -> Lines:
    rows = []
    for key, goal in GOALS.items():
        value = found[key]
        rows.append((goal.words, goal.show(value), goal.show(goal.least), goal.show(goal.aim), goal.verdict(value)))
    bits = ("yes", "goal reached") if found["raw_is_bit_identical"] else ("no", "**missed**")
    rows.append(("score only: the same bits as LightGBM's prediction", bits[0], "yes", "yes", bits[1]))
    return [
        f"Model {found['headline_model']}; errors and bits are the worst of all {len(found['models'])} models.",
        "",
        *table(["what", "measured", "goal", "aim", ""], rows),
    ]


def explain_one_row(found: Figures) -> Lines:
    return _latencies(found, "one_row", ONE_ROW, "single_row_vs_shap")


def explain_between(found: Figures) -> Lines:
    return _latencies(found, "one_row_between_others", BETWEEN, "single_row_between_vs_shap")


def explain_cold(found: Figures) -> Lines:
    return _latencies(found, "one_row_cold", COLD, "single_row_cold_vs_shap")


def _latencies(found: Figures, what: str, columns: Mapping[str, str], ratio: str) -> Lines:
    rows = [
        [name, *(_pair(m[what][column]) for column in columns), _spread(m["ratios"][ratio])]
        for name, m in found["models"].items()
    ]
    return table(["model", *columns.values(), "times as fast as shap"], rows)


def explain_batch(found: Figures) -> Lines:
    heads = ["model", "threads", "LightGBM contrib", "ours float64", "times as fast", "ours float32", "times as fast",
             "ours, score only", "LightGBM predict"]  # fmt: skip
    rows = []
    for name, m in found["models"].items():
        for threads, tail in (("1", ""), ("2", "_2_threads")):
            us = {key: f"{m['batch_us_a_row'][key + tail]:,.1f}" for key in
                  ("lightgbm_contrib", "ours_float64", "ours_float32", "ours_raw", "lightgbm_predict")}  # fmt: skip
            ratio = {key: _spread(m["ratios"][f"batch_{key}{tail}"]) for key in ("float64", "float32")}
            rows.append([
                name, threads, us["lightgbm_contrib"], us["ours_float64"], ratio["float64"], us["ours_float32"],
                ratio["float32"], us["ours_raw"], us["lightgbm_predict"],
            ])  # fmt: skip
    return table(heads, rows)


def explain_small(found: Figures) -> Lines:
    name, head = found["headline_model"], found["models"][found["headline_model"]]["small_batches"]
    sizes = list(head["float64"])
    ways = {"float64": "float64", "row_kernel": "row kernel", "batch_kernel": "batch kernel", "float32": "float32"}
    rows = [[words, *(f"{head[way][size]:.1f}" for size in sizes)] for way, words in ways.items()]
    return table([f"{name}, rows at once", *sizes], rows)


def explain_exact(found: Figures) -> Lines:
    heads = ["model", "trees x leaves", "categorical splits", "float64", "float32", "by reason", "sum - score",
             "score = predict", "until ready, s", "memory, one row / all, MB"]  # fmt: skip
    rows = [
        [
            name,
            f"{m['trees']} x {m['most_leaves']}",
            f"{m['categorical_splits']:,}",
            *(f"{m['exactness'][key]:.0e}" for key in ("max_abs_error", "max_abs_error_float32",
                                                        "max_abs_error_grouped", "additivity")),
            "same bits" if m["exactness"]["raw_is_bit_identical"] else "**differs**",
            f"{m['cost']['compile_s']:.2f}",
            f"{m['cost']['one_row_mb']:.1f} / {m['cost']['all_mb']:.1f}",
        ]
        for name, m in found["models"].items()
    ]  # fmt: skip
    return table(heads, rows)


def explain_peers(found: Figures) -> Lines:
    if found["peers_left_out"]:
        return [f"Peers {found['peers_left_out']}."]
    heads = ["model", "peer", "one row", "times ours", "batch, a row", "times ours", "error"]
    return table(heads, [row for m in found["models"].values() for row in _peer_rows(m)])


def _peer_rows(m: Figures) -> list[list[str]]:
    return [[m["model"], f"{name} {said['version']}", *_peer_figures(said)] for name, said in m["peers"].items()]


def _peer_figures(said: Figures) -> list[str]:
    if "refused" in said:
        return ["refused: " + said["refused"].replace("|", "/"), *[""] * 4]
    return [
        f"{said['one_row_p50_us']:,.0f}",
        f"{said['single_row_ratio']:,.1f}",
        f"{said['batch_us_a_row']:,.1f}",
        f"{said['batch_ratio']:,.1f}",
        f"{said['max_abs_error']:.0e}",
    ]


def serve_table(found: Figures) -> Lines:
    heads = ["service", "requests/s", "least to most", "p50, ms", "p99, ms", "p99, least to most"]
    rows = [
        [
            SERVED[name],
            f"{one['requests_per_second']:,.0f}",
            _range(one["requests_per_second_spread"], ",.0f"),
            f"{one['p50_ms_at_half_load']:.2f}",
            f"{one['p99_ms_at_half_load']:.2f}",
            _range(one["p99_ms_at_half_load_spread"], ".1f"),
        ]
        for name, one in found["services"].items()
    ]
    return table(heads, rows)


def serve_ratios(found: Figures) -> Lines:
    ratios = [[words, f"{found[name]:.2f}", goal] for name, (words, goal) in SERVED_RATIOS.items() if name in found]
    wait = ["p99 at half load, ms", f"{found['p99_ms_at_half_load']:.2f}", "at most 10"]
    model = found["model"]
    return [
        *table(["throughput", "measured", "goal"], [*ratios, wait]),
        "",
        f"{model['trees']} trees of up to {model['leaves']} leaves over {model['inputs']} features; "
        f"medians of {found['rounds']} rounds of {found['seconds']:g} s; "
        f"the load generator alone manages {found['client_ceiling']:,.0f} requests/s.",
    ]


def start_table(found: Figures) -> Lines:
    rows = [
        [words, f"{found[name]:,.2f}", _range(found.get(f"{name}_spread"), ".2f")]
        for name, words in STARTED.items()
        if found.get(name) is not None
    ]
    if len(rows) < 3:
        raise KeyError("start_seconds")
    return table(["start", "measured", "least to most"], rows)


def features_table(found: Figures) -> Lines:
    one, whole = found["one"], found["whole"]
    rows = [
        ["moments", f"{whole['moments']:,}"],
        ["activities", f"{whole['activities']:,}"],
        ["columns", f"{whole['features']:,}"],
        ["reading the history into a timeline, s", f"{whole['from_history_s']:.1f}"],
        ["features of all moments, s", f"{whole['build_s']:.1f}"],
        ["together, s (goal: under 60)", f"{whole['total_s']:.1f}"],
        ["most memory, GiB (goal: under 6)", f"{whole['peak_gib']:.1f}"],
        ["ten times the work takes so many times as long (goal: at most 11)", f"{found['times_for_ten_times']:.1f}"],
        ["one lead with its account: laying out, us", f"{one['with_account_timeline_of_p50_us']:.0f}"],
        ["one lead with its account: features, us", f"{one['with_account_build_p50_us']:.0f}"],
    ]
    return table(["features", "measured"], rows)


def _pair(latency: Mapping[str, float]) -> str:
    return f"{latency['p50_us']:,.0f} / {latency['p99_us']:,.0f}"


def _range(spread: Sequence[float] | None, form: str) -> str:
    return "" if spread is None else f"{format(spread[0], form)} to {format(spread[1], form)}"


def _spread(ratio: Mapping[str, float]) -> str:
    return f"**{ratio['median']:.1f}** ({ratio['least']:.1f} to {ratio['most']:.1f})"


BLOCKS: Final[dict[str, dict[str, Callable[[Figures], Lines]]]] = {
    "explain": {
        "machine": explain_machine,
        "goals": explain_goals,
        "one-row": explain_one_row,
        "between": explain_between,
        "cold": explain_cold,
        "batch": explain_batch,
        "small": explain_small,
        "exact": explain_exact,
        "peers": explain_peers,
    },
    "serve": {"table": serve_table, "ratios": serve_ratios},
    "start": {"table": start_table},
    "features": {"table": features_table},
}
