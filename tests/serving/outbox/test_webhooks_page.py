"""What docs/webhooks.md shows is what is sent and what can be verified."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

from leadlight.core.clock import to_micros
from leadlight.core.settings import Settings
from leadlight.serving.outbox.payload import score_changed
from leadlight.serving.outbox.signing import read_secrets, sign
from outboxes import SECRET, MovingClock

PAGE = (Path(__file__).parents[3] / "docs" / "webhooks.md").read_text()


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


def test_the_message_shown_is_the_one_sent() -> None:
    shown = json.loads(block("json"))
    data = dict(shown["data"])
    previous = data.pop("previous")
    assert shown == score_changed(
        at=to_micros(MovingClock().now()), previous_score=previous["score"], previous_band=previous["band"], **data
    )
    assert list(shown["data"]) == list(score_changed(at=0, previous_score=None, previous_band=None, **data)["data"])


def test_the_receiver_shown_believes_what_is_signed_and_nothing_else() -> None:
    names: dict[str, Any] = {}
    exec(block("python"), names)
    now = int(time.time())

    def headers(seconds: int, signature: str) -> dict[str, str]:
        return {"webhook-id": "msg_1", "webhook-timestamp": str(seconds), "webhook-signature": signature}

    body = '{"why": ["Pidió una demo"]}'.encode()
    right = sign(read_secrets(f"{SECRET} whsec_{'A' * 32}"), "msg_1", now, body)
    old = sign(read_secrets(SECRET), "msg_1", now - 400, body)
    assert names["is_genuine"](SECRET, headers(now, right), body)
    assert not names["is_genuine"](SECRET, headers(now, right), body + b" ")
    assert not names["is_genuine"](SECRET, headers(now, right.replace("v1,", "v1,A")), body)
    assert not names["is_genuine"](SECRET, headers(now - 400, old), body)


def test_the_page_names_every_setting() -> None:
    for name in Settings.model_fields:
        if name.startswith("webhook"):
            assert f"LEADLIGHT_{name.upper()}" in PAGE
