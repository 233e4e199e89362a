"""How far a model is from what could be known at all: for simulated companies, after training is done.

Nothing that learns imports this; it reads ``truth.parquet``, which no training code may.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

__all__ = ["ceiling_auc"]


def ceiling_auc(looked_at: pd.DataFrame, truth: Path) -> float | None:
    """Return the area under the ROC curve of the observable ceiling on the moments of the test part.

    Parameters
    ----------
    looked_at : DataFrame
        ``Trained.looked_at``: ``lead_id``, ``as_of`` (UTC), ``converted``.
    truth : Path
        ``truth.parquet`` of `leadlight.training.simulate`.

    Returns
    -------
    float or None
        None where one of the outcomes is missing. Moments that the truth does not know count for nobody.
    """
    from sklearn.metrics import roc_auc_score

    known = pd.read_parquet(truth, columns=["lead_id", "as_of", "p_observable"])
    joined = looked_at.merge(known, on=["lead_id", "as_of"], how="inner")
    if joined["converted"].nunique() < 2:
        return None
    return float(roc_auc_score(joined["converted"], joined["p_observable"]))
