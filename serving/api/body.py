"""Reading a request's body: bounded, and strict where JSON readers usually guess.

Refused: more bytes than are allowed (before they are read), bytes that do not come, other media types, compressed
bodies, broken UTF-8, NaN and Infinity, numbers beyond a float, a key given twice, deep nesting, very many lists and
objects, half characters and NUL.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import Iterator
from typing import Any, Final, NoReturn

from fastapi import Request
from starlette.requests import ClientDisconnect

from leadlight.core.errors import Problem
from leadlight.serving.api.problems import Refusal
from leadlight.serving.json_text import is_whole
from leadlight.serving.words import say

__all__ = ["MOST_VALUES", "SECONDS", "parse", "read_body", "read_bytes"]

SECONDS: Final = 30.0
"""How long a body may take to arrive: whoever sends a byte a minute must not hold a connection for ever."""

MOST_VALUES: Final = 400_000
"""Lists and objects in one body: 32 MiB of ``[],`` are eleven million, 1 GB of memory and 18 s without any answer."""

_WHERE: Final = "body"
_BAD_ESCAPE: Final = re.compile(r"\\u(?:[dD][89abAB]|[dD][cdefCDEF]|0000)")


async def read_body(request: Request, limit: int, language: str, seconds: float = SECONDS) -> bytes:
    """Return the body's bytes.

    Parameters
    ----------
    request : Request
    limit : int
        Bytes. A declared length above it is refused at once; an undeclared one as soon as it is passed.
    language : {"en", "es"}
    seconds : float
        How long the body may take to arrive.

    Raises
    ------
    Refusal
        ``wrong_media_type``, ``wrong_encoding``, ``too_large``, ``too_slow`` or ``not_json`` (an empty body).
    """
    headers = dict(reversed(request.scope["headers"]))  # the first of each counts
    _check_media_type(_text(headers.get(b"content-type")))
    _check_encoding(_text(headers.get(b"content-encoding")))
    read = await read_bytes(request, limit, seconds)
    if not read.strip():
        _refuse("empty_body", language)
    return read


async def read_bytes(request: Request, limit: int, seconds: float = SECONDS) -> bytes:
    """Return the body's bytes, whatever they mean; the parameters as in `read_body`.

    Raises
    ------
    Refusal
        ``too_large`` or ``too_slow``.
    """
    headers = dict(reversed(request.scope["headers"]))
    declared = _text(headers.get(b"content-length")) or ""
    if declared.isdecimal() and (len(declared) > 18 or int(declared) > limit):
        raise Refusal("too_large", limit=limit)
    try:
        async with asyncio.timeout(seconds):
            return await _read(request, limit)
    except TimeoutError:
        raise Refusal("too_slow", seconds=f"{seconds:g}") from None


def _text(header: bytes | None) -> str | None:
    return None if header is None else header.decode("latin-1")


async def _read(request: Request, limit: int) -> bytes:
    parts, size, more = [], 0, True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        size, more = size + len(parts[-1]), message.get("more_body", False)
        if size > limit:
            raise Refusal("too_large", limit=limit)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _check_media_type(header: str | None) -> None:
    """No header is taken as JSON; a wrong one is refused, for it tells of another mistake."""
    if header is None:
        return
    media_type = header.partition(";")[0].strip().lower()
    if media_type != "application/json" and not (
        media_type.startswith("application/") and media_type.endswith("+json")
    ):
        raise Refusal("wrong_media_type", found=media_type[:100] or '""')


def _check_encoding(header: str | None) -> None:
    """Nothing is unpacked here: a few packed bytes can hold gigabytes."""
    if header is not None and header.strip().lower() not in ("", "identity"):
        raise Refusal("wrong_encoding", found=header.strip()[:100])


def parse(body: bytes, language: str) -> Any:
    """Return the JSON value of a body.

    Raises
    ------
    Refusal
        ``not_json``, naming the rule that is broken.
    """
    if body.count(b"[") + body.count(b"{") > MOST_VALUES:
        _refuse("too_many_values", language, limit=MOST_VALUES)
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        _refuse("not_utf8", language, byte=error.start)
    try:
        value = json.loads(
            text, parse_constant=_not_a_number, parse_float=_finite, parse_int=_whole, object_pairs_hook=_once_each
        )
    except _Broken as broken:
        _refuse(broken.rule, language, **broken.values)
    except json.JSONDecodeError as error:
        _refuse("not_json", language, line=error.lineno, column=error.colno)
    except RecursionError:  # what is nested less deeply, but deeper than the schema, the schema refuses
        _refuse("nested_too_deep", language)
    if _may_be_bad(text) and not all(is_whole(found) for found in _texts(value)):
        _refuse("bad_character", language)
    return value


class _Broken(Exception):
    """What a hook of the JSON reader found."""

    def __init__(self, rule: str, **values: object) -> None:
        super().__init__(rule)
        self.rule = rule
        self.values = values


def _not_a_number(found: str) -> NoReturn:
    raise _Broken("not_a_number", found=found)


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise _Broken("number_too_large")
    return value


def _whole(digits: str) -> int:
    """Return a whole number that fits a float, for features are floats."""
    if len(digits) > 308:
        raise _Broken("number_too_large")
    return int(digits)


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise _Broken("duplicate_key", key=json.dumps(twice[:100], ensure_ascii=False))
    return found


def _may_be_bad(text: str) -> bool:
    """Only an escape can write half a character or NUL into a text that was valid UTF-8."""
    return "\\u" in text and _BAD_ESCAPE.search(text) is not None


def _texts(value: Any) -> Iterator[str]:
    """Yield all texts and keys of a JSON value; without recursion, for it may be nested deeply."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            waiting += [*value, *value.values()]
        elif isinstance(value, list):
            waiting += value


def _refuse(rule: str, language: str, **values: object) -> NoReturn:
    raise Refusal("not_json", [Problem(_WHERE, rule, say(f"rule.{rule}", language, **values))])
