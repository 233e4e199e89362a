"""Bare FastAPI endpoints of the same contracts, one answer for all: ``python -m benchmarks.load.bare FOLDER``.

The folder holds an answer of the service for each case; the service's own models read and write, and nothing else is
done.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from benchmarks.load.cases import CASES
from benchmarks.serve.hosting import serve
from fastapi import FastAPI
from pydantic import BaseModel

from leadlight.serving.api.answer_schemas import ScoreAnswer
from leadlight.serving.api.intake_schemas import ActivitiesRequest, LeadAnswer, PutLead, TakenAnswer
from leadlight.serving.api.lead_schemas import QueueAnswer, RecordAnswer
from leadlight.serving.api.schemas import ScoreRequest

SHAPES: dict[str, type[BaseModel]] = {
    "score": ScoreAnswer,
    "stored": RecordAnswer,
    "lead": LeadAnswer,
    "activity": TakenAnswer,
    "activities": TakenAnswer,
    "queue": QueueAnswer,
}


def app(answers: dict[str, Any]) -> FastAPI:
    made = FastAPI()

    @made.post("/v1/score", response_model=ScoreAnswer)
    async def score(request: ScoreRequest, reasons: int = 6) -> Any:  # noqa: ARG001 - the contract's
        return answers["score"]

    @made.get("/v1/leads/{lead_id}", response_model=RecordAnswer)
    async def stored(lead_id: str, reasons: int = 6) -> Any:  # noqa: ARG001 - the contract's
        return answers["stored"]

    @made.put("/v1/leads/{lead_id}", response_model=LeadAnswer)
    async def lead(lead_id: str, request: PutLead) -> Any:  # noqa: ARG001 - the contract's
        return answers["lead"]

    @made.post("/v1/activities", response_model=TakenAnswer)
    async def activities(request: ActivitiesRequest) -> Any:
        return answers["activity" if len(request.activities) == 1 else "activities"]

    @made.get("/v1/leads", response_model=QueueAnswer)
    async def queue(owner: str = "", band: str = "", minimum_score: int = 0, limit: int = 50) -> Any:  # noqa: ARG001
        return answers["queue"]

    return made


if __name__ == "__main__":
    kept = {name: (Path(sys.argv[1]) / f"{name}.json").read_bytes() for name in CASES}
    serve(app({name: SHAPES[name].model_validate_json(text) for name, text in kept.items()}))
