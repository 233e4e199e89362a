"""Odoo's predictive lead scoring as a baseline: naive Bayes over counts of won and lost leads.

Written from a description of how a running Odoo Community 18.0 behaves, not from its code. An open lead stands in its
arrival stage here, whose factor is 1 on both sides, and all leads belong to one sales team.

What is particular, and kept as it is:

- 0.1 is added once to the won and once to the lost count of each *row* (a field's value that was ever seen); a value
  never seen has no row and adds no factor;
- a factor's denominator is the sum over the field's rows, so leads without a value do not count in it;
- tags with fewer than 50 leads are dropped first, from the sums too;
- the prior comes from the first stage, which every won and every lost lead has passed;
- a chance is a percentage rounded to two digits and kept within 0.01 and 99.99.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["UNSET", "Field", "Odoo", "fit"]

SMOOTHING: Final = 0.1
FEWEST_WITH_TAG: Final = 50.0
UNSET: Final = 0
"""Code of a value that is not there."""


@dataclass(frozen=True)
class Field:
    """One field of all leads, as codes.

    Attributes
    ----------
    name : str
    codes : ndarray of shape (n_rows, n_values), dtype int64
        0: unset; 1 ... n_levels: the values. One column, but for tags: as many as a lead has at most.
    n_levels : int
    unset_counts : bool
        Whether "unset" is a value like any other; Odoo itself takes it so for the state of phone and e-mail only.
    tags : bool
        Whether rare values are dropped.
    """

    name: str
    codes: NDArray[np.int64] = field(repr=False)
    n_levels: int
    unset_counts: bool = False
    tags: bool = False


@dataclass(frozen=True)
class Odoo:
    """The counts, as logarithms.

    Attributes
    ----------
    prior : float
        Log-odds of the first stage; NaN where no lead was ever closed.
    factors : tuple of ndarray of shape (n_levels + 1,)
        For each field, what a value adds to the log-odds; 0 for values without a row.
    """

    prior: float
    factors: tuple[NDArray[np.float64], ...] = field(repr=False)

    def percent(self, fields: Sequence[Field], rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the chances as Odoo writes them; shape (n_rows,), per cent.

        Where no lead was ever closed Odoo gives the leads of one run 50, but for the first, which keeps what it had;
        here all get 50.
        """
        total = np.full(len(rows), np.nan_to_num(self.prior))
        for one, factor in zip(fields, self.factors, strict=True):
            total = total + factor[one.codes[rows]].sum(axis=1)
        chance = 100.0 / (1.0 + np.exp(-np.clip(total, -700.0, 700.0)))
        return np.asarray(np.clip(np.round(chance, 2), 0.01, 99.99))

    def log_odds(self, fields: Sequence[Field], rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the log-odds of the chances as Odoo writes them; shape (n_rows,)."""
        p = self.percent(fields, rows) / 100.0
        return np.log(p) - np.log1p(-p)


def fit(fields: Sequence[Field], rows: NDArray[np.int64], won: NDArray[np.bool_]) -> Odoo:
    """Count won and lost leads.

    Parameters
    ----------
    fields : sequence of Field
    rows : ndarray of shape (n_closed,), dtype int64
        Rows of the fields that are counted.
    won : ndarray of shape (n_closed,), dtype bool
        Won, else lost.

    Examples
    --------
    Two won leads from the web, one lost from a fair: the prior is 2.1 to 1.1, and the web speaks for a lead by
    (2.1 / 2.2) / (0.1 / 1.2).

    >>> source = Field("source", np.array([[1], [1], [2]]), 2)
    >>> counted = fit([source], np.arange(3), np.array([True, True, False]))
    >>> counted.percent([source], np.array([0])).tolist()
    [95.63]
    """
    n_won = int(won.sum())
    n_lost = len(won) - n_won
    prior = np.log((n_won + SMOOTHING) / (n_lost + SMOOTHING)) if len(won) else np.nan
    return Odoo(float(prior), tuple(_factors(one, rows, won) for one in fields))


def _factors(one: Field, rows: NDArray[np.int64], won: NDArray[np.bool_]) -> NDArray[np.float64]:
    sides = [np.bincount(one.codes[rows[side]].ravel(), minlength=one.n_levels + 1) for side in (won, ~won)]
    there = sides[0] + sides[1] > 0
    there[UNSET] &= one.unset_counts
    for_won, for_lost = (counts + SMOOTHING for counts in sides)
    if one.tags:
        there &= for_won + for_lost >= FEWEST_WITH_TAG
    factors = np.zeros(one.n_levels + 1)
    if there.any():
        w, lost = for_won[there], for_lost[there]
        factors[there] = np.log(w / w.sum()) - np.log(lost / lost.sum())
    return factors
