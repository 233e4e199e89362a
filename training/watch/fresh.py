"""How fresh the model is: its age, what has matured since that it was not taught, and what it has no name for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from leadlight.core.catalog import level_word
from leadlight.core.clock import DAY
from leadlight.features.encode import micros_of
from leadlight.training.watch.words import share

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from leadlight.agreement.terms import Agreement
    from leadlight.core.artifact import TrainedModel
    from leadlight.core.history import History
    from leadlight.training.moments import Moments

__all__ = ["ENOUGH_NEW", "ENOUGH_SHARE", "Freshness", "Unseen", "freshness"]

ENOUGH_NEW: Final = 50
"""New matured conversions from which on teaching them is worth a look ..."""

ENOUGH_SHARE: Final = 0.2
"""... if they are so many more than the model was taught: less would hardly move it."""

_NOTICED_FROM: Final = 0.01
_NAMED: Final = 3


@dataclass(frozen=True)
class Unseen:
    """Values that appeared since the training day.

    Attributes
    ----------
    what : str
        ``"Source"``, ``"activity type"``.
    names : tuple of str
        The most frequent, at most three.
    count, of : int
        How many rows since then have such a value, of how many.
    """

    what: str
    names: tuple[str, ...]
    count: int
    of: int

    def __str__(self) -> str:
        names = ", ".join(f"{name!r}" for name in self.names)
        return (
            f"{self.what}: {names} appeared since the model was taught ({self.count:,} of {self.of:,} rows, "
            f"{share(self.count / self.of)}); it takes them as (other)"
        )


@dataclass(frozen=True)
class Freshness:
    """How fresh a model is.

    Attributes
    ----------
    age_days : float or None
        Since its training day; None for an undated export.
    taught, new_conversions : int
        Converted leads that it was taught, and such that have matured since.
    agreement : tuple of str
        What the agreement says otherwise than when the model was trained; empty where it is the same.
    unseen : tuple of Unseen
    """

    age_days: float | None
    taught: int
    new_conversions: int
    agreement: tuple[str, ...]
    unseen: tuple[Unseen, ...]

    @property
    def enough_new(self) -> bool:
        """Whether so much has matured that teaching it is worthwhile."""
        return self.new_conversions >= ENOUGH_NEW and self.new_conversions >= ENOUGH_SHARE * self.taught

    @property
    def text(self) -> str:
        """Age and new conversions in one sentence."""
        age = "Its training day is not known" if self.age_days is None else f"It is {self.age_days:.0f} days old"
        more = f" ({share(self.new_conversions / self.taught)} more)" if self.taught else ""
        return (
            f"{age}: {self.new_conversions:,} converted leads have matured since, beside the {self.taught:,} that it "
            f"was taught{more}."
        )


def freshness(
    history: History,
    agreement: Agreement,
    model: TrainedModel,
    *,
    mature: Moments,
    new: NDArray[np.bool_],
    day: int | None,
    as_of: int | None,
    later: NDArray[np.bool_] | None,
) -> Freshness:
    """Say how fresh a model is.

    Parameters
    ----------
    history, agreement, model
    mature : Moments
        All mature moments, by the model's own goal and horizon.
    new : ndarray of shape (n_moments,), dtype bool
        Which of them had not matured on the training day.
    day, as_of : int or None
        Training day and now, microseconds UTC.
    later : ndarray of shape (n_leads,), dtype bool, or None
        Which rows of a flat export came since; None for a dated history, or where that can't be told.
    """
    converted, before = mature.lead[mature.converted & new], mature.lead[mature.converted & ~new]
    return Freshness(
        age_days=None if day is None or as_of is None else (as_of - day) / DAY,
        taught=_taught(model),
        new_conversions=len(np.setdiff1d(converted, before)),
        agreement=_changed(agreement, model),
        unseen=tuple(_unseen(history, model, day, later)),
    )


def _taught(model: TrainedModel) -> int:
    """Return how many converted leads the model was taught; hand-picked points were taught none."""
    if model.probability_status == "points_only":
        return 0
    told = (model.facts.get(part) or {} for part in ("final", "moments"))
    return next((int(part["conversions"]) for part in told if part.get("conversions") is not None), 0)


def _changed(agreement: Agreement, model: TrainedModel) -> tuple[str, ...]:
    """Name what the agreement says otherwise."""
    if model.agreement.get("version") == agreement.version:
        return ()
    named = [
        *_terms(agreement, model.agreement),
        *(["the hand-picked points"] if _other_points(agreement, model) else []),
    ]
    return tuple(named or ["some of its terms"])


def _terms(agreement: Agreement, was: Mapping[str, Any]) -> Iterator[str]:
    for key, words in (("stage", "the goal"), ("within_days", "the horizon"), ("leads_per_week", "the capacity")):
        now = getattr(agreement, key)
        if key in was and was[key] != now:
            yield f"{words} ({now} instead of {was[key]})"
    if dict(was.get("grades", {})) != dict(agreement.grades):
        yield "the grades"


def _other_points(agreement: Agreement, model: TrainedModel) -> bool:
    return {f"card.{rule.name}": rule.points for rule in agreement.rules} != dict(model.points)


def _unseen(
    history: History, model: TrainedModel, day: int | None, later: NDArray[np.bool_] | None
) -> Iterator[Unseen]:
    for what, values, since, known in _worded(history, model, day, later):
        old = set(values[~since].dropna().unique()) | set(known)
        fresh = values[since].dropna()
        strange = fresh[~fresh.isin(old)]
        if len(fresh) and len(strange) / len(fresh) >= _NOTICED_FROM:
            counts = strange.value_counts()
            names = sorted(counts.index, key=lambda name: (-counts[name], name))[:_NAMED]
            yield Unseen(what, tuple(map(str, names)), len(strange), len(fresh))


Worded = tuple[str, "pd.Series[Any]", "NDArray[np.bool_]", tuple[str, ...]]


def _worded(
    history: History, model: TrainedModel, day: int | None, later: NDArray[np.bool_] | None
) -> Iterator[Worded]:
    """Yield every column of words that the model looks at: what it is, its values, which are new, what it knows."""
    if (later if history.is_flat else day) is None:
        return
    catalog, dated = model.catalog, {a.name for a in history.attributes if a.known == "dated"}
    for feature in catalog.features:
        if feature.primitive != "attribute_category":
            continue
        name, label = feature.params["attribute"], catalog.topics[feature.topic].label["en"]
        if name in dated:
            rows = history.attribute_changes[history.attribute_changes["attribute"] == name]
            yield label, rows["value"].map(level_word, na_action="ignore"), _since(rows, day), feature.levels
        elif name in history.leads:
            values = history.leads[name].map(level_word, na_action="ignore")
            yield label, values, _since(history.leads, day) if later is None else later, feature.levels
    if later is None and catalog.dated:
        known = catalog.vocabulary
        yield "Activity type", history.activities["type"], _since(history.activities, day), known.activity_types
        yield "Channel", history.activities["channel"], _since(history.activities, day), known.channels
        yield "Stage", history.stage_changes["stage"], _since(history.stage_changes, day), known.stages


def _since(table: pd.DataFrame, day: int | None) -> NDArray[np.bool_]:
    assert day is not None
    happened = micros_of(table["created_at" if "created_at" in table else "occurred_at"])
    return np.asarray(np.maximum(happened, micros_of(table["recorded_at"])) >= day)
