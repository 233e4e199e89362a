from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from leadlight.serving.outbox import sender
from leadlight.serving.store.database import Database
from outboxes import Office
from receivers import receiving


@pytest.fixture
def office(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """An office whose sender pauses for a twentieth of a second where it pauses for one in use."""
    monkeypatch.setattr(sender, "_POLL_SECONDS", 0.05)
    monkeypatch.setattr(sender, "_DATABASE_PAUSE_SECONDS", 0.05)
    with ExitStack() as stack:
        receiver = stack.enter_context(receiving())
        yield Office(database, receiver, stack)
