"""Who calls the service in tests: a machine's clock that a test moves, and the header of a key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

__all__ = ["TODAY", "Hand", "bearer"]

TODAY = datetime(2026, 11, 26, 12, tzinfo=UTC)


@dataclass
class Hand:
    """A clock that a test moves."""

    instant: datetime = TODAY

    def now(self) -> datetime:
        return self.instant

    def pass_(self, **time: float) -> None:
        self.instant += timedelta(**time)


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}
