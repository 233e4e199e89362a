"""Which leads are compared for drift: those open on the model's training day, and those open now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

import numpy as np

from leadlight.core.clock import DAY, NEVER, from_micros, to_micros
from leadlight.features.build import build
from leadlight.features.timeline import Moments as Asked
from leadlight.training.moments import WEEK, draw_flat, open_leads, owners

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.core.artifact import TrainedModel
    from leadlight.core.history import History
    from leadlight.features.timeline import Timeline

__all__ = ["Leads", "Sides", "day_of", "given_again", "new_rows", "sides"]

_SAME: Final = 1e-6
"""Log-odds this close are the same: releases and machines differ in the last bits."""


@dataclass(frozen=True)
class Leads:
    """Leads at one time.

    Attributes
    ----------
    matrix : ndarray of shape (n_leads, n_features)
        The model's columns.
    owner : ndarray of shape (n_leads,), dtype int64
        Account, else the lead itself.
    log_odds : ndarray of shape (n_leads,)
        By the model.
    age : ndarray of shape (n_leads,)
        Days since creation; missing for a flat export.
    """

    matrix: NDArray[np.float64]
    owner: NDArray[np.int64]
    log_odds: NDArray[np.float64]
    age: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.owner)

    @property
    def median_age(self) -> float:
        """Half of the leads are older, in days; missing where no age is known."""
        known = self.age[~np.isnan(self.age)]
        return float(np.median(known)) if len(known) else float("nan")


@dataclass(frozen=True)
class Sides:
    """The leads of then and of now.

    Attributes
    ----------
    then : Leads or None
        None where the history does not tell them apart.
    now : Leads
    said : str
        What is compared with what.
    """

    then: Leads | None
    now: Leads
    said: str


def sides(history: History, model: TrainedModel, timeline: Timeline, as_of: int | None) -> Sides:
    """Return the leads that are compared.

    Parameters
    ----------
    history : History
    model : TrainedModel
    timeline : Timeline
        The history, encoded by the model's vocabulary.
    as_of : int or None
        Now, microseconds UTC; None for a flat export.
    """
    then, now, said = _flat(history, model) if history.is_flat else _dated(history, model, as_of)
    there = None if then is None else _leads(history, model, timeline, then)
    return Sides(there, _leads(history, model, timeline, now), said)


def day_of(model: TrainedModel) -> int | None:
    """Return the model's training day, microseconds UTC; None for a model of an undated export."""
    said = (model.facts.get("data") or {}).get("as_of")
    return None if said is None else to_micros(datetime.fromisoformat(said))


def new_rows(history: History, model: TrainedModel) -> NDArray[np.bool_] | None:
    """Return which leads of a flat export came after those that the model was taught.

    Returns
    -------
    ndarray of shape (n_leads,), dtype bool, or None
        None where the export's order does not tell them apart: no order is declared, or the older part no longer holds
        as many leads as the model was taught.
    """
    if history.outcome is None or history.outcome.order_by == "none":
        return None
    told = model.facts
    taught = (told.get("moments") or {}).get("leads")
    last = ((told.get("split") or {}).get("unsplit") or {}).get("last")
    if not isinstance(taught, int) or not isinstance(last, int):
        return None
    later = history.outcome.order.to_numpy() > last
    return later if int((~later).sum()) == taught else None


def given_again(history: History, model: TrainedModel, timeline: Timeline, then: Leads) -> bool:
    """Say whether the history still tells of the training day what the model was given then."""
    day = day_of(model)
    if not history.is_flat:
        assert day is not None
        then = _leads(history, model, timeline, _open(history, model, day))
    if len(then) != len(model.reference):
        return False
    return bool(np.allclose(np.sort(then.log_odds), model.reference, rtol=0.0, atol=_SAME))


Rows = tuple["NDArray[np.int64]", "NDArray[np.int64]"]
"""Rows of the leads, and when each is asked about."""


def _dated(history: History, model: TrainedModel, as_of: int | None) -> tuple[Rows | None, Rows, str]:
    assert as_of is not None
    here, day = _open(history, model, as_of), day_of(model)
    # Weeks have a rhythm: on a Monday the last visit lies further back than on a Thursday, with nothing changed.
    same_weekday = None if day is None else day - (day - as_of) % WEEK
    there = None if same_weekday is None else _open(history, model, same_weekday)
    if there is None or same_weekday is None or not len(there[0]):
        why = "This history has no lead that was open on the model's training day: only scores are compared."
        return None, here, why
    said = (
        f"Compared: the {len(here[0]):,} leads open now with the {len(there[0]):,} open on "
        f"{from_micros(same_weekday):%A, %Y-%m-%d}: the same weekday, on or before the model's training day."
    )
    return there, here, said


def _open(history: History, model: TrainedModel, at: int) -> Rows:
    rows = open_leads(history, goal_stage=model.catalog.goal_stage, as_of=at)
    return rows, np.full(len(rows), at, np.int64)


def _flat(history: History, model: TrainedModel) -> tuple[Rows | None, Rows, str]:
    later, asked = new_rows(history, model), draw_flat(history).moments
    everybody = np.arange(len(history.leads))
    if later is None:
        why = (
            "Which rows the model was taught can't be told from this export's order: only the scores of all rows are "
            "compared with those that the model keeps."
        )
        return None, (everybody, asked.as_of), why
    old, new = everybody[~later], everybody[later]
    said = f"Compared: the {len(new):,} rows that came later with the {len(old):,} that the model was taught."
    return (old, asked.as_of[~later]), (new, asked.as_of[later]), said


def _leads(history: History, model: TrainedModel, timeline: Timeline, rows: Rows) -> Leads:
    matrix, created = build(model.catalog, timeline, Asked(*rows)), timeline.created[rows[0]]
    known = (created != NEVER) & model.catalog.dated
    age = np.where(known, (rows[1] - np.where(known, created, 0)) / DAY, np.nan)
    log_odds = model.score(matrix).log_odds if len(rows[0]) else np.zeros(0)
    return Leads(matrix, owners(history.leads)[0][rows[0]], log_odds, age)
