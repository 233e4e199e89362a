"""``leadlight score``: a file of scored leads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from leadlight.cli import screen
from leadlight.cli.inputs import DataOption, JsonOption, MappingOption, read_history, within
from leadlight.cli.train import AsOfOption, as_timestamp

__all__ = ["score"]


def score(
    data: DataOption,
    out: Annotated[Path, typer.Option("--out", help="File to write: .parquet, .csv or .csv.gz.", show_default=False)],
    mapping: MappingOption = None,
    as_of: AsOfOption = None,
    reasons: Annotated[int, typer.Option("--reasons", min=0, max=50, help="How many reasons in words.")] = 5,
    language: Annotated[str, typer.Option("--language", help="Of the reasons: en or es.")] = "en",
    as_json: JsonOption = False,
) -> None:
    """Score all open leads of a history with the champion, with reasons, to Parquet or CSV."""
    from leadlight.core import settings
    from leadlight.core.catalog import LANGUAGES
    from leadlight.core.errors import UsageError
    from leadlight.core.registry import cached_champion
    from leadlight.serving.batch import refuse_other_endings, score_history, write_scores

    if language not in LANGUAGES:
        raise UsageError(f"There are no texts in {language!r}; choose one of {', '.join(LANGUAGES)}.")
    refuse_other_endings(out)
    moment = as_timestamp(as_of)
    model, version = cached_champion(settings.load())
    steps = screen.Steps()
    with steps.step("read", f"Reading {data}"):
        history = read_history(data, mapping, learning=False)
        within(history, moment)
    with steps.step("score", f"Scoring with version {version} ({model.kind})"):
        frames = score_history(model, history, moment, version=version, reasons=reasons, language=language)
        written = write_scores(frames, out)
    screen.note(f"{written:,} open leads scored in {out}")
    if as_json:
        screen.emit({"out": str(out), "leads": written, "model_version": version, "seconds": steps.seconds})
