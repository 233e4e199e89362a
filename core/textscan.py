"""One look at a text file's bytes before anything parses them, in bounded memory.

A parser that meets a line of 2 GB, a gzip bomb or bytes of another encoding takes all memory or says
something that helps nobody. This pass reads a block at a time and names the line instead.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leadlight.core.errors import Problem

__all__ = [
    "LIMITS",
    "Limits",
    "Refused",
    "TextScan",
    "guarded_read",
    "looks_gzipped",
    "open_bytes",
    "read_blocks",
    "scan_text",
]

_BLOCK: Final = 1 << 20
_GZIP_MAGIC: Final = b"\x1f\x8b"
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAYS_SEPARATOR: Final = re.compile(rb"(?i)sep=(.)\r?\n")
"""A first line that Excel writes and reads, and that is none of the table."""
_SEPARATORS: Final = (",", ";", "\t", "|")


@dataclass(frozen=True, slots=True)
class Limits:
    """What is refused by size.

    Attributes
    ----------
    line_bytes : int
        Longest line of a text file, in UTF-8.
    expansion : int
        How many times its size a compressed file may unfold to, once it is over ``free_bytes``: CSV unfolds 5 to 30
        times, a bomb a thousand times.
    free_bytes : int
        Unfolded size below which the expansion does not matter.
    text_bytes : int
        Largest text table, unfolded.
    rows : int
        Most rows of a table.
    columns : int
        Most columns of a table: each is looked at on its own.
    """

    line_bytes: int = 1 << 20
    expansion: int = 200
    free_bytes: int = 64 << 20
    text_bytes: int = 16 << 30
    rows: int = 200_000_000
    columns: int = 2_000


LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class TextScan:
    """What the pass found out.

    Attributes
    ----------
    encoding : str
        The declared one, or what the byte-order mark says.
    separator : str
    header : tuple of str
        Column names, stripped; a nameless column is "".
    lines_above : int
        Before the header: blank ones, and ``sep=;``.
    only_header : bool
        Whether nothing follows the header.
    quotes : int
        How many quotation marks the file holds; an odd number hints at one that never closes.
    """

    encoding: str
    separator: str
    header: tuple[str, ...]
    lines_above: int
    only_header: bool
    quotes: int


class Refused(Exception):
    """Reading stops here; carries the one problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def looks_gzipped(path: Path) -> bool:
    """Tell by the first bytes, whatever the name says."""
    with path.open("rb") as stream:
        return stream.read(2) == _GZIP_MAGIC


def open_bytes(path: Path) -> gzip.GzipFile | io.BufferedReader:
    """Open a file for reading, unfolded if it is gzipped."""
    return gzip.open(path, "rb") if looks_gzipped(path) else path.open("rb")


def scan_text(path: Path, *, encoding: str, separator: str | None, limits: Limits) -> TextScan:
    """Read a text file once, block by block.

    Raises
    ------
    Refused
        At the first thing that no parser should be given.
    """
    head = b""
    lines = _Lines(path.name, limits.line_bytes)
    encoding = _encoding(path, encoding)
    for block in _utf8_blocks(path, encoding, lines, limits):
        lines.take(block)
        if len(head) < _BLOCK:
            head += block
    if not head.strip():
        raise Refused(Problem(path.name, "empty_file", "the file is empty; export it again with its header"))
    body = head.lstrip(b"\r\n")
    if said := _SAYS_SEPARATOR.match(body):
        separator, body = separator or said[1].decode(), body[said.end() :]
    text = body.decode("utf-8", errors="ignore")
    try:
        separator = separator or _likely_separator(text)
        header = tuple(name.strip() for name in _first_row(text, separator))
    except csv.Error as error:
        raise Refused(_no_header(path.name, body, error)) from None
    return TextScan(
        encoding,
        separator,
        header=header,
        lines_above=head[: len(head) - len(body)].count(b"\n"),
        only_header=len(head) < _BLOCK and b"\n" not in body.rstrip(),
        quotes=lines.quotes,
    )


def _no_header(name: str, body: bytes, error: csv.Error) -> Problem:
    if b"\r" in body and b"\r\n" not in body:
        message = "its lines end in CR alone, as old Macs wrote them; save it as CSV UTF-8, with LF or CRLF"
        return Problem(name, "line_ends", message)
    return Problem(name, "broken_csv", f"has a header that can't be cut into columns ({error}); shorten its names")


def _encoding(path: Path, declared: str) -> str:
    with open_bytes(path) as stream:
        start = guarded_read(stream, 4, path.name)
    return next((name for mark, name in _BOMS if start.startswith(mark)), declared)


def guarded_read(stream: gzip.GzipFile | io.BufferedReader, size: int, name: str) -> bytes:
    """Read some bytes; a damaged gzip is refused by name."""
    try:
        return stream.read(size)
    except EOFError:
        raise Refused(Problem(name, "truncated", "the gzip file ends too early; copy or export it again")) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise Refused(Problem(name, "broken_gzip", f"can't be unpacked ({error}); copy or export it again")) from None


def read_blocks(path: Path, limits: Limits, *, size: int = _BLOCK) -> Iterator[bytes]:
    """Yield a file's bytes, unfolded, a block at a time; refuse a bomb as soon as it shows.

    Raises
    ------
    Refused
        If the file is damaged or unfolds to more than the limits.
    """
    on_disk, unfolded = path.stat().st_size, 0
    with open_bytes(path) as stream:
        while block := guarded_read(stream, size, path.name):
            unfolded += len(block)
            if unfolded > limits.free_bytes and unfolded > limits.expansion * on_disk:
                message = f"unfolds to over {limits.expansion} times its size; if it is no mistake, unpack it yourself"
                raise Refused(Problem(path.name, "gzip_bomb", message))
            if unfolded > limits.text_bytes:
                message = f"is over {limits.text_bytes >> 30} GiB unpacked; use Parquet, or split the history"
                raise Refused(Problem(path.name, "too_large", message))
            yield block


def _utf8_blocks(path: Path, encoding: str, lines: _Lines, limits: Limits) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)()
    blocks = read_blocks(path, limits, size=min(_BLOCK, limits.line_bytes))
    while True:
        block = next(blocks, b"")
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            line = lines.count + error.object[: error.start].count(b"\n") + 1
            raise Refused(_not_decoded(path.name, line, encoding, error)) from None
        if text:
            yield text.encode()
        if not block:
            return


def _not_decoded(name: str, line: int, encoding: str, error: UnicodeDecodeError) -> Problem:
    byte = error.object[error.start]
    other = "cp1252" if "utf" in encoding else "utf-8"
    hint = f'save it as UTF-8, or say encoding = "{other}" in [history]'
    return Problem(name, "encoding", f"line {line} is not {encoding} (byte 0x{byte:02X}); {hint}")


def _hint_of_nul(block: bytes) -> str:
    start = block[:1000]
    for places, name in ((start[1::2], "utf-16-le"), (start[::2], "utf-16-be")):
        if 4 * places.count(0) > 3 * len(places):  # Latin letters are every second byte there
            return f'it looks like UTF-16 without its mark: save it as UTF-8, or say encoding = "{name}" in [history]'
    return "export it as plain text"


class _Lines:
    """Counts lines and refuses what no line may hold."""

    def __init__(self, name: str, longest: int) -> None:
        self.name = name
        self.longest = longest
        self.count = 0
        self.open_bytes = 0
        self.quotes = 0

    def take(self, block: bytes) -> None:
        # blocks are no longer than the limit, so only a line that crosses a block's edge can be too long
        if (at := block.find(b"\0")) >= 0:
            line = self.count + block.count(b"\n", 0, at) + 1
            raise Refused(Problem(self.name, "nul_byte", f"line {line} holds a NUL byte; {_hint_of_nul(block)}"))
        first = block.find(b"\n")
        reach = self.open_bytes + (len(block) if first < 0 else first)
        if reach > self.longest:
            message = f"line {self.count + 1} is over {self.longest:,} bytes; is this a table with one row a line?"
            raise Refused(Problem(self.name, "line_too_long", message))
        self.open_bytes = reach if first < 0 else len(block) - block.rfind(b"\n") - 1
        self.count += block.count(b"\n")
        self.quotes += block.count(b'"')


def _likely_separator(text: str) -> str:
    """Return the separator that cuts the header into most columns; a comma where none does."""
    widths = {separator: len(_first_row(text, separator)) for separator in _SEPARATORS}
    return max(_SEPARATORS, key=lambda separator: widths[separator])


def _first_row(text: str, separator: str) -> list[str]:
    return next((row for row in csv.reader(io.StringIO(text), delimiter=separator) if row), [])
