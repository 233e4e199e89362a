"""Whether chances came true, on the latest matured moments: by height, by band and by segment.

Bins, bands and segments are made from predictions and profiles alone, never from outcomes. Observed against expected
is judged where at least fifty leads converted; the rest is listed, and pooled.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from leadlight.training.bootstrap import Accounts, Interval, interval
from leadlight.training.chances.shares import counted, distinct, effective_number, in_words, wilson
from leadlight.training.holm import holm, upper_tail
from leadlight.training.metrics import bins_of
from leadlight.training.moments import FEWEST_ACCOUNTS
from leadlight.training.population import WARM_TO_HOT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.training.measure import Weeks
    from leadlight.training.moments import Moments

__all__ = ["ENOUGH_TO_JUDGE", "TOLERANCE", "Bin", "Group", "Reliability", "bands_by_queue", "reliability"]

ENOUGH_TO_JUDGE: Final = 50
"""Converted leads from which on a group's chances are judged."""

TOLERANCE: Final = 1.25
"""A group's chances are off where observed / expected is surely above this, or below its inverse."""

LEVEL: Final = 0.05

ALL: Final = "all"
TOGETHER: Final = "the small ones together"

_FEW: Final = 5
"""Fewer leads of either outcome make resampling too sure of itself; then Wilson's interval is given."""


@dataclass(frozen=True)
class Bin:
    """Moments that were promised about the same.

    Attributes
    ----------
    lowest, highest : float
        Of the chances promised.
    promised : float
        Their mean.
    observed : Interval
        Share of the moments that converted.
    interval_by : {"resampled accounts", "Wilson"}
    moments, leads, conversions : int
        ``leads`` and ``conversions`` count distinct leads.
    text : str
        One sentence for people.
    """

    lowest: float
    highest: float
    promised: float
    observed: Interval
    interval_by: str
    moments: int
    leads: int
    conversions: int
    text: str


@dataclass(frozen=True)
class Group:
    """A band, a segment, or all: how many converted for each one that was promised.

    Attributes
    ----------
    name : str
    promised, observed : float
        Mean chance, and share of the moments that converted.
    ratio : Interval
        Observed / expected; 1 is perfect. Not a number where nobody converted in the draws.
    moments, leads, conversions : int
    accounts : float
        Effective number of accounts of the leads that converted.
    judged : bool
        Whether enough leads converted, in enough accounts.
    p_value : float or None
        Of being off by no more than the tolerance, adjusted for the number of groups (Holm); None if not judged.
    off : bool
        Whether it is off by more than the tolerance beyond noise.
    text : str
    """

    name: str
    promised: float
    observed: float
    ratio: Interval
    moments: int
    leads: int
    conversions: int
    accounts: float
    judged: bool = False
    p_value: float | None = None
    off: bool = False
    text: str = ""


@dataclass(frozen=True)
class Reliability:
    """What became of the chances promised.

    Attributes
    ----------
    overall : Group
    bins : tuple of Bin
        Tenths of the moments by chance, equal chances together; lowest first.
    bands : tuple of Group
        Hot, warm and cold by the queue of each week.
    segments : tuple of Group
        Those with enough conversions, and last ``"the small ones together"`` where these make up enough.
    too_small : tuple of Group
        Segments that are too small to judge.
    words : tuple of str
        What was found, a sentence each.
    """

    overall: Group
    bins: tuple[Bin, ...]
    bands: tuple[Group, ...]
    segments: tuple[Group, ...]
    too_small: tuple[Group, ...]
    words: tuple[str, ...]


def reliability(
    log_odds: NDArray[np.float64],
    test: Moments,
    accounts: Accounts,
    *,
    bands: Mapping[str, NDArray[np.bool_]],
    segments: Mapping[str, NDArray[np.bool_]],
) -> Reliability:
    """Compare what was promised with what came.

    Parameters
    ----------
    log_odds : ndarray of shape (n_moments,)
        Calibrated log-odds of the chosen candidate.
    test : Moments
        The latest matured moments.
    accounts : Accounts
        Of these moments.
    bands : mapping of str to ndarray of shape (n_moments,), dtype bool
        As `bands_by_queue` gives them.
    segments : mapping of str to ndarray of shape (n_moments,), dtype bool
        As `leadlight.training.chances.segments.segments_of` gives them.
    """
    asked = _Asked(1.0 / (1.0 + np.exp(-log_odds)), test, accounts)
    overall, *_ = _judged(asked.groups({ALL: np.ones(len(test), bool)}))
    found_bands = _judged(asked.groups(bands))
    large, small = _by_size(asked, segments)
    judged = _judged(large)
    words = (overall.text, *(band.text for band in found_bands if band.off), *_about_segments(judged, small))
    return Reliability(overall, tuple(asked.bins()), found_bands, judged, _judged(small), words)


def bands_by_queue(log_odds: NDArray[np.float64], weeks: Weeks) -> dict[str, NDArray[np.bool_]]:
    """Say which moments were hot, warm and cold in their week's queue.

    Hot are as many as sales could have worked, and whoever ties with the last of them; warm the next three times as
    many; cold the rest. None is empty.

    Parameters
    ----------
    log_odds : ndarray of shape (n_moments,)
    weeks : Weeks
        As `leadlight.training.measure.weeks_of` gives them.
    """
    hot, warm = np.zeros((2, len(log_odds)), bool)
    for week, room in enumerate(weeks.room):
        mine = np.flatnonzero(weeks.cut == week)
        if len(mine):
            ordered = np.sort(log_odds[mine])[::-1]
            hot[mine] = log_odds[mine] >= _last_of(ordered, room)
            warm[mine] = ~hot[mine] & (log_odds[mine] >= _last_of(ordered, (1 + WARM_TO_HOT) * room))
    made = {"hot": hot, "warm": warm, "cold": ~hot & ~warm}
    return {name: inside for name, inside in made.items() if inside.any()}


def _last_of(ordered: NDArray[np.float64], room: float) -> float:
    """Return the lowest of the best ``room`` values; at least one has room."""
    return float(ordered[min(max(round(room), 1), len(ordered)) - 1])


@dataclass(frozen=True)
class _Asked:
    p: NDArray[np.float64]
    test: Moments
    accounts: Accounts

    def bins(self) -> Iterator[Bin]:
        number = bins_of(self.p)
        for b in np.unique(number):
            yield self._bin(number == b)

    def _bin(self, inside: NDArray[np.bool_]) -> Bin:
        came = self.test.converted & inside
        won, all_ = self.accounts.sums(np.column_stack([came, inside]).astype(float)).T
        leads, conversions = distinct(self.test.lead[inside]), distinct(self.test.lead[came])
        few = min(conversions, distinct(self.test.lead[inside & ~came])) < _FEW
        if few:
            number = effective_number(self.test.converted[inside], self.test.owner[inside])
            observed = wilson(float(came.sum() / inside.sum()), number)
        else:
            with np.errstate(divide="ignore", invalid="ignore"):
                observed = interval(won / all_)
        mine = self.p[inside]
        promised = float(mine.mean())
        text = (
            f"Where {in_words(promised)} was promised, {in_words(observed.value)} converted "
            f"({in_words(observed.low)} to {in_words(observed.high)}; {_of_leads(int(inside.sum()), leads)})."
        )
        ends = float(mine.min()), float(mine.max())
        how = "Wilson" if few else "resampled accounts"
        return Bin(*ends, promised, observed, how, int(inside.sum()), leads, conversions, text)

    def groups(self, masks: Mapping[str, NDArray[np.bool_]]) -> list[Group]:
        """Count what was promised to each group and what came; nothing is judged yet."""
        if not masks:
            return []
        inside = np.column_stack(list(masks.values()))
        came = self.accounts.sums(np.where(inside, self.test.converted[:, None], 0.0))
        promised = self.accounts.sums(np.where(inside, self.p[:, None], 0.0))
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = (came / promised).T
        return [self._group(name, masks[name], ratio) for name, ratio in zip(masks, ratios, strict=True)]

    def _group(self, name: str, inside: NDArray[np.bool_], ratio: NDArray[np.float64]) -> Group:
        mine = self.test.take(inside)
        return Group(
            name=name,
            promised=float(self.p[inside].mean()),
            observed=float(mine.converted.mean()),
            ratio=interval(ratio),
            moments=len(mine),
            leads=distinct(mine.lead),
            conversions=mine.conversions,
            accounts=mine.converted_accounts,
        )


def _by_size(asked: _Asked, segments: Mapping[str, NDArray[np.bool_]]) -> tuple[list[Group], list[Group]]:
    """Return the segments that can be judged, the small ones pooled last if they can together, and the small ones."""
    every = asked.groups(segments)
    large = [group for group in every if _enough(group)]
    small = [group for group in every if not _enough(group)]
    if len(small) > 1:
        together = asked.groups({TOGETHER: np.any([segments[group.name] for group in small], axis=0)})
        large += [group for group in together if _enough(group)]
    return large, small


def _enough(group: Group) -> bool:
    """Whether a group can be judged: enough leads converted, and not all in a few accounts that drawing can't part."""
    several = group.accounts >= FEWEST_ACCOUNTS and group.ratio.low > 0
    return group.conversions >= ENOUGH_TO_JUDGE and several


def _judged(groups: Sequence[Group]) -> tuple[Group, ...]:
    """Say which groups are off by more than the tolerance, Holm over those that are large enough; put it in words."""
    enough = [group for group in groups if _enough(group)]
    adjusted = dict(zip((g.name for g in enough), holm([_p_value(group.ratio) for group in enough]), strict=True))
    done = []
    for group in groups:
        p = adjusted.get(group.name)
        found = replace(group, judged=p is not None, p_value=p, off=p is not None and p < LEVEL)
        done.append(replace(found, text=_sentence(found)))
    return tuple(done)


def _p_value(ratio: Interval) -> float:
    """Return the chance of such a ratio where the true one is no further from 1 than the tolerance.

    The ratio's logarithm is near normal from fifty conversions on; its spread is read off the interval.
    """
    spread = (math.log(ratio.high) - math.log(ratio.low)) / (2 * 1.959964)
    beyond = abs(math.log(ratio.value)) - math.log(TOLERANCE)
    if spread <= 0:
        return 0.0 if beyond > 0 else 1.0
    return upper_tail(beyond / spread)


def _sentence(group: Group) -> str:
    who = "All together" if group.name == ALL else group.name
    counts = f"{_of_leads(group.moments, group.leads)}, {counted(group.conversions, 'lead')} converted"
    said = f"{who}: {in_words(group.promised)} was promised, {in_words(group.observed)} converted"
    if not group.judged:
        few = group.conversions < ENOUGH_TO_JUDGE
        return (
            f"{said} ({counts}): {'too small to judge' if few else 'its conversions lie in too few accounts to judge'}."
        )
    ratio = f"{group.ratio.value:.2f} times as many as promised ({group.ratio.low:.2f} to {group.ratio.high:.2f}"
    verdict = "off by more than a quarter, beyond noise" if group.off else "not off by more than a quarter beyond noise"
    return f"{said}, {ratio}; {counts}): {verdict}."


def _of_leads(moments: int, leads: int) -> str:
    """Say how many moments of how many leads; where each lead has one moment, how many leads."""
    if moments == leads:
        return counted(leads, "lead")
    return f"{counted(moments, 'moment')} of {counted(leads, 'lead')}"


def _about_segments(judged: Sequence[Group], small: Sequence[Group]) -> Iterator[str]:
    if not judged and not small:
        return
    off = [group for group in judged if group.off]
    yield from (group.text for group in off)
    if not off and judged:
        alone = sum(group.name != TOGETHER for group in judged)
        which = (
            f"segment that can be judged ({alone}) is" if alone else "segment can be judged by itself; together none is"
        )
        yield f"No {which} off by more than a quarter beyond noise."
    if small:
        names = ", ".join(group.name for group in small)
        yield f"Too small to judge (fewer than {ENOUGH_TO_JUDGE} leads converted, or in too few accounts): {names}."
