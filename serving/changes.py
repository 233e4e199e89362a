"""Why a lead's score changed: what happened to the lead, and what is another model.

Two receipts of one lead differ in their data, x, and perhaps in their model, f. Going from the old pair to the new one
by steps, the data may change first or the model may; either order blames another amount on each, because a model can
weigh the same event more or less. The mean of both orders favours neither (it is the Shapley value of two players)::

    data  = 1/2 [(f_old(x_new) - f_old(x_old)) + (f_new(x_new) - f_new(x_old))]
    model = 1/2 [(f_new(x_old) - f_old(x_old)) + (f_new(x_new) - f_old(x_new))]

They add up to ``f_new(x_new) - f_old(x_old)``, term by term. The other way round every part has the other sign, and
with one model on both sides the model's part is exactly 0.

In log-odds the data's part splits further. Each model's log-odds are its base plus the impacts of its reason groups,
and the base does not depend on the data, so a model's difference between two sets of data is the sum over its groups
of the impact's difference. The share of a group is therefore the mean over both models of that difference. A model
without the group says nothing by it: its difference is 0, so a group that one model alone has counts half, and the sum
over the groups of either model is the data's part again.

In points the two totals alone are told, each by the same formula: a score is a percentile, and points of reasons would
not add up. They come in halves and are made whole by `whole`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, NamedTuple, TypeVar

from leadlight.serving.words import say

__all__ = ["Change", "Corners", "Said", "Share", "Split", "statement", "tell_apart", "whole"]

_MOST_NAMED: Final = 2
_WORTH_NAMING: Final = 0.25
"""A reason is named beside a stronger one if it counts at least this share of it."""

_MINUS: Final = "\u2212"

Amount = TypeVar("Amount", int, float)


class Said(NamedTuple):
    """What one model says of one set of data.

    Attributes
    ----------
    score : int
        0 to 100.
    log_odds : float
    impacts : mapping of str to float
        Log-odds by the code of every reason group of the model, zeros too.
    """

    score: int
    log_odds: float
    impacts: Mapping[str, float]


class Corners(NamedTuple):
    """Both models on both sets of data.

    Attributes
    ----------
    old : Said
        The old model on the old data: what the old receipt says.
    old_model : Said
        The old model on the new data.
    new_model : Said
        The new model on the old data.
    new : Said
        What the new receipt says.
    """

    old: Said
    old_model: Said
    new_model: Said
    new: Said


@dataclass(frozen=True, slots=True)
class Split(Generic[Amount]):
    """A difference in two parts.

    Attributes
    ----------
    change, data, model : number
        ``data + model == change``; of floats but for rounding.
    """

    change: Amount
    data: Amount
    model: Amount


class Share(NamedTuple):
    """A reason group's part of what the data did.

    Attributes
    ----------
    code : str
    impact : float
        Log-odds.
    """

    code: str
    impact: float


@dataclass(frozen=True, slots=True)
class Change:
    """A difference told apart.

    Attributes
    ----------
    old, new : int
        Scores.
    log_odds : Split of float
    points : Split of int
        ``old + points.data + points.model == new``.
    shares : tuple of Share
        All that are not 0, strongest first; they sum to ``log_odds.data``.
    """

    old: int
    new: int
    log_odds: Split[float]
    points: Split[int]
    shares: tuple[Share, ...]

    @property
    def is_none(self) -> bool:
        """Whether nothing that the models look at is another."""
        return not (self.points.change or self.log_odds.data or self.log_odds.model or self.shares)

    def rest(self, listed: int) -> float:
        """Return the sum of the shares that are not among the strongest ``listed``, log-odds."""
        return math.fsum(share.impact for share in self.shares[listed:])


def tell_apart(corners: Corners) -> Change:
    """Tell what the data did from what the model did; the module says how."""
    old, new = corners.old, corners.new
    points = new.score - old.score
    whole_data, whole_model = whole(_halves(*(said.score for said in corners)), points)
    parts = _halves(*(said.log_odds for said in corners))
    return Change(
        old.score,
        new.score,
        Split(new.log_odds - old.log_odds, *parts),
        Split(points, whole_data, whole_model),
        _shares(corners),
    )


def _halves(old: float, old_model: float, new_model: float, new: float) -> tuple[float, float]:
    """Return the data's part and the model's part."""
    data = 0.5 * ((old_model - old) + (new - new_model))
    model = 0.5 * ((new_model - old) + (new - old_model))
    return data, model


def _shares(corners: Corners) -> tuple[Share, ...]:
    codes = dict.fromkeys([*corners.new.impacts, *corners.old.impacts])
    parts = (_halves(*(said.impacts.get(code, 0.0) for said in corners)) for code in codes)
    shares = [Share(code, data) for code, (data, _) in zip(codes, parts, strict=True) if data != 0.0]
    return tuple(sorted(shares, key=lambda share: -abs(share.impact)))


def whole(parts: Sequence[float], total: int) -> list[int]:
    """Make parts whole by largest remainder, so that they sum to a whole total exactly.

    Each part is cut towards zero; what is missing then goes, one each, to the parts of which most was cut off in that
    direction. Between two of which as much was cut the larger one gets it, then the first. Parts of the other sign
    give the same whole numbers with the other sign.

    Parameters
    ----------
    parts : sequence of float
        They sum to ``total``.
    total : int

    Examples
    --------
    >>> whole([-11.5, -2.5], -14), whole([0.5, 0.5], 1), whole([2.5, -0.5], 2)
    ([-12, -2], [1, 0], [2, 0])
    """
    cut = [math.trunc(part) for part in parts]
    missing = total - sum(cut)
    way = 1 if missing > 0 else -1
    order = sorted(range(len(parts)), key=lambda place: (-way * (parts[place] - cut[place]), -abs(parts[place])))
    for place in order[: abs(missing)]:
        cut[place] += way
    return cut


def statement(change: Change, texts: Mapping[str, str], language: str, *, same_model: bool) -> str:
    """Put a change in one sentence.

    Parameters
    ----------
    change : Change
    texts : mapping of str to str
        What each reason group says, by code.
    language : {"en", "es"}
    same_model : bool
        Whether one model made both scores; then none is spoken of.
    """
    if change.is_none:
        return say("change.nothing", language, old=change.old, new=change.new)
    named = [texts[share.code] for share in _named(change)]
    key = "change.data.reasons" if named else "change.data"
    parts = [say(key, language, points=_signed(change.points.data), reasons="; ".join(named))]
    if not same_model:
        parts.append(say("change.model", language, points=_signed(change.points.model)))
    return say("change.statement", language, old=change.old, new=change.new, parts=", ".join(parts))


def _named(change: Change) -> list[Share]:
    """Return the strongest reasons that push where the data's part goes; where it goes nowhere the strongest of all."""
    way = change.points.data or change.log_odds.data
    pushing = [share for share in change.shares if share.impact * way > 0] if way else list(change.shares)
    return [share for share in pushing[:_MOST_NAMED] if abs(share.impact) >= _WORTH_NAMING * abs(pushing[0].impact)]


def _signed(points: int) -> str:
    return f"{points:+d}".replace("-", _MINUS) if points else "0"
