"""Stage changes as the CRM holds them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leadlight.training.simulate.calendar import ENDED_SECOND, to_times
from leadlight.training.simulate.company import Company
from leadlight.training.simulate.life import Lived
from leadlight.training.simulate.recording import recorded_by_machine, recorded_by_people

__all__ = ["stage_changes_frame"]

Ints = NDArray[np.int64]

_BY_MACHINE = ("new", "engaged", "mql")


@dataclass(frozen=True)
class _Rows:
    leads: Ints
    seconds: Ints
    stage: str
    reason: str
    amount: NDArray[np.float64]


def stage_changes_frame(
    rng: np.random.Generator, company: Company, lived: Lived, lead_ids: NDArray[np.object_]
) -> pd.DataFrame:
    """Return all stage changes that were recorded by the end of the history, ordered by time."""
    rows = [_plain(np.arange(company.n_leads), company.created, "new", "")]
    rows += [_plain(part.leads, part.seconds, part.stage, part.reason) for part in lived.stages]
    for deals in lived.pipeline.deals:
        for stage, seconds, reason, amount in (
            ("opportunity", deals.opportunity_at, "", deals.amount),
            ("customer", deals.customer_at, "", deals.amount),
            ("recycled", deals.lost_at, "lost", np.full(len(deals.leads), np.nan)),
        ):
            happened = seconds > 0
            rows.append(_Rows(deals.leads[happened], seconds[happened], stage, reason, amount[happened]))
    return _frame(rng, rows, lead_ids)


def _plain(leads: Ints, seconds: Ints, stage: str, reason: str) -> _Rows:
    return _Rows(leads, seconds, stage, reason, np.full(len(leads), np.nan))


def _frame(rng: np.random.Generator, rows: list[_Rows], lead_ids: NDArray[np.object_]) -> pd.DataFrame:
    sizes = [len(part.leads) for part in rows]
    leads = np.concatenate([part.leads for part in rows])
    occurred = np.concatenate([part.seconds for part in rows])
    amount = np.concatenate([part.amount for part in rows])
    stage = np.repeat(np.array([part.stage for part in rows], dtype=object), sizes)
    reason = np.repeat(np.array([part.reason or None for part in rows], dtype=object), sizes)
    by_machine = np.isin(stage.astype(str), _BY_MACHINE)
    recorded = recorded_by_people(rng, occurred)
    recorded[by_machine] = recorded_by_machine(rng, occurred[by_machine])
    known = np.flatnonzero((recorded < ENDED_SECOND) & (occurred < ENDED_SECOND))
    order = known[np.lexsort((leads[known], occurred[known]))]
    return pd.DataFrame(
        {
            "change_id": pd.Series([f"S{number:07d}" for number in range(1, len(order) + 1)], dtype="str"),
            "lead_id": pd.Series(lead_ids[leads[order]], dtype="str"),
            "occurred_at": to_times(occurred[order]),
            "recorded_at": to_times(recorded[order]),
            "stage": pd.Series(stage[order], dtype="str"),
            "reason": pd.Series(reason[order], dtype="str"),
            "amount": amount[order],
            "actor": pd.Series(np.where(by_machine[order], "system", "rep"), dtype="str"),
        }
    )
