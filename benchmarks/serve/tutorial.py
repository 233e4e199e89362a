"""What tutorials show: pandas row, prediction, `shap.TreeExplainer`: ``python -m benchmarks.serve.tutorial BOOSTER``.

The features come ready in the request, and the explainer is made once.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import lightgbm
import pandas as pd
import shap
from benchmarks.serve.hosting import serve
from fastapi import FastAPI
from pydantic import BaseModel


class Lead(BaseModel):
    features: dict[str, float | None]


def app(booster: lightgbm.Booster) -> FastAPI:
    made, explainer = FastAPI(), shap.TreeExplainer(booster)

    @made.post("/score")
    def score(lead: Lead) -> dict[str, Any]:
        row = pd.DataFrame([lead.features]).astype(float)
        probability = booster.predict(row)[0]
        shares = explainer.shap_values(row)[0]
        reasons = sorted(zip(row.columns, shares.tolist(), strict=True), key=lambda reason: -abs(reason[1]))
        return {
            "probability": float(probability),
            "base": float(explainer.expected_value),
            "reasons": [{"feature": name, "impact": impact} for name, impact in reasons],
        }

    return made


if __name__ == "__main__":
    serve(app(lightgbm.Booster(model_file=Path(sys.argv[1]))))
