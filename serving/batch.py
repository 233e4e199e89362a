"""Many leads at once, from a history: which are open, and their scores with reasons, chunk by chunk."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leadlight.agreement.stages import left_queue
from leadlight.core.artifact import TrainedModel
from leadlight.core.catalog import Catalog
from leadlight.core.clock import to_micros
from leadlight.core.errors import ModelContractError, UsageError
from leadlight.core.history import History
from leadlight.core.stages import LADDER, reached
from leadlight.features.build import build
from leadlight.features.timeline import Moments, Timeline
from leadlight.serving.reasons import Reason, why_of
from leadlight.serving.scorer import DEFAULT_REASONS, Answer, Scorer

__all__ = [
    "CHUNK",
    "current_stages",
    "matrix_of",
    "moment_of",
    "open_leads",
    "refuse_other_endings",
    "score_history",
    "write_scores",
]

CHUNK: Final = 10_000
"""Leads whose features and reasons are held at a time."""

_FORMATS: Final = (".parquet", ".csv", ".csv.gz")


def moment_of(history: History, as_of: pd.Timestamp | None) -> int:
    """Return the moment to score at, microseconds: as asked, else the history's end; 0 for an undated export.

    Raises
    ------
    UsageError
        If the moment has no time zone.
    """
    when = history.ended_at if as_of is None else as_of
    if when is None:
        return 0
    if when.tzinfo is None:
        raise UsageError(f"The time {when} has no zone; add one, for example {when.isoformat()}Z.")
    return to_micros(when.to_pydatetime())


def current_stages(history: History, as_of: int) -> pd.Series[str]:
    """Return the stage of each lead at a moment, by lead id; leads without one are left out.

    Parameters
    ----------
    history : History
    as_of : int
        Microseconds; what was recorded later does not count.
    """
    return _stage_changes(history, as_of).groupby("lead_id")["stage"].last()


def _stage_changes(history: History, as_of: int) -> pd.DataFrame:
    """Return the stage changes known at a moment, in order of time; at one instant in the order of the usual ladder."""
    table = history.stage_changes
    when = pd.Timestamp(as_of, unit="us", tz="UTC")
    known = table[(table["occurred_at"] < when) & (table["recorded_at"] < when)]
    step = known["stage"].map({stage: i for i, stage in enumerate(LADDER)}).fillna(len(LADDER))
    return known.assign(step=step).sort_values(["occurred_at", "recorded_at", "step"], kind="stable")


def open_leads(history: History, catalog: Catalog, as_of: int) -> NDArray[np.int64]:
    """Return the rows of ``history.leads`` that are in the queue: known by then, neither closed nor converted.

    For a model of an undated export all leads are.

    Raises
    ------
    ModelContractError
        If the model looks at times and the history has none.
    """
    if not catalog.dated:
        return np.arange(len(history.leads), dtype=np.int64)
    if not history.is_dated:
        raise ModelContractError(
            "The model was trained on a dated history and looks at times, but this one is an undated export. "
            "Score it with a model trained on such an export, or give its dates."
        )
    leads, when = history.leads, pd.Timestamp(as_of, unit="us", tz="UTC")
    known = ((leads["created_at"] < when) & (leads["recorded_at"] < when)).to_numpy(copy=True)
    changes = _stage_changes(history, as_of)
    changes["lead"] = pd.Index(leads["lead_id"]).get_indexer(changes["lead_id"])
    by_lead = changes.sort_values("lead", kind="stable")
    stages = by_lead["stage"].to_numpy(dtype=object)
    known[left_queue(by_lead["lead"].to_numpy(dtype=np.int64), stages, reached(catalog.goal_stage))] = False
    return np.flatnonzero(known).astype(np.int64)


def matrix_of(catalog: Catalog, timeline: Timeline, rows: NDArray[np.int64], as_of: int) -> NDArray[np.float64]:
    """Return the catalog columns of leads at one moment, shape (n_rows, n_features)."""
    return build(catalog, timeline, Moments(rows, np.full(len(rows), as_of, np.int64)))


def score_history(
    model: TrainedModel,
    history: History,
    as_of: pd.Timestamp | None = None,
    *,
    version: int = 0,
    reasons: int = DEFAULT_REASONS,
    language: str = "en",
    chunk: int = CHUNK,
) -> Iterator[pd.DataFrame]:
    """Score all open leads of a history.

    Parameters
    ----------
    model : TrainedModel
    history : History
    as_of : Timestamp, optional
        Aware; default the history's end.
    version : int
        Of the model, for the column ``model_version``.
    reasons : int
        How many are worded; the rest is in ``other_reasons_impact``.
    language : {"en", "es"}
    chunk : int
        Leads a frame.

    Yields
    ------
    DataFrame of shape (up to ``chunk``, ...)
        One row a lead in the history's order: ``lead_id, as_of, score, probability, grade, band, confidence, log_odds,
        base_log_odds, fit, interest, cycle, why`` (text), ``other_reasons_impact, scorecard_points, reasons`` (JSON),
        ``reason_1 ...`` (text), ``missing`` (JSON), ``model_version, agreement_version``.
    """
    scorer = Scorer(model, version)
    moment = moment_of(history, as_of)
    timeline = Timeline.from_history(history, model.catalog.vocabulary)
    rows = open_leads(history, model.catalog, moment)
    ids = history.leads["lead_id"].to_numpy()
    for start in range(0, max(len(rows), 1), chunk):
        part = rows[start : start + chunk]
        matrix = matrix_of(model.catalog, timeline, part, moment)
        answers = scorer.explain_all(matrix, [str(i) for i in ids[part]], moment, language=language, reasons=reasons)
        yield _frame(scorer, answers, reasons, dated=history.is_dated)


def _frame(scorer: Scorer, answers: list[Answer], reasons: int, *, dated: bool) -> pd.DataFrame:
    """One row an answer; the columns and their types are the same for every chunk, however empty."""
    columns: dict[str, pd.Series[Any]] = {
        "lead_id": _text([a.lead_id for a in answers]),
        "as_of": _times([a.as_of if dated else None for a in answers]),
        "score": pd.Series([a.score for a in answers], dtype="int64"),
        "probability": _numbers([scorer.shown_probability(a) for a in answers]),
        "grade": _text([a.grade for a in answers]),
        "band": _text([a.band for a in answers]),
        "confidence": _text([a.confidence for a in answers]),
        "log_odds": _numbers([a.log_odds for a in answers]),
        "base_log_odds": _numbers([a.base_log_odds for a in answers]),
    }
    for name in ("fit", "interest", "cycle"):
        columns[name] = _numbers([a.shares.components[name] for a in answers])
    columns["why"] = _text(["; ".join(reason.text for reason in why_of(a.reasons)) or None for a in answers])
    columns["other_reasons_impact"] = _numbers([a.other_reasons_impact for a in answers])
    columns["scorecard_points"] = _numbers([a.scorecard_points for a in answers])
    columns["reasons"] = _text([a.reasons_json.decode() for a in answers])
    for place in range(reasons):
        columns[f"reason_{place + 1}"] = _text([_said(a.reasons, place) for a in answers])
    columns["missing"] = _text([_json(a.missing) for a in answers])
    columns["model_version"] = pd.Series(scorer.version, index=range(len(answers)), dtype="int64")
    columns["agreement_version"] = _text([str(scorer.model.agreement["version"])] * len(answers))
    return pd.DataFrame(columns)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _said(reasons: list[Reason], place: int) -> str | None:
    return reasons[place].text if place < len(reasons) else None


def _text(values: list[Any]) -> pd.Series[str]:
    return pd.Series(values, dtype="str")


def _numbers(values: list[Any]) -> pd.Series[float]:
    return pd.Series([np.nan if value is None else value for value in values], dtype="float64")


def _times(values: list[Any]) -> pd.Series[Any]:
    return pd.Series(pd.to_datetime(pd.Series(values, dtype="Int64"), unit="us", utc=True).dt.as_unit("us"))


def refuse_other_endings(path: Path) -> None:
    """Raise UsageError where a file's name says nothing that can be written; worth asking before hours of scoring."""
    if not path.name.lower().endswith(_FORMATS):
        raise UsageError(f"{path.name}: the name must end in {', '.join(_FORMATS)}.")


def write_scores(frames: Iterator[pd.DataFrame], path: Path) -> int:
    """Write scored leads to a file, chunk by chunk; the file appears only once it is whole.

    Parameters
    ----------
    frames : iterator of DataFrame
        As `score_history` yields them.
    path : Path
        ``.parquet``, ``.csv`` or ``.csv.gz``.

    Returns
    -------
    int
        Leads written.

    Raises
    ------
    UsageError
        If the file's name ends otherwise.
    """
    refuse_other_endings(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        write = _write_parquet if path.suffix.lower() == ".parquet" else _write_csv
        written = write(frames, partial, path.suffix.lower() == ".gz")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return written


def _write_parquet(frames: Iterator[pd.DataFrame], path: Path, _: bool) -> int:
    import pyarrow.parquet as pq

    writer, written = None, 0
    try:
        for frame in frames:
            table = _arrow(frame)
            writer = writer or pq.ParquetWriter(path, table.schema)
            writer.write_table(table)
            written += len(frame)
    finally:
        if writer is not None:
            writer.close()
    return written


def _arrow(frame: pd.DataFrame) -> Any:
    """Return a frame as an Arrow table; pyarrow's own way reads times with a zone as pandas will soon forbid."""
    import pyarrow as pa

    columns = {}
    for name, column in frame.items():
        if isinstance(column.dtype, pd.DatetimeTZDtype):
            columns[str(name)] = pa.array(column.dt.tz_convert(None).to_numpy(), pa.timestamp("us", "UTC"))
        elif isinstance(column.dtype, pd.StringDtype):
            columns[str(name)] = pa.array(column.tolist(), pa.string(), from_pandas=True)
        else:
            columns[str(name)] = pa.array(column.to_numpy(), from_pandas=True)
    return pa.table(columns)


def _write_csv(frames: Iterator[pd.DataFrame], path: Path, gzipped: bool) -> int:
    import gzip
    import io

    written = 0
    with path.open("wb") as raw:
        packed = gzip.GzipFile("", "wb", fileobj=raw, mtime=0) if gzipped else raw
        with io.TextIOWrapper(packed, encoding="utf-8", newline="") as file:
            for frame in frames:
                frame.to_csv(file, index=False, header=written == 0)
                written += len(frame)
    return written
