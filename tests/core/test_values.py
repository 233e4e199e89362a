from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadlight.core.errors import Problem
from leadlight.core.findings import Findings
from leadlight.core.mapping import Dialect
from leadlight.core.values import numbers, times, words

TEXT = pa.large_string()


def column(values: list[Any], kind: pa.DataType = TEXT) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, kind)])


def read_times(values: list[Any], kind: pa.DataType = TEXT, **dialect: str) -> tuple[list[str | None], list[Problem]]:
    findings = Findings("t", np.arange(len(values)), [])
    read = times(column(values, kind), Dialect(**dialect), findings, "when")  # type: ignore[arg-type]
    assert read.dtype == "datetime64[us, UTC]"
    spelled = [None if pd.isna(one) else one.isoformat().replace("+00:00", "Z") for one in read]
    return spelled, findings.problems


def read_numbers(values: list[Any], kind: pa.DataType = TEXT, missing: tuple[str, ...] = (), **dialect: str) -> Any:
    findings = Findings("t", np.arange(len(values)), [])
    read = numbers(column(values, kind), Dialect(**dialect), findings, "n", missing)  # type: ignore[arg-type]
    assert read.dtype == np.float64
    return [None if np.isnan(one) else one for one in read], [
        (one.rule, one.row, one.count) for one in findings.problems
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-02-29T12:00:00Z", "2024-02-29T12:00:00Z"),
        ("2024-02-29 12:00Z", "2024-02-29T12:00:00Z"),
        (" 2024-02-29T12:00:00+02:00 ", "2024-02-29T10:00:00Z"),
        ("2024-02-29T12:00:00.123-0530", "2024-02-29T17:30:00.123000Z"),
        ("2024-02-29T12:00:00.123456789Z", "2024-02-29T12:00:00.123456Z"),
        ("", None),
        ("NULL", None),
    ],
)
def test_times_with_zone(text: str, expected: str | None) -> None:
    assert read_times([text]) == ([expected], [])


@pytest.mark.parametrize("text", ["soon", "2024-02-30T00:00:00Z", "01/02/2024", "2024-1-1", "20240101", "12:00", "1e9"])
def test_what_no_time_is_is_named_with_an_example(text: str) -> None:
    read, problems = read_times(["2024-01-01T00:00:00Z", text, text])
    assert read[1:] == [None, None]
    assert [(one.rule, one.row, one.count) for one in problems] == [("not_a_time", 2, 2)]
    assert repr(text) in problems[0].message


def test_times_without_zone_are_refused_or_placed() -> None:
    naive = ["2024-07-01 12:00", "2024-01-01"]
    assert [one.rule for one in read_times(naive)[1]] == ["no_zone"]
    assert read_times(naive, time_zone="Europe/Madrid") == (["2024-07-01T10:00:00Z", "2023-12-31T23:00:00Z"], [])
    mixed = ["2024-07-01 12:00", "2024-07-01T12:00:00Z"]
    assert read_times(mixed, time_zone="Europe/Madrid")[0] == ["2024-07-01T10:00:00Z", "2024-07-01T12:00:00Z"]


def test_the_hour_that_clocks_show_twice_and_the_one_they_skip() -> None:
    read, problems = read_times(["2024-10-27 02:30", "2024-03-31 02:30"], time_zone="Europe/Madrid")
    assert read == ["2024-10-27T00:30:00Z", "2024-03-31T01:00:00Z"]
    assert not problems


@pytest.mark.parametrize(
    ("values", "kind", "format_", "expected"),
    [
        (["31/12/2023 10:00"], TEXT, "%d/%m/%Y %H:%M", "2023-12-31T10:00:00Z"),
        (["31/12/2023 10:00 +0100"], TEXT, "%d/%m/%Y %H:%M %z", "2023-12-31T09:00:00Z"),
        (["1545000000"], TEXT, "epoch_seconds", "2018-12-16T22:40:00Z"),
        ([1545000000123], pa.int64(), "epoch_milliseconds", "2018-12-16T22:40:00.123000Z"),
        ([1545000000.5], pa.float64(), "epoch_seconds", "2018-12-16T22:40:00.500000Z"),
    ],
)
def test_declared_formats(values: list[Any], kind: pa.DataType, format_: str, expected: str) -> None:
    assert read_times(values, kind, time_format=format_, time_zone="UTC") == ([expected], [])


@pytest.mark.parametrize(
    ("value", "kind", "rule"),
    [
        (10**18, pa.timestamp("ns"), "no_zone"),
        (19000, pa.date32(), "no_zone"),
        (1545000000, pa.int64(), "not_a_time"),
        (True, pa.bool_(), "not_a_time"),
    ],
)
def test_typed_cells_that_are_no_instants(value: Any, kind: pa.DataType, rule: str) -> None:
    assert [one.rule for one in read_times([value, None], kind)[1]] == [rule]


def test_dates_that_programs_write_for_none_are_refused() -> None:
    _, problems = read_times(["0001-01-01T00:00:00Z", "1900-01-01T00:00:00Z", "1970-01-01T00:00:00Z"])
    assert [(one.rule, one.count) for one in problems] == [("too_early", 2)]


@given(st.lists(st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)), max_size=8), st.integers(-14 * 60, 14 * 60))  # noqa: DTZ001
def test_what_python_writes_is_read_back_from_text_and_from_parquet(naive: list[datetime], offset: int) -> None:
    zoned = [one.replace(tzinfo=timezone(timedelta(minutes=offset))) for one in naive]
    expected = [one.astimezone(UTC).isoformat().replace("+00:00", "Z") for one in zoned]
    assert read_times([one.isoformat() for one in zoned]) == (expected, [])
    in_utc = [one.astimezone(UTC) for one in zoned]
    assert read_times(in_utc, pa.timestamp("us", "America/New_York")) == (expected, [])


def test_numbers() -> None:
    assert read_numbers(["1", " 2.5 ", "-1e3", ".5", "", "nan"]) == ([1, 2.5, -1000, 0.5, None, None], [])
    assert read_numbers(["1", "x", "1,5", "12 %", "inf"]) == ([1, None, None, None, None], [("not_a_number", 2, 4)])
    assert read_numbers(["1,5", "2", "1.5"], decimal=",") == ([1.5, 2, None], [("not_a_number", 3, 1)])
    assert read_numbers([1.5, float("inf"), float("nan"), None], pa.float64())[1] == [("not_finite", 2, 1)]
    assert read_numbers(["1e999"])[1] == [("not_finite", 1, 1)]


@pytest.mark.parametrize(("values", "kind"), [(["999", "999.0", "99"], TEXT), ([999.0, 999.0, 99.0], pa.float64())])
def test_a_number_that_means_missing(values: list[Any], kind: pa.DataType) -> None:
    assert read_numbers(values, kind, missing=("999",)) == ([None, None, 99], [])


def test_an_address_is_not_quoted_in_a_message() -> None:
    findings = Findings("t", np.arange(1), [])
    numbers(column(["ann@example.org"]), Dialect(), findings, "n")
    assert "ann" not in findings.problems[0].message


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([" x ", "", None], TEXT, ["x", None, None]),
        ([3.0, 2.5, None, float("nan")], pa.float64(), ["3", "2.5", None, None]),
        ([3, None], pa.int64(), ["3", None]),
        ([True, None], pa.bool_(), ["true", None]),
    ],
)
def test_words(values: list[Any], kind: pa.DataType, expected: list[str | None]) -> None:
    assert words(column(values, kind)).to_pylist() == expected
