"""A small trained model written by hand: an additive ranker over a few features of every family.

>>> model = trained()
>>> model.kind, model.horizon_days, len(model.catalog.features) > 20
('logistic', 90.0, True)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from histories import history
from leadlight.core import artifact
from leadlight.core.artifact import Calibration, Cell, Evidence, Kind, ProbabilityStatus, TrainedModel
from leadlight.core.catalog import Catalog, Condition, Feature, Rule
from leadlight.core.contributions import Additive, Boosted, Term
from leadlight.core.history import FlatOutcome, History
from leadlight.features.catalog import draw_up

__all__ = ["boosted", "catalog", "company", "request_body", "save_champion", "trained"]

_SOURCES = ("webinar", "referral", "ads")
_TYPES = ("web_visit", "demo_request", "email_sent")
_STAGES = ("new", "engaged", "mql", "sql", "recycled")


def company(*, dated: bool = True) -> History:
    """Return a small history that has every kind of table; the catalogs are drawn up from it."""
    leads = [_lead(i, dated=dated) for i in range(60)]
    if not dated:
        converted = pd.Series([i % 3 == 0 for i in range(len(leads))])
        order = pd.Series(range(len(leads)), dtype="int64")
        return history(leads, outcome=FlatOutcome(converted, "file", order, "Converted"))
    return history(
        leads,
        [
            {
                "lead_id": f"L-{i}",
                "type": _TYPES[(i + k) % 3],
                "occurred_at": f"2026-{3 + k:02d}-{1 + i % 28:02d}T{10 + k}:00:00",
                "channel": ("web", "email")[i % 2],
            }
            for i in range(60)
            for k in range(i % 6)
        ],
        [
            {"lead_id": f"L-{i}", "stage": _STAGES[(i + k) % 5], "occurred_at": f"2026-{4 + k:02d}-15"}
            for i in range(50)
            for k in range(1 + i % 3)
        ],
        doers={"web_visit": "lead", "demo_request": "lead", "email_sent": "rep"},
        ended_at="2026-11-23T09:00:00",
    )


def _lead(i: int, *, dated: bool) -> dict[str, Any]:
    lead = {
        "lead_id": f"L-{i}",
        "source": _SOURCES[i % 3],
        "industry": (None, "software", "retail")[i % 3],
        "employees": None if i % 4 == 0 else 10.0 * i,
        "title": (None, "VP", "Analyst", "Analyst")[i % 4],
    }
    dates = {"created_at": f"2026-02-{1 + i % 28:02d}", "account_id": f"A-{i % 20}", "owner_id": ("ann", "bob")[i % 2]}
    return {**lead, **dates} if dated else lead


def catalog(*, dated: bool = True) -> Catalog:
    """Return the catalog of `company`, with one column of hand-picked points where there are dates."""
    rules = [Rule("demo", Condition("activity", "demo_request", within_days=30.0), 25.0)] if dated else []
    return draw_up(company(dated=dated), rules=rules, goal_stage="sql" if dated else "Converted", min_leads=1)


def trained(
    *,
    dated: bool = True,
    kind: Kind = "logistic",
    status: ProbabilityStatus = "calibrated",
    seed: int = 7,
    groups: Mapping[str, str] | None = None,
    drawn: Catalog | None = None,
) -> TrainedModel:
    """Return a model whose weights are drawn at random once; the same seed gives the same model."""
    drawn = drawn or catalog(dated=dated)
    drawn = drawn.regroup(groups) if groups else drawn
    rng = np.random.default_rng(seed)
    terms = tuple(_term(i, feature, rng) for i, feature in enumerate(drawn.features) if not feature.card)
    return _model(drawn, Additive(-2.0, terms), kind, status, rng)


def boosted(*, trees: int = 20, seed: int = 7, status: ProbabilityStatus = "calibrated") -> TrainedModel:
    """Return a model of real LightGBM trees, fitted to noise."""
    import lightgbm

    drawn, rng = catalog(), np.random.default_rng(seed)
    inputs = drawn.inputs
    x = rng.gamma(1.0, 10.0, (2000, len(inputs)))
    for place, column in enumerate(inputs):
        if drawn.features[column].kind == "category":
            x[:, place] = rng.integers(0, 2 + len(drawn.features[column].levels), len(x))
    y = (rng.random(len(x)) < 0.2).astype(float)
    params = {"objective": "binary", "num_leaves": 15, "num_threads": 1, "seed": seed, "verbose": -1}
    booster = lightgbm.train(params, lightgbm.Dataset(x, y), trees)
    return _model(drawn, Boosted(booster.model_to_string(), inputs), "lightgbm", status, rng)


def _term(column: int, feature: Feature, rng: np.random.Generator) -> Term:
    if feature.kind == "category":
        table = tuple(rng.normal(0.0, 0.5, 2 + len(feature.levels)).tolist())
        return Term(column, float(np.mean(table)), table)
    weight, missing, mean = (float(x) for x in rng.normal(0.0, 0.15, 3))
    return Term(column, mean, transform="log1p", weight=weight, center=1.0, scale=1.0, missing=missing)


def _model(
    drawn: Catalog, ranker: Additive | Boosted, kind: Kind, status: ProbabilityStatus, rng: np.random.Generator
) -> TrainedModel:
    card = {"card.demo": 25.0} if "card.demo" in drawn.position else {}
    return TrainedModel(
        kind=kind,
        catalog=drawn,
        ranker=ranker,
        calibration=Calibration(0.1, 0.9, np.stack([rng.normal(0.1, 0.05, 200), rng.normal(0.9, 0.02, 200)], axis=1)),
        reference=np.sort(rng.normal(-2.0, 1.0, 500)),
        evidence={name: _evidence(drawn, name) for name in drawn.topics if drawn.topics[name].evidence},
        baseline=Cell(2000, 180),
        horizon_days=90.0 if drawn.dated else None,
        probability_status=status,
        points=card,
        agreement={
            "version": "3f9a" * 16,
            "grades": {"A": 75.0, "B": 50.0, "C": 25.0},
            "leads_per_week": 120,
            "defaults": ["grades were not agreed: quartiles are used"],
        },
        hot_score=90,
        warm_score=60,
        facts={"trained_on": {"moments": 5000}},
    )


def _evidence(drawn: Catalog, topic: str) -> Evidence:
    """Cells that are rich, poor and too small in turn."""
    name = drawn.topics[topic].evidence
    assert name is not None
    feature = drawn.features[drawn.position[name]]
    sizes = (Cell(218, 90), Cell(400, 20), Cell(12, 3), Cell(500, 2), Cell(300, 40))
    if feature.kind == "category":
        count = 2 + len(feature.levels)
        return Evidence(name, (), tuple(sizes[i % len(sizes)] for i in range(count)))
    return Evidence(name, (1.0, 7.0, 30.0), sizes[:4], Cell(600, 30))


def request_body(**changes: Any) -> dict[str, Any]:
    """Return a request that the dated model answers; top-level keys may be replaced."""
    body: dict[str, Any] = {
        "lead": {
            "lead_id": "L-1042",
            "created_at": "2026-09-14T09:00:00Z",
            "account_id": "A-77",
            "attributes": {"source": "webinar", "industry": "software", "employees": 250},
        },
        "activities": [
            {"type": "demo_request", "occurred_at": "2026-11-20T16:02:00Z"},
            {"type": "web_visit", "occurred_at": "2026-11-01T10:00:00+01:00", "channel": "web"},
        ],
        "stage_changes": [{"stage": "engaged", "occurred_at": "2026-09-20T10:00:00Z"}],
        "as_of": "2026-11-23T08:00:00Z",
    }
    return {**body, **changes}


def save_champion(model: TrainedModel, home: Path, version: int = 7) -> None:
    """Write a model where the service looks for its champion."""
    folder = home / "champion"
    artifact.save(model, folder)
    (folder / "version.json").write_text(json.dumps({"name": "leadlight", "version": version}) + "\n")
