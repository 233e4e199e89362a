"""What campaigns cost, month by month."""

from __future__ import annotations

import numpy as np
import pandas as pd

from leadlight.training.simulate.traits import SOURCES

__all__ = ["campaign_costs_frame"]


def campaign_costs_frame(rng: np.random.Generator, leads: pd.DataFrame) -> pd.DataFrame:
    """Return the cost of each campaign in each month in which it brought leads.

    Parameters
    ----------
    rng : Generator
    leads : DataFrame of shape (n_leads, >= 3)
        ``campaign``, ``source`` and ``created_at``.

    Returns
    -------
    DataFrame of shape (n_campaign_months, 3)
        ``campaign``, ``month`` (``2025-03``), ``cost`` (two decimals).
    """
    month = leads["created_at"].dt.strftime("%Y-%m").astype("str").rename("month")
    counted = leads.groupby(["campaign", "source", month]).size().rename("leads").reset_index()
    unit = counted["source"].map({s.name: s.cost for s in SOURCES}).to_numpy()
    noise = np.exp(0.15 * rng.standard_normal(len(counted)))
    counted["cost"] = np.round(counted["leads"].to_numpy() * unit * noise, 2)
    return counted[["campaign", "month", "cost"]]
