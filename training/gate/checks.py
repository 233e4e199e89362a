"""What a gate holds a challenger to: ranking and chances not worse than the champion's, no segment harmed.

Both are measured on the same moments and in the same draws of whole accounts, so that differences are paired.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from leadlight.training.bootstrap import Accounts, Interval, areas, interval
from leadlight.training.gate.moments import ENOUGH
from leadlight.training.holm import holm
from leadlight.training.moments import FEWEST_ACCOUNTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.training.moments import Moments

    Masks = Mapping[str, NDArray[np.bool_]]

__all__ = ["MARGIN", "NotWorse", "Pair", "Segment", "Segments", "judge_segments", "not_worse"]

MARGIN: Final = 0.01
"""How much worse a challenger may be, with one-sided 95 % certainty: in area, and in log loss."""

AREA_DOWN: Final = 0.03
RATIO_OFF: Final = 1.25
"""A segment is harmed where its area falls by more, or observed / expected is off by more than a quarter."""

FURTHER_OFF: Final = 1.1
"""... and the champion's is nearer by a tenth at least: both are off alike where the level of conversion has moved."""

ALPHA: Final = 0.05
POOLED: Final = "all that are too small, together"


@dataclass(frozen=True)
class Pair:
    """Champion and challenger on the same moments.

    Attributes
    ----------
    moments : Moments
    champion, challenger : ndarray of shape (n_moments,)
        Calibrated log-odds.
    accounts : Accounts
        Of the moments, with their draws.
    """

    moments: Moments
    champion: NDArray[np.float64]
    challenger: NDArray[np.float64]
    accounts: Accounts

    def take(self, rows: NDArray[Any]) -> Pair:
        """Return some of the moments, in the same draws."""
        return Pair(self.moments.take(rows), self.champion[rows], self.challenger[rows], self.accounts.take(rows))


@dataclass(frozen=True)
class NotWorse:
    """One measure of both, and whether the challenger is surely not worse by more than the margin.

    Attributes
    ----------
    measure : {"auc", "log_loss"}
    champion, challenger : Interval
    gain : Interval
        How much better the challenger is: more area, less log loss.
    lower : float
        One-sided 95 % bound of the gain.
    passed : bool
    would_tell : int or None
        Where it is not surely worse either: about how many converted leads would tell.
    """

    measure: str
    champion: Interval
    challenger: Interval
    gain: Interval
    lower: float
    passed: bool
    would_tell: int | None


def not_worse(pair: Pair) -> tuple[NotWorse, NotWorse]:
    """Compare ranking and chances."""
    n, converted = pair.moments.conversions, pair.moments.converted
    before, after = (areas(said, converted, pair.accounts) for said in (pair.champion, pair.challenger))
    losses = (np.logaddexp(0.0, said) - converted * said for said in (pair.champion, pair.challenger))
    total, *lost = pair.accounts.sums(np.stack([np.ones(len(converted)), *losses], axis=1)).T
    loss, now = (found / np.maximum(total, 1.0) for found in lost)
    return (
        _compared("auc", before, after, after - before, n),
        _compared("log_loss", loss, now, loss - now, n),
    )


def _compared(
    measure: str,
    champion: NDArray[np.float64],
    challenger: NDArray[np.float64],
    gain: NDArray[np.float64],
    conversions: int,
) -> NotWorse:
    finite = gain[1:][np.isfinite(gain[1:])]
    lower = float(np.quantile(finite, ALPHA)) if len(finite) else float("nan")
    passed = lower > -MARGIN
    return NotWorse(
        measure,
        interval(champion),
        interval(challenger),
        interval(gain),
        lower,
        passed,
        None if passed else _would_tell(float(gain[0]), lower, conversions),
    )


def _would_tell(gain: float, lower: float, conversions: int) -> int | None:
    """Return about how many conversions would show it if the gain stayed: the bound nears it with their root."""
    if not gain > -MARGIN or not np.isfinite(lower):
        return None
    return int(np.ceil(conversions * ((gain - lower) / (gain + MARGIN)) ** 2))


@dataclass(frozen=True)
class Segment:
    """One segment that can be judged.

    Attributes
    ----------
    name : str
    moments, conversions : int
        ``conversions`` counts distinct converted leads.
    area_fall : Interval
        Area of the champion less that of the challenger.
    ratio, champion_ratio : Interval
        Observed / expected of the challenger, and of the champion.
    chances : tuple of float
        That a fall of the area, and chances further off, are there by chance alone; adjusted over all segments.
    harms : tuple of {"ranking", "chances"}
    """

    name: str
    moments: int
    conversions: int
    area_fall: Interval
    ratio: Interval
    champion_ratio: Interval
    chances: tuple[float, float]
    harms: tuple[str, ...] = ()


@dataclass(frozen=True)
class Segments:
    """All segments of the agreement.

    Attributes
    ----------
    judged : tuple of Segment
        The pooled small ones last, where they are enough together.
    too_small : mapping of name to int
        Conversions of each segment with too few.
    left_out : mapping of attribute to str
        Agreed attributes that make no segments, and why.
    """

    judged: tuple[Segment, ...] = ()
    too_small: Mapping[str, int] | None = None
    left_out: Mapping[str, str] | None = None

    @property
    def harmed(self) -> tuple[Segment, ...]:
        """The segments that the challenger would harm."""
        return tuple(segment for segment in self.judged if segment.harms)


def judge_segments(pair: Pair, masks: Masks, left_out: Mapping[str, str] | None = None) -> Segments:
    """Look for harm in every segment with enough conversions, and in the rest of them together.

    A harm is an estimate beyond its limit that is also beyond chance: worse than the champion in more draws than Holm's
    method over all segments and both measures allows.

    Parameters
    ----------
    masks : mapping of name to ndarray of shape (n_moments,), dtype bool
    """
    inside = {name: pair.moments.take(mask) for name, mask in masks.items()}
    small = {name: moments.conversions for name, moments in inside.items() if not _enough(moments)}
    found = [_look(name, pair.take(mask)) for name, mask in _large_enough(pair, masks, small)]
    found = [segment for segment in found if np.isfinite(segment.area_fall).all()]
    adjusted = holm([chance for segment in found for chance in segment.chances])
    judged = tuple(
        _judged(replace(segment, chances=(adjusted[2 * i], adjusted[2 * i + 1]))) for i, segment in enumerate(found)
    )
    return Segments(judged, small, dict(left_out or {}))


def _large_enough(pair: Pair, masks: Masks, small: Mapping[str, int]) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    yield from ((name, mask) for name, mask in masks.items() if name not in small)
    if len(small) > 1:
        together = np.logical_or.reduce([masks[name] for name in small])
        if _enough(pair.moments.take(together)):
            yield POOLED, together


def _enough(moments: Moments) -> bool:
    """Whether a segment can be judged: enough leads converted, and not all in a few accounts."""
    return moments.conversions >= ENOUGH and moments.converted_accounts >= FEWEST_ACCOUNTS


def _look(name: str, pair: Pair) -> Segment:
    """Measure a segment; the chances are not adjusted yet."""
    converted = pair.moments.converted
    fall = areas(pair.champion, converted, pair.accounts) - areas(pair.challenger, converted, pair.accounts)
    before, ratio = _ratios(pair)
    return Segment(
        name,
        len(pair.moments),
        pair.moments.conversions,
        interval(fall),
        interval(ratio),
        interval(before),
        (_by_chance(fall), _by_chance(_off(ratio) - _off(before))),
    )


def _ratios(pair: Pair) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return observed / expected of both in each draw."""
    chances = (np.exp(-np.logaddexp(0.0, -said)) for said in (pair.champion, pair.challenger))
    won, *expected = pair.accounts.sums(np.stack([pair.moments.converted.astype(float), *chances], axis=1)).T
    before, now = (won / np.maximum(found, 1e-9) for found in expected)
    return before, now


def _judged(segment: Segment) -> Segment:
    off, before = float(_off(segment.ratio.value)), float(_off(segment.champion_ratio.value))
    worse = {
        "ranking": segment.area_fall.value > AREA_DOWN,
        "chances": off > np.log(RATIO_OFF) and off - before > np.log(FURTHER_OFF),
    }
    by_chance = dict(zip(worse, segment.chances, strict=True))
    return replace(segment, harms=tuple(name for name, is_so in worse.items() if is_so and by_chance[name] < ALPHA))


def _off(ratio: Any) -> Any:
    """Return how far observed / expected is from 1, either way, in logarithms; nothing observed is far off."""
    return np.abs(np.log(np.maximum(ratio, 1e-9)))


def _by_chance(worse: NDArray[np.float64]) -> float:
    """Return the one-sided bootstrap p-value of "not worse": the share of draws that show nothing worse."""
    finite = worse[1:][np.isfinite(worse[1:])]
    return float((1 + (finite <= 0).sum()) / (1 + len(finite)))
