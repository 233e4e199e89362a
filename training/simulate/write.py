"""Write a simulated company's history as a folder, the same bytes for the same company."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from leadlight.training.simulate.run import Simulated

__all__ = ["write"]


def write(simulated: Simulated, out: Path) -> None:
    """Write tables, ``dataset.toml``, ``agreement.toml`` and ``truth.parquet`` to a folder, made if needed.

    Files of the same names are replaced, and a queue log that this company doesn't have is taken away. No file holds a
    time of writing or a path.
    """
    out.mkdir(parents=True, exist_ok=True)
    for name in ("leads", "activities", "stage_changes", "attribute_changes", "truth"):
        _write_parquet(getattr(simulated, name), out / f"{name}.parquet")
    if simulated.queue_log is None:
        (out / "queue_log.parquet").unlink(missing_ok=True)  # of another company, written here before
    else:
        _write_parquet(simulated.queue_log, out / "queue_log.parquet")
    costs = simulated.campaign_costs.to_csv(index=False, float_format="%.2f", lineterminator="\n")
    (out / "campaign_costs.csv").write_bytes(costs.encode())
    (out / "dataset.toml").write_bytes(simulated.dataset_toml.encode())
    (out / "agreement.toml").write_bytes(simulated.agreement_toml.encode())


def _write_parquet(frame: pd.DataFrame, path: Path) -> None:
    # Built by column: pyarrow's own conversion of times with a zone rests on what pandas calls deprecated.
    pq.write_table(
        pa.table({name: _column(frame[name]) for name in frame.columns}), path, compression="zstd", store_schema=False
    )


def _column(column: pd.Series[Any]) -> pa.Array:
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return pa.array(column.dt.tz_convert(None).to_numpy(), type=pa.timestamp("us", tz="UTC"))
    if column.dtype == "str":
        return pa.array(column, type=pa.string())
    return pa.array(column.to_numpy())
