"""Rules of this house that no linter knows; each failure names the file, the line and the rule."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PURE = ("features/", "agreement/")
CLOCKS = re.compile(r"\b(datetime\.now|utcnow|Timestamp\.now|Timestamp\.today|date\.today|time\.time)\b")
MACHINE = re.compile(r"/(home|root|work|farm|Users)/\w")
# Written in pieces, so that these two lines are not found by what they look for.
ADDRESS = re.compile(r"(index" r"-url|https?://[^\s\"')]*(pypi|npmjs|debian)\b)")
LATER = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX|NotImplemented" r"Error)\b|for" r" now\b")
GUARD = 'if __name__ != "leadlight.'
LARGEST = 600


def tracked(*patterns: str) -> list[Path]:
    out = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z", "--", *patterns],
        cwd=ROOT, check=True, capture_output=True,
    ).stdout  # fmt: skip
    return [ROOT / name for name in out.decode().split("\0") if name and (ROOT / name).is_file()]


def lines_that_match(paths: list[Path], pattern: re.Pattern[str], rule: str) -> list[str]:
    found = []
    for path in paths:
        if path == Path(__file__).resolve():
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if pattern.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {rule}: {line.strip()[:90]}")
    return found


def notebooks_with_outputs() -> list[str]:
    found = []
    for path in tracked("*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        if any(cell.get("outputs") or cell.get("execution_count") for cell in cells):
            found.append(f"{path.relative_to(ROOT)}: strip the notebook's outputs (nbstripout)")
    return found


def packages_without_guard() -> list[str]:
    rooms = ("treeshap", "core", "agreement", "features", "training", "serving", "cli")
    inits = [path for room in rooms for path in tracked(f"{room}/**/__init__.py", f"{room}/__init__.py")]
    return [
        f"{p.relative_to(ROOT)}: refuse to be imported by the bare name" for p in inits if GUARD not in p.read_text()
    ]


def files_that_got_away() -> list[str]:
    return [
        f"{p.relative_to(ROOT)}: over {LARGEST} lines; is it still one idea?"
        for p in tracked("*.py")
        if len(p.read_text(encoding="utf-8").splitlines()) > LARGEST
    ]


def main() -> int:
    code = tracked("*.py")
    pure = [path for path in code if str(path.relative_to(ROOT)).startswith(PURE)]
    text = [path for path in tracked() if path.suffix not in {".png", ".lock"} and path.name != "LICENSE"]
    found = [
        *lines_that_match(pure, CLOCKS, "a pure room reads no clock; pass the time in"),
        *lines_that_match(text, MACHINE, "a path of one machine"),
        *lines_that_match([*text, *tracked("*.lock")], ADDRESS, "a registry's address"),
        *lines_that_match(code, LATER, "finish it, or leave it out"),
        *notebooks_with_outputs(),
        *packages_without_guard(),
        *files_that_got_away(),
    ]
    print("\n".join(found) or "house rules: all kept")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
