"""``leadlight simulate`` and ``leadlight check``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from leadlight.cli import screen
from leadlight.cli.inputs import (
    AgreementOption,
    FromStoreOption,
    JsonOption,
    MappingOption,
    OptionalDataOption,
    read_told,
)
from leadlight.cli.leaks import show_audit, summary
from leadlight.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from leadlight.agreement.terms import Agreement
    from leadlight.core.history import History

__all__ = ["check", "simulate"]

_SHOWN: Final = 30


def simulate(
    out: Annotated[Path, typer.Option("--out", help="Folder to write; made if absent.", show_default=False)],
    leads: Annotated[int, typer.Option("--leads", min=50, help="How many leads.")] = 2000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same bytes.")] = 0,
    world: Annotated[str, typer.Option("--world", help="plain, linear, null, shifted or honest-points.")] = "plain",
    explore: Annotated[
        float,
        typer.Option("--explore", help="Least chance a week of being worked that every open lead has; it is logged."),
    ] = 0.0,
    as_json: JsonOption = False,
) -> None:
    """Write a simulated company: its history, agreement and (for tests only) the true probabilities."""
    from leadlight.training import simulate as simulator

    if world not in simulator.WORLDS:
        raise UsageError(f"There is no world {world!r}; choose one of {', '.join(simulator.WORLDS)}.")
    steps = screen.Steps()
    with steps.step("simulate", f"Simulating {leads:,} leads"):
        company = simulator.simulate(leads=leads, seed=seed, world=world, explore=explore)
    with steps.step("write", f"Writing {out}"):
        simulator.write(company, out)
    counts = {"leads": len(company.leads), "activities": len(company.activities)}
    counts["stage_changes"] = len(company.stage_changes)
    if company.queue_log is not None:
        counts["queue_log"] = len(company.queue_log)
    screen.note(f"{counts['leads']:,} leads, {counts['activities']:,} activities in {out}")
    if as_json:
        screen.emit(
            {"out": str(out), "seed": seed, "world": world, "explore": explore, **counts, "seconds": steps.seconds}
        )


def check(
    data: OptionalDataOption = None,
    from_store: FromStoreOption = False,
    mapping: MappingOption = None,
    agreement: AgreementOption = None,
    as_json: JsonOption = False,
) -> None:
    """Validate a history and audit it for leaks; exit 1 on a problem or a leak.

    Every problem is named by table, row, column and rule. Then: how the history is taken, which fields know the outcome
    before it happened and on what evidence, and questions that only the data's owner can answer.
    """
    from leadlight.agreement.fit import goal_problem, misfits
    from leadlight.core import settings
    from leadlight.training.audit.auditor import audit

    steps = screen.Steps()
    with steps.step("read", f"Reading {'the store' if data is None else data}"):
        history, terms, place, _ = read_told(settings.load(), data, mapping, agreement, from_store=from_store)
    counts = {
        "leads": len(history.leads),
        "activities": len(history.activities),
        "stage_changes": len(history.stage_changes),
        "attribute_changes": len(history.attribute_changes),
    }
    head = ("table", "rows")
    screen.table(f"{place}: no problem found", head, [(name, f"{rows:,}") for name, rows in counts.items()])
    stages, types = _show_taken(history, terms)
    goal = goal_problem(terms, history)
    notes = [*history.notes, *misfits(terms, history), *([] if goal is None else [str(goal)])]
    for said in notes:
        screen.note(f"Note: {said}")
    with steps.step("audit", "Auditing for leaks"):
        found = audit(history, terms)
    show_audit(found)
    refused = summary(found) if found.leaks else None
    if refused is not None:
        screen.note(f"leadlight: {refused}")
    if as_json:
        taken = {
            "attributes": [{"name": a.name, "kind": a.kind, "known": a.known} for a in history.attributes],
            "excluded": dict(history.excluded),
            "notes": notes,
            "stages": stages,
            "activity_types": types,
        }
        verdict = {"ok": True} if refused is None else {"ok": False, "error": "leak", "message": refused}
        more = {"audit": found.to_dict(), "fingerprint": history.fingerprint, "seconds": steps.seconds}
        screen.emit({**verdict, **counts, **taken, **more})
    if refused is not None:
        raise typer.Exit(1)


def _show_taken(history: History, terms: Agreement) -> tuple[dict[str, int], dict[str, int]]:
    """Show how a history is taken; return how often each stage and each type of activity occurs."""
    from leadlight.agreement.fit import meaning

    used = [(a.name, a.kind, a.known, a.label) for a in history.attributes]
    screen.table("Attributes", ("name", "kind", "known", "label"), used, numbers_from=4)
    if history.excluded:
        screen.table("Left out", ("column", "because"), list(history.excluded.items()), numbers_from=2)
    stages = _counted("Stages", history.stage_changes["stage"], lambda stage: meaning(stage, terms.stage))
    types = _counted("Activity types", history.activities["type"], lambda type_: history.doers.get(type_, ""))
    return stages, types


def _counted(title: str, column: pd.Series[str], says: Callable[[str], str]) -> dict[str, int]:
    """Show how often each word of a column occurs, the most frequent first, and return the counts."""
    counts = {str(word): int(count) for word, count in column.value_counts().items()}
    rows = [(word, says(word), f"{count:,}") for word, count in list(counts.items())[:_SHOWN]]
    if rows:
        more = f" (the {_SHOWN} most frequent of {len(counts):,})" if len(counts) > _SHOWN else ""
        head = ("name", "taken as" if title == "Stages" else "done by", "rows")
        screen.table(title + more, head, rows, numbers_from=2)
    return counts
