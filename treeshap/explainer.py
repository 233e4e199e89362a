"""`TreeShap`: a LightGBM model, ready to be explained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any, Final, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from leadlight.treeshap.batch import explain_block
from leadlight.treeshap.batch_plan import BatchPlan, plan_batch
from leadlight.treeshap.block import ROWS
from leadlight.treeshap.forest import Unsupported, read
from leadlight.treeshap.paths import base_of, trace
from leadlight.treeshap.predict import predict_block
from leadlight.treeshap.row import explain_rows
from leadlight.treeshap.row_plan import plan_rows
from leadlight.treeshap.splits import lay_out

__all__ = ["Explained", "Kernel", "TreeShap"]

Kernel = Literal["auto", "row", "batch"]

FEW: Final = 8
"""Rows from which a batch costs less than the rows one by one, about: its vectors are 16 rows wide."""


_MOST: Final = int(np.iinfo(np.uint16).max)


class Explained(NamedTuple):
    """Raw outputs, shape (n_rows,), and each output's share, shape (n_rows, n_outputs)."""

    raw: NDArray[np.float64]
    shares: NDArray[Any]


class TreeShap:
    """Exact path-dependent SHAP values of a LightGBM model with one output.

    ``base + shares.sum(axis=1)`` is the raw output but for rounding (about 1e-14); ``raw`` itself is computed like
    LightGBM computes it, to the last bit. Use does not change the object: threads may share it, and it can be pickled.

    Parameters
    ----------
    model_text : str
        ``lightgbm.Booster.model_to_string()``; all its trees count.
    columns : sequence of int, optional
        ``columns[j]`` is the column of the matrix that holds the model's feature j; default j.
    groups : sequence of int, optional
        ``groups[j]`` is the output that feature j's share is added to; default j. Sums cost nothing extra.
    n_groups : int, optional
        Number of outputs, where more than the largest of ``groups`` says.

    Attributes
    ----------
    base : float
        The mean raw output over the training rows.
    n_features, n_outputs : int

    Raises
    ------
    Unsupported
        Naming what of the model can't be explained exactly here.
    ValueError
        If columns or groups don't fit the model.
    """

    def __init__(
        self,
        model_text: str,
        *,
        columns: Sequence[int] | None = None,
        groups: Sequence[int] | None = None,
        n_groups: int | None = None,
    ) -> None:
        self._made_of = (model_text, _kept(columns), _kept(groups), n_groups)
        self._forest = read(model_text)
        self.n_features = self._forest.n_features
        self._columns = _numbers("columns", columns, self.n_features)
        self._groups = _numbers("groups", groups, self.n_features)
        self.n_outputs = int(self._groups.max(initial=-1)) + 1 if n_groups is None else n_groups
        if self._groups.max(initial=-1) >= self.n_outputs:
            raise ValueError(f"groups go up to {self._groups.max()}, and there are {self.n_outputs} outputs")
        self._paths = trace(self._forest)
        self._splits = lay_out(self._forest)
        self._check_sizes()
        self.base = base_of(self._forest)

    def __reduce__(self) -> tuple[Callable[..., TreeShap], tuple[Any, ...]]:
        return _rebuilt, self._made_of

    def _check_sizes(self) -> None:
        """Refuse what the kernels' tables don't have the digits for."""
        sizes = {
            "leaves in one tree": int(np.diff(self._forest.leaf_start).max(initial=0)),
            "features": self.n_features,
            "outputs": self.n_outputs,
            "features, counted once for each way of its splits with missing values": len(self._splits.number_rule),
        }
        for what, size in sizes.items():
            if size > _MOST:
                raise Unsupported(f"it has {size} {what}, more than {_MOST}")

    def explain(
        self, matrix: ArrayLike, *, dtype: DTypeLike = np.float64, threads: int = 1, kernel: Kernel = "auto"
    ) -> Explained:
        """Explain rows.

        Parameters
        ----------
        matrix : array of shape (n_rows, n_columns)
            Categories as their codes, missing values as NaN.
        dtype : float64 or float32
            Precision of the shares (float32 is right to about 1e-6 of their scale, and batches take half the time).
        threads : int
        kernel : {"auto", "row", "batch"}
            Both are exact, but they add in different orders, so their last bits differ. "row" gives a row the same bits
            whatever rows are asked for along with it; so does "batch"; "auto" takes the faster one.

        Raises
        ------
        ValueError
            If the matrix has another shape.
        """
        rows, kind = self._checked(matrix), np.dtype(dtype)
        if kind not in (np.float64, np.float32):
            raise ValueError(f"shares are float64 or float32, not {kind}")
        if kernel not in get_args(Kernel):
            raise ValueError(f"the kernel is one of {', '.join(get_args(Kernel))}; there are no {kernel!r}")
        raw = np.empty(len(rows))
        if kernel == "row" or (kernel == "auto" and len(rows) < FEW):
            shares = np.empty((len(rows), self.n_outputs))
            _run(explain_rows, rows, self._row_arguments, (raw, shares), threads)
            return Explained(raw, shares.astype(kind, copy=False))
        made = np.empty((len(rows), self.n_outputs), kind)
        arguments = self._batch64 if kind == np.float64 else self._batch32
        _run(explain_block, rows, arguments, (raw, made), threads)
        return Explained(raw, made)

    def raw(self, matrix: ArrayLike, *, threads: int = 1) -> NDArray[np.float64]:
        """Return the raw outputs alone, shape (n_rows,): LightGBM's own, to the last bit."""
        rows = self._checked(matrix)
        found = np.empty(len(rows))
        _run(predict_block, rows, self._predict_arguments, (found,), threads)
        return found

    def _checked(self, matrix: ArrayLike) -> NDArray[np.float64]:
        rows = np.ascontiguousarray(matrix, dtype=np.float64)
        if not rows.flags.writeable:  # numba would compile anew for it
            rows = rows.copy()
        needed = int(self._columns.max(initial=-1)) + 1
        if rows.ndim != 2 or rows.shape[1] < needed:
            raise ValueError(f"the matrix has shape {rows.shape}; the model looks at {needed} columns of each row")
        return rows

    @cached_property
    def _of_values(self) -> tuple[Any, ...]:
        splits = self._splits
        sources = self._columns[splits.number_feature], splits.number_rule, self._columns[splits.category_feature]
        return (*sources, splits.code_start, splits.code_number)

    @cached_property
    def _row_arguments(self) -> tuple[Any, ...]:
        plan, splits = plan_rows(self._forest, self._paths, self._splits, self._groups), self._splits
        return (
            *self._of_values, splits.word_start, splits.n_slots, splits.turned,
            plan.chunks, plan.whole, plan.real, plan.others, plan.roots, plan.place_of_tree, plan.only_leaf,
            plan.numbers, plan.thresholds, plan.categories, plan.slots, plan.again, plan.before, plan.inverses,
            plan.points,
        )  # fmt: skip

    @cached_property
    def _batch64(self) -> tuple[Any, ...]:
        return self._batch_arguments(self._plan64)

    @cached_property
    def _batch32(self) -> tuple[Any, ...]:
        return self._batch_arguments(plan_batch(self._forest, self._paths, self._splits, self._groups, np.float32))

    @cached_property
    def _plan64(self) -> BatchPlan:
        return plan_batch(self._forest, self._paths, self._splits, self._groups)

    def _batch_arguments(self, plan: BatchPlan) -> tuple[Any, ...]:
        return (
            *self._of_values, self._splits.words,
            plan.trees, plan.steps, plan.nodes, plan.leaves, plan.thresholds, plan.factors, plan.real, plan.lookups,
            plan.weights, self._forest.leaf_value, plan.places, plan.most_points, plan.most_lookups,
        )  # fmt: skip

    @cached_property
    def _predict_arguments(self) -> tuple[Any, ...]:
        plan = self._plan64
        return (
            *self._of_values, self._splits.words,
            plan.trees, plan.steps, plan.nodes, plan.leaves, plan.thresholds, plan.lookups,
            self._forest.leaf_value, plan.places, plan.most_lookups,
        )  # fmt: skip


def _rebuilt(
    model_text: str, columns: Sequence[int] | None, groups: Sequence[int] | None, n_groups: int | None
) -> TreeShap:
    return TreeShap(model_text, columns=columns, groups=groups, n_groups=n_groups)


def _kept(numbers: Sequence[int] | None) -> list[int] | None:
    return None if numbers is None else [int(number) for number in numbers]


def _numbers(what: str, given: Sequence[int] | None, n_features: int) -> NDArray[np.int64]:
    if given is None:
        return np.arange(n_features, dtype=np.int64)
    numbers = np.asarray(given, dtype=np.int64)
    if numbers.shape != (n_features,) or numbers.min(initial=0) < 0:
        raise ValueError(f"{what} must hold one number from 0 on for each of the model's {n_features} features")
    return numbers


def _run(
    kernel: Callable[..., None],
    rows: NDArray[np.float64],
    arguments: tuple[Any, ...],
    outputs: tuple[NDArray[Any], ...],
    threads: int,
) -> None:
    """Fill the outputs; with several threads, consecutive parts side by side (compiled loops let other threads run)."""
    size = -(-len(rows) // max(threads, 1))
    size = -(-size // ROWS) * ROWS if size > ROWS else size
    if size >= len(rows):
        kernel(rows, *arguments, *outputs)
        return
    parts = [slice(start, start + size) for start in range(0, len(rows), size)]
    with ThreadPoolExecutor(len(parts)) as pool:
        list(pool.map(lambda part: kernel(rows[part], *arguments, *(output[part] for output in outputs)), parts))
