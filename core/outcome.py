"""The outcome of a flat export, and what takes the place of time there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from leadlight.core.findings import Findings
from leadlight.core.history import FlatOutcome, OrderBy
from leadlight.core.mapping import DatasetMapping, OrderMapping, OutcomeMapping
from leadlight.core.sections import near_miss
from leadlight.core.shaping import Shaped
from leadlight.core.values import numeric_text, times, to_series, without_missing, words

__all__ = ["read_outcome", "taken_columns"]


def taken_columns(mapping: DatasetMapping) -> dict[str, str]:
    """Return the columns of ``leads`` that are no attributes because they serve otherwise, and the reason."""
    taken = {}
    if mapping.order and mapping.order.column:
        taken[mapping.order.column] = "takes the place of time: it orders the leads"
    if mapping.outcome:
        taken[mapping.outcome.column] = "the outcome itself"
    return taken


def read_outcome(leads: Shaped, frame: pd.DataFrame, mapping: DatasetMapping, notes: list[str]) -> FlatOutcome | None:
    """Read outcome and order of a flat export.

    Parameters
    ----------
    leads : Shaped
    frame : DataFrame
        The leads as read; their ``created_at`` is the order where no other is declared.
    mapping : DatasetMapping
    notes : list of str
    """
    if mapping.outcome is None:
        return None
    converted = _converted(leads, mapping.outcome)
    order_by, order = _order(leads, frame, mapping.order, notes)
    return FlatOutcome(converted, order_by, pd.Series(order, dtype=np.int64), mapping.outcome.column)


def _column(leads: Shaped, name: str, key: str) -> pa.ChunkedArray | None:
    there = dict(leads.others) | {leads.spelled[ours]: column for ours, column in leads.cells.items()}
    if name not in there:
        message = f"[leads.{key}] names it, but there is no such column; {near_miss(name, tuple(there))}"
        leads.findings.say("missing_column", message, column=name)
    return there.get(name)


def _converted(leads: Shaped, said: OutcomeMapping) -> pd.Series[bool]:
    column = _column(leads, said.column, "outcome")
    if column is None:
        return pd.Series(False, index=range(len(leads)), dtype=bool)
    text = to_series(words(without_missing(column, leads.said.dialect.missing)))
    folded = text.str.casefold()
    positive = folded.isin([value.casefold() for value in said.positive])
    negative = folded.isin([value.casefold() for value in said.negative])
    _check_values(text, positive, negative, said, leads.findings)
    return positive.astype(bool)


def _check_values(
    text: pd.Series[str], positive: pd.Series[bool], negative: pd.Series[bool], said: OutcomeMapping, findings: Findings
) -> None:
    message = "has no outcome; leave such leads out with [leads] where, or complete the column"
    findings.add("outcome_missing", message, text.isna().to_numpy(), column=said.column)
    if not len(text):
        return
    if not positive.any():
        message = f"none of {list(said.positive)} is there; found {_counts(text)}"
        findings.say("no_positive", message, column=said.column)
    rest = text.notna() & ~positive & ~negative
    if said.negative and rest.any():
        message = f"is neither in positive nor in negative; found {_counts(text)}"
        findings.add("outcome_values", message, rest.to_numpy(), column=said.column)
    elif not said.negative and len(text[rest].unique()) > 1:
        message = f"has several values beside {list(said.positive)}: {_counts(text)}; list them in negative = [...]"
        findings.say("outcome_values", message, column=said.column)
    elif text.notna().any() and not rest.any() and not negative.any():
        message = f"has one value only ({_counts(text)}): nothing can be learned without leads that did not convert"
        findings.say("outcome_one_value", message, column=said.column)


def _counts(text: pd.Series[str]) -> str:
    counts = text.value_counts()
    shown = ", ".join(f"{value!r} {count:,} times" for value, count in counts.head(5).items())
    return shown + (f" and {len(counts) - 5:,} more values" if len(counts) > 5 else "")


def _order(
    leads: Shaped, frame: pd.DataFrame, said: OrderMapping | None, notes: list[str]
) -> tuple[OrderBy, NDArray[np.int64]]:
    if said is None and frame["created_at"].notna().all() and len(frame):
        return "column", _ranks(frame["created_at"])
    if said is None:
        notes.append("Nothing says in which order the leads came: declare [leads.order] if a column or the file does")
        said = OrderMapping("none")
    ranks = np.zeros(len(leads), dtype=np.int64)
    if said.by == "file":
        ranks = np.arange(len(leads), dtype=np.int64)
    elif said.column is not None and (column := _column(leads, said.column, "order")) is not None:
        ranks = _ranks(_orderable(leads, column, said.column))
    if said.newest_first:
        ranks = ranks.max(initial=0) - ranks
    return said.by, ranks.astype(np.int64)


def _ranks(values: pd.Series[Any]) -> NDArray[np.int64]:
    return np.asarray(values.rank(method="dense", na_option="top") - 1, dtype=np.int64)


def _orderable(leads: Shaped, column: pa.ChunkedArray, name: str) -> pd.Series[Any]:
    """Read the order's column as numbers, else as times, whose zone does not matter here."""
    column = without_missing(column, leads.said.dialect.missing)
    message = "orders the leads but is empty; complete it or choose another order"
    leads.findings.add("order_missing", message, np.asarray(pc.is_null(column).to_numpy(), dtype=bool), column=name)
    text = words(column)
    if not pa.types.is_temporal(column.type) and pc.all(numeric_text(text)).as_py():
        return pd.Series(text.cast(pa.float64()).to_numpy())
    zone = leads.said.dialect.time_zone or "UTC"
    return times(column, replace(leads.said.dialect, time_zone=zone), leads.findings, name)
