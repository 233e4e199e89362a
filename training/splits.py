"""Which moments teach, which measure: by time and by account, never by outcome.

Accounts are put on the learning or the measuring side by a hash of their name, before any outcome is looked at.
Learning uses early moments of the one side, measuring late moments of the other; between them lies the embargo,
because the label of a moment is not known before its horizon and the reporting lag have passed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from leadlight.training.moments import Moments, owners, share_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.core.history import History

__all__ = [
    "Fold",
    "Split",
    "embargoed",
    "folds_of",
    "forward_folds",
    "grouped_folds",
    "hashed_side",
    "learning_leads",
    "split_dated",
    "split_flat",
    "split_of",
]

MEASURING_SHARE: Final = 0.3
"""Share of accounts whose late moments measure."""

LATE_FROM: Final = (0.7, 0.75, 0.8, 0.85)
"""Where the test part may begin, as shares of the time with mature moments; the first that leaves enough is taken."""

FOLD_STARTS: Final = (0.4, 0.6, 0.8)
"""Where the inner validation blocks begin, as shares of the learning time less the embargo."""

ENOUGH_TO_ROTATE_ONCE: Final = 600
"""From so many converted leads on, a block validates on one third of the accounts; below, on each third in turn."""

_THIRDS: Final = 3
_GROUPED: Final = 5


@dataclass(frozen=True)
class Fold:
    """Rows to learn from and rows to validate on, as positions.

    Attributes
    ----------
    learn, validate : ndarray of int64
    block : int
        The stretch of time that is validated on; ranks are compared within one block only.
    """

    learn: NDArray[np.int64]
    validate: NDArray[np.int64]
    block: int


@dataclass(frozen=True)
class Split:
    """The two parts of a history, as masks over its moments.

    Attributes
    ----------
    learn, test : ndarray of bool
    deployed_learn, deployed_test : ndarray of bool
        As deployed: all accounts on both sides, earlier moments of the same lead allowed for learning.
    cut : int
        First possible moment of the test part: microseconds, or a rank.
    way : str
        In words, for reports.
    held_out : tuple of Fold
        Where nothing but chance tells the parts apart: each fold is measured by what the others taught. Empty where
        one part teaches and the other measures.
    """

    learn: NDArray[np.bool_]
    test: NDArray[np.bool_]
    deployed_learn: NDArray[np.bool_]
    deployed_test: NDArray[np.bool_]
    cut: int
    way: str
    held_out: tuple[Fold, ...] = ()

    @property
    def optimistic(self) -> bool:
        """Whether nothing but chance tells the parts apart."""
        return bool(self.held_out)


def hashed_side(names: Sequence[str], owner: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return, for every moment, whether its account measures; decided by name alone."""
    return (share_of(names, "measuring side") < MEASURING_SHARE)[owner] if len(names) else np.zeros(0, bool)


def learning_leads(history: History) -> NDArray[np.bool_] | None:
    """Return whose outcomes may be looked at before anything is measured; None where nothing but chance tells.

    Returns
    -------
    ndarray of shape (n_leads,), dtype bool, or None
        The learning side of a dated history, the first 70 % of a flat export in order.
    """
    owner, names = owners(history.leads)
    if history.outcome is None:
        return ~hashed_side(names, owner)
    if history.outcome.order_by == "none":
        return None
    rank = np.argsort(np.argsort(history.outcome.order.to_numpy(), kind="stable"), kind="stable")
    return np.asarray(rank < round((1 - MEASURING_SHARE) * len(rank)))


def embargoed(when: NDArray[np.int64], cut: int, gap: int) -> NDArray[np.bool_]:
    """Return which moments had a known label when the part at ``cut`` began; a flat rank has to lie before it."""
    return when + max(gap, 1) <= cut


def split_dated(moments: Moments, names: Sequence[str], gap: int) -> Split:
    """Split mature moments by time and account, with an embargo of ``gap`` microseconds."""
    measuring = hashed_side(names, moments.owner)
    first, last = int(moments.when.min()), int(moments.when.max())
    for share in LATE_FROM:
        cut = first + round(share * (last - first))
        early, late = embargoed(moments.when, cut, gap), moments.when >= cut
        if (moments.converted & early & ~measuring).any():
            break
    way = (
        f"early moments of {1 - MEASURING_SHARE:.0%} of the accounts teach, late moments of the others measure; "
        "between them lies horizon + reporting lag"
    )
    return Split(early & ~measuring, late & measuring, early, late, cut, way)


def split_flat(moments: Moments, names: Sequence[str], order_by: str) -> Split:
    """Split a flat export: the last 30 % in its order measure; without an order, each fifth of the accounts in turn."""
    if order_by == "none":
        return _split_by_account(moments, names)
    rank = np.argsort(np.argsort(moments.when, kind="stable"), kind="stable")
    cut = round((1 - MEASURING_SHARE) * len(moments))
    late = rank >= cut
    start = int(moments.when[late].min()) if late.any() else 0
    return Split(~late, late, ~late, late, start, "the first 70 % in the export's order teach, the last 30 % measure")


def _split_by_account(moments: Moments, names: Sequence[str]) -> Split:
    """Cross-validate: every fifth of the accounts, taken by hash, is measured by what the other four taught."""
    folds = tuple(grouped_folds(moments, names, "measuring side"))
    everybody, measured = np.ones(len(moments), bool), np.zeros(len(moments), bool)
    for fold in folds:
        measured[fold.validate] = True
    way = (
        "optimistic: no order was given, so this is cross-validation: each fifth of the accounts, taken by hash, is "
        "measured by what the other four taught"
    )
    return Split(everybody, measured, everybody, measured, 0, way, folds)


def forward_folds(moments: Moments, names: Sequence[str], gap: int, *, by_account: bool) -> list[Fold]:
    """Cut learning moments into forward folds, each with the embargo before it.

    Parameters
    ----------
    moments : Moments
        The learning part, mature.
    names : sequence of str
        Names behind ``moments.owner``.
    gap : int
        Embargo, in the unit of ``moments.when``.
    by_account : bool
        Whether validation also takes other accounts than learning (leads with many moments need it).
    """
    return [] if len(moments) == 0 else _useful(_by_block(moments, names, gap, by_account), moments)


def grouped_folds(moments: Moments, names: Sequence[str], salt: str = "inner folds") -> list[Fold]:
    """Cut moments into five folds by account alone, where there is no order; another salt gives other folds."""
    fifth = (share_of(names, salt) * _GROUPED).astype(int)[moments.owner]
    folds = (Fold(np.flatnonzero(fifth != k), np.flatnonzero(fifth == k), k) for k in range(_GROUPED))
    return _useful(folds, moments)


def _useful(folds: Iterable[Fold], moments: Moments) -> list[Fold]:
    """Leave out folds that nothing can be learned from or measured on.

    Whether anybody of the validated moments converted must not matter: leaving out the stretches without a
    conversion would raise the base rate of the rest.
    """
    return [fold for fold in folds if len(fold.validate) and _both(moments, fold.learn)]


def _by_block(moments: Moments, names: Sequence[str], gap: int, by_account: bool) -> Iterator[Fold]:
    third = (share_of(names, "inner folds") * _THIRDS).astype(int)[moments.owner]
    edges = _edges(moments.when, gap)
    once = moments.conversions >= ENOUGH_TO_ROTATE_ONCE
    for block, (start, end) in enumerate(pairwise(edges)):
        early = embargoed(moments.when, start, gap)
        inside = (moments.when >= start) & (moments.when < end)
        if not by_account:
            yield Fold(np.flatnonzero(early), np.flatnonzero(inside), block)
            continue
        for group in [block % _THIRDS] if once else range(_THIRDS):
            yield Fold(np.flatnonzero(early & (third != group)), np.flatnonzero(inside & (third == group)), block)


def _edges(when: NDArray[np.int64], gap: int) -> list[int]:
    """Return where the validation blocks begin and the last one ends."""
    first, last = int(when.min()), int(when.max())
    if gap == 0:  # a flat export: equal numbers of leads, whatever the ranks are
        return [int(np.quantile(when, share)) for share in FOLD_STARTS] + [last + 1]
    room = max(last - first - gap, 0)
    return [first + gap + round(share * room) for share in FOLD_STARTS] + [last + 1]


def _both(moments: Moments, rows: NDArray[Any]) -> bool:
    """Whether some of these moments converted and some did not."""
    return len(rows) > 0 and 0 < int(moments.converted[rows].sum()) < len(rows)


def folds_of(history: History, moments: Moments, gap: int) -> list[Fold]:
    """Return the inner folds of learning moments: forward in time, else by account alone.

    Parameters
    ----------
    gap : int
        Embargo, in the unit of ``moments.when``.
    """
    names, outcome = owners(history.leads)[1], history.outcome
    if outcome is not None and outcome.order_by == "none":
        return grouped_folds(moments, names)
    return forward_folds(moments, names, gap, by_account=outcome is None)


def split_of(history: History, moments: Moments, gap: int) -> Split:
    """Return the split of mature moments: by time and account, by the order of a flat export, or by account alone.

    Parameters
    ----------
    gap : int
        Embargo, in the unit of ``moments.when``.
    """
    names, outcome = owners(history.leads)[1], history.outcome
    if outcome is not None:
        return split_flat(moments, names, outcome.order_by)
    if not len(moments):
        nobody = np.zeros(0, bool)
        return Split(nobody, nobody, nobody, nobody, 0, "no moment is mature")
    return split_dated(moments, names, gap)
