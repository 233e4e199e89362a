"""docs/performance.md gets its tables from the benchmarks, keeps what people wrote, and is whole or not touched."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "performance.md"

STARTED = {
    "benchmark": "start", "start_ratio": 1.5, "start_seconds": 2.5, "start_seconds_spread": [2.4, 2.75],
    "ready_seconds": 2.25, "import_seconds": 1.66, "import_seconds_spread": [1.6, 1.7], "cold_seconds": 14.0,
    "rounds": 7,
}  # fmt: skip


def write_page(page, *outputs):
    files = []
    for i, output in enumerate(outputs):
        files.append(page.parent / f"output{i}.json")
        files[-1].write_text(output if isinstance(output, str) else "a table\n" + json.dumps(output) + "\n")
    command = [sys.executable, "-m", "benchmarks.performance", *map(str, files), "--page", str(page)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def page(tmp_path):
    page = tmp_path / "performance.md"
    block = "<!-- begin start.table -->\nold\n<!-- end start.table -->"
    page.write_text(f"# Fast\n\nbefore\n{block}\nafter \\1 *kept*\n")
    return page


def test_a_table_takes_its_place_and_the_words_around_it_stay(page):
    done = write_page(page, STARTED)
    assert done.returncode == 0, done.stderr
    text = page.read_text()
    assert "| process start to the first explained score, s | 2.50 | 2.40 to 2.75 |" in text
    assert "old" not in text
    assert text.startswith("# Fast\n\nbefore\n<!-- begin start.table -->\n| start |")
    assert text.endswith("<!-- end start.table -->\nafter \\1 *kept*\n")


def test_writing_twice_changes_nothing_more(page):
    write_page(page, STARTED)
    once = page.read_text()
    write_page(page, STARTED)
    assert page.read_text() == once


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ({"benchmark": "sideways"}, "a benchmark 'sideways' that has no tables here"),
        ({"moments": 3}, "a benchmark 'output1' that has no tables here"),
        ("no figures\n", "is not a JSON object. Run the benchmark with --json."),
        ("", "is not a JSON object. Run the benchmark with --json."),
        ({"benchmark": "start", "rounds": 7}, "lacks a figure of start"),
        ({"benchmark": "explain"}, "lacks a figure of explain"),
    ],
)
def test_what_is_no_output_of_a_benchmark_is_refused_and_nothing_is_written(page, output, words):
    before = page.read_text()
    done = write_page(page, STARTED, output)
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert page.read_text() == before


def test_a_page_without_the_place_is_refused_by_the_name_of_the_marks(page):
    page.write_text("# Fast\n")
    done = write_page(page, STARTED)
    assert done.returncode == 1
    assert "needs exactly one place for start.table: a line <!-- begin start.table -->" in done.stderr
    assert page.read_text() == "# Fast\n"


def test_the_page_has_a_place_for_every_table_and_no_other(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.performance_tables import BLOCKS

    wanted = [f"{benchmark}.{part}" for benchmark, parts in BLOCKS.items() for part in parts]
    text = PAGE.read_text(encoding="utf-8")
    for mark in ("begin", "end"):
        assert re.findall(rf"<!-- {mark} (\S+) -->", text) == wanted
