"""``leadlight agreement``: what marketing and sales agreed, checked, shown, and held against the data."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leadlight.cli import screen
from leadlight.cli.inputs import (
    AgreementOption,
    DataOption,
    JsonOption,
    MappingOption,
    read_agreement,
    read_history,
    within,
)
from leadlight.cli.train import AsOfOption, SeedOption, as_timestamp
from leadlight.core.errors import AgreementError, UsageError

if TYPE_CHECKING:
    from leadlight.training.bootstrap import Interval
    from leadlight.training.scorecard.review import CardReport
    from leadlight.training.scorecard.weights import PointsReview

__all__ = ["app"]

app = typer.Typer(help="Check and show the agreement; hold its points against the data.", no_args_is_help=True)

DATA_SAYS_NO = 1

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
    from leadlight.agreement.wording import in_words

    terms = read_agreement(file.parent, file)
    capacity = "not agreed" if terms.leads_per_week is None else f"{terms.leads_per_week:,} leads a week"
    agreed = [
        ("conversion", f"{terms.stage} within {terms.within_days:g} days"),
        ("capacity", capacity),
        ("grades", ", ".join(f"{grade} from {lowest:g}" for grade, lowest in terms.grades.items())),
        ("segments", ", ".join(terms.segments) or "not agreed"),
        ("version", terms.version[:12]),
    ]
    screen.table("Agreement", ("term", "agreed"), agreed, numbers_from=2)
    points = [(rule.name, in_words(rule.when), f"{rule.points:+g}") for rule in terms.rules]
    screen.table("Hand-picked points", ("rule", "when", "points"), points, numbers_from=2)
    for said in terms.defaults:
        screen.note(f"Note: {said}")
    if as_json:
        screen.emit(asdict(terms) | {"version": terms.version})


@app.command("review")
def review(
    data: DataOption,
    mapping: MappingOption = None,
    agreement: AgreementOption = None,
    as_of: AsOfOption = None,
    seed: SeedOption = 0,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the agreement with the learned card to this new file.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Hold the hand-picked points against the data, weight by weight, and show the card that a model would write.

    With --out, exit 1 where the learned card ranks no better than chance beyond noise: nothing is written then.
    """
    from leadlight.agreement.fit import goal_problem, misfits
    from leadlight.training.scorecard import review as reviewing

    if out is not None and out.exists():
        raise UsageError(f"{out} is there already; name a new file, so that nothing signed is lost.")
    until = as_timestamp(as_of)
    history, terms = read_history(data, mapping), read_agreement(data, agreement)
    within(history, until)
    if (goal := goal_problem(terms, history)) is not None:
        raise AgreementError.listing(str(data), [goal])
    for said in misfits(terms, history):
        screen.note(f"Note: {said}")
    found = reviewing.review(history, terms, as_of=until, seed=seed, progress=lambda step: screen.note(f"{step} ..."))
    _show_points(found.points)
    if found.learned is None:
        screen.note(f"No card was learned: {found.why_not}.")
    else:
        _show_card(found.learned)
    written = out is not None and found.learned is not None and found.learned.useful
    if out is not None and found.learned is not None and written:
        out.write_text(found.learned.as_agreement(terms), encoding="utf-8")
        screen.note(f"Wrote the agreement with the learned card to {out}; have both teams read it before they sign.")
    if as_json:
        screen.emit({"ok": out is None or written, "out": str(out) if written else None, **found.to_dict()})
    if out is not None and not written:
        screen.note("Nothing was written: no card was learned that ranks better than chance beyond noise.")
        raise typer.Exit(DATA_SAYS_NO)


def _show_points(found: PointsReview) -> None:
    head = ("rule", "given", "data say", "95 %", "alone", "leads", "verdict")
    rows = [
        (rule.name, f"{rule.given:+g}", *_says(rule.together), _point(rule.alone), f"{rule.leads:,}", rule.verdict)
        for rule in found.rules
    ]
    if rows:
        screen.table("Points, weight by weight", head, rows)
    for said in (*(rule.text for rule in found.rules if rule.together is None), *found.words):
        screen.note(f"Note: {said}")


def _says(found: Interval | None) -> tuple[str, str]:
    return (_point(found), "-" if found is None else f"{found.low:.1f} to {found.high:.1f}")


def _point(found: Interval | None) -> str:
    return "-" if found is None else f"{found.value:+.1f}"


def _show_card(found: CardReport) -> None:
    card = found.card
    rows = [(f"{rule.points:+g}", rule.name) for rule in card.rules]
    title = f"A card learned from the data ({card.points_to_double} points more double the odds)"
    if rows:
        screen.table(title, ("points", "when"), rows, numbers_from=2)
    else:
        screen.note("The learned card is empty: no handful of rules says what the model says.")
    for said in found.cost.words:
        screen.note(f"Note: {said}")
