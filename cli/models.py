"""``leadlight models``: the registry, by MLflow's aliases champion and challenger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from leadlight.cli import screen
from leadlight.cli.inputs import JsonOption

if TYPE_CHECKING:
    from leadlight.core.registry import Registry

__all__ = ["app"]

app = typer.Typer(help="List, show, promote and roll back models.", no_args_is_help=True)

VersionArgument = Annotated[str, typer.Argument(help="A version's number, or champion, or challenger.")]


def _registry() -> Registry:
    from leadlight.core import settings
    from leadlight.core.registry import Registry

    return Registry(settings.load())


@app.command("list")
def list_versions(as_json: JsonOption = False) -> None:
    """List all versions, newest first."""
    versions = _registry().versions()
    rows = [(str(v.version), v.kind, screen.number(v.auc), ", ".join(v.aliases), v.run_id) for v in versions]
    screen.table("Models", ("version", "kind", "test AUC", "aliases", "MLflow run"), rows)
    if as_json:
        listed = [
            {"version": v.version, "kind": v.kind, "auc": v.auc, "aliases": list(v.aliases), "run_id": v.run_id}
            for v in versions
        ]
        screen.emit({"models": listed})


@app.command("show")
def show(version: VersionArgument, as_json: JsonOption = False) -> None:
    """Show what a version was trained on and how it did."""
    from leadlight.cli.reports import print_report

    report = _registry().report(version)
    print_report(report)
    if as_json:
        screen.emit(report)


@app.command("promote")
def promote(version: VersionArgument = "challenger", as_json: JsonOption = False) -> None:
    """Make a version the champion: the one that serves."""
    number = _registry().promote(version)
    screen.note(f"Version {number} is the champion now; a service takes it up when it starts.")
    if as_json:
        screen.emit({"champion": number})


@app.command("rollback")
def rollback(as_json: JsonOption = False) -> None:
    """Make the champion before the present one champion again."""
    now, before = _registry().rollback()
    screen.note(f"Version {now} is the champion again, instead of {before}.")
    if as_json:
        screen.emit({"champion": now, "before": before})
