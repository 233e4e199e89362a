from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from leadlight.serving.store.database import Database
from outboxes import Office
from receivers import receiving


@pytest.fixture
def office(database: Database) -> Iterator[Office]:
    with ExitStack() as stack:
        receiver = stack.enter_context(receiving())
        yield Office(database, receiver, stack)
