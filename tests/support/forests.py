"""Small LightGBM models of every kind that the kernel explains or refuses, each with rows that try it.

>>> list(EXPLAINED)[:3], list(REFUSED)
(['defaults', 'regression', 'zero_as_missing'], ['linear', 'several_classes'])
>>> one = forest("stumps")
>>> one.shares.shape == one.rows.shape
True
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

__all__ = ["EXPLAINED", "REFUSED", "SPECIAL", "Forest", "forest", "scale"]

Matrix = NDArray[np.float64]

TINY = float(np.float32(1e-35))  # LightGBM's limit for zero
SPECIAL = (
    np.nan, 0.0, -0.0, 1e-36, -1e-36, TINY, -TINY, float(np.nextafter(TINY, 1)), 5e-324, -0.5, -0.999, -1.0, -3.0, 1.0,
    2.7, 31.0, 32.0, 33.0, 2.0**31 - 1, 2.0**31, 2.0**31 + 1, -(2.0**31), 3e9, 2.0**32 + 2, 2.0**63, 1e20, -1e20, 1e300,
    np.inf, -np.inf,
)  # fmt: skip
CATEGORICAL = [6, 7, 8]
QUIET = {"num_threads": 1, "deterministic": True, "force_row_wise": True, "seed": 1, "verbosity": -1}
SMALL = {"objective": "binary", "num_leaves": 31, "min_data_in_leaf": 5, "learning_rate": 0.2, **QUIET}
ANY_CATEGORY = {"cat_smooth": 1.0, "cat_l2": 0.1, "min_data_per_group": 5}


@dataclass(frozen=True)
class Forest:
    """A model, and rows of ordinary and of strange values; what LightGBM answers is computed once."""

    booster: lightgbm.Booster
    rows: Matrix

    @cached_property
    def text(self) -> str:
        return str(self.booster.model_to_string())

    @cached_property
    def raw(self) -> Matrix:
        return np.asarray(self.booster.predict(self.rows, raw_score=True, num_threads=1))

    @cached_property
    def shares(self) -> Matrix:
        return np.asarray(self.booster.predict(self.rows, pred_contrib=True, num_threads=1))[:, :-1]

    @cached_property
    def base(self) -> float:
        return float(np.asarray(self.booster.predict(self.rows[:1], pred_contrib=True, num_threads=1))[0, -1])


def scale(*arrays: Any) -> float:
    """Return the largest magnitude, at least 1: what a tolerance is meant for."""
    return max(1.0, *(float(np.abs(a).max(initial=0.0)) for a in map(np.asarray, arrays)))


def leads(n: int = 1200, seed: int = 0) -> tuple[Matrix, NDArray[np.float64]]:
    """Return ten columns of the kinds that features come in, and an outcome that needs them."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([
        rng.normal(size=n), rng.normal(size=n), rng.poisson(0.7, n), rng.lognormal(size=n), rng.integers(0, 6, n),
        rng.standard_t(1, n) * 1e3, rng.integers(0, 3, n), rng.integers(0, 40, n), rng.integers(0, 250, n), np.ones(n),
    ]).astype(np.float64)  # fmt: skip
    hidden = x[:, 0] + (x[:, 2] > 0) * x[:, 1] + np.sin(x[:, 7]) + (x[:, 8] % 7 == 0) - (x[:, 6] == 1)
    x[rng.random((n, 10)) < [0.2, 0, 0, 0, 0.1, 0.05, 0.1, 0, 0.1, 0.6]] = np.nan
    hidden += np.isnan(x[:, 9]) + np.where(np.isnan(x[:, 0]), 1, 0)
    return x, (hidden + rng.logistic(size=n) > 1).astype(np.float64)


def strange(x: Matrix, n: int = 240, seed: int = 5) -> Matrix:
    """Return rows of a table, in the second half of which every other cell holds a special value."""
    rng = np.random.default_rng(seed)
    rows = x[rng.choice(len(x), n)].copy()
    at = rng.random(rows.shape) < np.where(np.arange(n) < n // 2, 0.0, 0.5)[:, None]
    rows[at] = rng.choice(SPECIAL, int(at.sum()))
    return rows


def fit(
    x: Matrix, y: Matrix, trees: int = 12, *, categorical: list[int] | None = None, **params: Any
) -> lightgbm.Booster:
    return lightgbm.train({**SMALL, **params}, lightgbm.Dataset(x, y, categorical_feature=categorical or []), trees)


def plain(**params: Any) -> Callable[[], Forest]:
    """Return a maker of a model of the ten columns, all taken as numbers."""

    def make() -> Forest:
        x, y = leads()
        return Forest(fit(x, y, **params), strange(x))

    return make


def with_categories(**params: Any) -> Callable[[], Forest]:
    def make() -> Forest:
        x, y = leads()
        return Forest(fit(x, y, categorical=CATEGORICAL, **ANY_CATEGORY, **params), strange(x))

    return make


def one_category(levels: int, spread: int, **params: Any) -> Callable[[], Forest]:
    """Return a maker of a model of one number and one categorical feature, whose codes may be far apart."""

    def make() -> Forest:
        rng = np.random.default_rng(3)
        codes = rng.choice(spread, levels, replace=False)
        which = rng.integers(0, levels, 3000)
        x = np.column_stack([rng.normal(size=3000), codes[which].astype(np.float64)])
        y = (x[:, 0] + rng.normal(size=levels)[which] * 2 > 0).astype(np.float64)
        rows = strange(x)
        rows[:60, 1] = codes[rng.integers(0, levels, 60)] + rng.choice([-1.0, 0.0, 0.5, 1.0, 32.0], 60)
        return Forest(fit(x, y, categorical=[1], **{**ANY_CATEGORY, **params}), rows)

    return make


def one_number() -> Forest:
    """Over 4,096 thresholds on one feature."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=(8000, 1))
    y = (np.sin(40 * x[:, 0]) + rng.normal(size=8000) > 0).astype(np.float64)
    tall = {"max_bin": 60_000, "num_leaves": 400, "min_data_in_leaf": 1, "min_data_in_bin": 1}
    return Forest(fit(x, y, 30, **tall, bagging_fraction=0.4, bagging_freq=1), strange(x))


def thousand_features() -> Forest:
    rng = np.random.default_rng(6)
    x = rng.normal(size=(500, 1000))
    x[rng.random(x.shape) < 0.05] = np.nan
    y = (np.nansum(x[:, :60], axis=1) > 0).astype(np.float64)
    return Forest(fit(x, y, 15, feature_fraction=0.3), strange(x, 60))


def mostly_zeros(**params: Any) -> Callable[[], Forest]:
    """Return a maker of a model whose splits keep zeros apart, from above and from below."""

    def make() -> Forest:
        rng = np.random.default_rng(7)
        x = np.where(rng.random((1500, 6)) < 0.7, 0.0, rng.normal(size=(1500, 6)))
        x[rng.random(x.shape) < 0.05] = np.nan
        y = (np.nansum(x, axis=1) + (x[:, 0] == 0) > 0.3).astype(np.float64)
        return Forest(fit(x, y, **params), strange(x))

    return make


def no_information() -> Forest:
    """Nothing to split on: trees of one leaf."""
    x, y = leads(200)
    return Forest(fit(x, np.full_like(y, 3.5), 5, objective="regression"), strange(x, 40))


def one_outcome() -> Forest:
    x, y = leads(200)
    return Forest(fit(x, np.ones_like(y), 5), strange(x, 40))


def continued() -> Forest:
    """Three stages of one model, so that the same feature meets each missing type."""
    x, y = leads()
    booster = fit(x, y, 5, categorical=CATEGORICAL)
    for more in ({"zero_as_missing": True}, {"use_missing": False}):
        data = lightgbm.Dataset(x, y, categorical_feature=CATEGORICAL, free_raw_data=False)
        booster = lightgbm.train({**SMALL, **more}, data, 5, init_model=booster)
    return Forest(booster, strange(x))


def refitted() -> Forest:
    x, y = leads()
    return Forest(fit(x, y, categorical=CATEGORICAL).refit(*leads(400, seed=9), decay_rate=0.3), strange(x))


def stopped_early() -> Forest:
    x, y = leads()
    data = lightgbm.Dataset(x, y)
    booster = lightgbm.train(
        SMALL, data, 100, valid_sets=[data.create_valid(*leads(300, seed=10))],
        callbacks=[lightgbm.early_stopping(5, verbose=False)], keep_training_booster=True,
    )  # fmt: skip
    assert 1 < booster.best_iteration < booster.num_trees()  # the booster keeps more trees than it uses
    return Forest(booster, strange(x))


def large_values() -> Forest:
    x, y = leads()
    return Forest(fit(x, 1e6 * (y + np.nan_to_num(x[:, 0])), objective="regression"), strange(x))


EXPLAINED: dict[str, Callable[[], Forest]] = {
    "defaults": plain(),
    "regression": plain(objective="regression_l1"),
    "zero_as_missing": plain(zero_as_missing=True),
    "zeros": mostly_zeros(),
    "zeros_as_missing": mostly_zeros(zero_as_missing=True),
    "zeros_without_missing": mostly_zeros(use_missing=False),
    "use_missing_false": plain(use_missing=False),
    "stumps": plain(num_leaves=2, trees=30),
    "many_leaves": plain(num_leaves=300, min_data_in_leaf=1, trees=8),
    "shallow": plain(max_depth=3, trees=20),
    "monotone": plain(
        monotone_constraints=[1, 0, 1, 0, -1, 0, 0, 0, 0, 0], monotone_constraints_method="advanced", monotone_penalty=1
    ),
    "extra_trees": plain(extra_trees=True, path_smooth=1.0),
    "scale_pos_weight": plain(scale_pos_weight=3.0, boost_from_average=False),
    "max_bin": plain(max_bin=4095, min_data_in_bin=1),
    "dart": with_categories(boosting="dart", drop_rate=0.5),
    "goss": with_categories(data_sample_strategy="goss", learning_rate=0.6),
    "rf": with_categories(boosting="rf", bagging_freq=1, bagging_fraction=0.6),
    "bagging": with_categories(bagging_freq=1, bagging_fraction=0.5, feature_fraction=0.5),
    "quantized": with_categories(use_quantized_grad=True),
    "large_values": large_values,
    "categorical": with_categories(),
    "categorical_zero_as_missing": with_categories(zero_as_missing=True),
    "categorical_use_missing_false": with_categories(use_missing=False),
    "many_nodes_of_one_category": one_category(250, 250, max_cat_to_onehot=300, num_leaves=127, min_data_in_leaf=1),
    "wide_sets": one_category(700, 700, max_cat_threshold=700),
    "large_codes": one_category(60, 250_000),
    "one_number": one_number,
    "thousand_features": thousand_features,
    "no_information": no_information,
    "one_outcome": one_outcome,
    "continued": continued,
    "refitted": refitted,
    "stopped_early": stopped_early,
}


def linear() -> Forest:
    x, y = leads(400)
    return Forest(fit(np.nan_to_num(x), y, 3, linear_tree=True), x)


def several_classes() -> Forest:
    x, _ = leads(400)
    return Forest(fit(x, np.nan_to_num(x[:, 6]), 3, objective="multiclass", num_class=3), x)


REFUSED: dict[str, Callable[[], Forest]] = {"linear": linear, "several_classes": several_classes}


@cache
def forest(name: str) -> Forest:
    """Return a model by its name, fitted once in a process."""
    return {**EXPLAINED, **REFUSED}[name]()
