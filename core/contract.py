"""The contract of a history's tables: what every row must keep, checked for all rows at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import pandera.pandas as pandera
from numpy.typing import NDArray

from leadlight.core.findings import Findings
from leadlight.core.history import TABLES
from leadlight.core.mapping import EVENT_TABLES
from leadlight.core.repairs import Events, early
from leadlight.core.shaping import NUMBER_COLUMNS, TIME_COLUMNS
from leadlight.core.values import UTC_TIME

__all__ = ["End", "check_events", "check_table", "required_columns"]

_REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    "leads": ("lead_id", "created_at"),
    "activities": ("lead_id", "occurred_at", "type"),
    "stage_changes": ("lead_id", "occurred_at", "stage"),
    "attribute_changes": ("lead_id", "occurred_at", "attribute"),
    "campaign_costs": ("campaign", "month", "cost"),
    "queue_log": ("lead_id", "occurred_at", "chance", "window_days"),
}
_MESSAGES: Final[Mapping[str, str]] = {
    "missing_value": "is empty, and no row can do without it",
    "duplicate_lead": "is the id of an earlier row too; one row a lead (see one_row_per in docs/dataset-toml.md)",
    "in_future": "lies in the future; check the clock's zone",
    "after_end": "lies after ended_at; correct one of the two",
    "negative_cost": "is negative; a cost is 0 or more",
    "chance_range": "is no chance above 0 and up to 1; leave out leads that could not have been worked",
    "window_range": "is no number of working days: 1, 2, 3 ...",
}


@dataclass(frozen=True, slots=True)
class End:
    """The last instant that a time may name, and the rule that says so.

    Attributes
    ----------
    at : Timestamp
        ``ended_at`` where it is declared, else now.
    rule : {"after_end", "in_future"}
    """

    at: pd.Timestamp
    rule: str


def required_columns(table: str, *, dated: bool) -> tuple[str, ...]:
    """Return the columns that a table can't do without; undated leads need no ``created_at``."""
    return tuple(column for column in _REQUIRED[table] if dated or column != "created_at")


def check_table(frame: pd.DataFrame, findings: Findings, end: End, *, dated: bool) -> None:
    """Check the rules that a row can break by itself, all of them in all rows.

    Parameters
    ----------
    frame : DataFrame
        Columns of ours, parsed.
    findings : Findings
    end : End
    dated : bool
    """
    try:
        _schema(findings.table, end, dated).validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as errors:
        _report(errors.failure_cases, findings)


def _schema(table: str, end: End, dated: bool) -> pandera.DataFrameSchema:
    required = required_columns(table, dated=dated)
    return pandera.DataFrameSchema(
        {column: _column(column, table, column in required, end) for column in TABLES[table]}
    )


def _column(column: str, table: str, required: bool, end: End) -> pandera.Column:
    checks = []
    if column in TIME_COLUMNS and table != "campaign_costs":  # next month's budget may be booked already
        checks.append(pandera.Check(lambda times: ~(times > end.at), name=end.rule))
    if column == "cost":
        checks.append(pandera.Check(lambda costs: ~(costs < 0), name="negative_cost"))
    if column == "chance":
        checks.append(pandera.Check(lambda chances: (chances > 0) & (chances <= 1), name="chance_range"))
    if column == "window_days":
        checks.append(pandera.Check(lambda days: (days >= 1) & (days % 1 == 0), name="window_range"))
    return pandera.Column(
        _dtype(column, table),
        checks,
        nullable=not required,
        unique=table == "leads" and column == "lead_id",
        report_duplicates="exclude_first",
    )


def _dtype(column: str, table: str) -> str:
    if column in TIME_COLUMNS:
        return UTC_TIME
    return "float64" if column in NUMBER_COLUMNS and table != "attribute_changes" else "str"


def _report(failures: pd.DataFrame, findings: Findings) -> None:
    rules = failures["check"].replace({"not_nullable": "missing_value", "field_uniqueness": "duplicate_lead"})
    for (column, rule), cases in failures.groupby(["column", rules], sort=False):
        bad = np.zeros(len(findings.rows), dtype=bool)
        bad[cases["index"].dropna().to_numpy(dtype=np.int64)] = True
        if rule == "missing_value":
            bad &= ~findings.was_unread(str(column))
        findings.add(str(rule), _message(str(rule), findings.table), bad, column=str(column))


def _message(rule: str, table: str) -> str:
    message = _MESSAGES.get(rule, f"breaks the rule {rule}")
    if rule in {"in_future", "after_end"} and table in EVENT_TABLES:
        message += f', or say [{table}] after_end = "drop" to leave plans out'
    return message


def check_events(events: Events, created: pd.Series[Any], end: End, *, dated: bool) -> None:
    """Check a table of events: by itself, and against the leads.

    A recording before the event is no error: a meeting is in the calendar before it takes place.
    """
    check_table(events.frame, events.findings, end, dated=dated)
    strangers: NDArray[np.bool_] = (events.place < 0) & events.frame["lead_id"].notna().to_numpy()
    table = events.findings.table
    message = f'is not in leads; complete leads, or say [{table}] unknown_leads = "drop"'
    events.findings.add("unknown_lead", message, strangers, column="lead_id")
    if table == "stage_changes":
        message = 'lies before its lead\'s creation; say [stage_changes] before_creation = "at_creation" or "drop"'
        events.findings.add("before_creation", message, early(events, created), column="occurred_at")
    if table == "queue_log":
        message = "is the start of a window for which the lead has another chance or length; one row a lead and window"
        events.findings.add("two_chances", message, _told_otherwise(events.frame), column="occurred_at")


def _told_otherwise(log: pd.DataFrame) -> NDArray[np.bool_]:
    """Say which rows name the lead and the start of an earlier row but do not repeat it."""
    window = ["lead_id", "occurred_at"]
    different = log[~log.duplicated([*window, "chance", "window_days"])].dropna(subset=window)
    found = np.zeros(len(log), dtype=bool)
    found[different.index[different.duplicated(window)]] = True
    return found
