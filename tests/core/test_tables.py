import gzip
import tracemalloc
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadlight.core.errors import Problem
from leadlight.core.mapping import Dialect
from leadlight.core.tables import LIMITS, Limits, RawTable, read_table


def packed(content: bytes) -> bytes:
    """Compress without the time of day, which would stand in the test's name and differ between workers."""
    return gzip.compress(content, mtime=0)


def read(path: Path, content: bytes, limits: Limits = LIMITS, **dialect: str) -> tuple[RawTable | None, list[Problem]]:
    path.write_bytes(content)
    problems: list[Problem] = []
    return read_table(path, Dialect(**dialect), problems, limits), problems  # type: ignore[arg-type]


def cells(path: Path, content: bytes, **dialect: str) -> dict[str, list[object]]:
    table, problems = read(path, content, **dialect)
    assert not problems
    assert table is not None
    return table.cells.to_pydict()


def rules(path: Path, content: bytes, limits: Limits = LIMITS, **dialect: str) -> list[str]:
    return [problem.rule for problem in read(path, content, limits, **dialect)[1]]


@pytest.mark.parametrize(
    "content",
    [
        b"a,b\n1,2\n",
        b"a,b\n1,2",
        b"a,b\r\n1,2\r\n",
        b"\xef\xbb\xbfa,b\n1,2\n",
        b"a;b\n1;2\n",
        b"a\tb\n1\t2\n",
        b"a|b\n1|2\n",
        b'"a","b"\n"1","2"\n',
        b"\n\r\na,b\n1,2\n",
        b" a , b \n1,2\n",
        packed(b"a,b\n1,2\n"),
        packed(b"a,b\n") + packed(b"1,2\n"),
        "a,b\n1,2\n".encode("utf-16"),
        "a,b\n1,2\n".encode("utf-32"),
        b"sep=;\r\na;b\r\n1;2\r\n",
        b"\xef\xbb\xbfsep=|\na|b\n1|2\n",
    ],
)
def test_one_small_table_in_many_dresses(tmp_path: Path, content: bytes) -> None:
    assert cells(tmp_path / "t.csv", content) == {"a": ["1"], "b": ["2"]}


def test_cells_stay_as_they_are_written(tmp_path: Path) -> None:
    found = cells(tmp_path / "t.csv", b'a,b,c\n007,"x, ""y""\nz",NA\n')
    assert found == {"a": ["007"], "b": ['x, "y"\nz'], "c": ["NA"]}


def test_a_declared_separator_wins(tmp_path: Path) -> None:
    assert cells(tmp_path / "t.csv", b"a,b;c\n1,2;3\n", separator=";") == {"a,b": ["1,2"], "c": ["3"]}


def test_a_nameless_column_gets_its_place_as_name(tmp_path: Path) -> None:
    assert cells(tmp_path / "t.csv", b",b\n0,2\n") == {"(column 1)": ["0"], "b": ["2"]}


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "empty_file"),
        (b"\xef\xbb\xbf", "empty_file"),
        (b" \n\n", "empty_file"),
        (b"a,b\n\xe9,2\n", "encoding"),
        (b"a,b\n1,\x002\n", "nul_byte"),
        (b"a,a\n1,2\n", "duplicate_column"),
        (b'a,b\n1,"2\n3,4\n', "open_quote"),
        (b"PK\x03\x04rest", "not_a_table"),
        (b"PAR1 no more", "broken_parquet"),
        (packed(b"a,b\n" + bytes(range(65, 90)) * 99)[:-9], "truncated"),
        (b"\x1f\x8b no gzip", "broken_gzip"),
        (packed(b"a,b\n1,2\n")[:5], "truncated"),
        (packed(b"a,b\n1,2\n")[:10] + b"\xff" * 40, "broken_gzip"),
        (packed(packed(b"a,b\n1,2\n")), "not_a_table"),
        (b'[{"a": 1, "b": 2}]', "not_a_table"),
        (b"<html><table><tr>", "not_a_table"),
        (b"a,b\r1,2\r", "line_ends"),
        (b"x" * 200_000 + b",b\n1,2\n", "broken_csv"),
    ],
)
def test_what_no_table_is(tmp_path: Path, content: bytes, rule: str) -> None:
    assert rules(tmp_path / "t.csv", content) == [rule]


def test_ragged_rows_are_counted_and_later_rows_keep_their_numbers(tmp_path: Path) -> None:
    table, problems = read(tmp_path / "t.csv", b"a,b\n1,2\n1,2,3\n4\n5,6\n")
    assert [(one.rule, one.row, one.count) for one in problems] == [("ragged_row", 2, 2)]
    assert table is not None
    assert table.rows.tolist() == [0, 3]


def test_the_line_of_a_bad_byte_is_named(tmp_path: Path) -> None:
    _, problems = read(tmp_path / "t.csv", b"a\n" + b"x\n" * 5000 + b"\xe9\n", Limits(line_bytes=64))
    assert "line 5002 is not utf-8 (byte 0xE9)" in problems[0].message
    assert 'encoding = "cp1252"' in problems[0].message


def test_a_line_of_two_gigabytes_is_refused_at_its_start_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    mebibyte = packed(b"x" * (1 << 20))
    with path.open("wb") as file:
        file.write(packed(b"a,b\n1,"))
        file.writelines([mebibyte] * 2048)
    problems: list[Problem] = []
    tracemalloc.start()
    assert read_table(path, Dialect(), problems) is None
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [problem.rule for problem in problems] == ["line_too_long"]
    assert "line 2" in problems[0].message
    assert peak < 30e6


@pytest.mark.parametrize("at", [63, 64, 65, 127, 128, 129])
def test_the_limit_of_a_line_is_exact(tmp_path: Path, at: int) -> None:
    content = b"a\n" + b"y" * 10 + b"\n" + b"x" * at + b"\nz\n"
    assert rules(tmp_path / "t.csv", content, Limits(line_bytes=64)) == (["line_too_long"] if at > 64 else [])


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    bomb = packed(b"a,b\n" + b"1,2\n" * 500_000)
    assert rules(tmp_path / "t.csv.gz", bomb, Limits(free_bytes=1000)) == ["gzip_bomb"]
    assert rules(tmp_path / "t.csv.gz", bomb) == []
    assert rules(tmp_path / "t.csv.gz", bomb, Limits(text_bytes=1000)) == ["too_large"]
    assert rules(tmp_path / "t.csv.gz", bomb, Limits(rows=1000)) == ["too_large"]


def test_parquet_keeps_its_types_and_drops_the_unnamed_index(tmp_path: Path) -> None:
    frame = pd.DataFrame({"n": [1, 2], "t": pd.to_datetime(["2024-01-01", None], utc=True), "c": ["x", None]})
    frame["c"] = frame["c"].astype("category")
    frame.iloc[::-1].to_parquet(tmp_path / "t.parquet")
    problems: list[Problem] = []
    table = read_table(tmp_path / "t.parquet", Dialect(), problems)
    assert table is not None
    assert table.cells.column_names == ["n", "t", "c"]
    assert table.cells.schema.field("c").type == pa.large_string()
    assert pa.types.is_timestamp(table.cells.schema.field("t").type)


def test_parquet_with_a_nul_byte(tmp_path: Path) -> None:
    pd.DataFrame({"a": ["x", None, "y\0z", "\0"]}).to_parquet(tmp_path / "t.parquet")
    problems: list[Problem] = []
    assert read_table(tmp_path / "t.parquet", Dialect(), problems) is None
    assert [(one.rule, one.row, one.column, one.count) for one in problems] == [("nul_byte", 3, "a", 2)]


def test_parquet_with_one_name_twice(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    pa.parquet.write_table(table, tmp_path / "t.parquet")
    problems: list[Problem] = []
    assert read_table(tmp_path / "t.parquet", Dialect(), problems) is None
    assert problems[0].rule == "duplicate_column"


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_by_name(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    table, problems = read(path, content, Limits(line_bytes=50))
    assert table is not None or problems


plain = st.text(st.characters(codec="utf-8", exclude_characters="\0\r", exclude_categories=["Cs"]), max_size=8)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(plain, plain), min_size=1, max_size=6))
def test_what_a_plain_writer_wrote_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "written.csv"
    frame = pd.DataFrame(rows, columns=["a", "b"])
    frame.to_csv(path, index=False, quoting=1)
    assert cells(path, path.read_bytes()) == {"a": [a for a, _ in rows], "b": [b for _, b in rows]}


def test_utf_16_without_its_mark_is_guessed(tmp_path: Path) -> None:
    problems = read(tmp_path / "t.csv", "a,b\n1,2\n".encode("utf-16-le"))[1]
    assert [problem.rule for problem in problems] == ["nul_byte"]
    assert 'encoding = "utf-16-le"' in problems[0].message


def test_a_line_above_the_header_is_hinted_at(tmp_path: Path) -> None:
    problems = read(tmp_path / "t.csv", b"exported on Monday\na,b\n1,2\n")[1]
    assert [problem.rule for problem in problems] == ["ragged_row"]
    assert "first line" in problems[0].message


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_too_many_columns_are_refused_at_once(tmp_path: Path, suffix: str) -> None:
    names = [f"c{i}" for i in range(12)]
    if suffix == "csv":
        content = (",".join(names) + "\n" + ",".join("1" * 12) + "\n").encode()
    else:
        sink = pa.BufferOutputStream()
        pa.parquet.write_table(pa.table({name: [1] for name in names}), sink)
        content = sink.getvalue().to_pybytes()
    assert rules(tmp_path / f"t.{suffix}", content, Limits(columns=11)) == ["too_wide"]
    assert rules(tmp_path / f"t.{suffix}", content, Limits(columns=12)) == []


def test_text_in_parquet_that_is_no_utf8_is_named(tmp_path: Path) -> None:
    offsets, letters = pa.py_buffer(bytes([0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0])), pa.py_buffer(b"a\xff")
    pa.parquet.write_table(
        pa.table({"n": [1, 2], "x": pa.StringArray.from_buffers(2, offsets, letters)}), tmp_path / "t"
    )
    problems: list[Problem] = []
    assert read_table(tmp_path / "t", Dialect(), problems) is None
    assert [(problem.rule, problem.column) for problem in problems] == [("encoding", "x")]
