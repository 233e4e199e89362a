"""Level purity: values that hardly a lead without the outcome has, or hardly one with it.

For each value, for "filled" and "empty", for the tails of a number and for the words of a note: the odds of conversion
among its leads against the odds of all, at the bound of a one-sided 99 % interval (Clopper & Pearson 1934) that is
nearer to 1. Works on rare flags, where the area under the ROC curve says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from scipy.special import betaincinv

from leadlight.training.audit.columns import EMPTY
from leadlight.training.audit.words import tokens_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.training.audit.columns import Column
    from leadlight.training.audit.ground import Ground

__all__ = ["FEWEST", "Purity", "purest"]

FEWEST: Final = 10
"""Leads (of different accounts) that a value needs before it is judged."""

Shape = Literal["level", "filled", "empty", "unusual", "tail", "word"]
"""A value; any value; none; any but the one that most leads have; one end of a number; a word of a note."""

ALONE: Final = 100.0
"""Bound of the odds ratio from which on purity settles the matter by itself ..."""

MORE_OFTEN_THAN_NOT: Final = 0.5
"""... if the group converts more often than not: where one lead in a thousand buys, asking for a quote is no leak."""

A_GOOD_PART: Final = 0.25
_FEW_NUMBERS: Final = 5

_LEVEL: Final = 0.01
_TAILS: Final = np.unique(np.round(np.r_[np.geomspace(0.002, 0.5, 24)], 6))
_MANY_WORDS: Final = 50
_RARE: Final = "(rare values together)"


@dataclass(frozen=True)
class Purity:
    """The purest group of leads that a field's values make, one way or the other.

    Attributes
    ----------
    ratio : float
        Bound of the odds ratio; at least 1: of conversion where ``converts``, of no conversion else.
    converts : bool
        Whether the group nearly always converts, or nearly never.
    group : str
        The value in words.
    shape : {"level", "filled", "empty", "unusual", "tail", "word"}
    leads, conversions : int
    share : float
        Of all conversions, those in the group.
    measured : bool
        Whether the group is a value or an end of a number with many values.
    low, high : float
        Of its rate of conversion, one-sided 99 % each.
    """

    ratio: float
    converts: bool
    group: str
    shape: Shape
    leads: int
    conversions: int
    share: float
    measured: bool
    low: float
    high: float

    @property
    def settles(self) -> bool:
        """Whether the group settles the matter by itself.

        A group that never converts may have an honest reason (not eligible), so it does not; that a field is *filled*
        only for leads that do not convert has none. The far end of a good honest number is pure as well, so of numbers
        the group must hold a good part of all conversions: that no honest number below an area of about .92 does.
        """
        if self.ratio < ALONE:
            return False
        if not self.converts:
            return self.shape == "filled"
        return self.low >= MORE_OFTEN_THAN_NOT and (not self.measured or self.share >= A_GOOD_PART)


@dataclass(frozen=True)
class _Groups:
    """Groups of leads that one way of cutting gives; arrays of shape (n_groups,)."""

    shape: Shape
    names: list[str]
    leads: NDArray[np.float64]
    wins: NDArray[np.float64]
    owners: NDArray[np.float64]


def purest(column: Column, ground: Ground) -> tuple[Purity, ...]:
    """Return the purest group each way (converting first), of at least `FEWEST` leads; nothing where there is none."""
    found: list[Purity] = []
    for groups in _groups(column, ground):
        found += _judged(groups, ground, measured=column.number is not None and column.different > _FEW_NUMBERS)
    best = (max((p for p in found if p.converts is way), key=_weight, default=None) for way in (True, False))
    return tuple(p for p in best if p is not None and p.ratio > 1.0)


def _weight(pure: Purity) -> tuple[bool, float, bool, str]:
    return pure.settles, pure.ratio, pure.shape == "filled", pure.group


def _judged(groups: _Groups, ground: Ground, *, measured: bool) -> Iterator[Purity]:
    judged = np.flatnonzero(groups.owners >= FEWEST)
    n, k = groups.leads[judged], groups.wins[judged]
    part = groups.owners[judged] / n  # leads of one account tell one story
    low, high = _bounds(k * part, n * part)
    base = ground.base_rate / (1 - ground.base_rate)
    with np.errstate(divide="ignore"):
        up, down = low / (1 - low) / base, base * (1 - high) / high
    for i, at in enumerate(judged):
        for converts, ratio in ((True, up[i]), (False, down[i])):
            yield Purity(
                ratio=float(ratio),
                converts=converts,
                group=groups.names[at],
                shape=groups.shape,
                leads=int(n[i]),
                conversions=int(k[i]),
                share=float(k[i]) / ground.conversions,
                measured=measured and groups.shape in ("level", "tail"),
                low=float(low[i]),
                high=float(high[i]),
            )


def _bounds(k: NDArray[np.float64], n: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the one-sided 99 % bounds of shares."""
    low = np.where(k > 0, betaincinv(np.maximum(k, 1e-9), n - k + 1, _LEVEL), 0.0)
    high = np.where(k < n, betaincinv(k + 1, np.maximum(n - k, 1e-9), 1 - _LEVEL), 1.0)
    return low, high


def _groups(column: Column, ground: Ground) -> Iterator[_Groups]:
    rows = np.flatnonzero(ground.looked)
    code = column.code[rows]
    rare = np.bincount(code, minlength=len(column.levels)) < FEWEST
    rare[0] = False
    coarse = np.where(rare[code], len(column.levels), code)
    levels = _counted(coarse, len(column.levels) + 1, rows, ground)
    names = [*column.levels, _RARE]
    yield _Groups("level", names[1:], *(part[1:] for part in levels))
    if not column.filled[rows].all():
        yield _Groups("empty", [EMPTY], *(part[:1] for part in levels))
        whole = _counted(column.filled[rows].astype(np.int64), 2, rows, ground)
        yield _Groups("filled", ["(filled)"], *(part[1:] for part in whole))
    if column.number is not None and column.different > 2:
        yield from _unusual(column.number[rows], rows, ground)
        yield from _tails(column.number[rows], rows, ground)
    elif rare.sum() > _MANY_WORDS:
        yield _words(column, code, rows, ground)


def _counted(
    code: NDArray[np.int64], n: int, rows: NDArray[np.int64], ground: Ground
) -> tuple[NDArray[np.float64], ...]:
    """Return leads, conversions and different accounts of each group."""
    leads = np.bincount(code, minlength=n).astype(np.float64)
    wins = np.bincount(code, ground.converted[rows].astype(np.float64), minlength=n).astype(np.float64)
    if ground.one_lead_an_account:
        return leads, wins, leads
    pairs = np.unique(code * (int(ground.owner.max()) + 1) + ground.owner[rows])
    return leads, wins, np.bincount(pairs // (int(ground.owner.max()) + 1), minlength=n).astype(np.float64)


def _unusual(number: NDArray[np.float64], rows: NDArray[np.int64], ground: Ground) -> Iterator[_Groups]:
    """Yield the leads whose number is not the one that most have: 0 in a column of amounts paid."""
    values, count = np.unique(number[~np.isnan(number)], return_counts=True)
    if len(values) > 1 and 2 * count.max() >= count.sum():
        usual = values[count.argmax()]
        other = (~np.isnan(number) & (number != usual)).astype(np.int64)
        parts = _counted(other, 2, rows, ground)
        yield _Groups("unusual", [f"another value than {usual:g}"], *(part[1:] for part in parts))


def _tails(number: NDArray[np.float64], rows: NDArray[np.int64], ground: Ground) -> Iterator[_Groups]:
    """Yield the leads with the smallest and with the largest values, in growing shares."""
    there = ~np.isnan(number)
    value, rows = number[there], rows[there]
    if len(value) < 2 * FEWEST:
        return
    order = np.argsort(value, kind="stable")
    ranked, wins = value[order], np.cumsum(ground.converted[rows][order])
    n, total = len(value), float(wins[-1])
    shares = _effective(rows, ground)
    for lower in (True, False):
        cuts = np.unique(np.quantile(ranked, _TAILS if lower else 1 - _TAILS, method="lower"))
        ends = np.searchsorted(ranked, cuts, side="right" if lower else "left")
        ends = np.unique(ends[(ends > 0) & (ends < n)])
        if not len(ends):
            continue
        won = wins[ends - 1].astype(np.float64)
        names = [f"at most {ranked[e - 1]:g}" if lower else f"at least {ranked[e]:g}" for e in ends]
        leads = ends.astype(np.float64) if lower else (n - ends).astype(np.float64)
        yield _Groups("tail", names, leads, won if lower else total - won, leads * shares)


def _effective(rows: NDArray[np.int64], ground: Ground) -> float:
    return 1.0 if ground.one_lead_an_account else len(np.unique(ground.owner[rows])) / len(rows)


def _words(column: Column, code: NDArray[np.int64], rows: NDArray[np.int64], ground: Ground) -> _Groups:
    """Count the words of a column of notes: few notes are alike, their words are."""
    pairs = [(word, place) for place, level in enumerate(column.levels) if place for word in set(tokens_of(level))]
    words = sorted({word for word, _ in pairs})
    of_word = {word: i for i, word in enumerate(words)}
    leads, wins = (
        np.bincount(code, weight, minlength=len(column.levels)).astype(np.float64)
        for weight in (None, ground.converted[rows].astype(np.float64))
    )
    word_code = np.array([of_word[word] for word, _ in pairs], np.int64)
    place = np.array([place for _, place in pairs], np.int64)
    n, k = (np.bincount(word_code, part[place], minlength=len(words)).astype(np.float64) for part in (leads, wins))
    names = [f"the word {word}" for word in words]
    return _Groups("word", names, n, k, np.asarray(n * _effective(rows, ground), np.float64))
