"""Boosted trees by LightGBM: native categories, native missing values, the same bytes for the same seed.

Trees start from the hand-picked points, where there are any, and add what the data say beyond them. A lead's own
voluntary acts may only raise its chance: counts of them go up, days since them go down. A missing number of days there
means "never did it", and LightGBM keeps it from beating "just now"; only so may a missing value carry a sign. Wherever
missing means "not known" (attributes, accounts) the column has no sign, and not known may beat every value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from leadlight.core.contributions import Additive, Boosted
from leadlight.training.unseen import follow_most

if TYPE_CHECKING:
    import lightgbm
    from numpy.typing import NDArray

    from leadlight.core.catalog import Catalog

__all__ = ["DEFAULTS", "TREES", "Growing", "fit"]

TREES: Final = (10, 20, 35, 60, 90, 130, 200)
"""Numbers of trees to choose from."""

DEFAULTS: Final[Mapping[str, float]] = {
    "learning_rate": 0.06,
    "num_leaves": 15,
    "leads_in_a_leaf": 20,
    "feature_fraction": 0.7,
    "lambda_l2": 5.0,
    "cat_smooth": 20.0,
    "monotone": 1,
}
"""Sensible for a few thousand leads; `leadlight.training.search` looks for better ones; 0 lets acts push either way."""

SETTINGS: Final[dict[str, Any]] = {
    "objective": "binary",
    "min_sum_hessian_in_leaf": 1.0,
    "cat_l2": 10.0,
    "max_bin": 127,
    "monotone_constraints_method": "intermediate",
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
"""One thread a fit: on a busy machine OpenMP's waiting threads made one fit 60 times slower; folds run side by side."""

_NOT_LIGHTGBMS: Final = frozenset({"trees", "lean", "leads_in_a_leaf", "monotone"})


def fit(
    catalog: Catalog,
    matrix: NDArray[np.float64],
    converted: NDArray[np.bool_],
    weight: NDArray[np.float64],
    params: Mapping[str, float],
    *,
    start: Additive | None = None,
    seed: int = 0,
) -> Additive | Boosted:
    """Fit boosted trees on the catalog's inputs; without any there is nothing to split, and the start alone is left.

    Parameters
    ----------
    matrix : ndarray of shape (n_moments, n_features)
    converted, weight : ndarray of shape (n_moments,)
    params : mapping
        ``trees``, and whatever of `DEFAULTS` is to be different.
    start : Additive, optional
        Log-odds to start from.
    seed : int
    """
    import lightgbm

    if not catalog.inputs:
        return _nothing_to_split(converted, weight, start)
    settings, data = _prepared(catalog, matrix, converted, weight, params, start, seed)
    booster = lightgbm.train(settings, data, num_boost_round=int(params["trees"]))
    return Boosted(follow_most(booster.model_to_string()), catalog.inputs, start)


class Growing:
    """Trees that grow step by step, with what they say of other moments on the way: early stopping needs no refit.

    Parameters
    ----------
    catalog, matrix, converted, weight, params, start, seed
        As in `fit`, but for ``trees``.
    validate : ndarray of shape (n_validate, n_features)
    """

    def __init__(
        self,
        catalog: Catalog,
        matrix: NDArray[np.float64],
        converted: NDArray[np.bool_],
        weight: NDArray[np.float64],
        params: Mapping[str, float],
        *,
        validate: NDArray[np.float64],
        start: Additive | None = None,
        seed: int = 0,
    ) -> None:
        import lightgbm

        self._asked = 0
        self._booster: lightgbm.Booster | None = None
        if not catalog.inputs:
            self._raw = _nothing_to_split(converted, weight, start).raw(validate)
            return
        settings, data = _prepared(catalog, matrix, converted, weight, params, start, seed)
        self._booster = lightgbm.Booster(settings, data)
        self._validate = np.ascontiguousarray(validate[:, list(catalog.inputs)])
        self._lacks = bool(np.isnan(self._validate).any())
        self._raw = np.zeros(len(validate)) if start is None else start.raw(validate)

    def to(self, trees: int) -> NDArray[np.float64]:
        """Grow to so many trees and return the raw log-odds of the other moments; shape (n_validate,)."""
        if self._booster is None:
            return self._raw
        before = self._booster.num_trees()  # fewer than asked for: where nothing can be split there is no tree
        for _ in range(trees - self._asked):
            self._booster.update()
        self._asked, grown = trees, self._booster.num_trees() - before
        if grown:
            self._raw = self._raw + self._said_by(before, grown)
        return self._raw

    def _said_by(self, first: int, trees: int) -> NDArray[np.float64]:
        """Return what some of the trees say, by the text that `fit` would write of them where anything is missing."""
        import lightgbm

        assert self._booster is not None
        booster, start = self._booster, first
        if self._lacks:
            text = booster.model_to_string(num_iteration=trees, start_iteration=first)
            booster, start = lightgbm.Booster(model_str=follow_most(text)), 0
        found = booster.predict(
            self._validate, raw_score=True, start_iteration=start, num_iteration=trees, num_threads=1
        )
        return np.asarray(found)


def _nothing_to_split(converted: NDArray[np.bool_], weight: NDArray[np.float64], start: Additive | None) -> Additive:
    """Return what LightGBM says without a split: where it started, else the base rate; it refuses to have no column."""
    if start is not None:
        return start
    rate = float(np.average(converted, weights=weight))
    return Additive(float(np.log(rate / (1.0 - rate))), ())


def _prepared(
    catalog: Catalog,
    matrix: NDArray[np.float64],
    converted: NDArray[np.bool_],
    weight: NDArray[np.float64],
    params: Mapping[str, float],
    start: Additive | None,
    seed: int,
) -> tuple[dict[str, Any], lightgbm.Dataset]:
    import lightgbm

    inputs = list(catalog.inputs)
    settings = _settings(catalog, weight, {**DEFAULTS, **params}, seed)
    data = lightgbm.Dataset(
        matrix[:, inputs],
        label=converted.astype(np.float64),
        weight=weight,
        init_score=None if start is None else start.raw(matrix),
        categorical_feature=[k for k, i in enumerate(inputs) if catalog.features[i].kind == "category"],
        params=settings,
        free_raw_data=True,
    )
    return settings, data


def _settings(catalog: Catalog, weight: NDArray[np.float64], params: Mapping[str, float], seed: int) -> dict[str, Any]:
    """Return LightGBM's own parameters; a leaf's size is said in leads, however many moments each has."""
    own: dict[str, Any] = {name: value for name, value in params.items() if name not in _NOT_LIGHTGBMS}
    own["num_leaves"] = int(own["num_leaves"])
    rows_a_lead = len(weight) / max(float(weight.sum()), 1.0)
    in_a_leaf = max(1, round(params["leads_in_a_leaf"] * rows_a_lead))
    signs = [catalog.features[i].monotone for i in catalog.inputs]
    if params["monotone"] and any(signs):
        own["monotone_constraints"] = signs
    return SETTINGS | own | {"seed": seed, "min_data_in_leaf": in_a_leaf, "min_data_per_group": in_a_leaf}
