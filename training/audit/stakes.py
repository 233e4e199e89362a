"""What is at stake: a quick model with a field and without it, on the same later (else other) leads.

The model is boosted trees on at most 20,000 leads, one fit for the fields that are kept and one for each field in
doubt. It ranks the fields in doubt, and is no promise of what the trained model will score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from leadlight.training.audit.area import area, difference
from leadlight.training.bootstrap import Interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.training.audit.columns import Column
    from leadlight.training.audit.ground import Ground

__all__ = ["MOST_FIELDS", "Stakes", "at_stake"]

MOST_LEADS: Final = 20_000
MOST_FIELDS: Final = 16
"""Fields that get a model of their own: the strongest."""

_MEASURED: Final = 0.3
_FEWEST: Final = 20
_RARE: Final = 10
_TREES: Final = 30
_SETTINGS: Final[dict[str, Any]] = {
    "objective": "binary", "learning_rate": 0.15, "num_leaves": 15, "lambda_l2": 5.0, "min_data_in_leaf": 20,
    "min_data_per_group": 20, "cat_smooth": 20.0, "cat_l2": 10.0, "max_bin": 63, "deterministic": True,
    "force_row_wise": True, "num_threads": 1, "verbosity": -1,
}  # fmt: skip


class Stakes(NamedTuple):
    """Areas under the ROC curve of the quick model."""

    model_with: Interval
    model_without: Interval
    at_stake: Interval


def at_stake(
    columns: Sequence[Column], kept: Sequence[str], doubtful: Sequence[str], ground: Ground, seed: int
) -> Mapping[str, Stakes]:
    """Return what each doubtful field is worth beside the fields that are kept.

    Parameters
    ----------
    columns : sequence of Column
    kept : sequence of str
        Names of the fields that stay; a doubtful one among them is taken out for its own comparison.
    doubtful : sequence of str
        At most `MOST_FIELDS`; more are ignored.
    """
    learn, test = _parts(ground, seed)
    if min(_rarer(ground, learn), _rarer(ground, test)) < _FEWEST or not doubtful:
        return {}
    said = _Models(columns, ground, learn, test, seed)
    found = {}
    for name in doubtful[:MOST_FIELDS]:
        others = tuple(sorted(set(kept) - {name}))
        with_, without = said.scores((*others, name)), said.scores(others)
        y, owner = ground.converted[test], ground.owner[test]
        found[name] = Stakes(area(with_, y, owner), area(without, y, owner), difference(with_, without, y, owner))
    return found


def _rarer(ground: Ground, rows: NDArray[np.int64]) -> int:
    won = int(ground.converted[rows].sum())
    return min(won, len(rows) - won)


def _parts(ground: Ground, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rows to learn from and later rows to measure on; without an order accounts are parted by their hash."""
    rows = np.flatnonzero(ground.looked)
    if len(rows) > MOST_LEADS:
        rows = np.sort(np.random.default_rng(seed).permutation(rows)[:MOST_LEADS])
    if ground.youth is None:
        late = ground.fold[rows] >= 3
    else:
        late = ground.youth[rows] > np.quantile(ground.youth[rows], 1 - _MEASURED)
        late &= ~np.isin(ground.owner[rows], ground.owner[rows[~late]]) | ground.one_lead_an_account
    return rows[~late], rows[late]


class _Models:
    """One fit for each set of fields; the same set is fitted once."""

    def __init__(
        self, columns: Sequence[Column], ground: Ground, learn: NDArray[np.int64], test: NDArray[np.int64], seed: int
    ) -> None:
        self._columns = {column.name: column for column in columns}
        self._ground, self._learn, self._test, self._seed = ground, learn, test, seed
        self._inputs: dict[str, NDArray[np.float64]] = {}
        self._said: dict[tuple[str, ...], NDArray[np.float64]] = {}

    def scores(self, names: tuple[str, ...]) -> NDArray[np.float64]:
        """Return what a model of these fields says of the rows to measure on."""
        names = tuple(sorted(names))
        if names not in self._said:
            self._said[names] = self._fitted(names) if names else np.zeros(len(self._test))
        return self._said[names]

    def _fitted(self, names: tuple[str, ...]) -> NDArray[np.float64]:
        import lightgbm

        matrix = np.column_stack([self._input(name) for name in names])
        words = [i for i, name in enumerate(names) if self._columns[name].number is None]
        cut = len(self._learn)
        label = self._ground.converted[self._learn].astype(np.float64)
        data = lightgbm.Dataset(
            matrix[:cut], label=label, categorical_feature=words, params=_SETTINGS, free_raw_data=True
        )
        booster = lightgbm.train(_SETTINGS | {"seed": self._seed}, data, num_boost_round=_TREES)
        return np.asarray(booster.predict(matrix[cut:], raw_score=True, num_threads=1))

    def _input(self, name: str) -> NDArray[np.float64]:
        """Return a field at the rows to learn from and, below them, those to measure on."""
        if name not in self._inputs:
            column, rows = self._columns[name], np.r_[self._learn, self._test]
            if column.number is not None:
                self._inputs[name] = column.number[rows]
            else:
                count = np.bincount(column.code[self._learn], minlength=len(column.levels))
                code = np.where(count[column.code[rows]] >= _RARE, column.code[rows], len(column.levels))
                self._inputs[name] = np.where(column.code[rows] == 0, 0, code).astype(np.float64)
        return self._inputs[name]
