"""Errors that Leadlight raises on purpose.

LeadlightError
├── UsageError                 the command or the call was put wrongly
├── DataContractError          the data that reached us is not what was agreed
│   ├── MappingError           dataset.toml says something that can't be followed
│   ├── AgreementError         agreement.toml says something that can't be followed
│   ├── UnreadableTable        a file is there but can't be read as a table
│   ├── BrokenHistory          tables that were read break the contract; carries every problem found
│   └── BrokenBackup           a backup is not whole, or not as it was written
├── RequestRefused             one request can't be answered; carries every problem found
├── GateRefused                a challenger may not become champion; carries the gate's reasons
├── ModelContractError         a model and this code do not fit together
│   └── UnknownPrimitive       the model needs a feature that this code can't compute
└── Unavailable                something that is needed is not there
    ├── NothingThere           a file, a folder or a setting that was named does not exist
    ├── NoChampion             no model serves yet
    └── RegistryUnavailable    the tracking server did not answer
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import ClassVar, Self

__all__ = [
    "AgreementError",
    "BrokenBackup",
    "BrokenHistory",
    "DataContractError",
    "GateRefused",
    "LeadlightError",
    "MappingError",
    "ModelContractError",
    "NoChampion",
    "NothingThere",
    "Problem",
    "RegistryUnavailable",
    "RequestRefused",
    "Unavailable",
    "UnknownPrimitive",
    "UnreadableTable",
    "UsageError",
]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and where.

    Attributes
    ----------
    where : str
        The table, file or field: ``"activities"``, ``"dataset.toml [leads.outcome]"``, ``"lead.created_at"``.
    rule : str
        Stable snake_case name of the rule that is broken; programs key on it.
    message : str
        One sentence: what is wrong and how to mend it.
    row : int, optional
        Row of the file as a person counts it: 1 is the first row of data, below the header.
    column : str, optional
        The column as the file spells it.
    count : int
        How many rows break the rule in the same way; ``row`` is the first of them.
    """

    where: str
    rule: str
    message: str
    row: int | None = None
    column: str | None = None
    count: int = 1

    def __str__(self) -> str:
        place = self.where
        if self.column is not None:
            place += f", column {self.column!r}"
        if self.row is not None:
            place += f", row {self.row}"
        more = f" ({self.count} rows)" if self.count > 1 else ""
        return f"{place}: {self.message}{more} [{self.rule}]"

    def as_dict(self) -> dict[str, object]:
        """Return the problem as JSON-ready data, without what is not set."""
        return {key: value for key, value in asdict(self).items() if value is not None}


class LeadlightError(Exception):
    """Base of the family: catch this to catch everything we raise on purpose.

    Attributes
    ----------
    code : str
        Stable, snake_case; logs and API clients key on it, so it never changes.
    context : dict
        The values the message was made from, for structured logs.
    """

    code: ClassVar[str] = "leadlight_error"

    def __init__(self, message: str, **context: object) -> None:
        super().__init__(message)
        self.context = context


class _WithProblems(LeadlightError):
    """An error that lists every problem found, not only the first."""

    def __init__(self, message: str, problems: Sequence[Problem] = (), **context: object) -> None:
        super().__init__(message, **context)
        self.problems = tuple(problems)

    @classmethod
    def listing(cls, subject: str, problems: Iterable[Problem]) -> Self:
        """Build the message from the problems themselves, one line each.

        Examples
        --------
        >>> print(MappingError.listing("dataset.toml", [Problem("[leads]", "unknown_key", "no key 'colunms'")]))
        dataset.toml has 1 problem:
          - [leads]: no key 'colunms' [unknown_key]
        """
        found = tuple(problems)
        head = f"{subject} has {len(found)} problem{'s' if len(found) != 1 else ''}:"
        return cls("\n".join([head, *(f"  - {problem}" for problem in found)]), found)


class UsageError(LeadlightError):
    """The command or the call was put wrongly; nothing was started."""

    code = "usage"


class DataContractError(_WithProblems):
    """The data that reached us is not what was agreed; mend the data or the mapping."""

    code = "data_contract"


class MappingError(DataContractError):
    """dataset.toml says something that can't be followed."""

    code = "mapping"


class AgreementError(DataContractError):
    """agreement.toml says something that can't be followed."""

    code = "agreement"


class UnreadableTable(DataContractError):
    """A file is there but can't be read as a table."""

    code = "unreadable_table"


class BrokenHistory(DataContractError):
    """The tables were read but break the contract; every problem is listed."""

    code = "broken_history"


class BrokenBackup(DataContractError):
    """A backup is not whole, or not as it was written; nothing of it was restored."""

    code = "broken_backup"


class RequestRefused(_WithProblems):
    """One request can't be answered as it stands; every problem is listed."""

    code = "request_refused"


class GateRefused(_WithProblems):
    """A challenger may not become champion; the gate's reasons are listed."""

    code = "gate_refused"

    @classmethod
    def because(cls, version: int, word: str, reasons: Iterable[str]) -> Self:
        """List the reasons, and say what can be done.

        Examples
        --------
        >>> print(GateRefused.because(3, "not_yet", ["Not yet: 12 of 50 conversions."]))
        Version 3 is not promoted:
          - Not yet: 12 of 50 conversions.
        To promote it all the same, give --force and a reason, which is kept.
        """
        found = tuple(Problem("gate", word, reason) for reason in reasons)
        head, end = (
            f"Version {version} is not promoted:",
            "To promote it all the same, give --force and a reason, which is kept.",
        )
        return cls("\n".join([head, *(f"  - {problem.message}" for problem in found), end]), found)


class ModelContractError(LeadlightError):
    """A model and this code do not fit together; retrain, roll back, or run the release that trained it."""

    code = "model_contract"


class UnknownPrimitive(ModelContractError):
    """The model needs a feature that this code can't compute.

    Raised while a model is loaded, so a server that starts has passed this check.
    """

    code = "unknown_primitive"

    @classmethod
    def among(cls, needed: Iterable[tuple[str, int]], known: Iterable[tuple[str, int]], *, model: str) -> Self:
        """Name each primitive and version that is missing, and what this code has instead."""
        have = dict(known)
        missing = [(name, version) for name, version in needed if have.get(name) != version]
        lines = [
            f"{name} version {version} (here: {f'version {have[name]}' if name in have else 'none'})"
            for name, version in sorted(set(missing))
        ]
        return cls(
            f"{model} needs {', '.join(lines)}. Retrain with this release, or serve the release that trained it.",
            missing=missing,
            model=model,
        )


class Unavailable(LeadlightError):
    """Something that is needed is not there; the message says how to get it."""

    code = "unavailable"


class NothingThere(Unavailable):
    """A file, a folder or a setting that was named does not exist."""

    code = "nothing_there"


class NoChampion(Unavailable):
    """No model serves yet."""

    code = "no_champion"

    @classmethod
    def at(cls, place: str) -> Self:
        """Say where we looked and which commands make a champion."""
        return cls(
            f"No model has been promoted in {place}. Train one with 'leadlight train --data DIR', "
            "then promote it with 'leadlight models promote challenger'.",
            place=place,
        )


class RegistryUnavailable(Unavailable):
    """The tracking server or its database did not answer."""

    code = "registry_unavailable"
