"""``leadlight train``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from leadlight.cli import screen
from leadlight.cli.inputs import (
    AgreementOption,
    FromStoreOption,
    JsonOption,
    MappingOption,
    OptionalDataOption,
    read_told,
    within,
)
from leadlight.core.errors import AgreementError, UsageError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["AsOfOption", "SeedOption", "as_timestamp", "train"]

AsOfOption = Annotated[str | None, typer.Option("--as-of", help="Use only what was known then; a date or a UTC time.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same model.")]

TuneOption = Annotated[
    float | None, typer.Option("--tune", min=1, help="Seconds to look for better settings of the trees.")
]
TrialsOption = Annotated[
    int | None, typer.Option("--trials", min=1, help="Look at exactly so many settings: makes a tuned run again.")
]
PointsOnlyOption = Annotated[
    bool, typer.Option("--points-only", help="Learn nothing: register the hand-picked points, labelled so.")
]

VERDICT_SAYS_NO = 1


def train(
    data: OptionalDataOption = None,
    from_store: FromStoreOption = False,
    mapping: MappingOption = None,
    agreement: AgreementOption = None,
    as_of: AsOfOption = None,
    seed: SeedOption = 0,
    tune: TuneOption = None,
    trials: TrialsOption = None,
    points_only: PointsOnlyOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train all candidates, evaluate them on later moments, log to MLflow, register the best as challenger.

    Exit 1 where there is no signal, or too little to tell: nothing is registered then. With fewer than 40 converted
    leads the hand-picked points are registered as they are, labelled so.
    """
    from leadlight.agreement.fit import goal_problem, misfits
    from leadlight.cli.reports import print_report
    from leadlight.core import settings
    from leadlight.core.registry import Registry
    from leadlight.training.register import register
    from leadlight.training.run import train as run_training
    from leadlight.training.search import Budget

    if tune and trials:
        raise UsageError("--tune says for how long to look, --trials how often: give one of them.")
    until = as_timestamp(as_of)
    setting = settings.load()
    screen.note(f"Home: {setting.home_path}")
    history, terms, place, again = read_told(setting, data, mapping, agreement, from_store=from_store)
    within(history, until)
    if (goal := goal_problem(terms, history)) is not None:
        raise AgreementError.listing(place, [goal])
    for said in misfits(terms, history):
        screen.note(f"Note: {said}")
    if until is not None and history.ended_at is not None and until > history.ended_at:
        screen.note(f"Note: --as-of lies after the history's end, {history.ended_at:%Y-%m-%dT%H:%M:%SZ}, which is used")
    if points_only and not terms.rules:
        raise AgreementError("--points-only needs hand-picked points: write them as [[scorecard]] in agreement.toml.")
    registry = Registry(setting)
    trained = run_training(
        history,
        terms,
        as_of=until,
        seed=seed,
        budget=Budget(tune, trials) if tune or trials else None,
        points_only=points_only,
        progress=lambda step: screen.note(f"{step} ..."),
        notice=lambda said: screen.note(f"Leak: {said}"),
    )
    run_id, version = register(registry, trained)
    print_report(trained.report.to_dict())
    if version is not None:
        screen.note(f"Registered as version {version}, the challenger (MLflow run {run_id}).")
        screen.note(f"Its model card: leadlight models show {version} --html --out card.html")
        judge = "" if registry.champion() is None else f" {again}"
        screen.note(f"Promote it with: leadlight models promote challenger{judge}")
    if as_json:
        told = trained.report.to_dict()
        screen.emit({"verdict": trained.verdict, "version": version, "run_id": run_id, "report": told})
    if trained.verdict == "cannot_tell" and terms.rules:
        screen.note("Until then the hand-picked points can serve, labelled so: leadlight train --points-only")
    if trained.model is None:
        raise typer.Exit(VERDICT_SAYS_NO)


def as_timestamp(text: str | None) -> pd.Timestamp | None:
    """Read a date or a time that a person typed; without a zone it is UTC, as everything here.

    Raises
    ------
    UsageError
        If it is neither.
    """
    if text is None:
        return None
    import pandas as pd

    try:
        read = pd.Timestamp(datetime.fromisoformat(text.strip()))  # nothing else: 03/04 is another day elsewhere
    except ValueError:
        raise UsageError(f"--as-of {text!r} is no date; write it as 2026-11-23 or 2026-11-23T08:00:00Z.") from None
    return read.tz_localize(UTC) if read.tzinfo is None else read.tz_convert(UTC)
