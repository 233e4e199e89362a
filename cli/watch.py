"""``leadlight watch``."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
from leadlight.cli.train import AsOfOption, as_timestamp

if TYPE_CHECKING:
    from leadlight.training.bootstrap import Interval
    from leadlight.training.watch.look import Watch

__all__ = ["watch"]


def watch(
    data: DataOption,
    mapping: MappingOption = None,
    agreement: AgreementOption = None,
    as_of: AsOfOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look at the model that serves: its leads, what became of its predictions, whether it is time to retrain.

    Exit 0 whenever that could be answered: the answer is "retrain now" or "not yet", with reasons. Exit 3 where no
    model serves yet.
    """
    from leadlight.core import settings
    from leadlight.core.registry import cached_champion
    from leadlight.training.watch.look import watch as look

    moment = as_timestamp(as_of)
    model, version = cached_champion(settings.load())
    history, terms = read_history(data, mapping), read_agreement(data, agreement)
    within(history, moment)
    screen.note(f"Watching version {version} ({model.kind}) ...")
    found = look(history, terms, model, as_of=moment)
    show(found)
    if as_json:
        screen.emit({"model_version": version, **found.to_dict()})


def show(found: Watch) -> None:
    """Print what was found: the advice last, where the eye rests."""
    for said in found.drift.notes:
        screen.note(f"Note: {said}")
    _drifted(found)
    _months(found)
    if found.look_at:
        _say("Look at", found.look_at)
    _say("Retrain now" if found.advice == "retrain_now" else "Not yet", found.because)


def _say(title: str, sentences: tuple[str, ...]) -> None:
    rows = [(f"{place}.", said) for place, said in enumerate(sentences, start=1)]
    screen.table(title, ("", "because" if title != "Look at" else "what moved"), rows, numbers_from=2)


def _drifted(found: Watch) -> None:
    moved = found.drift.drifted
    if not moved:
        screen.note("No input and no score moved beyond what chance does.")
        return
    rows = [
        (
            column.label,
            f"{column.index:.3f}",
            f"{column.limit:.3f}",
            screen.percent(column.weight),
            "with age" if column.by_age else "",
        )
        for column in moved
    ]
    title = f"Moved beyond chance ({len(moved)}; the model's inputs, {len(found.drift.columns)} in all, and its score)"
    screen.table(title, ("input", "index", "by chance up to", "share of what moves scores", ""), rows)


def _months(found: Watch) -> None:
    rows = [
        (
            month.name,
            f"{month.moments:,}",
            f"{month.conversions:,}",
            screen.percent(month.expected, 1),
            screen.percent(month.observed, 1),
            _figure(month.observed_to_expected, 2),
            _figure(month.auc, 3),
        )
        for month in found.matured.months
    ]
    if rows:
        head = ("month", "predictions", "converted leads", "expected", "observed", "observed / expected", "AUC")
        screen.table("Predictions whose outcome is known by now (95 % intervals)", head, rows)


def _figure(found: Interval | None, digits: int) -> str:
    if found is None:
        return "too few"
    return f"{found.value:.{digits}f} ({found.low:.{digits}f}-{found.high:.{digits}f})"
