"""Boosted trees by LightGBM: native categories, native missing values, the same bytes for the same seed.

The settings are sensible for a few thousand leads and not tuned; only the number of trees is chosen, on the inner
folds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from leadlight.core.contributions import Boosted

if TYPE_CHECKING:
    import lightgbm
    from numpy.typing import NDArray

    from leadlight.core.catalog import Catalog

__all__ = ["TREES", "fit", "staged"]

TREES: Final = (10, 20, 35, 60, 90, 130, 200)
"""Numbers of trees to choose from."""

SETTINGS: Final[dict[str, Any]] = {
    "objective": "binary",
    "learning_rate": 0.06,
    "num_leaves": 15,
    "feature_fraction": 0.7,
    "lambda_l2": 5.0,
    "min_sum_hessian_in_leaf": 1.0,
    "cat_smooth": 20.0,
    "cat_l2": 10.0,
    "max_bin": 127,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
"""One thread a fit: on a busy machine OpenMP's waiting threads made one fit 60 times slower; folds run side by side."""

_LEADS_IN_A_LEAF: Final = 20


def fit(
    catalog: Catalog,
    matrix: NDArray[np.float64],
    converted: NDArray[np.bool_],
    weight: NDArray[np.float64],
    trees: int,
    seed: int = 0,
) -> Boosted:
    """Fit boosted trees on the catalog's inputs.

    Parameters
    ----------
    matrix : ndarray of shape (n_moments, n_features)
    converted, weight : ndarray of shape (n_moments,)
    trees : int
    seed : int
    """
    booster = _train(catalog, matrix, converted, weight, trees, seed)
    return Boosted(booster.model_to_string(), catalog.inputs)


def staged(
    catalog: Catalog,
    matrix: NDArray[np.float64],
    converted: NDArray[np.bool_],
    weight: NDArray[np.float64],
    validate: NDArray[np.float64],
    seed: int = 0,
) -> NDArray[np.float64]:
    """Fit once; return raw log-odds of other moments after each number of `TREES`; shape (n_counts, n_validate)."""
    booster = _train(catalog, matrix, converted, weight, TREES[-1], seed)
    inputs = validate[:, list(catalog.inputs)]
    scores = np.zeros((len(TREES), len(inputs)))
    done, total = 0, np.zeros(len(inputs))
    for i, trees in enumerate(TREES):
        part = booster.predict(inputs, raw_score=True, start_iteration=done, num_iteration=trees - done, num_threads=1)
        total = total + np.asarray(part)
        scores[i], done = total, trees
    return scores


def _train(
    catalog: Catalog,
    matrix: NDArray[np.float64],
    converted: NDArray[np.bool_],
    weight: NDArray[np.float64],
    trees: int,
    seed: int,
) -> lightgbm.Booster:
    import lightgbm

    inputs = list(catalog.inputs)
    categories = [k for k, i in enumerate(inputs) if catalog.features[i].kind == "category"]
    rows_a_lead = len(weight) / max(float(weight.sum()), 1.0)
    in_a_leaf = max(1, round(_LEADS_IN_A_LEAF * rows_a_lead))
    params = SETTINGS | {"seed": seed, "min_data_in_leaf": in_a_leaf, "min_data_per_group": in_a_leaf}
    data = lightgbm.Dataset(
        matrix[:, inputs],
        label=converted.astype(np.float64),
        weight=weight,
        categorical_feature=categories,
        params=params,
        free_raw_data=True,
    )
    return lightgbm.train(params, data, num_boost_round=trees)
