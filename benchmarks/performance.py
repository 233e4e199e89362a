"""Writes the tables of docs/performance.md from what the benchmarks printed; all other text there is left alone.

    python -m benchmarks.performance build/benchmarks/*.json [--page docs/performance.md]

Each file is the output of one benchmark run with ``--json``: its last line is read. A table stands between
``<!-- begin NAME -->`` and ``<!-- end NAME -->``; tables of benchmarks that were not given stay as they are. Nothing
is written unless everything could be.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.performance_tables import BLOCKS

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "docs" / "performance.md"


class Refused(Exception):
    """What was given can't become tables; the message says which file, and what to do."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="output of a benchmark with --json")
    parser.add_argument("--page", type=Path, default=PAGE)
    asked = parser.parse_args()
    try:
        written = rewrite(asked.page, asked.files)
    except Refused as refused:
        sys.exit(str(refused))
    print(f"{asked.page.name}: wrote {', '.join(written)}")


def rewrite(page: Path, files: Iterable[Path]) -> list[str]:
    """Put the tables of all files into the page; return the names of the blocks written."""
    if not page.is_file():
        raise Refused(f"There is no page {page}. Name it with --page.")
    text, written = page.read_text(encoding="utf-8"), []
    for file in files:
        for name, lines in blocks_of(file).items():
            text = replaced(text, name, lines, page)
            written.append(name)
    page.write_text(text, encoding="utf-8")
    return written


def blocks_of(file: Path) -> dict[str, list[str]]:
    """Return the tables of one benchmark's output."""
    figures = read(file)
    benchmark = figures.get("benchmark", file.stem)
    if benchmark not in BLOCKS:
        raise Refused(
            f"{file.name} is of a benchmark {benchmark!r} that has no tables here. "
            f"There are tables of: {', '.join(BLOCKS)}; a file without a name inside is taken by its file name."
        )
    try:
        return {f"{benchmark}.{part}": make(figures) for part, make in BLOCKS[benchmark].items()}
    except (KeyError, TypeError, IndexError) as error:
        raise Refused(
            f"{file.name} lacks a figure of {benchmark} ({error}): it comes from another release or broke off. "
            f"Measure again: python -m benchmarks.{benchmark} --json > {file.name}"
        ) from None


def read(file: Path) -> Mapping[str, Any]:
    """Return the JSON object on the last line of a benchmark's output."""
    try:
        last = file.read_text(encoding="utf-8").strip().splitlines()[-1:]
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{file} can't be read: {error}") from None
    try:
        figures = json.loads(last[0] if last else "")
    except ValueError:
        figures = None
    if not isinstance(figures, dict):
        raise Refused(f"The last line of {file.name} is not a JSON object. Run the benchmark with --json.")
    return figures


def replaced(text: str, name: str, lines: Sequence[str], page: Path) -> str:
    """Return the page's text with one block written anew."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    block = re.compile(re.escape(begin) + r"\n.*?" + re.escape(end), re.DOTALL)
    if len(block.findall(text)) != 1:
        raise Refused(f"{page.name} needs exactly one place for {name}: a line {begin} and, further down, a line {end}")
    body = "\n".join([begin, *lines, end])
    return block.sub(lambda _: body, text)


if __name__ == "__main__":
    main()
