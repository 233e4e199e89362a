"""Homes and rows for tests of backups."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from leadlight.core.clock import FixedClock
from leadlight.core.settings import Settings
from leadlight.serving.store.packed import packed

__all__ = ["CLOCK", "OTHER", "SECRET", "lead", "one_message", "put_secret", "receipt", "settings_of"]

CLOCK = FixedClock(datetime(2026, 11, 23, 9, tzinfo=UTC))
SECRET = b"s" * 32
OTHER = b"o" * 32


def settings_of(home: Path, url: str) -> Settings:
    return Settings(home=home, database_url=url, _env_file=None)


def put_secret(settings: Settings, secret: bytes = SECRET) -> None:
    (settings.home_path / "secret.key").write_text(secret.hex() + "\n")


def lead(lead_id: str) -> dict[str, object]:
    values = dict.fromkeys(("created_at", "recorded_at", "attributes_at", "touched_at"), 1)
    return {"lead_id": lead_id, "attributes": "{}", **values}


def receipt(number: int) -> dict[str, object]:
    numbers = {"as_of": 1, "made_at": 1, "model_version": 1, "schema_version": 1}
    return {"receipt_id": f"{number:026}", "lead_id": "L", "agreement_version": "v", "packed": packed(b"{}"), **numbers}


def one_message() -> dict[str, object]:
    values = dict.fromkeys(("created_at", "next_attempt_at", "attempts", "claimed_until"), 0)
    return {"message_id": "m", "lead_id": "L", "payload": "{}", "state": "waiting", **values}
