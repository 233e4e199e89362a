"""The fields of a history as codes of levels, ready to be counted; nothing here looks at an outcome."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from leadlight.features.encode import positions_of
from leadlight.features.timeline import number_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from leadlight.core.history import Attribute, History

__all__ = ["EMPTY", "Column", "as_exported", "column_of"]

EMPTY: Final = "(empty)"
_BINS: Final = 20
_FEW_NUMBERS: Final = 40
"""Numbers with at most so many different values are levels by themselves; others are cut into twentieths."""


@dataclass(frozen=True)
class Column:
    """One field of all leads.

    Attributes
    ----------
    name, label, column : str
        As the history, as people, and as the file call it.
    code : ndarray of shape (n_leads,), dtype int64
        Place in ``levels``; 0 is empty.
    levels : tuple of str
        Sorted; of numbers their twentieths.
    filled : ndarray of shape (n_leads,), dtype bool
    number : ndarray of shape (n_leads,) or None
        NaN where empty; None for a category.
    different : int
        How many different values there are.
    """

    name: str
    label: str
    column: str
    code: NDArray[np.int64]
    levels: tuple[str, ...]
    filled: NDArray[np.bool_]
    number: NDArray[np.float64] | None = None
    different: int = 0


def column_of(name: str, label: str, column: str, values: pd.Series[Any]) -> Column:
    """Return a column of ``leads`` as codes."""
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        return _of_numbers(name, label, column, values.to_numpy(np.float64, na_value=np.nan))
    place, words = pd.factorize(values.astype("str"), sort=True)
    code = np.asarray(place, np.int64) + 1
    return Column(name, label, column, code, (EMPTY, *map(str, words)), code > 0, different=len(words))


def _of_numbers(name: str, label: str, column: str, number: NDArray[np.float64]) -> Column:
    filled = ~np.isnan(number)
    found = np.unique(number[filled])
    if len(found) <= _FEW_NUMBERS:
        code, levels = np.searchsorted(found, number) + 1, tuple(f"{value:g}" for value in found)
    else:
        edges = np.unique(np.quantile(number[filled], np.arange(1, _BINS) / _BINS))
        code = np.searchsorted(edges, number, side="left") + 1
        ends = [f"{value:g}" for value in edges]
        levels = (
            f"up to {ends[0]}",
            *(f"{a} to {b}" for a, b in pairwise(ends)),
            f"over {ends[-1]}",
        )
    code = np.where(filled, code, 0).astype(np.int64)
    return Column(name, label, column, code, (EMPTY, *levels), filled, number, len(found))


def as_exported(history: History, attribute: Attribute, changes: pd.DataFrame) -> pd.Series[Any]:
    """Return an attribute as an export on the last day would hold it: a dated one has its last value.

    Parameters
    ----------
    attribute : Attribute
    changes : DataFrame
        The rows of ``attribute_changes`` that are about it and were known on the day.
    """
    if attribute.known != "dated":
        return history.leads[attribute.name]
    changes = changes.sort_values(["lead_id", "occurred_at", "recorded_at", "value"], kind="stable")
    last = changes.drop_duplicates("lead_id", keep="last")
    place = positions_of(history.leads["lead_id"], last["lead_id"])
    values = np.array([*last["value"], None], dtype=object)[place]
    if attribute.kind == "number":
        return pd.Series([number_of(value) for value in values], dtype="float64")
    return pd.Series(values, dtype="str")
