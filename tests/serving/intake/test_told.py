"""From a change to the CRM: a score that changed enough is told, with the receipt of what was told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from fastapi.testclient import TestClient

from crm import Clock, activity, settle, tell
from leadlight.core.artifact import TrainedModel
from leadlight.core.settings import Settings
from leadlight.serving.app import create_app
from waiting import wait_for


@pytest.fixture
def received() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    messages: list[dict[str, Any]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook", messages
    server.shutdown()
    server.server_close()


def test_changed_scores_reach_the_crm_with_their_receipts(
    url: str, tmp_path: Path, model: TrainedModel, clock: Clock, received: tuple[str, list[dict[str, Any]]]
) -> None:
    address, messages = received
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    settings = Settings(
        home=tmp_path, database_url=url, webhook_url=address, webhook_secret=secret, webhook_step=1, _env_file=None
    )
    app = create_app(settings, clock=clock, model=model, version=7)
    with TestClient(app, raise_server_exceptions=False) as crm:
        crm.put("/v1/leads/L-1", json={"created_at": "2026-11-01T00:00:00Z"})
        wait_for(lambda: len(messages) == 1)
        first = messages[0]["data"]
        assert (messages[0]["type"], first["lead_id"], first["previous"]) == ("lead.score_changed", "L-1", None)
        clock.later(hours=1)
        crm.put("/v1/leads/L-1", json={"owner_id": "O-1"})  # nothing that a score looks at
        settle(crm)
        for day in range(1, 5):
            tell(crm, activity("L-1", type="demo_request", occurred_at=f"2026-11-2{day % 3}T00:00:00Z"))
        wait_for(lambda: len(messages) > 1)
        second = messages[1]["data"]
        assert second["previous"] == {"score": first["score"], "band": first["band"]}
        assert second["score"] != first["score"]
        assert second["why"]
        for told in (first, second):
            receipt = crm.get(f"/v1/receipts/{told['receipt_id']}").json()
            assert (receipt["lead_id"], receipt["score"]) == ("L-1", told["score"])
        assert [item["receipt_id"] for item in crm.get("/v1/leads/L-1/scores").json()["items"]][-2:] == [
            second["receipt_id"],
            first["receipt_id"],
        ]
