"""Everything that the services need, made once: ``python -m benchmarks.serve.prepare DIR``.

Two homes with a champion (``lightgbm/``, ``additive/``), the requests, the same moments as ready features, one
middling answer for the endpoint that always gives the same, and the trees in MLflow's keeping. What is sent and what
comes back is asked of the service itself, over HTTP: its receipts hold the features.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.callers import ask, request
from benchmarks.serve.first import first_answer
from benchmarks.serve.folder import FACTS, MODEL_NAME, SCORE, tracking_uri
from benchmarks.serve.leads import score_requests
from benchmarks.serve.models import company, save_champion, taught
from benchmarks.serve.processes import running

from leadlight.core.artifact import TrainedModel, encode_values
from leadlight.core.contributions import Boosted

Document = dict[str, Any]


def prepare(folder: Path, *, leads: int, requests: int, seed: int, mlflow: bool) -> None:
    simulated = company(folder / "history", leads, seed)
    bodies = score_requests(simulated, requests)
    boosted = taught(simulated, "lightgbm", seed)
    save_champion(boosted, folder / "lightgbm")
    save_champion(taught(simulated, "logistic", seed), folder / "additive")
    answers, values = _asked(folder, bodies, simulated.as_of)
    rows = [encode_values(boosted.catalog, value) for value in values]
    middling = statistics.median_low(len(answer["reasons"]) for answer in answers)
    typical = next(answer for answer in answers if len(answer["reasons"]) == middling)
    (folder / "answer.json").write_text(json.dumps(typical, ensure_ascii=False, separators=(",", ":")))
    _write_lines(folder / "requests.jsonl", bodies)
    _write_ready(folder, boosted, np.array(rows))
    facts = {"as_of": simulated.as_of, "seed": seed, "leads": leads, "requests": requests, **_facts(boosted)}
    facts |= {
        "reasons": middling,
        "request_bytes": round(statistics.mean(len(json.dumps(body)) for body in bodies)),
        "answer_bytes": (folder / "answer.json").stat().st_size,
    }
    if mlflow:
        _into_mlflow(folder, boosted, np.array(rows))
    (folder / FACTS).write_text(json.dumps(facts))


def _asked(folder: Path, bodies: list[Document], as_of: int) -> tuple[list[Document], list[Document]]:
    """Return the service's answers and, from its receipts, the model's inputs."""
    command = [sys.executable, "-m", "benchmarks.serve.service", str(folder / "lightgbm"), str(as_of), "durable"]
    with running(command, log=folder / "asked.log", reads=True) as child:
        address = ("127.0.0.1", int(child.first_line()))
        first_answer(child, address, request("/readyz", method="GET"))
        answers = [_json(address, request(SCORE, json.dumps(body).encode())) for body in bodies]
        paths = [f"/v1/receipts/{answer['receipt_id']}" for answer in answers]
        return answers, [_json(address, request(path, method="GET"))["values"] for path in paths]


def _json(address: tuple[str, int], message: bytes) -> Document:
    """Return the JSON of an answer that must be a 200."""
    answer = ask(address, message)
    if answer.status != 200:
        raise SystemExit(f"answered {answer.status}: {answer.body.decode(errors='replace')[:2000]}")
    found: Document = json.loads(answer.body)
    return found


def _write_ready(folder: Path, model: TrainedModel, matrix: np.ndarray[Any, Any]) -> None:
    """Write what the peers are sent: the features that the trees look at, by name, missing ones as null."""
    names, inputs, text = _trees(model)
    values = [[None if x != x else x for x in row] for row in matrix[:, inputs].tolist()]
    _write_lines(folder / "mlflow.jsonl", [{"dataframe_split": {"columns": names, "data": [row]}} for row in values])
    _write_lines(folder / "tutorial.jsonl", [{"features": dict(zip(names, row, strict=True))} for row in values])
    (folder / "booster.txt").write_text(text)


def _trees(model: TrainedModel) -> tuple[list[str], list[int], str]:
    """Return the names and the places of the columns that the trees look at, and the trees."""
    assert isinstance(model.ranker, Boosted)
    inputs = list(model.ranker.inputs)
    return [model.catalog.columns[column] for column in inputs], inputs, model.ranker.text


def _facts(model: TrainedModel) -> dict[str, int]:
    names, _, text = _trees(model)
    leaves = [int(line.partition("=")[2]) for line in text.splitlines() if line.startswith("num_leaves=")]
    return {"trees": len(leaves), "leaves": max(leaves), "inputs": len(names), "columns": len(model.catalog.columns)}


def _into_mlflow(folder: Path, model: TrainedModel, matrix: np.ndarray[Any, Any]) -> None:
    """Log and register the plain trees, as LightGBM's own flavour does it."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    import lightgbm
    import mlflow
    import pandas as pd

    names, inputs, text = _trees(model)
    mlflow.set_tracking_uri(tracking_uri(folder))
    mlflow.set_registry_uri(tracking_uri(folder))
    experiment = mlflow.create_experiment("benchmark", artifact_location=(folder / "mlruns").as_uri())
    booster = lightgbm.Booster(model_str=text)
    example = pd.DataFrame(matrix[:5][:, inputs], columns=names)
    with mlflow.start_run(experiment_id=experiment):
        signature = mlflow.models.infer_signature(example, booster.predict(example))
        mlflow.lightgbm.log_model(booster, name="model", signature=signature, registered_model_name=MODEL_NAME)


def _write_lines(path: Path, documents: list[Document]) -> None:
    path.write_text("".join(json.dumps(document) + "\n" for document in documents))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--leads", type=int, default=4000)
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mlflow", action="store_true")
    asked = parser.parse_args()
    prepare(asked.folder, leads=asked.leads, requests=asked.requests, seed=asked.seed, mlflow=asked.mlflow)


if __name__ == "__main__":
    main()
