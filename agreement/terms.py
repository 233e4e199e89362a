"""The agreement: what marketing and sales signed, read from ``agreement.toml``."""

from __future__ import annotations

import hashlib
import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from leadlight.agreement.queue import KEYS as QUEUE_KEYS
from leadlight.agreement.queue import Queue, read_queue
from leadlight.agreement.scorecard import read_rules
from leadlight.core.catalog import Rule
from leadlight.core.errors import AgreementError, Problem

__all__ = ["DEFAULT_GRADES", "FOR_DATED_ONLY", "Agreement", "parse"]

DEFAULT_GRADES: Final[Mapping[str, float]] = {"A": 75.0, "B": 50.0, "C": 25.0}
"""Lowest score of each grade where nothing is agreed: quartiles. What is below C is D."""

NO_STAGE: Final = "Conversion stage not agreed: customer is used"
NO_HORIZON: Final = "Horizon not agreed: 90 days are used"
NO_GRADES: Final = "Grades not agreed: quartiles of the score are used"
FOR_DATED_ONLY: Final = frozenset({NO_STAGE, NO_HORIZON})
"""Defaults that a flat export has no use for: its outcome column has neither a stage nor a horizon."""

_KEYS: Final[Mapping[str, frozenset[str]]] = {
    "conversion": frozenset({"stage", "within_days", "base_rate"}),
    "capacity": frozenset({"leads_per_week"}),
    "grades": frozenset({"A", "B", "C"}),
    "segments": frozenset({"by"}),
    "queue": QUEUE_KEYS,
}


@dataclass(frozen=True)
class Agreement:
    """The signed terms, with every default filled in and named.

    Attributes
    ----------
    stage : str
        Reaching it is the conversion.
    within_days : float
        The horizon.
    base_rate : float or None
        Conversion rate that both teams expect; used only until there is data.
    leads_per_week : int or None
        How many leads sales can work; None: not agreed.
    grades : mapping of str to float
        Lowest score of A, B and C.
    rules : tuple of Rule
        The hand-picked points.
    segments : tuple of str
        Attributes by whose values leads are also judged apart: every value of each makes a segment. Named before
        anything is measured, so that nobody picks the flattering ones afterwards.
    queue : Queue or None
        How a queue explores and what counts as worked in time; None: not agreed, nothing is explored.
    defaults : tuple of str
        Which terms nobody agreed on, as sentences for reports.
    """

    stage: str = "customer"
    within_days: float = 90.0
    base_rate: float | None = None
    leads_per_week: int | None = None
    grades: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_GRADES))
    rules: tuple[Rule, ...] = ()
    segments: tuple[str, ...] = ()
    queue: Queue | None = None
    defaults: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """SHA-256 of the terms (not of the file's spelling), hex."""
        text = json.dumps(asdict(self), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def grade(self, score: float) -> str:
        """Return A, B, C or D for a score from 0 to 100.

        Examples
        --------
        >>> parse("").grade(75.0), parse("").grade(24.9)
        ('A', 'D')
        """
        return next((grade for grade in "ABC" if score >= self.grades[grade]), "D")


def parse(text: str, *, name: str = "agreement.toml") -> Agreement:
    """Read an agreement; an empty text gives the defaults.

    Parameters
    ----------
    text : str
        TOML as in README, "The agreement".
    name : str
        What messages call it.

    Raises
    ------
    AgreementError
        Listing every problem found.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        problem = Problem(name, "not_toml", f"can't be read as TOML: {error}")
        raise AgreementError.listing(name, [problem]) from None
    problems = _unknown_keys(data)
    terms = _terms(data, problems)
    rules = read_rules(data.get("scorecard", []), problems)
    if problems:
        raise AgreementError.listing(name, problems)
    return Agreement(**terms, rules=rules, defaults=_defaults(data))


def _unknown_keys(data: Mapping[str, Any]) -> list[Problem]:
    problems = []
    for section, content in data.items():
        if section == "scorecard":
            continue
        if section not in _KEYS:
            known = ", ".join([*_KEYS, "scorecard"])
            problems.append(Problem(f"[{section}]", "unknown_key", f"there is no such section; known: {known}"))
        elif not isinstance(content, dict):
            problems.append(Problem(f"[{section}]", "not_a_table", f"write it as a section: [{section}]"))
        else:
            problems += [
                Problem(
                    f"[{section}]",
                    "unknown_key",
                    f"no key {key!r}; known: {', '.join(sorted(_KEYS[section]))}",
                )
                for key in content
                if key not in _KEYS[section]
            ]
    return problems


def _section(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    content = data.get(name, {})
    return content if isinstance(content, dict) else {}


def _terms(data: Mapping[str, Any], problems: list[Problem]) -> dict[str, Any]:
    conversion, capacity = _section(data, "conversion"), _section(data, "capacity")
    terms: dict[str, Any] = {}
    if "stage" in conversion:
        if isinstance(conversion["stage"], str) and conversion["stage"]:
            terms["stage"] = conversion["stage"]
        else:
            problems.append(
                Problem("[conversion] stage", "not_a_word", f"must be a stage's name, got {conversion['stage']!r}")
            )
    for section, key, low, high in (
        (conversion, "within_days", 0.0, 3650.0),
        (conversion, "base_rate", 0.0, 1.0),
        (capacity, "leads_per_week", 0.0, 1e9),
    ):
        if key in section and _is_number(section[key], low, high, key, problems):
            terms[key] = int(section[key]) if key == "leads_per_week" else float(section[key])
    terms["grades"] = _grades(_section(data, "grades"), problems)
    terms["segments"] = _segments(_section(data, "segments"), problems)
    terms["queue"] = read_queue(_section(data, "queue"), problems)
    return terms


def _is_number(value: object, low: float, high: float, key: str, problems: list[Problem]) -> bool:
    fine = isinstance(value, int | float) and not isinstance(value, bool) and low < value < high
    if not fine:
        problems.append(Problem(key, "out_of_range", f"must be a number between {low:g} and {high:g}, got {value!r}"))
    return fine


def _grades(given: Mapping[str, Any], problems: list[Problem]) -> Mapping[str, float]:
    grades = dict(DEFAULT_GRADES)
    for grade, lowest in given.items():
        if isinstance(lowest, int | float) and not isinstance(lowest, bool) and math.isfinite(lowest):
            grades[grade] = float(lowest)
        else:
            problems.append(
                Problem(f"[grades] {grade}", "not_a_number", f"must be a score from 0 to 100, got {lowest!r}")
            )
    if not 100 >= grades["A"] > grades["B"] > grades["C"] >= 0:
        problems.append(Problem("[grades]", "grades_order", f"must fall from A to C within 0 to 100, got {grades}"))
    return grades


def _segments(given: Mapping[str, Any], problems: list[Problem]) -> tuple[str, ...]:
    by = given.get("by", [])
    if not isinstance(by, list) or not all(isinstance(name, str) and name for name in by):
        message = f'must be a list of attributes in quotes, such as ["source", "country"]; got {by!r}'
        problems.append(Problem("[segments] by", "not_a_list", message))
        return ()
    for name in sorted({name for name in by if by.count(name) > 1}):
        problems.append(Problem("[segments] by", "same_name", f"{name!r} is named twice"))
    return tuple(by)


def _defaults(data: Mapping[str, Any]) -> tuple[str, ...]:
    conversion = _section(data, "conversion")
    said = []
    if "stage" not in conversion:
        said.append(NO_STAGE)
    if "within_days" not in conversion:
        said.append(NO_HORIZON)
    if "leads_per_week" not in _section(data, "capacity"):
        said.append("Capacity not agreed: hot are the best tenth of open leads")
    if not data.get("grades"):
        said.append(NO_GRADES)
    if not data.get("scorecard"):
        said.append("No hand-picked points were given")
    if not _section(data, "segments").get("by"):
        said.append("No segments were agreed")
    return tuple(said)
