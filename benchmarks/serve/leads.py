"""Requests made of a simulated company's leads: each with its latest activities, all before the moment asked about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from leadlight.core.clock import to_micros

if TYPE_CHECKING:
    from benchmarks.serve.models import Company

__all__ = ["score_requests"]

Row = dict[str, Any]

HOUR: Final = 3_600_000_000
"""In microseconds."""


def score_requests(company: Company, count: int, activities: int = 20) -> list[Row]:
    """Return bodies of ``POST /v1/score``, one a lead, for different leads with as many activities or more.

    A history seldom holds enough lively leads at its end, so each is asked about at a moment of its own: an hour after
    the last of its activities was recorded. Of these the latest are sent, and all its stage changes before then.
    """
    history = company.history
    acts = _known(history.activities, company.as_of - HOUR).sort_values("occurred_at", kind="stable")
    latest = acts.groupby("lead_id").tail(activities)
    sizes = latest["lead_id"].value_counts()
    enough = sorted(sizes.index[sizes == activities])
    if len(enough) < count:
        raise ValueError(f"only {len(enough)} of {count} leads have {activities} activities; simulate more leads")
    picked = [enough[i] for i in np.random.default_rng(0).permutation(len(enough))[:count]]
    leads, own = history.leads.set_index("lead_id"), _by_lead(latest, picked)
    steps = _by_lead(history.stage_changes, picked)
    names = [attribute.name for attribute in history.attributes if attribute.name in leads]
    return [_request(lead_id, leads.loc[lead_id], names, own[lead_id], steps[lead_id]) for lead_id in picked]


def _request(lead_id: str, lead: pd.Series[Any], names: list[str], acts: pd.DataFrame, steps: pd.DataFrame) -> Row:
    as_of = acts["recorded_at"].max() + pd.Timedelta(HOUR, unit="us")
    return {
        "lead": _lead(lead_id, lead, names),
        "activities": list(_rows(acts, ("type", "activity_id", "campaign", "channel", "value", "actor"))),
        "stage_changes": list(
            _rows(_known(steps, to_micros(as_of)), ("stage", "change_id", "reason", "amount", "actor"))
        ),
        "as_of": _text(as_of),
    }


def _known(table: pd.DataFrame, as_of: int) -> pd.DataFrame:
    when = pd.Timestamp(as_of, unit="us", tz="UTC")
    return table[(table["occurred_at"] < when) & (table["recorded_at"] < when)]


def _by_lead(table: pd.DataFrame, picked: list[str]) -> dict[str, pd.DataFrame]:
    found = dict(list(table[table["lead_id"].isin(picked)].groupby("lead_id")))
    return {lead_id: found.get(lead_id, table.iloc[:0]) for lead_id in picked}


def _lead(lead_id: str, row: pd.Series[Any], names: list[str]) -> Row:
    lead = {"lead_id": lead_id, "created_at": _text(row["created_at"])}
    if pd.notna(row["account_id"]):
        lead["account_id"] = row["account_id"]
    return {**lead, "attributes": {name: _plain(row[name]) for name in names if pd.notna(row[name])}}


def _rows(table: pd.DataFrame, names: tuple[str, ...]) -> Iterator[Row]:
    for row in table.to_dict("records"):
        times = {name: _text(row[name]) for name in ("occurred_at", "recorded_at")}
        yield times | {name: _plain(row[name]) for name in names if pd.notna(row[name])}


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _text(when: Any) -> str:
    return str(when.isoformat()).replace("+00:00", "Z")
