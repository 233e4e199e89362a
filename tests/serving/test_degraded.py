"""The service outlives its receipt database: scoring goes on and says what is missing."""

from __future__ import annotations

from typing import Any

from leadlight.core.artifact import TrainedModel
from leadlight.core.settings import Settings
from leadlight.serving.api import answer_schemas
from models import request_body


def _lose_database(settings: Settings) -> None:
    """Let it go away while the service runs; one that starts without it can't tell who may come in."""
    for file in settings.home_path.glob("leadlight.db*"):
        file.unlink()
    (settings.home_path / "leadlight.db").mkdir()


def test_scoring_goes_on_without_the_database(serve: Any, settings: Settings, model: TrainedModel) -> None:
    client = serve(model=model)
    _lose_database(settings)
    answer = client.post("/v1/score", json=request_body())
    scored = answer_schemas.ScoreAnswer.model_validate(answer.json())
    assert scored.degraded == ["receipts"]
    assert client.get("/readyz").json()["degraded"] == ["receipts"]
    assert client.get(f"/v1/receipts/{scored.receipt_id}").json()["score"] == scored.score
    batch = client.post("/v1/score/batch", json={"items": [request_body()]}).json()
    assert batch["items"][0]["result"]["degraded"] == ["receipts"]


def test_where_not_even_the_spool_takes_it_there_is_no_receipt(
    serve: Any, settings: Settings, model: TrainedModel
) -> None:
    client = serve(model=model)
    _lose_database(settings)
    (settings.home_path / "receipts.spool.jsonl").mkdir()
    scored = client.post("/v1/score", json=request_body()).json()
    assert scored["receipt_id"] is None
    assert scored["degraded"] == ["receipts", "receipt_spool"]
    assert client.get(f"/v1/receipts/{'0' * 26}").status_code == 503


def test_a_receipt_that_the_silent_database_may_have_is_not_said_to_be_missing(
    serve: Any, settings: Settings, model: TrainedModel
) -> None:
    client = serve(model=model)
    _lose_database(settings)
    answer = client.get(f"/v1/receipts/{'0' * 26}")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert "database" in answer.json()["detail"]
    assert client.get("/v1/receipts/nonsense").status_code == 404
