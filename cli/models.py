"""``leadlight models``: the registry, by MLflow's aliases champion and challenger."""

from __future__ import annotations

import getpass
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leadlight.cli import screen
from leadlight.cli.inputs import (
    AgreementOption,
    DataOption,
    FromStoreOption,
    JsonOption,
    MappingOption,
    Told,
    read_history,
    read_told,
)
from leadlight.core.errors import UsageError

if TYPE_CHECKING:
    from leadlight.core.records import Registered
    from leadlight.core.registry import Registry

__all__ = ["app"]

app = typer.Typer(help="List, show, compare, promote and roll back models.", no_args_is_help=True)

VersionArgument = Annotated[str, typer.Argument(help="A version's number, or champion, or challenger.")]


def _registry() -> Registry:
    from leadlight.core import settings
    from leadlight.core.registry import Registry

    return Registry(settings.load())


@app.command("list")
def list_versions(as_json: JsonOption = False) -> None:
    """List all versions, newest first."""
    versions = _registry().versions()
    rows = [
        (str(v.version), v.kind, screen.number(v.auc), ", ".join(v.aliases), _at_the_gate(v), v.run_id)
        for v in versions
    ]
    screen.table("Models", ("version", "kind", "test AUC", "aliases", "gate", "MLflow run"), rows, numbers_from=9)
    if as_json:
        screen.emit({"models": [{**asdict(v), "aliases": list(v.aliases)} for v in versions]})


def _at_the_gate(version: Registered) -> str:
    word = {"pass": "passed", "refuse": "refused", "not_yet": "not yet"}.get(version.gate or "", "-")
    return word if version.forced is None else f"{word}; forced: {version.forced}"


@app.command("show")
def show(
    version: VersionArgument,
    html: Annotated[
        bool, typer.Option("--html", help="Give its model card, one self-contained HTML page, on standard output.")
    ] = False,
    out: Annotated[Path | None, typer.Option("--out", help="With --html: write the card to this file.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a version was trained on and how it did; with --html, as a model card."""
    if html and as_json:
        raise UsageError("--html gives a page and --json an object: give one of them.")
    if out is not None and not html:
        raise UsageError("--out names the file for the card: give --html as well.")
    if html:
        _show_card(version, out)
        return
    from leadlight.cli.reports import print_report

    report = _registry().report(version)
    print_report(report)
    if as_json:
        screen.emit(report)


def _show_card(version: str, out: Path | None) -> None:
    from leadlight.training.card.logged import card_of

    registry = _registry()
    page = card_of(registry, registry.resolve(version))
    if out is None:
        sys.stdout.buffer.write(page.encode())
        return
    out.write_text(page, encoding="utf-8")
    screen.note(f"The model card is in {out}.")


@app.command("compare")
def compare(
    before: Annotated[str, typer.Argument(help="A version's number or alias.")],
    after: Annotated[str, typer.Argument(help="Another one.")],
    data: DataOption,
    mapping: MappingOption = None,
    top: Annotated[int, typer.Option("--top", min=1, help="How many leads to explain.")] = 10,
    as_json: JsonOption = False,
) -> None:
    """Score the open leads of a history with two versions: which leads move, how far, and why."""
    from leadlight.cli.moves import print_comparison
    from leadlight.training.compare.moves import compare as compare_models

    registry = _registry()
    one, first = registry.load(before)
    two, second = registry.load(after)
    found = compare_models(one, two, read_history(data, mapping, learning=False), top=top)
    print_comparison(found, first, second)
    if as_json:
        screen.emit({"before": first, "after": second, **found.to_dict()})


@app.command("promote")
def promote(
    version: VersionArgument = "challenger",
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder with the history: hold it against the champion once more.")
    ] = None,
    from_store: FromStoreOption = False,
    mapping: MappingOption = None,
    agreement: AgreementOption = None,
    force: Annotated[
        str | None, typer.Option("--force", help="Why to promote it whatever the gate says; the reason is kept.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a version the champion, the one that serves, if the gate lets it pass.

    The gate's decision is taken from the training run; with --data or --from-store it is made anew. Exit 1 with its
    reasons where it says no.
    """
    if force is not None and not force.strip():
        raise UsageError('--force needs a reason in words, such as --force "the new goal is agreed": it is kept.')
    from leadlight.core import settings
    from leadlight.core.registry import Registry
    from leadlight.training.gate.registry import promote as promote_version

    setting = settings.load()
    registry = Registry(setting)
    number = registry.resolve(version)
    if registry.champion() == number:
        registry.promote(str(number))
        screen.note(f"Version {number} is the champion already; the copy that a service starts from was made anew.")
    else:
        told = None
        if from_store or data is not None:
            told = read_told(setting, data, mapping, agreement, from_store=from_store)
        _at_gate(registry, number, told, forced=force is not None)
        promote_version(registry, number, forced=force, by=_who())
        screen.note(f"Version {number} is the champion now; a service takes it up when it starts.")
    if as_json:
        screen.emit({"champion": number, "forced": force})


def _at_gate(registry: Registry, number: int, told: Told | None, *, forced: bool) -> None:
    """Judge where there is a history to judge by, and stop where the gate says no and nobody forces it."""
    from leadlight.training.gate.registry import judge_version, let_pass

    if told is not None:
        decision = judge_version(registry, number, told.history, told.terms)
        if decision.word == "pass" or forced:  # otherwise the refusal lists them
            for reason in decision.reasons:
                screen.note(f"The gate: {reason}")
    if not forced:
        let_pass(registry, number)


def _who() -> str | None:
    """Return who runs the command, where the system knows."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return None


@app.command("rollback")
def rollback(as_json: JsonOption = False) -> None:
    """Make the champion before the present one champion again; once more goes one further back."""
    from leadlight.training.card.logged import log_card

    registry = _registry()
    now, before = registry.rollback(by=_who())
    screen.note(f"Version {now} is the champion again, instead of {before}.")
    log_card(registry, now)
    if as_json:
        screen.emit({"champion": now, "before": before})
