"""A bare FastAPI endpoint of the same contract, with one answer for all: ``python -m benchmarks.serve.bare ANSWER``.

FastAPI reads the body with the service's own request model and writes the answer with its answer model, as a handler
gets it that leaves both to FastAPI. The answer is made once, so making it costs nothing here.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.serve.hosting import serve
from fastapi import FastAPI

from leadlight.serving.api.answer_schemas import ScoreAnswer
from leadlight.serving.api.schemas import ScoreRequest


def app(answer: ScoreAnswer) -> FastAPI:
    made = FastAPI()

    @made.post("/v1/score", response_model=ScoreAnswer)
    async def score(request: ScoreRequest, reasons: int = 6) -> ScoreAnswer:  # noqa: ARG001 - the contract's
        return answer

    return made


if __name__ == "__main__":
    serve(app(ScoreAnswer.model_validate_json(Path(sys.argv[1]).read_bytes())))
