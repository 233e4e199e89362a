"""Hands a training run to the registry: parameters, figures, report, charts, card and, where there is one, a model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from leadlight.training.card.logged import CARD, log_card
from leadlight.training.card.page import Standing, render

if TYPE_CHECKING:
    from leadlight.core.registry import Registry
    from leadlight.training.run import Trained

__all__ = ["register"]


def register(registry: Registry, trained: Trained) -> tuple[str, int | None]:
    """Log a run and register its model as challenger.

    Parameters
    ----------
    registry : Registry
    trained : Trained

    Returns
    -------
    run_id : str
        MLflow run; kept whatever the verdict.
    version : int or None
        None without a signal.
    """
    told = trained.report.to_dict()
    texts = {"report.json": json.dumps(told, ensure_ascii=False, indent=1), **trained.plots}
    if trained.model is None:
        texts[CARD] = render(told, trained.plots, Standing())
    run_id, version = registry.log(
        params=_params(trained, told),
        metrics=_metrics(trained),
        texts=texts,
        tags={"verdict": trained.verdict, "data_fingerprint": str(told["data"]["fingerprint"])},
        model=trained.model,
        input_example=None if trained.model is None else trained.input_example,
    )
    if version is not None:
        log_card(registry, version)
    return run_id, version


def _params(trained: Trained, told: dict[str, Any]) -> dict[str, Any]:
    agreement = told["agreement"]
    params = {
        "seed": told["seed"],
        "goal_stage": agreement["stage"],
        "within_days": agreement["within_days"],
        "agreement_version": agreement["version"],
        "rules": len(agreement["rules"]),
        "moments": told["moments"]["mature"],
    }
    if trained.model is not None:
        kind = trained.model.kind
        params |= {"kind": kind, "catalog_fingerprint": trained.model.catalog.fingerprint}
        params |= {f"{kind}.{name}": value for name, value in trained.report.params(kind).items()}
    return params


def _metrics(trained: Trained) -> dict[str, float]:
    metrics = trained.report.metrics()
    if trained.model is not None and trained.report.candidates:
        metrics["test.auc"] = metrics[f"test.{trained.model.kind}.auc"]
    return metrics
