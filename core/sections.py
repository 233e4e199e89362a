"""Sections of a TOML file, read key by key, so that all problems are listed and not only the first."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from leadlight.core.errors import Problem

__all__ = ["Section", "near_miss", "word"]


def word(value: object) -> str:
    """Spell a TOML value as a table's cell would.

    Examples
    --------
    >>> word(1), word(3.0), word(True), word("Select")
    ('1', '3', 'true', 'Select')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def near_miss(wrong: str, known: Mapping[str, Any] | tuple[str, ...]) -> str:
    """Return a hint that ends a message: the nearest known word, else all of them where they are few.

    Examples
    --------
    >>> near_miss("colunms", ("columns", "values"))
    "did you mean 'columns'?"
    """
    by_lower = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(wrong.casefold(), by_lower, n=1, cutoff=0.6)
    if close:
        return f"did you mean {by_lower[close[0]]!r}?"
    shown = ", ".join(list(known)[:40])
    return f"known: {shown}{' ...' if len(known) > 40 else ''}"


class Section:
    """One section, read key by key; remembers what is wrong instead of stopping at the first."""

    def __init__(self, content: Any, where: str, problems: list[Problem], keys: tuple[str, ...] | None) -> None:
        self.where = where
        self.problems = problems
        self.present = content is not None
        if content is not None and not isinstance(content, dict):
            self.complain("not_a_section", f"write it as a section: {where}")
        self.content: dict[str, Any] = content if isinstance(content, dict) else {}
        for key in self.content:
            if keys is not None and key not in keys:
                what = "key" if where else "section"
                self.complain("unknown_key", f"there is no {what} {key!r}; {near_miss(key, keys)}")

    def complain(self, rule: str, message: str) -> None:
        """Add a problem of this section."""
        self.problems.append(Problem(self.where or "top level", rule, message))

    def section(self, key: str, keys: tuple[str, ...] | None) -> Section:
        """Go into an inner section; ``keys`` are those it may have, None: any."""
        inner = f"{self.where[1:-1]}.{key}" if self.where else key
        return Section(self.content.get(key), f"[{inner}]", self.problems, keys)

    def text(self, key: str, default: str | None = None) -> str | None:
        """Read a text that must not be empty."""
        value = self.content.get(key, default)
        if value is None or (isinstance(value, str) and value):
            return value
        self.complain("not_a_word", f"{key} must be text in quotes, got {value!r}")
        return default

    def flag(self, key: str) -> bool | None:
        """Read true or false."""
        value = self.content.get(key)
        if value is None or isinstance(value, bool):
            return value
        self.complain("not_yes_or_no", f"{key} must be true or false, got {value!r}")
        return None

    def choice(self, key: str, choices: tuple[str, ...], default: str | None = None) -> Any:
        """Read one of a few words."""
        value = self.content.get(key, default)
        if value is None or value in choices:
            return value
        self.complain("not_a_choice", f"{key} must be one of {', '.join(choices)}; got {value!r}")
        return default

    def words(self, key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Read a list of values, or one value, as the words that cells would hold."""
        if key not in self.content:
            return default
        value = self.content[key]
        several = value if isinstance(value, list) else [value]
        if any(isinstance(one, list | dict) for one in several):
            self.complain("not_a_list", f"{key} must be a list of values, got {value!r}")
            return default
        return tuple(map(word, several))

    def all_words(self) -> dict[str, tuple[str, ...]]:
        """Read every key as `words`."""
        return {key: self.words(key) for key in self.content}
