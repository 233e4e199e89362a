"""Cells into words, numbers and times, a whole column at a time.

Columns stay in Arrow's memory until the last step: ten million cells never become Python objects.
"""

from __future__ import annotations

from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from leadlight.core.findings import Findings
from leadlight.core.mapping import EPOCHS, Dialect

__all__ = ["is_nested", "numbers", "numeric_text", "times", "to_series", "without_missing", "words"]

UTC_TIME: Final = "datetime64[us, UTC]"
EARLIEST: Final = pd.Timestamp("1970-01-01", tz="UTC")
"""Before it lie only what programs write for "no date": year 1, 1899-12-30, 1900-01-01."""

_NUMBER: Final = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$"
_NAIVE: Final = r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?)?$"
_ZONED: Final = r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?( ?(Z|[+-]\d\d(:?\d\d)?))$"


def is_nested(column: pa.ChunkedArray) -> bool:
    """Tell whether the cells are lists, structs or bytes, which no column of ours holds."""
    kind = column.type
    as_bytes = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view, pa.types.is_fixed_size_binary)
    return bool(pa.types.is_nested(kind) or any(one(kind) for one in as_bytes))


def words(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Spell every cell as text, trimmed; the empty cell is missing.

    Whole numbers are spelled without decimals, so that 3 and 3.0 are one level.
    """
    kind = column.type
    if pa.types.is_floating(kind):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, kind), column)
        return _without_point_zero(column.cast(pa.large_string()))
    if not pa.types.is_large_string(kind):
        return column.cast(pa.large_string())
    column = pc.utf8_trim_whitespace(column)
    return _blank(column, pc.equal(column, ""))


def _without_point_zero(text: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.replace_substring_regex(text, r"^([+-]?\d+)\.0+$", r"\1")


def numeric_text(text: pa.ChunkedArray, decimal: str = ".") -> pa.ChunkedArray:
    """Say which cells are numbers in digits (missing stays missing)."""
    return pc.match_substring_regex(text, _NUMBER.replace(r"\.", "," if decimal == "," else r"\."))


def without_missing(column: pa.ChunkedArray, spellings: tuple[str, ...]) -> pa.ChunkedArray:
    """Turn the export's own ways to say "not known" into missing values; 999 is also 999.0."""
    kind = column.type
    if pa.types.is_large_string(kind):
        column = words(column)
        return _blank(column, pc.is_in(column, pa.array(spellings, pa.large_string()))) if spellings else column
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        values = [float(one) for one in spellings if _is_number(one)]
        return _blank(column, pc.is_in(column.cast(pa.float64(), safe=False), pa.array(values, pa.float64())))
    return column


def _blank(column: pa.ChunkedArray, where: pa.ChunkedArray) -> pa.ChunkedArray:
    if not pc.any(where).as_py():  # the usual case, without a copy
        return column
    return pc.if_else(where, pa.scalar(None, column.type), column)


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def to_series(column: pa.ChunkedArray) -> pd.Series[Any]:
    """Hand a text column to pandas as dtype ``str``; no copy into Python objects."""
    return pd.Series(column.cast(pa.large_string()).to_pandas(), dtype="str")


def numbers(
    column: pa.ChunkedArray, dialect: Dialect, findings: Findings, name: str, missing: tuple[str, ...] = ()
) -> pd.Series[float]:
    """Read a column as numbers.

    Returns
    -------
    Series of shape (n_rows,), dtype float64
        NaN where missing or where it is reported as no number.
    """
    column = without_missing(column, (*dialect.missing, *missing))
    if pa.types.is_large_string(column.type):
        fine = numeric_text(column, dialect.decimal)
        message = f"can't be read as a number: {_example(column, fine)}; remove marks of thousands and units"
        findings.add_unread("not_a_number", message, _false(fine), column=name)
        column = pc.replace_substring(pc.if_else(fine, column, None), dialect.decimal, ".")
    values = pd.Series(np.array(column.cast(pa.float64(), safe=False).to_pandas(), dtype=np.float64))
    infinite = np.isinf(values.to_numpy())
    findings.add("not_finite", "infinity is no number to learn from; leave the cell empty", infinite, column=name)
    if missing:  # spelled 999 and stored as 999.0
        values = values.mask(values.isin([float(one) for one in missing if _is_number(one)]))
    return values


def _false(mask: pa.ChunkedArray) -> NDArray[np.bool_]:
    return np.asarray(pc.fill_null(pc.invert(mask), False).to_numpy(), dtype=np.bool_)


def _example(text: pa.ChunkedArray, fine: pa.ChunkedArray) -> str:
    bad = pc.filter(text, pc.invert(fine))
    return _quoted(bad[0].as_py()) if len(bad) else ""


def _quoted(value: str) -> str:
    """Quote a cell in a message, unless it looks like somebody's address: messages go to logs."""
    return "an e-mail address" if "@" in value else repr(value[:40])


def times(
    column: pa.ChunkedArray, dialect: Dialect, findings: Findings, name: str, missing: tuple[str, ...] = ()
) -> pd.Series[Any]:
    """Read a column as times.

    Returns
    -------
    Series of shape (n_rows,), dtype datetime64[us, UTC]
        NaT where missing or where it is reported as no time.
    """
    column = without_missing(column, (*dialect.missing, *missing))
    kind = column.type
    if dialect.time_format in EPOCHS:
        read = _since_epoch(column, dialect, findings, name)
    elif pa.types.is_timestamp(kind) and kind.tz is not None:
        read = column.cast(pa.timestamp("us", "UTC"), safe=False).to_pandas()
    elif pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        read = _localised(column.cast(pa.timestamp("us"), safe=False).to_pandas(), dialect, findings, name)
    elif not pa.types.is_large_string(kind):
        hint = 'declare time_format = "epoch_seconds" or "epoch_milliseconds"'
        every = np.ones(len(column), dtype=bool)
        findings.add_unread("not_a_time", f"holds {kind} values, not times; {hint}", every, column=name)
        read = pd.Series(pd.NaT, index=range(len(column)), dtype=UTC_TIME)
    elif dialect.time_format:
        read = _by_format(column, dialect, findings, name)
    else:
        read = _iso(column, dialect, findings, name)
    read = read.reset_index(drop=True).astype(UTC_TIME)
    message = f"lies before {EARLIEST.year}, where programs put dates that nobody gave; declare its spelling as missing"
    findings.add("too_early", message, (read < EARLIEST).to_numpy(), column=name)
    return read


def _since_epoch(column: pa.ChunkedArray, dialect: Dialect, findings: Findings, name: str) -> pd.Series[Any]:
    values = numbers(column, dialect, findings, name)
    unit = EPOCHS[str(dialect.time_format)]
    beyond = values.abs().to_numpy() * unit > 253_402_300_800_000_000  # the year 9999
    message = f"is no time as {dialect.time_format}: it lies beyond the year 9999"
    findings.add_unread("not_a_time", message, beyond, column=name)
    micros = (values.mask(beyond) * unit).round()
    return pd.Series(pd.to_datetime(micros.astype("Int64"), unit="us", utc=True))


def _localised(naive: pd.Series[Any], dialect: Dialect, findings: Findings, name: str) -> pd.Series[Any]:
    naive = naive.reset_index(drop=True)
    if dialect.time_zone is None:
        message = 'has times without zone; declare time_zone = "Europe/Madrid" (or "UTC"), or export them with zone'
        findings.add_unread("no_zone", message, naive.notna().to_numpy(), column=name)
        return pd.Series(pd.NaT, index=naive.index, dtype=UTC_TIME)
    # the hour that clocks show twice is taken as its first round; the one they skip as its first instant
    zone, first_round = ZoneInfo(dialect.time_zone), np.ones(len(naive), dtype=bool)
    local = naive.dt.tz_localize(zone, ambiguous=first_round, nonexistent="shift_forward")
    return pd.Series(local.dt.tz_convert("UTC"))


def _by_format(text: pa.ChunkedArray, dialect: Dialect, findings: Findings, name: str) -> pd.Series[Any]:
    format_ = str(dialect.time_format)
    zoned = "%z" in format_ or "%Z" in format_
    series = to_series(text)
    read = pd.to_datetime(series, format=format_, errors="coerce", utc=zoned)
    _report_unread(text, read, findings, name, f"by the format {format_!r}")
    return read if zoned else _localised(read.astype("datetime64[us]"), dialect, findings, name)


def _iso(text: pa.ChunkedArray, dialect: Dialect, findings: Findings, name: str) -> pd.Series[Any]:
    zoned, naive = pc.match_substring_regex(text, _ZONED), pc.match_substring_regex(text, _NAIVE)
    read = _cast(pc.if_else(zoned, text, None), "UTC")
    if not pc.any(naive).as_py():
        local = pd.Series(pd.NaT, index=read.index, dtype="datetime64[us]")
    else:
        local = _cast(pc.if_else(naive, text, None), None)
    hint = 'as ISO 8601 (2024-12-31T23:59:59Z); declare time_format = "%d/%m/%Y %H:%M" or as it is'
    _report_unread(text, read.where(read.notna(), local.dt.tz_localize("UTC")), findings, name, hint)
    return pd.Series(read.where(read.notna(), _localised(local, dialect, findings, name).astype(UTC_TIME)))


def _cast(text: pa.ChunkedArray, zone: str | None) -> pd.Series[Any]:
    try:
        read = text.cast(pa.timestamp("us", zone)).to_pandas().reset_index(drop=True)
    except pa.ArrowInvalid:  # a 31st of June, or nanoseconds: slower, and cell by cell
        read = pd.to_datetime(to_series(text), format="ISO8601", errors="coerce", utc=zone is not None)
    return pd.Series(read.dt.as_unit("us"))


def _report_unread(text: pa.ChunkedArray, read: pd.Series[Any], findings: Findings, name: str, how: str) -> None:
    bad = read.isna().to_numpy() & np.asarray(pc.is_valid(text).to_numpy(), dtype=np.bool_)
    if bad.any():
        example = _quoted(text[int(np.flatnonzero(bad)[0])].as_py())
        findings.add_unread("not_a_time", f"can't be read as a time {how}: {example}", bad, column=name)
