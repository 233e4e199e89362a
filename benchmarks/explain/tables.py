"""The tables of one run, as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

ONE_ROW: Final = {
    "ours": "ours",
    "ours_grouped": "by reason",
    "ours_raw": "raw only",
    "shap": "shap",
    "lightgbm_contrib": "contrib",
    "lightgbm_contrib_2_threads": "contrib x2",
    "lightgbm_predict": "predict",
}
COLD: Final = {name: words for name, words in ONE_ROW.items() if name not in ("ours_raw", "lightgbm_contrib_2_threads")}
BETWEEN: Final = {name: words for name, words in COLD.items() if name != "ours_grouped"}
BATCH: Final = {
    "ours_float64": "f64",
    "ours_float64_2_threads": "f64 x2",
    "ours_float32": "f32",
    "ours_float32_2_threads": "f32 x2",
    "ours_float64_grouped": "by reason",
    "ours_raw": "raw only",
    "lightgbm_contrib": "contrib",
    "lightgbm_contrib_2_threads": "contrib x2",
    "lightgbm_predict": "predict",
    "lightgbm_predict_2_threads": "predict x2",
}
RATIOS: Final = {
    "single_row_vs_shap": "one row/shap",
    "single_row_between_vs_shap": "between/shap",
    "single_row_cold_vs_shap": "cold/shap",
    "batch_float64": "batch f64",
    "batch_float32": "batch f32",
    "raw_vs_predict": "raw/predict",
    "second_thread_float64": "2nd thread",
}


def lines(models: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the tables' lines."""
    yield "One row, warm, microseconds: p50 / p99"
    yield from table(ONE_ROW, [(m["model"], [_pair(m["one_row"].get(k)) for k in ONE_ROW]) for m in models])
    yield "One row between the calls of the others, microseconds: p50 / p99"
    rows = [(m["model"], [_pair(m["one_row_between_others"].get(k)) for k in BETWEEN]) for m in models]
    yield from table(BETWEEN, rows)
    yield "One row, caches emptied before each call, microseconds: p50 / p99"
    yield from table(COLD, [(m["model"], [_pair(m["one_row_cold"].get(k)) for k in COLD]) for m in models])
    yield "Batch, microseconds a row"
    yield from table(BATCH, [(m["model"], [f"{m['batch_us_a_row'][k]:.2f}" for k in BATCH]) for m in models])
    yield "How many times as fast, median of rounds (least - most)"
    yield from table(RATIOS, [(m["model"], [_spread(m["ratios"][k]) for k in RATIOS]) for m in models])
    yield f"Small batches of {models[0]['model']}, microseconds a row by number of rows"
    small = models[0]["small_batches"]
    sizes = list(small["float64"])
    yield from table({}, [(way, [f"{us[size]:.1f}" for size in sizes]) for way, us in small.items()], heads=sizes)
    yield "Exactness against LightGBM's contributions: largest absolute difference"
    heads = ["f64", "f32", "by reason", "additivity", "raw = predict", "compile s", "one row MB", "all MB"]
    yield from table({}, [(m["model"], _exact(m)) for m in models], heads=heads)
    if any("peers" in m for m in models):
        yield "Peers, one thread, microseconds"
        yield from peers(models)


def peers(models: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line for each model and peer: its figures, or its own words why there are none."""
    width = max(len(m["model"]) for m in models)
    for m in models:
        for name, said in m.get("peers", {}).items():
            if "refused" in said:
                yield f"  {m['model']:{width}s} {name} {said['version']}: refused: {said['refused']}"
            else:
                yield (
                    f"  {m['model']:{width}s} {name} {said['version']}: one row {said['one_row_p50_us']:,.0f} "
                    f"({said['single_row_ratio']:.1f} times ours), batch {said['batch_us_a_row']:,.1f} a row "
                    f"({said['batch_ratio']:.1f} times ours), error {said['max_abs_error']:.1e}"
                )


def table(
    columns: Mapping[str, Any], rows: Sequence[tuple[str, Sequence[str]]], heads: Sequence[str] | None = None
) -> Iterator[str]:
    """Yield a plain table, the first column to the left and the others to the right."""
    heads = heads if heads is not None else [str(words) for words in columns.values()]
    widths = [max([len(head), *(len(cells[i]) for _, cells in rows)]) for i, head in enumerate(heads)]
    first = max([5, *(len(name) for name, _ in rows)])
    yield "  " + " " * first + "".join(f"  {head:>{w}s}" for head, w in zip(heads, widths, strict=True))
    for name, cells in rows:
        yield f"  {name:{first}s}" + "".join(f"  {cell:>{w}s}" for cell, w in zip(cells, widths, strict=True))
    yield ""


def _pair(latency: Mapping[str, float] | None) -> str:
    return "-" if latency is None else f"{latency['p50_us']:,.0f} / {latency['p99_us']:,.0f}"


def _spread(ratio: Mapping[str, float]) -> str:
    return f"{ratio['median']:.1f} ({ratio['least']:.1f} - {ratio['most']:.1f})"


def _exact(m: Mapping[str, Any]) -> list[str]:
    errors, cost = m["exactness"], m["cost"]
    return [
        f"{errors['max_abs_error']:.1e}",
        f"{errors['max_abs_error_float32']:.1e}",
        f"{errors['max_abs_error_grouped']:.1e}",
        f"{errors['additivity']:.1e}",
        "same bits" if errors["raw_is_bit_identical"] else "DIFFERS",
        f"{cost['compile_s']:.3f}",
        f"{cost['one_row_mb']:.2f}",
        f"{cost['all_mb']:.2f}",
    ]
