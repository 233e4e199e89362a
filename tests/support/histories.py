"""Small histories written by hand: ``history(leads=[...], activities=[...])``.

Everything may be left out that a test does not care about: ``recorded_at`` becomes the time it happened, missing
columns are filled with missing values, attributes are the keys of ``leads`` that no table column has.

>>> h = history(
...     leads=[{"lead_id": "ada", "created_at": "2025-01-01", "source": "webinar", "employees": 20}],
...     activities=[{"lead_id": "ada", "type": "web_visit", "occurred_at": "2025-01-02"}],
... )
>>> [(a.name, a.kind) for a in h.attributes]
[('source', 'category'), ('employees', 'number')]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from leadlight.core.clock import NEVER, to_micros
from leadlight.core.history import TABLES, Attribute, FlatOutcome, History, KnownWhen

__all__ = ["history", "micros"]

Row = Mapping[str, Any]
_TIMES = ("created_at", "occurred_at", "recorded_at")
_NUMBERS = ("value", "amount", "cost", "chance", "window_days")


def history(
    leads: Sequence[Row],
    activities: Sequence[Row] = (),
    stage_changes: Sequence[Row] = (),
    attribute_changes: Sequence[Row] = (),
    campaign_costs: Sequence[Row] = (),
    queue_log: Sequence[Row] = (),
    *,
    attributes: Sequence[Attribute] | None = None,
    known: Mapping[str, KnownWhen] | None = None,
    ended_at: str | pd.Timestamp | None = None,
    outcome: FlatOutcome | None = None,
    doers: Mapping[str, str] | None = None,
) -> History:
    """Build a history from plain rows.

    Parameters
    ----------
    leads, activities, stage_changes, attribute_changes, campaign_costs, queue_log : sequence of dict
        Times as ISO text (UTC where no zone is named), Timestamp, or int microseconds.
    attributes : sequence of Attribute, optional
        Instead of what the rows of ``leads`` show.
    known : mapping of attribute to KnownWhen, optional
        Default ``"creation"``.
    ended_at : optional
        Default: the last time in any table; None for a flat outcome.
    """
    found = _attributes(leads, known or {}) if attributes is None else tuple(attributes)
    tables = {
        "leads": _leads(leads, found),
        "activities": _table("activities", activities),
        "stage_changes": _table("stage_changes", stage_changes),
        "attribute_changes": _table("attribute_changes", attribute_changes),
        "campaign_costs": _table("campaign_costs", campaign_costs),
        "queue_log": _table("queue_log", queue_log),
    }
    if ended_at is not None:
        end = _time(ended_at)
    else:
        end = None if outcome is not None else _last_time(tables)
    return History(
        **tables,
        attributes=found,
        ended_at=end,
        fingerprint="0" * 64,
        outcome=outcome,
        doers=dict(doers or {}),
    )


def micros(when: str | datetime | pd.Timestamp | int | None) -> int:
    """Return a time as the compiled loops know it; None is NEVER."""
    stamp = _time(when)
    return NEVER if stamp is pd.NaT else to_micros(stamp.to_pydatetime())


def _time(when: Any) -> Any:
    if when is None or when is pd.NaT or when == NEVER:
        return pd.NaT
    stamp = pd.Timestamp(when, unit="us") if isinstance(when, int) else pd.Timestamp(when)
    return (stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")).as_unit("us")


def _column(table: str, name: str, values: Sequence[Any]) -> pd.Series[Any]:
    if name in _TIMES:
        return pd.Series([_time(value) for value in values], dtype="datetime64[us, UTC]")
    if name in _NUMBERS and table != "attribute_changes":
        return pd.Series([float("nan") if value is None else float(value) for value in values], dtype="float64")
    return pd.Series([None if value is None else str(value) for value in values], dtype="str")


def _table(name: str, rows: Sequence[Row]) -> pd.DataFrame:
    data = {column: _column(name, column, [row.get(column) for row in rows]) for column in TABLES[name]}
    if "recorded_at" in data:
        happened = data["created_at" if name == "leads" else "occurred_at"]
        data["recorded_at"] = data["recorded_at"].fillna(happened)
    return pd.DataFrame(data)


def _leads(rows: Sequence[Row], attributes: Sequence[Attribute]) -> pd.DataFrame:
    table = _table("leads", rows)
    for attribute in attributes:
        values = [row.get(attribute.name) for row in rows]
        numbers = attribute.kind == "number"
        filled = [float("nan") if value is None else float(value) for value in values] if numbers else values
        table[attribute.name] = pd.Series(filled, dtype="float64" if numbers else "str")
    return table


def _attributes(rows: Sequence[Row], known: Mapping[str, KnownWhen]) -> tuple[Attribute, ...]:
    names = dict.fromkeys(key for row in rows for key in row if key not in TABLES["leads"])
    return tuple(
        Attribute(name, _kind([row.get(name) for row in rows]), known.get(name, "creation"), name) for name in names
    )


def _kind(values: Sequence[Any]) -> Any:
    there = [value for value in values if value is not None]
    return "number" if there and all(isinstance(value, int | float) for value in there) else "category"


def _last_time(tables: Mapping[str, pd.DataFrame]) -> Any:
    columns = [table[c] for table in tables.values() for c in table.columns if c in _TIMES]
    last = pd.concat(columns).max()
    return None if last is pd.NaT else last
