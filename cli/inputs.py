"""Reads what several commands take: a history, its mapping and the agreement."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from leadlight.core.clock import SystemClock
from leadlight.core.errors import NothingThere, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from leadlight.agreement.terms import Agreement
    from leadlight.core.history import History
    from leadlight.core.settings import Settings

__all__ = [
    "AgreementOption",
    "DataOption",
    "FromStoreOption",
    "JsonOption",
    "MappingOption",
    "OptionalDataOption",
    "Told",
    "read_agreement",
    "read_history",
    "read_told",
    "within",
]

DataOption = Annotated[Path, typer.Option("--data", help="Folder with the history.", show_default=False)]
OptionalDataOption = Annotated[Path | None, typer.Option("--data", help="Folder with the history.")]
FromStoreOption = Annotated[bool, typer.Option("--from-store", help="Instead of --data: what the service keeps.")]
MappingOption = Annotated[
    Path | None, typer.Option("--mapping", help="Mapping file; default: dataset.toml in the folder.")
]
AgreementOption = Annotated[
    Path | None,
    typer.Option("--agreement", help="Agreement file; default: agreement.toml in the folder (or the home), if any."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="End with one JSON line for programs.")]


def read_history(data: Path, mapping: Path | None, *, learning: bool = True) -> History:
    """Read and check a history as of the system's clock; see `leadlight.core.source.read_history`.

    Raises
    ------
    DataContractError
        Listing every problem found.
    NothingThere
        If the folder or a named file does not exist.
    """
    from leadlight.core import source

    return source.read_history(data, now=SystemClock().now(), mapping=mapping, learning=learning)


def read_agreement(data: Path, given: Path | None) -> Agreement:
    """Read the agreement that was named, else the one beside the data, else the defaults."""
    from leadlight.agreement.terms import parse

    path = given or data / "agreement.toml"
    if given is None and not path.exists():
        return parse("")
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NothingThere(f"There is no agreement at {path}; leave --agreement away to use defaults.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise NothingThere(f"{path} can't be read as text: {error}.") from None
    return parse(text, name=path.name)


class Told(NamedTuple):
    """What a command learns from.

    Attributes
    ----------
    history : History
    terms : Agreement
    place : str
        Where it lies, for people.
    again : str
        The options that name it again.
    """

    history: History
    terms: Agreement
    place: str
    again: str


def read_told(
    setting: Settings, data: Path | None, mapping: Path | None, agreement: Path | None, *, from_store: bool
) -> Told:
    """Read a history and its agreement from a folder, or from the service's database.

    Raises
    ------
    UsageError
        If neither or both are named, or a mapping is named for the database.
    DataContractError, NothingThere
        As `read_history`.
    Unavailable
        If the database does not answer.
    """
    if from_store == (data is not None):
        raise UsageError("Say what to learn from: --data DIR or --from-store, one of the two.")
    if data is not None:
        return Told(read_history(data, mapping), read_agreement(data, agreement), str(data), f"--data {data}")
    if mapping is not None:
        raise UsageError("--mapping is for files: what the service keeps is mapped already; leave it away.")
    from leadlight.cli.store import opened
    from leadlight.serving.ledger.history import history_of

    with opened(setting) as database:
        history = history_of(database, now=SystemClock().now())
    return Told(history, read_agreement(setting.home_path, agreement), "the store", "--from-store")


def within(history: History, moment: pd.Timestamp | None) -> None:
    """Refuse a moment that this history can't be looked at from.

    Raises
    ------
    UsageError
        If the history has no dates, or begins after the moment.
    """
    if moment is None:
        return
    if history.ended_at is None:
        raise UsageError("This export has no dates, so there is no --as-of to look at it from; leave it away.")
    first = history.leads["created_at"].min()
    if moment <= first:
        raise UsageError(
            f"--as-of {moment:%Y-%m-%dT%H:%M:%SZ} lies before the history begins: the first lead was created "
            f"{first:%Y-%m-%dT%H:%M:%SZ}, the last entry is of {history.ended_at:%Y-%m-%dT%H:%M:%SZ}."
        )
