"""``leadlight agreement``: what marketing and sales agreed, checked and shown."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leadlight.cli import screen
from leadlight.cli.inputs import JsonOption, read_agreement

if TYPE_CHECKING:
    from leadlight.core.catalog import Condition

__all__ = ["app"]

app = typer.Typer(help="Check and show the agreement.", no_args_is_help=True)

FileArgument = Annotated[Path, typer.Argument(help="The agreement file.")]


@app.command("check")
def check(file: FileArgument = Path("agreement.toml"), as_json: JsonOption = False) -> None:
    """Check an agreement: every problem at once; exit 1 where there is one."""
    terms = read_agreement(file.parent, file)
    screen.note(f"{file} can be followed: {len(terms.rules)} rules of points, version {terms.version[:12]}.")
    if as_json:
        screen.emit({"ok": True, "version": terms.version, "rules": len(terms.rules)})


@app.command("show")
def show(file: FileArgument = Path("agreement.toml"), as_json: JsonOption = False) -> None:
    """Show an agreement in plain words, with every default that stands in for what was not agreed."""
    terms = read_agreement(file.parent, file)
    capacity = "not agreed" if terms.leads_per_week is None else f"{terms.leads_per_week:,} leads a week"
    agreed = [
        ("conversion", f"{terms.stage} within {terms.within_days:g} days"),
        ("capacity", capacity),
        ("grades", ", ".join(f"{grade} from {lowest:g}" for grade, lowest in terms.grades.items())),
        ("version", terms.version[:12]),
    ]
    screen.table("Agreement", ("term", "agreed"), agreed, numbers_from=2)
    points = [(rule.name, in_words(rule.when), f"{rule.points:+g}") for rule in terms.rules]
    screen.table("Hand-picked points", ("rule", "when", "points"), points, numbers_from=2)
    for said in terms.defaults:
        screen.note(f"Note: {said}")
    if as_json:
        screen.emit(asdict(terms) | {"version": terms.version})


def in_words(when: Condition) -> str:
    """Say a rule's condition in one line.

    Examples
    --------
    >>> from leadlight.core.catalog import Condition
    >>> in_words(Condition("activity", "demo_request", within_days=30))
    'demo_request in the last 30 days'
    >>> in_words(Condition("attribute", "employees", at_least=200))
    'employees at least 200'
    """
    if when.subject == "stage":
        return f"stage is {' or '.join(when.any_of)}"
    parts = [when.name]
    if when.at_least is not None:
        parts.append(f"at least {when.at_least:g}" + (" times" if when.subject == "activity" else ""))
    if when.at_most is not None:
        parts.append(f"at most {when.at_most:g}" + (" times" if when.subject == "activity" else ""))
    if when.any_of:
        parts.append(f"is {' or '.join(when.any_of)}")
    if when.known is not None:
        parts.append("is known" if when.known else "is not known")
    if when.within_days is not None:
        parts.append(f"in the last {when.within_days:g} days")
    return " ".join(parts)
