"""MLflow's database without anything in it, made once: it takes some seventy migrations, a second or two."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

__all__ = ["put_tracking"]


@cache
def _empty() -> bytes:
    from leadlight.core import registry

    registry._quieten()
    import mlflow

    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "mlflow.db"
        address = f"sqlite:///{path}"
        mlflow.MlflowClient(address, address).search_experiments()
        return path.read_bytes()


def put_tracking(home: Path) -> Path:
    """Give a home the database that MLflow would make there at the first run; return the home."""
    (home / "mlruns").mkdir(parents=True)
    (home / "mlruns" / "mlflow.db").write_bytes(_empty())
    return home
