"""Watching the model that serves: its leads, what became of its predictions, and whether it is time to retrain.

"Retrain now" comes from matured predictions that are worse beyond noise, from enough new outcomes to teach, or from an
agreement that says something else by now. Drift alone says what to look at: inputs can move without any harm, and a
model can be harmed with no input moved.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import pandas as pd

from leadlight.core.clock import from_micros, to_micros
from leadlight.core.errors import ModelContractError, UsageError
from leadlight.features.timeline import Timeline
from leadlight.training.moments import Moments, by_lead_id, draw_dated, draw_flat
from leadlight.training.report import plain
from leadlight.training.watch.drift import Column, Drift, drift
from leadlight.training.watch.fresh import ENOUGH_NEW, ENOUGH_SHARE, Freshness, freshness
from leadlight.training.watch.leads import day_of, new_rows
from leadlight.training.watch.matured import Matured, examine
from leadlight.training.watch.words import share

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.agreement.terms import Agreement
    from leadlight.core.artifact import TrainedModel
    from leadlight.core.history import History

__all__ = ["Advice", "Watch", "last_moment", "watch"]

Advice = Literal["retrain_now", "not_yet"]

_LEANS_ON: Final = 0.01
"""Share of what moves the scores from which on a drifted input is worth a sentence."""


@dataclass(frozen=True)
class Watch:
    """What there is to say of the model that serves.

    Attributes
    ----------
    as_of, trained_as_of : str or None
        Now, and the model's training day; None for a flat export without dates.
    drift : Drift
    matured : Matured
    fresh : Freshness
    advice : {"retrain_now", "not_yet"}
    because : tuple of str
        Why, as sentences.
    look_at : tuple of str
        What moved and should be looked at, whatever the advice.
    """

    as_of: str | None
    trained_as_of: str | None
    drift: Drift
    matured: Matured
    fresh: Freshness
    advice: Advice
    because: tuple[str, ...]
    look_at: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as JSON-ready data; what is not a number is None."""
        told: dict[str, Any] = plain({f.name: getattr(self, f.name) for f in fields(self)})
        told["drift"]["drifted"] = [column.name for column in self.drift.drifted]
        return told


def watch(
    history: History,
    agreement: Agreement,
    model: TrainedModel,
    *,
    as_of: pd.Timestamp | None = None,
    seed: int = 0,
) -> Watch:
    """Look at the model that serves, with the history of today.

    Parameters
    ----------
    history : History
        What is known now; it also tells of the model's training day.
    agreement : Agreement
        As signed now. Predictions are judged by the model's own goal and horizon.
    model : TrainedModel
        The champion.
    as_of : Timestamp, optional
        Now, aware; default and at most the history's end. No meaning for a flat export.
    seed : int
        Of the bootstrap.

    Raises
    ------
    UsageError
        If ``as_of`` lies before the model's training day.
    ModelContractError
        If the model was trained on the other kind of data: dated against flat.
    """
    _check_kind(history, model)
    history = by_lead_id(history)
    now, day = last_moment(history, as_of), day_of(model)
    if now is not None and day is not None and now < day:
        raise UsageError(
            f"The model was trained as of {from_micros(day):%Y-%m-%d}, and the day to look at it, "
            f"{from_micros(now):%Y-%m-%d}, lies before that. Leave --as-of away, or bring a newer export."
        )
    timeline = Timeline.from_history(history, model.catalog.vocabulary)
    mature, new, later = _flat_moments(history, model) if history.is_flat else _dated_moments(history, model, now, day)
    rows = new_rows(history, model) if history.is_flat else None
    matured = examine(model, timeline, mature.take(later), flat=history.is_flat, seed=seed)
    fresh = freshness(history, agreement, model, mature=mature, new=new, day=day, as_of=now, later=rows)
    moved = drift(history, model, as_of=now, seed=seed, timeline=timeline)
    reasons = tuple(_reasons(matured, fresh))
    return Watch(
        as_of=None if now is None else from_micros(now).isoformat(),
        trained_as_of=None if day is None else from_micros(day).isoformat(),
        drift=moved,
        matured=matured,
        fresh=fresh,
        advice="retrain_now" if reasons else "not_yet",
        because=reasons or tuple(_not_yet(matured, fresh)),
        look_at=(*_look_at(moved), *(str(unseen) for unseen in fresh.unseen)),
    )


def last_moment(history: History, as_of: pd.Timestamp | None) -> int | None:
    """Return now in microseconds: as asked, at most the instant after the history's end."""
    if history.ended_at is None:
        return None
    end = to_micros(history.ended_at.to_pydatetime()) + 1
    return end if as_of is None else min(end, to_micros(as_of.to_pydatetime()))


def _check_kind(history: History, model: TrainedModel) -> None:
    if model.catalog.dated != (not history.is_flat):
        kinds = ("a dated history", "a flat export")
        ours, theirs = kinds if model.catalog.dated else kinds[::-1]
        raise ModelContractError(
            f"The champion was trained on {ours} and this is {theirs}: neither its inputs nor its outcomes can be "
            "compared. Watch it with data of the kind that it was trained on."
        )


def _dated_moments(
    history: History, model: TrainedModel, now: int | None, day: int | None
) -> tuple[Moments, NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the mature moments, which of them matured since the training day, and which are later than it."""
    assert now is not None
    assert model.horizon_days is not None
    drawn = draw_dated(history, goal_stage=model.catalog.goal_stage, within_days=model.horizon_days, as_of=now)
    mature = drawn.moments.take(drawn.moments.mature)
    if day is None:
        return mature, np.zeros(len(mature), bool), np.zeros(len(mature), bool)
    return mature, mature.as_of + drawn.gap > day, mature.as_of >= day


def _flat_moments(history: History, model: TrainedModel) -> tuple[Moments, NDArray[np.bool_], NDArray[np.bool_]]:
    moments, rows = draw_flat(history).moments, new_rows(history, model)
    new = np.zeros(len(moments), bool) if rows is None else rows
    return moments, new, new


def _reasons(matured: Matured, fresh: Freshness) -> Iterator[str]:
    """Yield why to retrain now."""
    yield from matured.harmed
    if fresh.agreement:
        yield f"The agreement changed since it was trained: {', '.join(fresh.agreement)}."
    if fresh.enough_new:
        yield fresh.text


def _not_yet(matured: Matured, fresh: Freshness) -> Iterator[str]:
    if matured.judged:
        yield f"Its ranking and its chances hold. {matured.text}"
    else:
        yield matured.text
    wanted = max(ENOUGH_NEW, math.ceil(ENOUGH_SHARE * fresh.taught))
    yield f"{fresh.text} With {wanted:,} new ones it is worth teaching them."


def _look_at(moved: Drift) -> Iterator[str]:
    """Yield what moved, the inputs that the model leans on most first; what needs no look each is only named."""
    itself = [column for column in moved.drifted if not column.by_age]
    used = [column for column in itself if column.weight is None or column.weight >= _LEANS_ON]
    for column in sorted(used, key=lambda column: -(column.weight or 0.0)):  # the score last
        yield _sentence(column)
    if len(used) < len(itself):
        yield f"Also moved, though this model hardly uses them: {_names(itself, used)}."
    if len(itself) < len(moved.drifted):
        age = "" if moved.age is None else f" (half are older than {moved.age[1]:.0f} days, {moved.age[0]:.0f} then)"
        names = _names(moved.drifted, itself)
        yield f"Moved with the age of the open leads{age}, not among leads of one age: {names}."


def _names(columns: Sequence[Column], without: Sequence[Column]) -> str:
    return "; ".join(column.label for column in columns if column not in without)


def _sentence(column: Column) -> str:
    leans = "" if column.weight is None else f"; {share(column.weight)} of what moves its scores"
    return f"{column.text} (index {column.index:.3f}; up to {column.limit:.3f} where nothing changes{leans})."
